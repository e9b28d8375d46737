// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts with a distribution over classes, as several annotators give it.
 *
 * @module
 */

import { BadRowError, neededAt, numberAt, numberOf, wrong } from "./bad_row.ts";
import { checkClasses } from "./class_names.ts";
import { listOf } from "./names.ts";
import { checkChoice, checkOptions } from "./options.ts";
import type { ExampleParser } from "./read_examples.ts";
import { type DataRow, ExactNumber } from "./rows.ts";
import {
  TEXT_COLUMNS,
  type TextColumns,
  type TextExample,
  textsAt,
} from "./text_examples.ts";

/** A text, or a pair of texts, with a probability for each class. */
export interface SoftLabelExample extends TextExample {
  /** The probabilities, in the order of the classes; their sum is 1. */
  probabilities: number[];
}

/** What the numbers of a row are. */
export type SoftLabelKind = "counts" | "probabilities";

/** Options of {@linkcode softLabelExamples}. */
export interface SoftLabelColumns extends TextColumns {
  /** The names of the classes, in the order of the result. */
  classes: readonly string[];
  /**
   * The column that holds the numbers of all classes: a list in the order of the
   * classes, or an object such as `{ "yes": 7, "no": 3 }`, in which a class that is
   * missing or null counts 0.
   * @default {each class is a column}
   */
  column?: string | undefined;
  /**
   * Whether the numbers are votes, or probabilities whose sum must be 1 within 0.001.
   * Both are divided by their sum.
   * @default {"counts"}
   */
  kind?: SoftLabelKind | undefined;
}

/** How far the sum of probabilities may be from 1, as they may be rounded. */
const TOLERANCE = 1e-3;

/**
 * Examples with soft labels: votes of annotators or probabilities, from a column a
 * class, a list, or an object by class.
 *
 * @param columns Which columns to read.
 * @returns The function that makes an example of a row. It throws a
 * {@linkcode BadRowError} if a number is missing or negative, all are 0, or
 * probabilities do not add up to 1.
 * @throws {TypeError} If an option is not known.
 *
 * @example Votes for three classes
 * ```ts
 * import { readExamples, softLabelExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = [{ text: "a", votes: { yes: 3, no: 1 } }];
 * const votes = softLabelExamples({
 *   column: "votes",
 *   classes: ["yes", "no", "maybe"],
 * });
 * assertEquals(await readExamples(rows, votes).toArray(), [
 *   { text: "a", probabilities: [0.75, 0.25, 0] },
 * ]);
 * ```
 */
export function softLabelExamples(
  columns: SoftLabelColumns,
): ExampleParser<SoftLabelExample> {
  checkOptions(columns, {
    action: "read soft labels",
    known: [...TEXT_COLUMNS, "classes", "column", "kind"],
  });
  const { classes, column, kind = "counts" } = columns;
  checkClasses(classes);
  checkChoice(kind, { option: "kind", known: ["counts", "probabilities"] });
  return (row) => {
    const numbers = column === undefined
      ? classes.map((name) => numberAt(row, name))
      : numbersAt(row, column, classes);
    const negative = classes.find((_, i) => (numbers[i] ?? 0) < 0);
    if (negative !== undefined) {
      throw new BadRowError(
        row,
        `the number of "${negative}" is negative, expected ${kind}`,
      );
    }
    const sum = numbers.reduce((total, number) => total + number, 0);
    if (sum === 0) {
      throw new BadRowError(
        row,
        "the numbers of all classes are 0, expected at least one above 0",
      );
    }
    if (kind === "probabilities" && Math.abs(sum - 1) > TOLERANCE) {
      throw new BadRowError(
        row,
        `its probabilities add up to ${Number(sum.toPrecision(6))}, expected 1`,
      );
    }
    return {
      ...textsAt(row, columns),
      probabilities: numbers.map((number) => number / sum),
    };
  };
}

/** The numbers in a cell, by class. */
function numbersAt(
  row: DataRow,
  column: string,
  classes: readonly string[],
): number[] {
  const wish =
    `a list of ${classes.length} numbers, or an object with numbers ` +
    `for ${listOf(classes)}`;
  const value = neededAt(row, column, wish);
  const isList = Array.isArray(value);
  if (isList ? value.length !== classes.length : !isFields(value)) {
    throw wrong(row, column, { value, wish });
  }
  if (!isList) {
    const other = Object.keys(value as object)
      .find((name) => !classes.includes(name));
    if (other !== undefined) {
      throw new BadRowError(
        row,
        `its "${column}" has "${other}", expected some of ${listOf(classes)}`,
      );
    }
  }
  return classes.map((name, i) => {
    const own = isList
      ? value[i]
      : Object.hasOwn(value as object, name)
      ? (value as Record<string, unknown>)[name] ?? 0
      : 0;
    const number = numberOf(own);
    if (number === undefined) throw wrong(row, column, { value, wish });
    return number;
  });
}

function isFields(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    !(value instanceof ExactNumber);
}
