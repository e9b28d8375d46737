// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The labels of words or of parts of a text as labels of its tokens.

import { checkOptions } from "../../nn/mod.ts";
import type { Encoding, Tokenizer } from "../tokenizer/mod.ts";
import { IGNORED } from "./text_labels.ts";

/** A row of tokens with a label for each. */
export interface LabeledTokens {
  /** The ids of the tokens. */
  readonly inputIds: readonly number[];
  /** The text that each token belongs to. */
  readonly tokenTypeIds: readonly number[];
  /** The number of the word that each token is from; `null` for framing tokens. */
  readonly wordIds: readonly (number | null)[];
  /** The label of each token; -100, which losses ignore, where it has none. */
  readonly labels: readonly number[];
}

/** Options of {@linkcode alignWordLabels}. */
export interface AlignOptions {
  /**
   * Whether all tokens of a word get its label. Otherwise the first one gets it
   * and the others -100.
   *
   * @default {false}
   */
  labelAllTokens?: boolean | undefined;
  /**
   * The names of the labels by their ids. With `labelAllTokens`, the tokens of a
   * word that begins an entity, `B-X`, then get `I-X` from the second on, if
   * there is such a label.
   *
   * @default {none: all tokens of a word get the same label}
   */
  labelNames?: readonly string[] | undefined;
}

/** Options of {@linkcode tokenizeAndAlignLabels} and its twin for spans. */
export interface TokenizeLabelsOptions {
  /** The names of the labels by their ids. */
  labelNames: readonly string[];
  /**
   * Whether all tokens of a word are labeled, or only the first one.
   *
   * @default {false}
   */
  labelAllTokens?: boolean | undefined;
  /**
   * The most tokens of a row; those beyond are dropped with their labels.
   *
   * @default {the tokenizer's `modelMaxLength`}
   */
  maxLength?: number | undefined;
}

/** A part of a text with a label. */
export interface LabeledSpan {
  /** The offset in the text where the part begins, in UTF-16 units. */
  readonly start: number;
  /** The offset where the part ends, exclusive. */
  readonly end: number;
  /** The label without `B-` and `I-`, such as `PER`. */
  readonly label: string;
}

const ALIGN_OPTIONS: readonly (keyof AlignOptions)[] = [
  "labelAllTokens",
  "labelNames",
];

const TOKENIZE_OPTIONS: readonly (keyof TokenizeLabelsOptions)[] = [
  "labelNames",
  "labelAllTokens",
  "maxLength",
];

/**
 * Gives each token of a row the label of its word, as the training scripts of
 * transformers do: the first token of a word gets the label, the others -100 or,
 * with `labelAllTokens`, the label too. Tokens that frame the text get -100.
 *
 * @param wordIds The word of each token, see `Encoding.wordIds`.
 * @param labels The id of each word's label.
 * @param options Whether all tokens of a word are labeled.
 * @returns The id of each token's label.
 * @throws {RangeError} If there is no label for a word, or no name for a label.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { alignWordLabels } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const wordIds = [null, 0, 0, 1, null];
 * assertEquals(alignWordLabels(wordIds, [3, 0]), [-100, 3, -100, 0, -100]);
 * assertEquals(
 *   alignWordLabels(wordIds, [3, 0], { labelAllTokens: true }),
 *   [-100, 3, 3, 0, -100],
 * );
 * ```
 */
export function alignWordLabels(
  wordIds: readonly (number | null)[],
  labels: readonly number[],
  options: AlignOptions = {},
): number[] {
  checkOptions(options, { action: "align labels", known: ALIGN_OPTIONS });
  const { labelAllTokens = false, labelNames } = options;
  let before: number | null = null;
  return wordIds.map((word) => {
    const continues = word === before;
    before = word;
    if (word === null) return IGNORED;
    const label = labels[word];
    if (label === undefined) {
      throw new RangeError(
        `Cannot align labels: there are ${labels.length}, and word ${word} ` +
          "(counted from 0) has none",
      );
    }
    if (!continues) return label;
    if (!labelAllTokens) return IGNORED;
    return labelNames ? insideOf(label, labelNames) : label;
  });
}

/** The label `I-X` for `B-X`, if there is one, else the label itself. */
function insideOf(label: number, names: readonly string[]): number {
  const name = names[label];
  if (name === undefined && label !== IGNORED) {
    throw new RangeError(
      `Cannot align label ${label}: there are ${names.length} names`,
    );
  }
  if (!name?.startsWith("B-")) return label;
  const inside = names.indexOf(`I-${name.slice(2)}`);
  return inside < 0 ? label : inside;
}

/**
 * Tokenizes a list of words and gives each token a label; see
 * {@linkcode alignWordLabels}. RoBERTa's tokenizer needs `addPrefixSpace` for
 * words.
 *
 * @param tokenizer Splits words into tokens.
 * @param example The words, and the label of each by its name or id.
 * @param options The names of labels, which tokens are labeled, and the most
 * tokens of a row.
 * @returns The tokens with their labels, a feature for
 * {@linkcode DataCollatorForTokenClassification}.
 * @throws {TypeError} If there are not as many labels as words, an option is not
 * known, or the tokenizer cannot read words one by one.
 * @throws {RangeError} If a label has no such name or id.
 *
 * @example Usage
 * ```ts
 * import { tokenizeAndAlignLabels, Tokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nin\nber\n##lin";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const { labels } = tokenizeAndAlignLabels(
 *   tokenizer,
 *   { words: ["In", "Berlin"], labels: ["O", "B-LOC"] },
 *   { labelNames: ["O", "B-LOC", "I-LOC"] },
 * );
 * assertEquals(labels, [-100, 0, 1, -100, -100]);
 * ```
 */
export function tokenizeAndAlignLabels(
  tokenizer: Tokenizer,
  example: {
    readonly words: readonly string[];
    readonly labels: readonly (string | number)[];
  },
  options: TokenizeLabelsOptions,
): LabeledTokens {
  checkOptions(options, { action: "align labels", known: TOKENIZE_OPTIONS });
  const { words, labels } = example;
  const { labelNames, labelAllTokens } = options;
  if (words.length !== labels.length) {
    throw new TypeError(
      `Cannot align labels: there are ${words.length} words and ` +
        `${labels.length} labels`,
    );
  }
  const ids = labels.map((label) => idOf(label, labelNames));
  const encoding = tokenizer.encode(words, {
    isSplitIntoWords: true,
    ...limitOf(tokenizer, options),
  });
  const { inputIds, tokenTypeIds, wordIds } = encoding;
  const align = { labelAllTokens, labelNames };
  return {
    inputIds,
    tokenTypeIds,
    wordIds,
    labels: alignWordLabels(wordIds, ids, align),
  };
}

/**
 * Tokenizes a text and labels the tokens of its labeled parts, by the scheme
 * that the names of labels follow: `B-X` for the first token of a part and `I-X`
 * for others, or `X` for all where there is no `B-X`; tokens outside of all
 * parts get `O`.
 *
 * A word belongs to a part if one of its tokens does, and its first token bears
 * the label, the others -100. With `labelAllTokens` each token is labeled by
 * itself. Whether a token is in a part is decided by its offsets, without the
 * spaces at its ends.
 *
 * @param tokenizer Splits the text into tokens.
 * @param example The text and its labeled parts, in any order.
 * @param options The names of labels, which tokens are labeled, and the most
 * tokens of a row.
 * @returns The tokens with their labels, a feature for
 * {@linkcode DataCollatorForTokenClassification}.
 * @throws {RangeError} If a part is empty or not inside the text, two parts
 * overlap, or there is no such label.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { tokenizeAndAlignSpans, Tokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nin\nnew\nyork";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const { labels } = tokenizeAndAlignSpans(
 *   tokenizer,
 *   { text: "In New York", spans: [{ start: 3, end: 11, label: "LOC" }] },
 *   { labelNames: ["O", "B-LOC", "I-LOC"] },
 * );
 * assertEquals(labels, [-100, 0, 1, 2, -100]);
 * ```
 */
export function tokenizeAndAlignSpans(
  tokenizer: Tokenizer,
  example: { readonly text: string; readonly spans: readonly LabeledSpan[] },
  options: TokenizeLabelsOptions,
): LabeledTokens {
  checkOptions(options, { action: "align labels", known: TOKENIZE_OPTIONS });
  const { text } = example;
  const { labelNames, labelAllTokens = false } = options;
  const spans = checkedSpans(text, example.spans).map((span) => ({
    ...span,
    ...spanLabels(span.label, labelNames),
  }));
  const outside = spans.length > 0 || labelNames.includes("O")
    ? idOf("O", labelNames)
    : IGNORED;
  const encoding = tokenizer.encode(text, limitOf(tokenizer, options));
  const { inputIds, tokenTypeIds, wordIds, sequenceIds } = encoding;
  const owners = ownersOf(text, encoding, spans);
  const labels = inputIds.map(() => IGNORED);
  let last = -1; // The part of the last labeled token.
  for (let i = 0; i < inputIds.length;) {
    if (sequenceIds[i] === null) {
      i++;
      continue;
    }
    let stop = i + 1;
    while (
      !labelAllTokens && stop < inputIds.length &&
      sequenceIds[stop] !== null && wordIds[stop] === wordIds[i]
    ) stop++;
    const owner = owners.slice(i, stop).find((one) => one >= 0) ?? -1;
    const span = spans[owner];
    labels[i] = !span ? outside : owner === last ? span.inside : span.begin;
    last = owner;
    i = stop;
  }
  return { inputIds, tokenTypeIds, wordIds, labels };
}

/** The index of the part that each token belongs to; -1 for none. */
function ownersOf(
  text: string,
  { offsets, sequenceIds }: Encoding,
  spans: readonly LabeledSpan[],
): number[] {
  return offsets.map(([from, to], i) => {
    if (sequenceIds[i] === null) return -1;
    const own = text.slice(from, to);
    const isBlank = own.trim() === "";
    const start = isBlank ? from : to - own.trimStart().length;
    const end = isBlank ? Math.max(to, from + 1) : from + own.trimEnd().length;
    return spans.findIndex((span) => start < span.end && end > span.start);
  });
}

/** The parts in their order, without the spaces at their ends. */
function checkedSpans(
  text: string,
  spans: readonly LabeledSpan[],
): LabeledSpan[] {
  const checked = spans.map(({ start, end, label }) => {
    const part = text.slice(start, end);
    const isInside = Number.isSafeInteger(start) && Number.isSafeInteger(end) &&
      start >= 0 && end <= text.length && start < end;
    if (!isInside || part.trim() === "") {
      throw new RangeError(
        `Cannot label ${JSON.stringify(label)} from ${start} to ${end}: ` +
          (isInside
            ? "there are only spaces"
            : `the text has ${text.length} UTF-16 units`),
      );
    }
    return {
      start: end - part.trimStart().length,
      end: start + part.trimEnd().length,
      label,
    };
  }).sort((a, b) => a.start - b.start);
  for (const [i, { start, label }] of checked.entries()) {
    const before = checked[i - 1];
    if (before === undefined || before.end <= start) continue;
    throw new RangeError(
      `Cannot label ${JSON.stringify(label)} from ${start}: ` +
        `${JSON.stringify(before.label)} before it ends at ${before.end} only`,
    );
  }
  return checked;
}

/** The ids of a part's labels at its first token and at others. */
function spanLabels(
  label: string,
  names: readonly string[],
): { begin: number; inside: number } {
  if (!names.includes(`B-${label}`)) {
    // The scheme without B-: only I-X, or only X.
    const name = names.includes(`I-${label}`) ? `I-${label}` : label;
    const id = idOf(name, names);
    return { begin: id, inside: id };
  }
  const begin = idOf(`B-${label}`, names);
  return { begin, inside: insideOf(begin, names) };
}

/** The id of a label that is given by its name or id. */
function idOf(label: string | number, names: readonly string[]): number {
  const id = typeof label === "string" ? names.indexOf(label) : label;
  if (id === IGNORED || names[id] !== undefined) return id;
  throw new RangeError(
    `Cannot align label ${JSON.stringify(label)}: expected one of ` +
      (typeof label === "string"
        ? names.map((name) => JSON.stringify(name)).join(", ")
        : `0 to ${names.length - 1}`),
  );
}

function limitOf(
  tokenizer: Tokenizer,
  { maxLength = tokenizer.modelMaxLength }: TokenizeLabelsOptions,
): { maxLength?: number } {
  return maxLength === Infinity ? {} : { maxLength };
}
