// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads CSV, TSV and JSON-lines files, and finds their columns.
 *
 * @module
 */

import { parseJsonLines } from "./json_lines.ts";
import { listOf, nearest } from "./names.ts";
import { readText, STANDARD_INPUT } from "./read_text.ts";
import { cellOf, ExactNumber, kindOf, placeOf, type Rows } from "./rows.ts";
import { parseSeparated } from "./separated.ts";

/** The names of the formats. */
export const FORMATS = ["csv", "tsv", "jsonl"] as const;

/** The format of a file. */
export type Format = (typeof FORMATS)[number];

/** The rows of a file. */
export interface Table extends Rows {
  /** The file, for messages. */
  readonly path: string;
  /** The number of each row, if some were left out. @default {from 1 on} */
  readonly numbers?: readonly number[];
  /** The format of the file. */
  readonly format: Format;
}

/** Options of {@linkcode readTable}. */
export interface ReadOptions {
  /** The format. @default {by the file's extension} */
  format?: Format | undefined;
  /** The names of the columns, if the file has no header line. */
  columns?: readonly string[] | undefined;
}

const EXTENSIONS: Readonly<Record<string, Format>> = {
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  jsonl: "jsonl",
  ndjson: "jsonl",
};

/**
 * Reads a file, or standard input if the path is `-`. CSV and TSV have a header line
 * unless the columns are named. TSV has no quoting, as in GLUE and most data sets of
 * text. Lines end in LF, CRLF or CR, in any mixture. Files in gzip format are unpacked.
 *
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If the file is malformed; the message names the line.
 * @throws {RangeError} If the file has no rows, or its format is unknown.
 */
export async function readTable(
  path: string,
  { format, columns }: ReadOptions = {},
): Promise<Table> {
  const extension = /\.(\w+)(\.gz)?$/.exec(path)?.[1]?.toLowerCase() ?? "";
  const kind = format ?? EXTENSIONS[extension];
  const name = path === "-" ? STANDARD_INPUT : path;
  if (kind === undefined) {
    throw new RangeError(
      `Cannot detect the format of ${name}: say --format csv, tsv or jsonl`,
    );
  }
  if (kind === "jsonl" && columns) {
    throw new TypeError(
      `Cannot use --columns with ${name}: every line of JSONL names its columns`,
    );
  }
  const text = await readText(path);
  const rows = kind === "jsonl"
    ? parseJsonLines(text, name)
    : parseSeparated(text, { path: name, kind, columns });
  if (rows.rows.length > 0) return { path: name, format: kind, ...rows };
  throw new RangeError(`Cannot use ${name}: it has no rows`);
}

/**
 * Finds a column by its name or, in CSV and TSV, by its number from 1 on.
 *
 * @param table The file.
 * @param name The name or the number.
 * @param option The option by which another column can be named, for the message.
 * @throws {RangeError} If there is no such column; the message lists them.
 */
export function findColumn(
  { path, columns, format }: Table,
  name: string,
  option?: string,
): string {
  if (columns.includes(name)) return name;
  const numbered = format !== "jsonl" && /^[1-9]\d*$/.test(name)
    ? columns[Number(name) - 1]
    : undefined;
  if (numbered !== undefined) return numbered;
  const [only = ""] = columns;
  const by = columns.length > 1
    ? undefined
    : OTHER_SEPARATORS.find(([separator]) => only.includes(separator));
  const bare = (text: string) => text.trim().toLowerCase();
  const meant = columns.find((column) => bare(column) === bare(name)) ??
    nearest(name, columns);
  const wish = by !== undefined
    ? `; ${format.toUpperCase()} has no ${by[1]} between cells, ${by[2]}`
    : meant !== undefined
    ? `; did you mean "${meant}"?`
    : [
      option && `say which it is with --${option}`,
      format !== "jsonl" &&
      "if its first line is no header, name them with --columns text,label",
    ].filter(Boolean).map((wish, i) => `${i === 0 ? ";" : ", or"} ${wish}`)
      .join("");
  throw new RangeError(
    `Cannot find the column "${name}" in ${path}: there are ${
      listOf(columns.map(shortened))
    }${wish}`,
  );
}

/** What else may separate cells, and what to do then. */
const OTHER_SEPARATORS = [
  ["\t", "tabs", "say --format tsv"],
  [";", "semicolons", "write them as commas"],
  [",", "commas", "say --format csv"],
] as const;

/** A header may be very long if it is really a text. */
function shortened(name: string): string {
  return name.length <= 40 ? name : `${name.slice(0, 39)}…`;
}

/**
 * Reads a column as texts. Numbers, `true` and `false` are written out.
 *
 * @throws {RangeError} If there is no such column; the message lists them.
 * @throws {TypeError} If a row has no value there.
 */
export function columnOf(table: Table, name: string): string[] {
  const column = findColumn(table, name);
  return table.rows.map((row, i) => {
    const value = cellOf(row, column);
    if (typeof value === "string") return value;
    if (value instanceof ExactNumber) return value.text;
    if (typeof value === "number" || typeof value === "boolean") {
      return String(value);
    }
    throw new TypeError(
      `Cannot use ${placeOf(table, i)}: its "${column}" is ${
        value === undefined ? "missing" : JSON.stringify(value).slice(0, 80)
      }, expected a text or a number`,
    );
  });
}

/** Whether a row has a label. An empty cell and null are not labels. */
export function isLabeled(
  row: Readonly<Record<string, unknown>>,
  column: string,
): boolean {
  const value = cellOf(row, column);
  return typeof value === "string"
    ? value.trim() !== ""
    : value !== undefined && value !== null;
}

/**
 * Reads a column as labels.
 *
 * @throws {TypeError} If a row has no label, or labels are of several kinds, such as
 * the number 1 in one row and the text "1" in another.
 */
export function labelsOf(table: Table, name: string): string[] {
  const column = findColumn(table, name);
  let kind: string | undefined;
  table.rows.forEach((row, i) => {
    if (!isLabeled(row, column)) {
      const value = cellOf(row, column);
      throw new TypeError(
        `Cannot use ${placeOf(table, i)}: its "${column}" is ${
          value === undefined ? "missing" : value === null ? "null" : "empty"
        }, expected a label; --skip-unlabelled leaves such rows out`,
      );
    }
    const own = kindOf(row, column);
    kind ??= own;
    if (own === kind) return;
    throw new TypeError(
      `Cannot use ${placeOf(table, i)}: its "${column}" is ${own}, and ` +
        `that of ${placeOf(table, 0)} is ${kind}: labels must be of one kind`,
    );
  });
  return columnOf(table, column);
}

/** The rows that have a label. */
export function labeledRows(table: Table, name: string): Table {
  const column = findColumn(table, name);
  const kept = [...table.rows.keys()].filter((i) =>
    isLabeled(table.rows[i] ?? {}, column)
  );
  if (kept.length === 0) {
    throw new RangeError(
      `Cannot use ${table.path}: no row has a "${column}"`,
    );
  }
  return {
    ...table,
    rows: kept.map((i) => table.rows[i] ?? {}),
    lines: kept.map((i) => table.lines[i] ?? 0),
    numbers: kept.map((i) => i + 1),
  };
}
