// Copyright 2026 the swagpu authors. MIT license.

/**
 * Data for training and for predictions: reads CSV, TSV, JSON lines, JSON, Parquet,
 * CoNLL, SQuAD and plain text, row by row, so that files may be larger than memory;
 * makes typed examples of the rows; shuffles, and holds rows out.
 *
 * Two things come together in {@linkcode readExamples}: a file, whose format decides
 * what its rows are, and the kind of example that is made of each row:
 *
 * | for                             | examples                            |
 * | ------------------------------- | ----------------------------------- |
 * | predictions, language models    | {@linkcode textExamples}            |
 * | classification, one class       | {@linkcode classExamples}           |
 * | classification, several classes | {@linkcode multiLabelExamples}      |
 * | votes, distributions            | {@linkcode softLabelExamples}       |
 * | regression                      | {@linkcode numberExamples}          |
 * | tags of words                   | {@linkcode tokenExamples}           |
 * | answers in a text               | {@linkcode spanExamples}            |
 * | translation, summaries          | {@linkcode sourceTargetExamples}    |
 *
 * A row that cannot be used is an error that names the file, the row and the line; with
 * `onBadRow: "skip"` it is left out and counted.
 *
 * @example Read labeled texts, and hold a tenth out
 * ```ts
 * import { classExamples, readExamples, stratifiedSplit } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const lines = Array.from({ length: 20 }, (_, i) => `"text ${i}",${i % 2}\n`);
 * const file = new File(["text,label\n", ...lines], "reviews.csv");
 * const examples = await readExamples(file, classExamples()).toArray();
 * const { train, validation } = stratifiedSplit(examples, {
 *   size: 0.1,
 *   by: "label",
 * });
 * assertEquals([train.length, validation.length], [18, 2]);
 * ```
 *
 * @module
 */

export type { AlignedFiles } from "./aligned_text.ts";
export { BadRowError } from "./bad_row.ts";
export { classNames } from "./class_names.ts";
export { type ColumnSource, findColumn } from "./columns.ts";
export * from "./multi_label_examples.ts";
export type { SampleBy } from "./plain_text.ts";
export * from "./read_examples.ts";
export {
  DATA_FORMATS,
  type DataFormat,
  type DataSource,
  formatOf,
  readRows,
  type ReadRowsOptions,
  type RowObject,
} from "./read_rows.ts";
export {
  cellOf,
  type DataRow,
  ExactNumber,
  kindOf,
  placeOf,
  type RowSource,
} from "./rows.ts";
export * from "./shuffle.ts";
export * from "./soft_label_examples.ts";
export type { FileSource } from "./source.ts";
export { textBlocks } from "./text_blocks.ts";
export * from "./source_target_examples.ts";
export * from "./span_examples.ts";
export { type Split, type SplitOptions, stratifiedSplit } from "./split.ts";
export * from "./table.ts";
export {
  type ClassColumns,
  type ClassExample,
  classExamples,
  type NumberColumns,
  type NumberExample,
  numberExamples,
  type TextColumns,
  type TextExample,
  textExamples,
} from "./text_examples.ts";
export * from "./token_examples.ts";
