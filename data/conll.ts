// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads CoNLL files: one token a line with its tags, and a blank line between
 * sentences.
 *
 * @module
 */

import { counted } from "./names.ts";
import type { DataRow, FileRowsOptions } from "./rows.ts";
import { type Line, linesOf } from "./text_blocks.ts";

/** The columns of CoNLL-U, see https://universaldependencies.org/format.html. */
const CONLL_U = [
  ..."id form lemma upos xpos feats head deprel deps misc".split(" "),
];

/** A number of several words, or of a word that is left out, in CoNLL-U. */
const NO_WORD = /^\d+[-.]\d+$/;

/**
 * Reads a sentence as a row in which every column is a list of texts. Columns without
 * names are called 1, 2 …, or as CoNLL-U calls them.
 *
 * Columns are separated by tabs if the first line of a token has one, else by blanks.
 * In files with tabs, lines that begin with `#` and have no tab are comments. The
 * lines `-DOCSTART-` of CoNLL-2003 are left out, and so are the lines of CoNLL-U that
 * are no words, such as `3-4`.
 *
 * @throws {SyntaxError} If a line has another number of columns than the first; the
 * message names it.
 */
export async function* conllRows(
  blocks: AsyncIterable<string>,
  { path, columns: named, optionName, onBadRow }: FileRowsOptions,
): AsyncGenerator<DataRow> {
  let tabs: boolean | undefined;
  let columns = named;
  let number = 0;
  let sentence: Line[] = [];
  const end = (): DataRow | undefined => {
    const lines = sentence;
    const [first] = lines;
    sentence = [];
    if (!first) return undefined;
    number++;
    const split = ({ text }: Line) =>
      tabs ? text.split("\t") : text.trim().split(/\s+/);
    const own = columns ??= columnsOf(split(first).length);
    const tokens: string[][] = [];
    for (const line of lines) {
      const cells = split(line);
      if (cells.length !== own.length) {
        onBadRow(
          new SyntaxError(
            `Cannot read ${path}: line ${line.line} has ${
              counted(cells.length, "column")
            } separated by ${tabs ? "tabs" : "blanks"}, ${
              named ? `${optionName("columns")} names` : "the first has"
            } ${own.length}`,
          ),
        );
        return undefined;
      }
      if (own.length < CONLL_U.length || !NO_WORD.test(cells[0] ?? "")) {
        tokens.push(cells);
      }
    }
    return {
      cells: Object.fromEntries(
        own.map((name, i) => [name, tokens.map((cells) => cells[i] ?? "")]),
      ),
      path,
      number,
      line: first.line,
      columns: own,
    };
  };
  let comments: Line[] = [];
  for await (const line of linesOf(blocks)) {
    const { text } = line;
    if (text.trim() === "" || /^-DOCSTART-(\s|$)/.test(text)) {
      const row = end();
      if (row) yield row;
      comments = [];
      continue;
    }
    // A comment looks like a token as long as it is not known what separates columns.
    const mayBeComment = text.startsWith("#") && !text.includes("\t");
    if (mayBeComment && tabs !== false) {
      if (tabs === undefined) comments.push(line);
      continue;
    }
    if (tabs === undefined) {
      tabs = text.includes("\t");
      if (!tabs) sentence.push(...comments);
      comments = [];
    }
    sentence.push(line);
  }
  const row = end();
  if (row) yield row;
}

function columnsOf(count: number): readonly string[] {
  return count === CONLL_U.length
    ? CONLL_U
    : Array.from({ length: count }, (_, i) => String(i + 1));
}
