// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the rows of a file of any format, one after the other.
 *
 * @module
 */

import { type AlignedFiles, alignedRows } from "./aligned_text.ts";
import { conllRows } from "./conll.ts";
import { jsonLineRows } from "./json_lines.ts";
import { jsonListRows } from "./json_list.ts";
import { checkChoice, checkOptions } from "./options.ts";
import { parquetRows } from "./parquet.ts";
import { plainTextRows, type SampleBy, SAMPLES } from "./plain_text.ts";
import type { DataRow } from "./rows.ts";
import { separatedRows } from "./separated.ts";
import { type FileSource, nameOf } from "./source.ts";
import { squadRows } from "./squad.ts";
import { textBlocks } from "./text_blocks.ts";

/** The names of the formats. */
export const DATA_FORMATS = [
  "csv",
  "tsv",
  "jsonl",
  "json",
  "parquet",
  "conll",
  "squad",
  "text",
] as const;

/**
 * The format of a file:
 *
 * - `csv`: cells between commas, in quotes where they hold commas or line ends.
 * - `tsv`: cells between tabs, without quoting, as in GLUE.
 * - `jsonl`: an object a line.
 * - `json`: a list of objects, or an object with lists, see
 *   {@linkcode ReadRowsOptions.field}.
 * - `parquet`: columns, packed by Snappy, gzip, Brotli or Zstandard, or not at all.
 * - `conll`: a token a line, with a blank line between sentences. Each sentence is a
 *   row, and each column a list.
 * - `squad`: the nested JSON of SQuAD. Each question is a row.
 * - `text`: plain text, see {@linkcode ReadRowsOptions.sampleBy}.
 */
export type DataFormat = (typeof DATA_FORMATS)[number];

/** An object with named values, such as a row that a program has made. */
export type RowObject = Readonly<Record<string, unknown>>;

/**
 * Where data come from: the path or address of a file, `-` for standard input, a
 * `Blob`, plain texts whose lines belong together, such as
 * `{ en: "train.en", sv: "train.sv" }`, or rows in memory.
 */
export type DataSource =
  | FileSource
  | AlignedFiles
  | Iterable<RowObject>
  | AsyncIterable<RowObject>;

/** Options of {@linkcode readRows}. */
export interface ReadRowsOptions {
  /** The format. @default {by the file's extension} */
  format?: DataFormat | undefined;
  /**
   * The names of the columns, if a CSV or TSV file has no header line, a CoNLL file
   * should have names, or the rows of a JSON file are lists.
   */
  columns?: readonly string[] | undefined;
  /**
   * Which list to read if a JSON file is an object with lists.
   * @default {the file is a list; "data" for SQuAD}
   */
  field?: string | undefined;
  /** What is a row of a plain text. @default {"line"} */
  sampleBy?: SampleBy | undefined;
  /**
   * Takes the error of a row that cannot be read, such as a line with too few cells.
   * The row is left out unless the function throws.
   * @default {throw the error}
   */
  onBadRow?: ((error: Error) => void) | undefined;
  /**
   * How messages call an option, for programs whose options have other names, such as
   * `--columns`.
   * @default {as it is}
   */
  optionName?: ((option: string) => string) | undefined;
}

/** The names of the options. */
export const READ_ROWS_OPTIONS: readonly string[] = [
  "format",
  "columns",
  "field",
  "sampleBy",
  "onBadRow",
  "optionName",
];

const EXTENSIONS: Readonly<Record<string, DataFormat>> = {
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
  parquet: "parquet",
  conll: "conll",
  conllu: "conll",
  iob: "conll",
  iob2: "conll",
  bio: "conll",
  txt: "text",
  text: "text",
};

/** Whether a source is a file, and not rows in memory. */
export function isFile(source: DataSource): source is FileSource {
  return typeof source === "string" || source instanceof URL ||
    source instanceof Blob;
}

/** Whether a source is rows in memory. */
export function isInMemory(
  source: DataSource,
): source is Iterable<RowObject> | AsyncIterable<RowObject> {
  return !isFile(source) &&
    (Symbol.iterator in source || Symbol.asyncIterator in source);
}

/**
 * The format of a file by its extension, such as `csv` of `reviews.csv.gz`.
 *
 * @param source The file.
 * @returns The format; `undefined` if the extension says none.
 *
 * @example Usage
 * ```ts
 * import { formatOf } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatOf("data/reviews.csv.gz"), "csv");
 * assertEquals(formatOf("reviews"), undefined);
 * ```
 */
export function formatOf(source: FileSource): DataFormat | undefined {
  const name = nameOf(source);
  const extension = /\.(\w+)(\.gz)?$/.exec(name)?.[1]?.toLowerCase() ?? "";
  return EXTENSIONS[extension];
}

/**
 * Reads the rows of a file of any format, one after the other, so that the file may be
 * larger than memory. Lines end in LF, CRLF or CR, in any mixture; text is UTF-8, or
 * UTF-16 with a byte order mark; gzip data are unpacked.
 *
 * @param source The file, or rows in memory, which are yielded with their numbers.
 * @param options The format, and what belongs to it.
 * @returns The rows, with their places for messages.
 * @throws {TypeError} If an option is not known, or does not belong to the format.
 * @throws {RangeError} If the format cannot be told from the extension.
 * @throws {SyntaxError} If the file is malformed; the message names the line.
 * @throws {NotFound} If there is no such file.
 *
 * @example Lines of JSON
 * ```ts
 * import { readRows } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const file = new Blob(['{"text": "good"}\n\n{"text": "bad"}\n']);
 * const rows = await Array.fromAsync(readRows(file, { format: "jsonl" }));
 * assertEquals(rows.map((row) => row.cells.text), ["good", "bad"]);
 * assertEquals(rows.map((row) => row.line), [1, 3]);
 * ```
 */
export function readRows(
  source: DataSource,
  options: ReadRowsOptions = {},
): AsyncGenerator<DataRow> {
  checkOptions(options, { action: "read rows", known: READ_ROWS_OPTIONS });
  const optionName = options.optionName ?? ((own: string) => own);
  const { columns, field, sampleBy } = options;
  const onBadRow = options.onBadRow ?? ((error: Error): void => {
    throw error;
  });
  if (isInMemory(source)) {
    checkUnused(options, { name: "rows in memory", used: [], optionName });
    return rowsInMemory(source, onBadRow);
  }
  if (!isFile(source)) {
    const name = "files for each column";
    checkUnused(options, { name, used: [], optionName });
    if (options.format === undefined || options.format === "text") {
      return alignedRows(source);
    }
    throw new TypeError(
      `Cannot use ${
        optionName("format")
      } ${options.format} with ${name}: they ` +
        "are read as text, line by line",
    );
  }
  const path = nameOf(source);
  const format = options.format === undefined
    ? formatOf(source)
    : checkChoice(options.format, { option: "format", known: DATA_FORMATS });
  if (format === undefined) {
    throw new RangeError(
      `Cannot detect the format of ${path}: say ${optionName("format")} csv, ` +
        "tsv, jsonl, json or parquet",
    );
  }
  checkUnused(options, { name: path, used: USED[format], optionName });
  if (format === "parquet") return parquetRows(source);
  const blocks = textBlocks(source);
  const common = { path, columns, optionName, onBadRow };
  switch (format) {
    case "csv":
    case "tsv":
      return separatedRows(blocks, { ...common, kind: format });
    case "jsonl":
      return jsonLineRows(blocks, common);
    case "json":
      return jsonListRows(blocks, { ...common, field });
    case "conll":
      return conllRows(blocks, common);
    case "squad":
      return squadRows(blocks, { path, field, optionName, onBadRow });
    case "text": {
      const by = checkChoice(sampleBy ?? "line", {
        option: "sampleBy",
        known: SAMPLES,
      });
      return plainTextRows(blocks, { path, sampleBy: by });
    }
  }
}

/** The options that belong to some formats only, and these formats. */
const USED: Readonly<Record<DataFormat, readonly (keyof ReadRowsOptions)[]>> = {
  csv: ["columns"],
  tsv: ["columns"],
  jsonl: ["columns"],
  json: ["columns", "field"],
  parquet: [],
  conll: ["columns"],
  squad: ["field"],
  text: ["sampleBy"],
};

/** Refuses options that change nothing. */
function checkUnused(
  options: ReadRowsOptions,
  { name, used, optionName }: {
    name: string;
    used: readonly (keyof ReadRowsOptions)[];
    optionName: (option: string) => string;
  },
): void {
  for (const key of ["columns", "field", "sampleBy"] as const) {
    if (options[key] === undefined || used.includes(key)) continue;
    throw new TypeError(
      `Cannot use ${optionName(key)} with ${name}: ${REASONS[key]}`,
    );
  }
}

const REASONS = {
  columns: "its columns have names",
  field: "only JSON has named lists",
  sampleBy: "only plain text is cut into rows by it",
} as const;

async function* rowsInMemory(
  rows: Iterable<RowObject> | AsyncIterable<RowObject>,
  onBadRow: (error: Error) => void,
): AsyncGenerator<DataRow> {
  const path = "the rows in memory";
  let number = 0;
  for await (const cells of rows) {
    number++;
    if (typeof cells === "object" && cells !== null && !Array.isArray(cells)) {
      yield { cells, path, number };
      continue;
    }
    onBadRow(
      new TypeError(
        `Cannot use row ${number} of ${path}: expected an object such as ` +
          '{ text: "good" }',
      ),
    );
  }
}
