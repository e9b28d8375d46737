// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts that are split into tokens once, and batches of them as tensors.
 *
 * @module
 */

import { count, counted } from "../data/names.ts";
import {
  type CollatedBatch,
  DataCollatorWithPadding,
  type EncoderInputs,
  type ProblemType,
  selectRows,
  type Tokenizer,
  type TokenRow,
  toTensors,
} from "../models/mod.ts";

/** Padded lengths are multiples of this. */
const LENGTH_STEP = 8;

/** Options of {@linkcode TokenizedTexts.collate}. */
export interface BatchOptions {
  /** Whether the model supports packed texts. */
  usesPacking: boolean;
  /** Whether few shapes should occur, as is better for captured steps. */
  fewShapes?: boolean;
}

/** Options of {@linkcode TokenizedTexts}. */
export interface TextOptions {
  /** The second text of each row. */
  pairs?: readonly string[] | undefined;
  /** The most tokens of a row. */
  maxLength: number;
  /** Called from time to time with how many more texts have been tokenized. */
  advance?: ((more: number) => void) | undefined;
}

/** How many texts are tokenized between two calls of `advance`. */
const CHUNK = 256;

/** Texts that a model can read in batches. */
export interface TextBatches {
  /** The number of texts. */
  readonly count: number;
  /** The number of tokens of each text. */
  readonly lengths: Int32Array<ArrayBuffer>;
  /** Makes the tensors of a batch of texts. */
  batch(rows: ArrayLike<number>, options: BatchOptions): EncoderInputs;
}

/**
 * Splits texts into tokens.
 *
 * @returns The tokens of each text, and how many texts were longer than they may be,
 * and were cut.
 */
export function tokenizeTexts(
  tokenizer: Tokenizer,
  texts: readonly string[],
  { pairs, maxLength, advance }: TextOptions,
): { rows: TokenRow[]; cut: number } {
  let cut = 0;
  const rows = texts.map((text, i): TokenRow => {
    const input: string | [string, string] = pairs
      ? [text, pairs[i] ?? ""]
      : text;
    const { inputIds, tokenTypeIds } = tokenizer.encode(input, { maxLength });
    // Only a row of the greatest length may have been cut.
    if (inputIds.length === maxLength) {
      const whole = tokenizer.encode(input, { truncation: false });
      if (whole.inputIds.length > maxLength) cut++;
    }
    if ((i + 1) % CHUNK === 0) advance?.(CHUNK);
    return { inputIds, tokenTypeIds };
  });
  return { rows, cut };
}

/** Says how many rows of a file were longer than they may be, and were cut. */
export function cutRemark(
  { cut, rows, path, maxLength }: {
    cut: number;
    rows: number;
    path: string;
    maxLength: number;
  },
): string | undefined {
  return cut === 0
    ? undefined
    : `${count(cut)} of ${counted(rows, "row")} of ${path} cut to ` +
      `${maxLength} tokens`;
}

/** Options of {@linkcode textCollator}. */
export interface TextCollatorOptions<P extends ProblemType>
  extends BatchOptions {
  /** The most tokens of a row. */
  maxLength: number;
  /** What labels mean. @default {"single_label_classification"} */
  problemType?: P;
}

/** Makes the collator of batches, padded to a common length, and packed if it pays. */
export function textCollator<
  P extends ProblemType = "single_label_classification",
>(
  tokenizer: Tokenizer,
  { fewShapes = false, ...options }: TextCollatorOptions<P>,
): DataCollatorWithPadding<P> {
  return new DataCollatorWithPadding(tokenizer, {
    ...options,
    padding: "bucketed",
    padToMultipleOf: LENGTH_STEP,
    paddingSide: "right",
    fewShapes,
  });
}

/** Texts that have been split into tokens. */
export class TokenizedTexts implements TextBatches {
  /** The number of tokens of each text. */
  readonly lengths: Int32Array<ArrayBuffer>;
  /** How many texts were longer than they may be, and were cut. */
  readonly cut: number;
  readonly #rows: readonly TokenRow[];
  readonly #tokenizer: Tokenizer;
  readonly #maxLength: number;

  constructor(
    tokenizer: Tokenizer,
    texts: readonly string[],
    options: TextOptions,
  ) {
    const { rows, cut } = tokenizeTexts(tokenizer, texts, options);
    this.#rows = rows;
    this.cut = cut;
    this.#tokenizer = tokenizer;
    this.#maxLength = options.maxLength;
    this.lengths = Int32Array.from(rows, ({ inputIds }) => inputIds.length);
  }

  /** The number of texts. */
  get count(): number {
    return this.#rows.length;
  }

  /**
   * Makes a batch of texts on the host, padded to a common length, and packed if
   * that is faster.
   *
   * @param rows The numbers of the texts.
   * @param options Whether to pack, and whether few shapes should occur.
   */
  collate(rows: ArrayLike<number>, options: BatchOptions): CollatedBatch {
    const maxLength = this.#maxLength;
    return textCollator(this.#tokenizer, { ...options, maxLength })
      .collate(selectRows(this.#rows, rows));
  }

  /** Makes the tensors of a batch; see {@linkcode TokenizedTexts.collate}. */
  batch(rows: ArrayLike<number>, options: BatchOptions): EncoderInputs {
    return toTensors(this.collate(rows, options));
  }
}
