// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The collator of texts with a label for each token.

import type { Tokenizer } from "../tokenizer/mod.ts";
import {
  type CollatedBatch,
  type CollatorOptions,
  Padder,
  padLists,
  type TokenizedFeature,
} from "./padding.ts";
import { IGNORED } from "./text_labels.ts";
import type { IntegerValues } from "./values.ts";

/** Options of {@linkcode DataCollatorForTokenClassification}. */
export interface TokenCollatorOptions extends CollatorOptions {
  /** The label of padding. @default {-100, which losses ignore} */
  labelPadTokenId?: number | undefined;
}

/** A row of tokens with a label for each. */
export interface TokenLabeledFeature extends TokenizedFeature {
  /** The label of each token; -100 where it has none. */
  readonly labels: ArrayLike<number>;
}

/** The inputs and labels of a model that labels tokens. */
export interface TokenBatchWithLabels extends CollatedBatch {
  /** The label of each token, `[rows, length]`; -100 where it has none. */
  readonly labels: IntegerValues;
}

/**
 * Makes batches for models that label tokens: rows of tokens and their labels
 * are padded to a common length. {@linkcode tokenizeAndAlignLabels} makes
 * features from words, {@linkcode tokenizeAndAlignSpans} from parts of a text.
 *
 * @example Usage
 * ```ts
 * import {
 *   DataCollatorForTokenClassification,
 *   Tokenizer,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nplay";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const collator = new DataCollatorForTokenClassification(tokenizer);
 * const { labels } = collator.collate([
 *   { inputIds: [2, 5, 6, 3], labels: [-100, 0, 1, -100] },
 *   { inputIds: [2, 5, 3], labels: [-100, 0, -100] },
 * ]);
 * assertEquals([...labels.data], [-100, 0, 1, -100, -100, 0, -100, -100]);
 * ```
 */
export class DataCollatorForTokenClassification {
  readonly #padder: Padder;
  readonly #labelPadTokenId: number;

  /**
   * Checks the options; nothing is collated yet.
   *
   * @param tokenizer Gives the padding token.
   * @param options The length of rows, packing, and the label of padding.
   * @throws {TypeError} If an option is not known or of the wrong kind.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(tokenizer: Tokenizer, options: TokenCollatorOptions = {}) {
    this.#padder = new Padder(tokenizer, options, ["labelPadTokenId"]);
    this.#labelPadTokenId = options.labelPadTokenId ?? IGNORED;
  }

  /**
   * Makes a batch.
   *
   * @param features The tokens of each text with their labels.
   * @returns The inputs of a model, with `labels` `[rows, length]`.
   * @throws {RangeError} If there are no features, or a row is longer than
   * `maxLength`.
   * @throws {TypeError} If a row has not as many labels as tokens.
   */
  collate(features: readonly TokenLabeledFeature[]): TokenBatchWithLabels {
    for (const [i, { inputIds, labels }] of features.entries()) {
      if (labels?.length === inputIds.length) continue;
      throw new TypeError(
        `Cannot collate row ${i} of a batch: it has ${inputIds.length} tokens ` +
          `and ${labels?.length ?? 0} labels`,
      );
    }
    const padded = this.#padder.pad(features);
    const lists = features.map(({ labels }) => labels);
    const labels = padLists(lists, this.#labelPadTokenId, padded);
    return { ...padded.batch, labels };
  }
}
