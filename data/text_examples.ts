// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts and pairs of texts: alone, with a class, with numbers.
 *
 * @module
 */

import {
  BadRowError,
  neededAt,
  numberAt,
  textAt,
  textOf,
  wrong,
} from "./bad_row.ts";
import { checkClasses, nameOfClass } from "./class_names.ts";
import { listOf } from "./names.ts";
import { checkOptions } from "./options.ts";
import type { ExampleParser } from "./read_examples.ts";
import { type DataRow, kindOf, placeOfRow } from "./rows.ts";

/** A text, or a pair of texts. */
export interface TextExample {
  /** The text. */
  text: string;
  /** The second text, for tasks on pairs. */
  textPair?: string;
}

/** A text, or a pair of texts, with the name of its class. */
export interface ClassExample extends TextExample {
  /** The name of the class. */
  label: string;
}

/** A text, or a pair of texts, with the numbers of a regression. */
export interface NumberExample extends TextExample {
  /** The numbers, one a column. */
  labels: number[];
}

/** Which columns hold the texts. */
export interface TextColumns {
  /** The column of texts. @default {"text"} */
  text?: string | undefined;
  /** The column of second texts, for tasks on pairs. @default {none} */
  textPair?: string | undefined;
}

/** Options of {@linkcode classExamples}. */
export interface ClassColumns extends TextColumns {
  /** The column of labels. @default {"label"} */
  label?: string | undefined;
  /**
   * The names of the classes. Labels that are whole numbers are looked up in it, counted
   * from 0, as data sets of Hugging Face have them; labels that are not among them are
   * refused.
   * @default {any text is a label}
   */
  names?: readonly string[] | undefined;
}

/** Options of {@linkcode numberExamples}. */
export interface NumberColumns extends TextColumns {
  /** The column of numbers, or several columns. @default {"label"} */
  labels?: string | readonly string[] | undefined;
}

/** The names of {@linkcode TextColumns}. */
export const TEXT_COLUMNS: readonly string[] = ["text", "textPair"];

/** Reads the texts of a row. */
export function textsAt(
  row: DataRow,
  { text = "text", textPair }: TextColumns,
): TextExample {
  const first = textAt(row, text);
  return textPair === undefined
    ? { text: first }
    : { text: first, textPair: textAt(row, textPair) };
}

/**
 * Examples without a label: texts to predict, or to learn a language from.
 *
 * @param columns Which columns to read.
 * @returns The function that makes an example of a row.
 * @throws {TypeError} If an option is not known.
 *
 * @example The paragraphs of a book
 * ```ts
 * import { readExamples, textExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const book = new File(["CHAPTER I\n\nIt was\nraining.\n"], "book.txt");
 * const paragraphs = readExamples(book, textExamples(), {
 *   sampleBy: "paragraph",
 * });
 * assertEquals(await paragraphs.toArray(), [
 *   { text: "CHAPTER I" },
 *   { text: "It was\nraining." },
 * ]);
 * ```
 */
export function textExamples(
  columns: TextColumns = {},
): ExampleParser<TextExample> {
  checkOptions(columns, { action: "read texts", known: TEXT_COLUMNS });
  return (row) => textsAt(row, columns);
}

/**
 * Examples of text classification. A label is the name of a class; numbers, `true` and
 * `false` are names too. An empty cell and `null` are no label.
 *
 * @param columns Which columns to read.
 * @returns The function that makes an example of a row. It throws a
 * {@linkcode BadRowError} if the row has no label, or labels of a file are of several
 * kinds, such as the number 1 in one row and the text "1" in another.
 * @throws {TypeError} If an option is not known.
 *
 * @example A table without a header
 * ```ts
 * import { classExamples, readExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const file = new File(["a charming film\t1\ntoo long\t0\n"], "reviews.tsv");
 * const examples = readExamples(file, classExamples(), {
 *   columns: ["text", "label"],
 * });
 * assertEquals(await examples.toArray(), [
 *   { text: "a charming film", label: "1" },
 *   { text: "too long", label: "0" },
 * ]);
 * ```
 */
export function classExamples(
  columns: ClassColumns = {},
): ExampleParser<ClassExample> {
  checkOptions(columns, {
    action: "read classes",
    known: [...TEXT_COLUMNS, "label", "names"],
  });
  const { label: column = "label", names } = columns;
  if (names) checkClasses(names);
  let seen: { kind: string; row: DataRow } | undefined;
  return (row) => {
    const wish = "a label";
    const value = neededAt(row, column, wish);
    const label = textOf(value);
    if (label === undefined || label.trim() === "") {
      throw wrong(row, column, { value, wish });
    }
    const kind = kindOf(value);
    if (seen?.row.path !== row.path) seen = { kind, row };
    if (kind !== seen.kind) {
      throw new BadRowError(
        row,
        `its "${column}" is ${kind}, and that of ${placeOfRow(seen.row)} is ` +
          `${seen.kind}: labels must be of one kind`,
      );
    }
    const name = nameOfClass(label, names);
    if (name !== undefined) return { ...textsAt(row, columns), label: name };
    throw wrong(row, column, { value, wish: `one of ${listOf(names ?? [])}` });
  };
}

/**
 * Examples of regression: a number, or several, that must be finite.
 *
 * @param columns Which columns to read.
 * @returns The function that makes an example of a row. It throws a
 * {@linkcode BadRowError} if something is not a number.
 * @throws {TypeError} If an option is not known.
 *
 * @example Three numbers a text
 * ```ts
 * import { numberExamples, readExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const file = new File(["text,V,A,D\nHooray!,4.4,3.9,3.1\n"], "emotions.csv");
 * const feelings = numberExamples({ labels: ["V", "A", "D"] });
 * assertEquals(await readExamples(file, feelings).toArray(), [
 *   { text: "Hooray!", labels: [4.4, 3.9, 3.1] },
 * ]);
 * ```
 */
export function numberExamples(
  columns: NumberColumns = {},
): ExampleParser<NumberExample> {
  checkOptions(columns, {
    action: "read numbers",
    known: [...TEXT_COLUMNS, "labels"],
  });
  const { labels: names = "label" } = columns;
  const list = typeof names === "string" ? [names] : names;
  if (list.length === 0) {
    throw new RangeError(
      "Cannot read numbers from no column: expected labels such as " +
        '["valence"]',
    );
  }
  return (row) => ({
    ...textsAt(row, columns),
    labels: list.map((column) => numberAt(row, column)),
  });
}
