// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reading examples from CSV, TSV and JSON-lines files.
 *
 * @module
 */

import { parse } from "csv-parse/sync";

/** The formats, as options name them. */
export const FORMATS = ["csv", "tsv", "jsonl"] as const;

/** A format of files of examples. */
export type Format = (typeof FORMATS)[number];

/** The rows of a file. */
export interface Table {
  /** The file, for messages. */
  readonly path: string;
  /** The names of the columns, in order. */
  readonly columns: readonly string[];
  /** One entry a row. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

const EXTENSIONS: Readonly<Record<string, Format>> = {
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  jsonl: "jsonl",
  ndjson: "jsonl",
};

/**
 * Reads a file of examples. CSV and TSV have a header line; a TSV file has no
 * quoting, as in GLUE and most data sets of text.
 *
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If it is malformed.
 * @throws {RangeError} If it has no rows, or its format cannot be told.
 */
export async function readTable(path: string, format?: Format): Promise<Table> {
  const kind = format ?? EXTENSIONS[/\.(\w+)$/.exec(path)?.[1] ?? ""];
  if (kind === undefined) {
    throw new RangeError(
      `Cannot tell the format of ${path}: say --format csv, tsv or jsonl`,
    );
  }
  const text = await readText(path);
  const table = kind === "jsonl"
    ? fromLines(path, text)
    : fromCsv(path, text, kind);
  if (table.rows.length > 0) return table;
  throw new RangeError(`Cannot use ${path}: it has no rows`);
}

async function readText(path: string): Promise<string> {
  try {
    const bytes = await Deno.readFile(path);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Deno.errors.NotFound(
        `Cannot read ${path}: there is no such file`,
      );
    }
    if (error instanceof TypeError) {
      throw new SyntaxError(`Cannot read ${path}: it is not UTF-8 text`);
    }
    throw error;
  }
}

function fromCsv(path: string, text: string, kind: "csv" | "tsv"): Table {
  let columns: string[] = [];
  try {
    const rows: Record<string, string>[] = parse(text, {
      bom: true,
      delimiter: kind === "csv" ? "," : "\t",
      quote: kind === "csv" ? '"' : null,
      skip_empty_lines: true,
      columns(header: string[]) {
        columns = header;
        const twice = header.find((name, i) => header.indexOf(name) !== i);
        if (twice === undefined) return header;
        throw new SyntaxError(`the column "${twice}" is there twice`);
      },
    });
    return { path, columns, rows };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(`Cannot read ${path}: ${reason}`);
  }
}

function fromLines(path: string, text: string): Table {
  const columns = new Set<string>();
  const rows: Record<string, unknown>[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      // Told below, as any other line that is no object.
    }
    if (typeof row !== "object" || row === null || Array.isArray(row)) {
      throw new SyntaxError(
        `Cannot read ${path}: line ${i + 1} is not a JSON object`,
      );
    }
    for (const name of Object.keys(row)) columns.add(name);
    rows.push(row as Record<string, unknown>);
  }
  return { path, columns: [...columns], rows };
}

/**
 * A column as texts; numbers and truth values are written out.
 *
 * @throws {RangeError} If there is no such column; the message lists them.
 * @throws {TypeError} If a row has no value there.
 */
export function columnOf(table: Table, name: string): string[] {
  const { path, columns, rows } = table;
  if (!columns.includes(name)) {
    throw new RangeError(
      `Cannot find the column "${name}" in ${path}: there are ${
        columns.map((column) => `"${column}"`).join(", ")
      }`,
    );
  }
  return rows.map((row, i) => {
    const value = row[name];
    if (typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "boolean") {
      return String(value);
    }
    throw new TypeError(
      `Cannot use row ${i + 1} of ${path}: its "${name}" is ${
        value === undefined ? "missing" : JSON.stringify(value)
      }, expected a text or a number`,
    );
  });
}
