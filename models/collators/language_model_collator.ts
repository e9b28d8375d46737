// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The collator of texts from which language models learn.

import type { Tokenizer } from "../tokenizer/mod.ts";
import {
  Masker,
  MASKING_OPTIONS,
  type MaskingOptions,
  type MaskingPlace,
} from "./masking.ts";
import { type CollatorOptions, Padder, padLists } from "./padding.ts";
import { type TextFeature, tokensOf } from "./text_features.ts";
import { IGNORED } from "./text_labels.ts";
import type { TokenBatchWithLabels } from "./token_collator.ts";

/** Options of {@linkcode DataCollatorForLanguageModeling}. */
export interface LanguageModelCollatorOptions
  extends CollatorOptions, MaskingOptions {
  /**
   * Whether to hide tokens, for masked language models. Otherwise labels are the
   * tokens themselves, for models that predict the next token.
   *
   * @default {true}
   */
  mlm?: boolean | undefined;
}

/**
 * Makes batches for language models.
 *
 * With `mlm`, 15 of 100 tokens are hidden (`mlmProbability`), each by itself:
 * of these, 80 of 100 become the mask token, 10 a random token, and 10 stay.
 * Their labels are what they were, and -100 at all other tokens. Special tokens
 * are never hidden. What is hidden depends on the seed, the epoch and the number
 * of a row in the data, not on the batch that the row is in or on the order of
 * batches.
 *
 * Without `mlm`, labels are the tokens, and -100 at padding. They are not
 * shifted: the models compare the scores at each token with the label of the
 * next one.
 *
 * @example Usage
 * ```ts
 * import { DataCollatorForLanguageModeling, Tokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nplay";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const collator = new DataCollatorForLanguageModeling(tokenizer, {
 *   mlmProbability: 1,
 *   maskReplaceProb: 1,
 *   randomReplaceProb: 0,
 * });
 * const { inputIds, labels } = collator.collate(
 *   [{ text: "a play" }],
 *   { rows: [0], epoch: 0 },
 * );
 * assertEquals([...inputIds.data], [2, 4, 4, 3]);
 * assertEquals([...labels.data], [-100, 5, 6, -100]);
 * ```
 *
 * @example Batches that know their epoch, for `batches` and `inputs` of `train()`
 * ```ts
 * import { batches } from "@swagpu/swagpu/nn";
 * import {
 *   DataCollatorForLanguageModeling,
 *   selectRows,
 *   Tokenizer,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nplay";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const features = ["a play", "a", "play"].map((text) => tokenizer.encode(text));
 * const collator = new DataCollatorForLanguageModeling(tokenizer, { seed: 1 });
 *
 * function* places(epoch: number) {
 *   for (const rows of batches(3, 2, { shuffle: true, seed: 1, epoch })) {
 *     yield { rows, epoch };
 *   }
 * }
 * for (const place of places(0)) {
 *   const { labels } = collator.collate(selectRows(features, place.rows), place);
 *   assertEquals(labels.shape[0], place.rows.length);
 * }
 * ```
 */
export class DataCollatorForLanguageModeling {
  readonly #tokenizer: Tokenizer;
  readonly #padder: Padder;
  readonly #masker: Masker | null;

  /**
   * Checks the options; nothing is collated yet.
   *
   * @param tokenizer Gives the special tokens, and tokenizes texts.
   * @param options How many tokens are hidden and how, the length of rows, and
   * packing.
   * @throws {TypeError} If an option is not known or of the wrong kind, or the
   * tokenizer has no mask token.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(
    tokenizer: Tokenizer,
    options: LanguageModelCollatorOptions = {},
  ) {
    const { mlm = true } = options;
    this.#tokenizer = tokenizer;
    this.#padder = new Padder(tokenizer, options, [...MASKING_OPTIONS, "mlm"]);
    const given = MASKING_OPTIONS.find((name) => options[name] !== undefined);
    if (!mlm && given !== undefined) {
      throw new TypeError(
        `Cannot collate with ${given} and mlm false: no token is hidden then`,
      );
    }
    this.#masker = mlm ? new Masker(tokenizer, options) : null;
  }

  /**
   * Makes a batch.
   *
   * @param features The texts, or their tokens.
   * @param place The number of each row in the data and the epoch; needed unless
   * `mlm` is false.
   * @returns The inputs of a model, with `labels` `[rows, length]`.
   * @throws {RangeError} If there are no features, or a row is longer than
   * `maxLength`.
   * @throws {TypeError} If tokens are to be hidden and the place is missing.
   */
  collate(
    features: readonly TextFeature[],
    place?: MaskingPlace,
  ): TokenBatchWithLabels {
    const rows = tokensOf(this.#tokenizer, features, this.#padder.limit);
    if (this.#masker) {
      const { probability } = this.#masker;
      const masked = this.#masker.mask(
        rows,
        place,
        (_, random) => (index) => random(index, 0) < probability,
      );
      const padded = this.#padder.pad(masked.map(({ tokens }) => tokens));
      const lists = masked.map(({ labels }) => labels);
      return { ...padded.batch, labels: padLists(lists, IGNORED, padded) };
    }
    const padded = this.#padder.pad(rows);
    const { padTokenId } = this.#tokenizer;
    const lists = rows.map(({ inputIds }) =>
      Array.from(inputIds, (id) => id === padTokenId ? IGNORED : id)
    );
    return { ...padded.batch, labels: padLists(lists, IGNORED, padded) };
  }
}
