// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts that may belong to several classes, or to none.
 *
 * @module
 */

import { BadRowError, neededAt, textOf, wrong } from "./bad_row.ts";
import { checkClasses } from "./class_names.ts";
import { listOf } from "./names.ts";
import { checkOptions } from "./options.ts";
import type { ExampleParser } from "./read_examples.ts";
import type { DataRow } from "./rows.ts";
import {
  TEXT_COLUMNS,
  type TextColumns,
  type TextExample,
  textsAt,
} from "./text_examples.ts";

/** A text, or a pair of texts, with the classes that it belongs to. */
export interface MultiLabelExample extends TextExample {
  /** The names of the classes; none is possible. */
  labels: string[];
}

/** Options of {@linkcode multiLabelExamples}. */
export interface MultiLabelColumns extends TextColumns {
  /**
   * The column of labels: a list or, with a separator, a text such as `joy|love`.
   * @default {"labels", unless `classes` are columns}
   */
  labels?: string | undefined;
  /** What separates the labels in a text. @default {none: labels are lists} */
  separator?: string | undefined;
  /**
   * The names of the classes. With `labels`, others are refused; without, each is a
   * column that holds 1 or 0, or true or false.
   */
  classes?: readonly string[] | undefined;
}

/**
 * Examples of classification with several labels: a list, a text with a separator, or a
 * column a class. An empty list and an empty text mean that no class applies; `null` is
 * no label.
 *
 * @param columns Which columns to read.
 * @returns The function that makes an example of a row. It throws a
 * {@linkcode BadRowError} if the row has no labels, one twice, or one that is not
 * among the classes.
 * @throws {TypeError} If an option is not known.
 *
 * @example The three ways
 * ```ts
 * import { multiLabelExamples, readExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const list = [{ text: "a", labels: ["joy", "love"] }];
 * const text = [{ text: "a", labels: "joy|love" }];
 * const wide = [{ text: "a", joy: 1, love: 1, fear: 0 }];
 * const expected = [{ text: "a", labels: ["joy", "love"] }];
 * const read = (rows: typeof list | typeof text | typeof wide, columns = {}) =>
 *   readExamples(rows, multiLabelExamples(columns)).toArray();
 * assertEquals(await read(list), expected);
 * assertEquals(await read(text, { separator: "|" }), expected);
 * assertEquals(await read(wide, { classes: ["joy", "love", "fear"] }), expected);
 * ```
 */
export function multiLabelExamples(
  columns: MultiLabelColumns = {},
): ExampleParser<MultiLabelExample> {
  checkOptions(columns, {
    action: "read labels",
    known: [...TEXT_COLUMNS, "labels", "separator", "classes"],
  });
  const { labels, separator, classes } = columns;
  if (classes) checkClasses(classes);
  if (separator === "") {
    throw new RangeError(
      'Cannot separate labels by an empty text: expected one such as "|"',
    );
  }
  if (classes && labels === undefined) {
    if (separator !== undefined) {
      throw new TypeError(
        "Cannot use separator with a column for each class: name the column of " +
          "labels, or leave it out",
      );
    }
    return (row) => ({
      ...textsAt(row, columns),
      labels: classes.filter((name) => applies(row, name)),
    });
  }
  const column = labels ?? "labels";
  const known = classes && new Set(classes);
  return (row) => {
    const names = namesAt(row, column, separator);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new BadRowError(row, `its "${column}" has "${twice}" twice`);
    }
    const other = names.find((name) => known && !known.has(name));
    if (other !== undefined) {
      throw new BadRowError(
        row,
        `its "${column}" has "${other}", expected some of ${
          listOf(classes ?? [])
        }`,
      );
    }
    return { ...textsAt(row, columns), labels: names };
  };
}

/** The labels in a cell. */
function namesAt(
  row: DataRow,
  column: string,
  separator: string | undefined,
): string[] {
  const wish = separator === undefined
    ? "a list of labels; a text needs a separator"
    : `labels separated by ${JSON.stringify(separator)}`;
  const value = neededAt(row, column, wish);
  if (separator !== undefined && typeof value === "string") {
    if (value.trim() === "") return [];
    const names = value.split(separator).map((name) => name.trim());
    if (!names.includes("")) return names;
  } else if (Array.isArray(value)) {
    const names = value.map(textOf);
    if (names.every((name) => name !== undefined && name !== "")) {
      return names as string[];
    }
  }
  throw wrong(row, column, { value, wish });
}

/** Whether a class applies, by its column. */
function applies(row: DataRow, column: string): boolean {
  const wish = "1 or 0, or true or false";
  const value = neededAt(row, column, wish);
  const text = textOf(value)?.trim().toLowerCase();
  if (text === "1" || text === "1.0" || text === "true") return true;
  if (text === "0" || text === "0.0" || text === "false") return false;
  throw wrong(row, column, { value, wish });
}
