// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads CSV and TSV.
 *
 * @module
 */

import { CsvError, parse } from "csv-parse/sync";
import { counted } from "./names.ts";
import type { Rows } from "./rows.ts";

const LF = 10;
const CR = 13;

/** Options of {@linkcode parseSeparated}. */
export interface SeparatedOptions {
  /** The file, for messages. */
  path: string;
  /** The format: CSV separates cells by commas and has quotes, TSV has tabs only. */
  kind: "csv" | "tsv";
  /** The names of the columns, if the first line is not a header. */
  columns?: readonly string[] | undefined;
}

/**
 * Reads rows of cells as Python's `csv` does: a row ends at LF, CRLF or CR, in any
 * mixture, and text in quotes is kept as it is. Blank lines are skipped.
 *
 * @throws {SyntaxError} If a row has another number of cells than the header, a quote
 * is misplaced, a column occurs twice, or the columns are named and the first row
 * names them again; the message names the line.
 */
export function parseSeparated(
  text: string,
  { path, kind, columns: named }: SeparatedOptions,
): Rows {
  const refuse = (reason: string): never => {
    throw new SyntaxError(`Cannot read ${path}: ${reason}`);
  };
  const { cells, starts } = cellsOf(text, kind, refuse);
  const header = named ?? cells.shift() ?? [];
  if (!named) starts.shift();
  if (named && cells[0] && sameNames(named, cells[0])) {
    refuse(
      `line ${starts[0]} is a header with the names of --columns: leave the ` +
        "option out",
    );
  }
  // Spreadsheets leave commas after the last name, so empty names may repeat.
  const twice = header.find((name, i) =>
    name !== "" && header.indexOf(name) !== i
  );
  if (twice !== undefined) refuse(`the column "${twice}" occurs twice`);
  const rows = cells.map((record, i) => {
    if (record.length === header.length) {
      return Object.fromEntries(
        header.map((name, column) => [name, record[column] ?? ""]),
      );
    }
    return refuse(
      `Invalid Record Length: line ${starts[i]} has ${
        counted(record.length, "cell")
      }, ${named ? "--columns names" : "the header has"} ${header.length}`,
    );
  });
  return { columns: header, rows, lines: starts };
}

/** Whether the cells of a row are the names of the columns. */
function sameNames(
  named: readonly string[],
  cells: readonly string[],
): boolean {
  const bare = (name = "") => name.trim().toLowerCase();
  return cells.length === named.length &&
    cells.every((cell, i) => bare(cell) === bare(named[i]));
}

/** The cells of each row, and the line on which it begins. */
function cellsOf(
  text: string,
  kind: "csv" | "tsv",
  refuse: (reason: string) => never,
): { cells: string[][]; starts: number[] } {
  const bytes = new TextEncoder().encode(text);
  for (const relaxed of [false, true]) {
    const lines = new LineCounter(bytes);
    const starts: number[] = [];
    let end = 0;
    try {
      const cells: string[][] = parse(bytes, {
        delimiter: kind === "csv" ? "," : "\t",
        quote: kind === "csv" ? '"' : null,
        record_delimiter: ["\r\n", "\n", "\r"],
        skip_empty_lines: true,
        relax_quotes: relaxed,
        relax_column_count: true,
        on_record(record: string[], { bytes: next }) {
          const line = lines.at(end);
          if (relaxed && record.some((cell) => cell.startsWith('"'))) {
            const row = new TextDecoder().decode(bytes.subarray(end, next));
            if (!closesQuotes(row)) refuse(misplaced(line));
          }
          starts.push(line);
          end = next;
          return record;
        },
      });
      return { cells, starts };
    } catch (error) {
      if (!(error instanceof CsvError)) throw error; // It is from refuse().
      // A quote inside a cell that does not begin with one is an ordinary character.
      if (!relaxed && error.code === "INVALID_OPENING_QUOTE") continue;
      const line = lines.at(end);
      if (error.code === "CSV_INVALID_CLOSING_QUOTE") refuse(misplaced(line));
      const place = `in the row that begins on line ${line}`;
      return refuse(error.message.replace(/\b(at|on) line \d+/, place));
    }
  }
  throw new Error("unreachable: the second attempt returns or refuses");
}

function misplaced(line: number): string {
  return "Invalid Closing Quote: something other than a comma follows one in " +
    `the row that begins on line ${line}`;
}

/** A cell of a CSV file, and the comma or line end after it. */
const CELL = /(?:"(?:[^"]|"")*"|[^",\r\n][^,\r\n]*|)(?:,|[\r\n]+$|$)/y;

/** Whether each cell of a row that begins with a quote ends with one. */
function closesQuotes(row: string): boolean {
  const text = row.replace(/^[\r\n]+/, "");
  CELL.lastIndex = 0;
  while (CELL.lastIndex < text.length) {
    if (!CELL.test(text)) return false;
  }
  return true;
}

/** Finds the line of a byte offset. Offsets must be asked for in rising order. */
class LineCounter {
  readonly #bytes: Uint8Array;
  #line = 1;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The line of the row that begins at an offset or, after blank lines, behind it. */
  at(offset: number): number {
    while (this.#at < this.#bytes.length) {
      const byte = this.#bytes[this.#at];
      const isEnd = byte === LF || byte === CR;
      if (this.#at >= offset && !isEnd) break;
      this.#at++;
      if (isEnd && !(byte === CR && this.#bytes[this.#at] === LF)) this.#line++;
    }
    return this.#line;
  }
}
