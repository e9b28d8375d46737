// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads several plain texts whose lines belong together, such as a text and its
 * translation.
 *
 * @module
 */

import type { DataRow } from "./rows.ts";
import { type FileSource, nameOf } from "./source.ts";
import { type Line, linesOf, textBlocks } from "./text_blocks.ts";

/** A file for each column; line `n` of each is row `n`. */
export type AlignedFiles = Readonly<Record<string, FileSource>>;

/**
 * Reads a row a line. Blank lines are empty texts, because leaving one out would pair
 * the wrong lines behind it.
 *
 * @throws {SyntaxError} If one of the files has fewer lines than another.
 */
export async function* alignedRows(
  files: AlignedFiles,
): AsyncGenerator<DataRow> {
  const columns = Object.keys(files);
  const names = Object.values(files).map(nameOf);
  const texts = Object.values(files).map((file) => linesOf(textBlocks(file)));
  try {
    for (let number = 1;; number++) {
      const lines: (Line | undefined)[] = [];
      for (const text of texts) {
        lines.push((await text.next()).value ?? undefined);
      }
      if (lines.every((line) => line === undefined)) return;
      const short = lines.indexOf(undefined);
      if (short >= 0) {
        const long = lines.findIndex((line) => line !== undefined);
        throw new SyntaxError(
          `Cannot read ${names[short]}: it ends before line ${number}, which ` +
            `${names[long]} has`,
        );
      }
      yield {
        cells: Object.fromEntries(
          columns.map((name, i) => [name, lines[i]?.text ?? ""]),
        ),
        path: names.join(" and "),
        number,
        line: number,
        columns,
      };
    }
  } finally {
    for (const text of texts) await text.return(undefined);
  }
}
