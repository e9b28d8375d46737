// Copyright 2026 the swagpu authors. MIT license.

/**
 * Labeled texts as a model reads them: tokens, and what the label is for the model.
 *
 * @module
 */

import type { RowSource } from "../../data/mod.ts";
import {
  type EncoderInputs,
  type PretrainedConfig,
  selectRows,
  type Tokenizer,
  type TokenRow,
  toTensors,
} from "../../models/mod.ts";
import {
  type BatchOptions,
  cutRemark,
  type TextBatches,
  textCollator,
  tokenizeTexts,
} from "../tokenized_texts.ts";
import { emptyTextsRemark, type LabeledTexts } from "./labeled_texts.ts";
import { type LabelValue, labelValues } from "./label_values.ts";
import type { TaskContext, TaskRow } from "./task.ts";

/** A text as a model reads it. */
export interface TextRow extends TaskRow, TokenRow {
  /** What the model should say of it. */
  readonly label: LabelValue;
  /** The place of the text. */
  readonly place: {
    readonly path: string;
    readonly number: number;
    readonly line?: number;
  };
}

/** What is needed to make rows. */
export interface TextRowContext extends TaskContext {
  /** Names the classes. */
  readonly config: PretrainedConfig;
  /** Splits texts into tokens. */
  readonly tokenizer: Tokenizer;
  /** The most tokens of a row. */
  readonly maxLength: number;
}

/**
 * Finds the labels, splits texts into tokens, and says what is empty or cut.
 *
 * @returns The rows, and how many of them were cut.
 */
export function textRows(
  data: LabeledTexts,
  context: TextRowContext,
): { rows: TextRow[]; cut: number } {
  const { tokenizer, maxLength, progress } = context;
  const { path, examples } = data;
  const labels = labelValues(data, context);
  const empty = emptyTextsRemark(data);
  if (empty !== undefined) progress.say(empty);
  using stage = progress.stage("tokenizing", examples.length, "texts");
  const isPaired = examples[0]?.pair !== undefined;
  const { rows, cut } = tokenizeTexts(
    tokenizer,
    examples.map(({ text }) => text),
    {
      pairs: isPaired ? examples.map(({ pair }) => pair ?? "") : undefined,
      maxLength,
      advance: (more) => stage.advance(more),
    },
  );
  const remark = cutRemark({ cut, rows: rows.length, path, maxLength });
  if (remark !== undefined) progress.say(remark);
  return {
    cut,
    rows: rows.map((row, i) => {
      const { number = i + 1, line } = examples[i]?.row ?? {};
      return {
        ...row,
        length: row.inputIds.length,
        label: labels[i] ?? 0,
        place: { path, number, ...line === undefined ? {} : { line } },
      };
    }),
  };
}

/** The places of rows, for messages. */
export function placesOf(rows: readonly TextRow[]): RowSource {
  const lines = rows.map(({ place }) => place.line)
    .filter((line) => line !== undefined);
  return {
    path: rows[0]?.place.path ?? "the texts",
    numbers: rows.map(({ place }) => place.number),
    ...lines.length === rows.length ? { lines } : {},
  };
}

/** Texts to measure on. */
export interface MeasuredTexts {
  /** The texts. */
  readonly texts: TextBatches;
  /** What each is labeled with. */
  readonly labels: ArrayLike<LabelValue>;
  /** The file that they come from. */
  readonly source: RowSource;
}

/** Rows, as they are measured. */
export function measuredTexts(
  rows: readonly TextRow[],
  context: Pick<TextRowContext, "tokenizer" | "maxLength">,
): MeasuredTexts {
  return {
    texts: new RowBatches(rows, context),
    labels: rows.map(({ label }) => label),
    source: placesOf(rows),
  };
}

/** Rows, in batches without their labels. */
export class RowBatches implements TextBatches {
  /** The number of tokens of each text. */
  readonly lengths: Int32Array<ArrayBuffer>;
  readonly #rows: readonly TextRow[];
  readonly #tokenizer: Tokenizer;
  readonly #maxLength: number;

  /**
   * @param rows The rows.
   * @param tokenizer Gives the padding token.
   * @param maxLength The most tokens of a row.
   */
  constructor(
    rows: readonly TextRow[],
    { tokenizer, maxLength }: Pick<TextRowContext, "tokenizer" | "maxLength">,
  ) {
    this.#rows = rows;
    this.#tokenizer = tokenizer;
    this.#maxLength = maxLength;
    this.lengths = Int32Array.from(rows, ({ length }) => length);
  }

  /** The number of texts. */
  get count(): number {
    return this.#rows.length;
  }

  /** Makes the tensors of a batch of texts. */
  batch(rows: ArrayLike<number>, options: BatchOptions): EncoderInputs {
    const maxLength = this.#maxLength;
    const tokens = selectRows(this.#rows, rows)
      .map(({ inputIds, tokenTypeIds }) => ({ inputIds, tokenTypeIds }));
    return toTensors(
      textCollator(this.#tokenizer, { ...options, maxLength }).collate(tokens),
    );
  }
}
