// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads CSV and TSV.
 *
 * @module
 */

import { counted } from "./names.ts";
import type { DataRow, FileRowsOptions } from "./rows.ts";
import { LineCounter } from "./text_blocks.ts";

/** Options of {@linkcode separatedRows}. */
export interface SeparatedOptions extends FileRowsOptions {
  /** The format: CSV separates cells by commas and has quotes, TSV has tabs only. */
  kind: "csv" | "tsv";
}

/**
 * Reads rows of cells as Python's `csv` does: a row ends at LF, CRLF or CR, in any
 * mixture, and text in quotes is kept as it is. Blank lines are skipped.
 *
 * @throws {SyntaxError} If a row has another number of cells than the header, a quote
 * is misplaced, a column occurs twice, or the columns are named and the first row
 * names them again; the message names the line.
 */
export async function* separatedRows(
  blocks: AsyncIterable<string>,
  { path, kind, columns: named, optionName, onBadRow }: SeparatedOptions,
): AsyncGenerator<DataRow> {
  const malformed = (reason: string) =>
    new SyntaxError(`Cannot read ${path}: ${reason}`);
  const scanner = new RecordScanner(kind);
  let header: readonly string[] | undefined;
  let number = 0;
  const rowOf = (record: CellRecord): DataRow | undefined => {
    const { cells, line, problem } = record;
    if (header === undefined) {
      if (problem !== undefined && !named) throw malformed(problem);
      header = named ?? cells;
      if (named && sameNames(named, cells)) {
        throw malformed(
          `line ${line} is a header with the names of ` +
            `${optionName("columns")}: leave the option out`,
        );
      }
      // Spreadsheets leave commas after the last name, so empty names may repeat.
      const own = header;
      const twice = own.find((name, i) =>
        name !== "" && own.indexOf(name) !== i
      );
      if (twice !== undefined) {
        throw malformed(`the column "${twice}" occurs twice`);
      }
      if (!named) return undefined;
    }
    number++;
    if (problem !== undefined) {
      onBadRow(malformed(problem));
      return undefined;
    }
    const columns = header;
    if (cells.length === columns.length) {
      return {
        cells: Object.fromEntries(columns.map((name, i) => [name, cells[i]])),
        path,
        number,
        line,
        columns,
      };
    }
    onBadRow(malformed(
      `Invalid Record Length: line ${line} has ${
        counted(cells.length, "cell")
      }, ${named ? `${optionName("columns")} names` : "the header has"} ` +
        columns.length,
    ));
    return undefined;
  };
  for await (const block of blocks) {
    for (const cells of scanner.add(block)) {
      const row = rowOf(cells);
      if (row) yield row;
    }
  }
  const last = scanner.end();
  const row = last && rowOf(last);
  if (row) yield row;
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

/** The cells of a row, and the line on which it begins. */
interface CellRecord {
  cells: string[];
  line: number;
  /** What is wrong with its quotes. */
  problem: string | undefined;
}

/** Where the scanner stands: at the start of a cell, in one, or behind a quote. */
type Place = "start" | "plain" | "quoted" | "closed" | "broken";

/** Cuts a text that comes in blocks into rows of cells. */
class RecordScanner {
  readonly #delimiter: string;
  readonly #quotes: boolean;
  #place: Place = "start";
  #cells: string[] = [];
  #cell = "";
  /** The line on which the text so far ends. */
  readonly #lines = new LineCounter();
  /** The line on which the row begins. */
  #line = 1;
  #hasQuotes = false;
  #problem: string | undefined;

  constructor(kind: "csv" | "tsv") {
    this.#delimiter = kind === "csv" ? "," : "\t";
    this.#quotes = kind === "csv";
  }

  /** Adds a block, and returns the rows that end in it. */
  add(block: string): CellRecord[] {
    const rows: CellRecord[] = [];
    const ends = this.#delimiter === "," ? /[,\r\n]/g : /[\t\r\n]/g;
    let at = 0;
    while (at < block.length) {
      if (this.#place === "quoted") {
        const quote = block.indexOf('"', at);
        const end = quote < 0 ? block.length : quote;
        this.#take(block.slice(at, end));
        if (quote >= 0) this.#place = "closed";
        at = end + 1;
        if (quote >= 0) this.#lines.pass();
        continue;
      }
      const letter = block[at] ?? "";
      if (letter === '"' && this.#quotes && this.#place !== "plain") {
        if (this.#place === "start") {
          if (this.#cells.length === 0) this.#begin();
          this.#place = "quoted";
          this.#hasQuotes = true;
          this.#lines.pass();
          at++;
          continue;
        }
        if (this.#place === "closed") { // Two quotes stand for one.
          this.#place = "quoted";
          this.#take(letter);
          at++;
          continue;
        }
      }
      ends.lastIndex = at;
      const { index = block.length } = ends.exec(block) ?? {};
      if (index > at && this.#place === "closed") {
        this.#place = "broken";
        this.#problem =
          "Invalid Closing Quote: something other than a comma follows one in " +
          `the row that begins on line ${this.#line}`;
      }
      if (index > at && this.#place === "start") {
        if (this.#cells.length === 0) this.#begin();
        this.#place = "plain";
      }
      if (index > at) {
        this.#cell += block.slice(at, index);
        this.#lines.pass();
      }
      if (index === block.length) break;
      const end = block[index] ?? "";
      if (this.#cells.length === 0 && this.#place === "start") this.#begin();
      this.#lines.add(end);
      at = index + 1;
      const row = this.#endCell(end !== this.#delimiter);
      if (row) rows.push(row);
    }
    return rows;
  }

  /** Returns the row that no line end closes, if there is one. */
  end(): CellRecord | undefined {
    if (this.#place === "quoted") {
      this.#problem =
        "Quote Not Closed: the file ends in the row that begins on line " +
        this.#line;
    }
    return this.#endCell(true);
  }

  #begin(): void {
    this.#line = this.#lines.line;
  }

  #take(text: string): void {
    this.#cell += text;
    this.#lines.add(text);
  }

  #endCell(endsRow: boolean): CellRecord | undefined {
    if (this.#place !== "broken" || endsRow) this.#place = "start";
    this.#cells.push(this.#cell);
    this.#cell = "";
    if (!endsRow) return undefined;
    const cells = this.#cells;
    const isBlank = cells.length === 1 && cells[0] === "" && !this.#hasQuotes;
    this.#cells = [];
    this.#hasQuotes = false;
    const problem = this.#problem;
    this.#problem = undefined;
    return isBlank ? undefined : { cells, line: this.#line, problem };
  }
}
