// Copyright 2026 the swagpu authors. MIT license.

/**
 * Sentences with a tag for each word.
 *
 * @module
 */

import { BadRowError, neededAt, textOf, wrong } from "./bad_row.ts";
import { checkClasses, nameOfClass } from "./class_names.ts";
import { counted, listOf } from "./names.ts";
import { checkOptions } from "./options.ts";
import type { ExampleParser } from "./read_examples.ts";
import type { DataRow } from "./rows.ts";

/** The words of a sentence, and the tag of each. */
export interface TokenExample {
  /** The words. */
  tokens: string[];
  /** The tags, one a word. */
  tags: string[];
}

/** Options of {@linkcode tokenExamples}. */
export interface TokenColumns {
  /**
   * The column of words, by name or number.
   * @default {"tokens"; in CoNLL the first, or "form"}
   */
  tokens?: string | undefined;
  /**
   * The column of tags, by name or number.
   * @default {"tags"; in CoNLL the last, or "upos"}
   */
  tags?: string | undefined;
  /**
   * The names of the tags. Tags that are numbers are looked up in it, counted from 0, as
   * data sets of Hugging Face have them; tags that are not among them are refused.
   * @default {any text is a tag}
   */
  names?: readonly string[] | undefined;
}

/**
 * Examples of token classification, such as named entities: CoNLL files, or rows with a
 * list of words and a list of tags.
 *
 * @param columns Which columns to read.
 * @returns The function that makes an example of a row. It throws a
 * {@linkcode BadRowError} if there is not one tag for each word, or no word at all.
 * @throws {TypeError} If an option is not known.
 *
 * @example Entities in CoNLL
 * ```ts
 * import { readExamples, tokenExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const text = "Ada NNP B-person\nsmiled VBD O\n\nYes UH O\n";
 * const file = new File([text], "train.conll");
 * const examples = await readExamples(file, tokenExamples()).toArray();
 * assertEquals(examples[0], {
 *   tokens: ["Ada", "smiled"],
 *   tags: ["B-person", "O"],
 * });
 * const speech = readExamples(file, tokenExamples({ tags: "2" }));
 * assertEquals((await speech.toArray())[1], { tokens: ["Yes"], tags: ["UH"] });
 * ```
 */
export function tokenExamples(
  columns: TokenColumns = {},
): ExampleParser<TokenExample> {
  checkOptions(columns, {
    action: "read tokens",
    known: ["tokens", "tags", "names"],
  });
  const { names } = columns;
  if (names) checkClasses(names);
  return (row) => {
    const { tokens: tokenColumn, tags: tagColumn } = columnsIn(row, columns);
    const tokens = textsAt(row, tokenColumn);
    const tags = textsAt(row, tagColumn);
    if (tokens.length !== tags.length) {
      throw new BadRowError(
        row,
        `it has ${counted(tokens.length, "token")} in "${tokenColumn}" and ${
          counted(tags.length, "tag")
        } in "${tagColumn}", expected one tag for each token`,
      );
    }
    if (tokens.length === 0) {
      throw new BadRowError(row, `its "${tokenColumn}" has no token`);
    }
    const empty = tags.findIndex((tag) => tag.trim() === "");
    if (empty >= 0) {
      throw new BadRowError(
        row,
        `token ${empty + 1}, "${tokens[empty]}", has no tag`,
      );
    }
    const named = tags.map((tag) => {
      const name = nameOfClass(tag, names);
      if (name !== undefined) return name;
      throw new BadRowError(
        row,
        `its "${tagColumn}" has "${tag}", expected some of ${
          listOf(names ?? [])
        }`,
      );
    });
    return { tokens, tags: named };
  };
}

/** The columns to read in a row. */
function columnsIn(
  { columns = [], cells, line }: DataRow,
  { tokens, tags }: TokenColumns,
): { tokens: string; tags: string } {
  const has = (name: string) => Object.hasOwn(cells, name);
  // A text with lists in every column is CoNLL.
  const isConll = !has("tokens") && columns.length > 0 && line !== undefined &&
    columns.every((name) => Array.isArray(cells[name]));
  const usual = (name: string, own: string, other = "") =>
    !isConll ? own : has(name) ? name : other;
  return {
    tokens: tokens ?? usual("form", "tokens", columns[0]),
    tags: tags ??
      (has("tags") ? "tags" : usual("upos", "tags", columns.at(-1))),
  };
}

/** A list of texts in a cell. Numbers are written out. */
function textsAt(row: DataRow, column: string): string[] {
  const wish = "a list of texts";
  const value = neededAt(row, column, wish);
  if (!Array.isArray(value)) throw wrong(row, column, { value, wish });
  return value.map((item) => {
    const text = textOf(item);
    if (text === undefined) throw wrong(row, column, { value, wish });
    return text;
  });
}
