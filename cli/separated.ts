// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reading CSV and TSV.
 *
 * @module
 */

import { CsvError, parse } from "csv-parse/sync";
import { counted } from "./names.ts";
import type { Rows } from "./rows.ts";

const LF = 10;
const CR = 13;

/** What a text is, and where it comes from. */
export interface SeparatedOptions {
  /** The file, for messages. */
  path: string;
  /** What separates cells; CSV has quotes, TSV has none. */
  kind: "csv" | "tsv";
  /** The names of the columns, where the first line is no header. */
  columns?: readonly string[] | undefined;
}

/**
 * Reads rows of cells as Python's `csv` does: a row ends at LF, CRLF or CR, in
 * any mixture, and what stands in quotes stays as it is. Blank lines are
 * skipped.
 *
 * @throws {SyntaxError} If a row has another number of cells than the header, a
 * quote is out of place, a name is there twice, or the columns are named and the
 * first row names them again; the message names the
 * line.
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
      `line ${starts[0]} names the columns as --columns does: leave that out`,
    );
  }
  // Spreadsheets leave commas behind the last name: nobody asks for those.
  const twice = header.find((name, i) =>
    name !== "" && header.indexOf(name) !== i
  );
  if (twice !== undefined) refuse(`the column "${twice}" is there twice`);
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

/** Whether a row holds nothing but the names of the columns. */
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
      if (!(error instanceof CsvError)) throw error; // a refusal of ours
      // A quote inside a cell that does not begin with one is a letter.
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

/** Counts lines as it goes: places are asked for in rising order. */
class LineCounter {
  readonly #bytes: Uint8Array;
  #line = 1;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The line on which the next row begins: blank lines are passed over. */
  at(place: number): number {
    while (this.#at < this.#bytes.length) {
      const byte = this.#bytes[this.#at];
      const isEnd = byte === LF || byte === CR;
      if (this.#at >= place && !isEnd) break;
      this.#at++;
      if (isEnd && !(byte === CR && this.#bytes[this.#at] === LF)) this.#line++;
    }
    return this.#line;
  }
}
