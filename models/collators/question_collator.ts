// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The collator of questions with a part of their context.

import type { Tokenizer } from "../tokenizer/mod.ts";
import {
  type CollatedBatch,
  type CollatorOptions,
  Padder,
  type TokenizedFeature,
} from "./padding.ts";
import type { IntegerValues } from "./values.ts";

/** A window of tokens, with the place of the answer or without. */
export interface QuestionTokens extends TokenizedFeature {
  /** The index of the answer's first token. */
  readonly startPositions?: number | undefined;
  /** The index of the answer's last token. */
  readonly endPositions?: number | undefined;
}

/** The places of answers in a batch of features `F`, if they have any. */
export type AnswerPositions<F> = F extends
  { readonly startPositions: number; readonly endPositions: number } ? {
    /** The index of each answer's first token, `[rows]`. */
    readonly startPositions: IntegerValues;
    /** The index of each answer's last token, `[rows]`. */
    readonly endPositions: IntegerValues;
  }
  : "startPositions" extends keyof F ? {
      readonly startPositions?: IntegerValues;
      readonly endPositions?: IntegerValues;
    }
  : unknown;

/**
 * Makes batches for models that find answers. {@linkcode prepareQuestionAnswering}
 * makes the features. Places are indices in the padded rows.
 *
 * @example Usage
 * ```ts
 * import { DataCollatorForQuestionAnswering, Tokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nplay";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const collator = new DataCollatorForQuestionAnswering(tokenizer);
 * const { inputIds, startPositions } = collator.collate([
 *   { inputIds: [2, 5, 3, 6, 3], startPositions: 3, endPositions: 3 },
 *   { inputIds: [2, 5, 3], startPositions: 0, endPositions: 0 },
 * ]);
 * assertEquals(inputIds.shape, [2, 5]);
 * assertEquals([...startPositions.data], [3, 0]);
 * ```
 */
export class DataCollatorForQuestionAnswering {
  readonly #padder: Padder;

  /**
   * Checks the options; nothing is collated yet.
   *
   * @param tokenizer Gives the padding token.
   * @param options The length of rows, and packing.
   * @throws {TypeError} If an option is not known or of the wrong kind.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(tokenizer: Tokenizer, options: CollatorOptions = {}) {
    this.#padder = new Padder(tokenizer, options);
  }

  /**
   * Makes a batch.
   *
   * @param features The windows, with or without the places of answers.
   * @returns The inputs of a model, with `startPositions` and `endPositions` if
   * the features have them.
   * @throws {RangeError} If there are no features, a row is longer than
   * `maxLength`, or a place is not in its row.
   * @throws {TypeError} If some features have places and others none.
   */
  collate<F extends QuestionTokens>(
    features: readonly F[],
  ): CollatedBatch & AnswerPositions<F> {
    const { batch, length, isLeft } = this.#padder.pad(features);
    const isAnswered = features.some(({ startPositions, endPositions }) =>
      startPositions !== undefined || endPositions !== undefined
    );
    const places = (name: "startPositions" | "endPositions"): IntegerValues => {
      const data = Int32Array.from(features, (feature, i) => {
        const count = feature.inputIds.length;
        const place = feature[name];
        if (place === undefined) {
          throw new TypeError(
            `Cannot collate row ${i} of a batch: it has no ${name}`,
          );
        }
        if (!Number.isSafeInteger(place) || place < 0 || place >= count) {
          throw new RangeError(
            `Cannot collate row ${i} of a batch: ${name} is ${place}, and the ` +
              `row has ${count} tokens`,
          );
        }
        return place + (isLeft ? length - count : 0);
      });
      return { data, shape: [features.length] };
    };
    const own = isAnswered
      ? {
        startPositions: places("startPositions"),
        endPositions: places("endPositions"),
      }
      : {};
    return { ...batch, ...own } as CollatedBatch & AnswerPositions<F>;
  }
}
