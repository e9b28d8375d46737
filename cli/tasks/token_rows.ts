// Copyright 2026 the swagpu authors. MIT license.

/**
 * Turns texts whose words have tags into rows of tokens with the id of a tag for the
 * first token of each word, and names the classes of a model after the tags.
 *
 * @module
 */

import { classNames } from "../../data/mod.ts";
import { count, counted, listOf } from "../../data/names.ts";
import {
  type LabeledTokens,
  type PretrainedConfig,
  tokenizeAndAlignLabels,
  tokenizeAndAlignSpans,
  type Tokenizer,
} from "../../models/mod.ts";
import type { Progress } from "../progress.ts";
import { finder, hasNames, namesOf } from "../labels.ts";
import type { RunRow } from "./run_rows.ts";
import type { TaskExamples } from "./task.ts";
import type { TaggedExample, TaggedWords } from "./token_examples.ts";

/** The id of a token without a tag, which losses ignore. */
export const NO_TAG = -100;

/** The tokens of a text, with the tags of some of them. */
export interface TaggedRow extends RunRow {
  /** The ids of the tokens. */
  readonly inputIds: readonly number[];
  /** The id of the tag of each token; {@linkcode NO_TAG} where it has none. */
  readonly labels: readonly number[];
}

/** The tag of words that belong to nothing. */
const OUTSIDE = "O";

/** How texts become rows. */
export interface TaggedRowOptions {
  /** Names the classes. */
  readonly config: PretrainedConfig;
  /** Splits texts into tokens. */
  readonly tokenizer: Tokenizer;
  /** The most tokens of a row. */
  readonly maxLength: number;
  /** Whether all tokens of a word have its tag, and not only the first. */
  readonly labelAllTokens: boolean;
  /** Where progress and remarks are shown. */
  readonly progress: Progress;
}

/**
 * The fields of a configuration that name the classes: those of the model if they
 * are all that the texts need, else the tags of the texts, `O` first.
 *
 * @throws {RangeError} If there are fewer than two tags.
 */
export function tagFields(
  { path, examples }: TaskExamples<TaggedExample>,
  config: PretrainedConfig,
): Record<string, unknown> {
  const found = new Set(examples.flatMap((own) => tagsOf(own)));
  const known = namesOf(config);
  const find = finder(known);
  const fits = hasNames(config) && known.length > 1 &&
    [...found].every((tag) => find(tag) !== undefined);
  const sorted = classNames(found);
  const names = fits ? known : [
    ...sorted.filter((name) => name === OUTSIDE),
    ...sorted.filter((name) => name !== OUTSIDE),
  ];
  if (names.length < 2) {
    throw new RangeError(
      `Cannot learn tags from ${path}: every tag is "${names[0]}"`,
    );
  }
  return {
    num_labels: names.length,
    id2label: { ...names },
    label2id: Object.fromEntries(names.map((name, id) => [name, id])),
  };
}

/** The tags that an example needs. */
function tagsOf(example: TaggedExample): readonly string[] {
  return "words" in example ? example.tags : [
    OUTSIDE,
    ...example.spans.flatMap(({ label }) => [`B-${label}`, `I-${label}`]),
  ];
}

/**
 * Tokenizes texts, and finds the ids of their tags. A text that is too long is cut,
 * as the training script of transformers does: its last words are then neither learned
 * nor measured, which a remark counts.
 *
 * @throws {RangeError} If a tag is not one of the model's classes.
 */
export function taggedRows(
  { path, examples }: TaskExamples<TaggedExample>,
  options: TaggedRowOptions,
): TaggedRow[] {
  const { progress, maxLength } = options;
  const losses = new Losses();
  using stage = progress.stage("tokenizing", examples.length, "texts");
  const rows = examples.map((example, i) => {
    const { wordIds, ...row } = rowOf(example, options);
    losses.add(example, { wordIds, options });
    if ((i + 1) % 256 === 0) stage.advance(256);
    return row;
  });
  for (const remark of losses.remarks(path, maxLength)) progress.say(remark);
  if (rows.some(({ labels }) => labels.some((id) => id !== NO_TAG))) {
    return rows;
  }
  throw new RangeError(
    `Cannot use ${path}: none of its words has a token of the model`,
  );
}

/** The row of an example. */
function rowOf(
  example: TaggedExample,
  { config, tokenizer, maxLength, labelAllTokens }: TaggedRowOptions,
): TaggedRow & Pick<LabeledTokens, "wordIds"> {
  const { place } = example;
  const labelNames = namesOf(config);
  const how = { labelNames, maxLength, labelAllTokens };
  const tokens = "words" in example
    ? tokenizeAndAlignLabels(tokenizer, {
      words: example.words,
      labels: idsOf(example, labelNames),
    }, how)
    : tokenizeAndAlignSpans(tokenizer, checked(example, labelNames), how);
  return { ...tokens, place, length: tokens.inputIds.length };
}

/** The ids of an example's tags. */
function idsOf(
  { tags, place }: TaggedWords,
  names: readonly string[],
): number[] {
  const find = finder(names);
  return tags.map((tag) => {
    const id = find(tag);
    if (id !== undefined) return id;
    throw new RangeError(
      `Cannot use the tag "${tag}" in ${place}: the classes are ` +
        listOf(names),
    );
  });
}

/** Refuses labels of parts that a model does not have. */
function checked<E extends Exclude<TaggedExample, TaggedWords>>(
  example: E,
  names: readonly string[],
): E {
  const has = (label: string) =>
    [label, `B-${label}`, `I-${label}`].some((name) => names.includes(name));
  const other = example.spans.find(({ label }) => !has(label));
  if (other === undefined && names.includes(OUTSIDE)) return example;
  throw new RangeError(
    `Cannot use the tag "${
      other?.label ?? OUTSIDE
    }" in ${example.place}: the ` +
      `classes are ${listOf(names)}`,
  );
}

/** Counts the words that are in no row. */
export class Losses {
  #cutWords = 0;
  #cutRows = 0;
  #unread = 0;

  /** Counts the words of an example that have no token in its row. */
  add(
    example: TaggedExample | { readonly words: readonly string[] },
    { wordIds, options: { tokenizer, maxLength } }: {
      wordIds: readonly (number | null)[];
      options: Pick<TaggedRowOptions, "tokenizer" | "maxLength">;
    },
  ): void {
    const read = new Set(wordIds.filter((word) => word !== null));
    // Only a row of the greatest length may have been cut.
    const mayBeCut = wordIds.length >= maxLength;
    if (!("words" in example)) {
      if (!mayBeCut) return;
      const whole = tokenizer.encode(example.text, { truncation: false });
      const all = new Set(whole.wordIds.filter((word) => word !== null));
      this.#cut(all.size - read.size);
      return;
    }
    const last = mayBeCut ? Math.max(-1, ...read) + 1 : example.words.length;
    this.#cut(example.words.length - last);
    this.#unread += last - read.size;
  }

  #cut(words: number): void {
    if (words === 0) return;
    this.#cutWords += words;
    this.#cutRows++;
  }

  /** Says how many words were lost, and why. */
  remarks(path: string, maxLength: number): string[] {
    return [
      ...this.#cutWords === 0 ? [] : [
        `Left out ${counted(this.#cutWords, "word")} of ${path}: ` +
        `${counted(this.#cutRows, "row")} cut to ${count(maxLength)} tokens`,
      ],
      ...this.#unread === 0 ? [] : [
        `Left out ${counted(this.#unread, "word")} of ${path} for which the ` +
        "tokenizer has no token",
      ],
    ];
  }
}
