// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs that are compared: the labeled rows of each, and what it predicts for them.
 *
 * @module
 */

import { placeOf, type RowSource } from "../data/mod.ts";

/** The rows that a run is measured on. */
export interface ComparedRows extends RowSource {
  /** The names of the classes; `undefined` for a regression. */
  readonly classes: readonly string[] | undefined;
  /** The true class of each row, or its true number. */
  readonly gold: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  /** What identifies each row, if the file says it. */
  readonly ids: readonly string[] | undefined;
  /** The text of each row, if the file has it. */
  readonly texts: readonly string[] | undefined;
  /** The second text of each row, for tasks on pairs. */
  readonly pairs: readonly string[] | undefined;
}

/** What a run predicts for its rows. */
export interface Predictions {
  /** Probabilities, `[rows, classes]`, or the numbers of a regression. */
  readonly values: Float64Array<ArrayBuffer>;
  /** The class of each row; `undefined` for a regression. */
  readonly labels: Int32Array<ArrayBuffer> | undefined;
}

/** A model or a file of predictions, with labeled rows. */
export interface ComparedRun {
  /** The folder, the model of the hub or the file. */
  readonly name: string;
  /** The rows. */
  readonly rows: ComparedRows;
  /** Predicts the rows. */
  predict(): Promise<Predictions>;
}

/**
 * Checks that runs are measured on the same rows, in the same order, with the same
 * labels. Rows are the same if their ids are, or else their texts.
 *
 * @throws {RangeError} If they are not; the message names the first row that differs.
 * @throws {TypeError} If only one predicts numbers, or there is nothing to compare rows
 * by.
 */
export function checkSameRows(a: ComparedRun, b: ComparedRun): void {
  const what = `Cannot compare ${a.name} with ${b.name}`;
  const [first, second] = [a.rows, b.rows];
  if ((first.classes === undefined) !== (second.classes === undefined)) {
    const [numbers, classes] = first.classes ? [b, a] : [a, b];
    throw new TypeError(
      `${what}: ${numbers.name} predicts numbers, and ${classes.name} classes`,
    );
  }
  const keys = keysOf(first, second);
  if (keys.length === 0) {
    throw new TypeError(
      `${what}: their rows have neither ids nor texts in common, so nothing ` +
        "says that they are the same rows",
    );
  }
  const [here, there] = [first.gold.length, second.gold.length];
  for (let row = 0; row < Math.min(here, there); row++) {
    for (const { name, of } of keys) {
      const [one, other] = [of(first, row), of(second, row)];
      if (one === other) continue;
      throw new RangeError(
        `${what}: they must have the same rows in the same order, but the ` +
          `${name} is ${shown(one)} in ${placeOf(first, row)} and ${
            shown(other)
          } in ${placeOf(second, row)}`,
      );
    }
  }
  if (here === there) return;
  const [longer, shorter] = here > there ? [first, second] : [second, first];
  const end = shorter.gold.length;
  throw new RangeError(
    `${what}: they must have the same rows, but ${
      placeOf(longer, end)
    } has no ` +
      `counterpart in ${shorter.path}, which has ${end} rows`,
  );
}

/** A property that rows have in common. */
interface Key {
  readonly name: string;
  of(rows: ComparedRows, row: number): string | number | undefined;
}

/** What rows of two runs are compared by, with the label as the last. */
function keysOf(a: ComparedRows, b: ComparedRows): Key[] {
  const label: Key = {
    name: "label",
    of: ({ classes, gold }, row) =>
      classes ? classes[gold[row] ?? -1] : gold[row],
  };
  // Models may read different columns of the same file.
  if (a.path === b.path && a.numbers && b.numbers) {
    const number: Key = {
      name: "number of the row",
      of: ({ numbers }, row) => numbers?.[row],
    };
    return [number, label];
  }
  if (a.ids && b.ids) {
    return [{ name: "id", of: ({ ids }, row) => ids?.[row] }, label];
  }
  if (!a.texts || !b.texts) return [];
  const text: Key = { name: "text", of: ({ texts }, row) => texts?.[row] };
  const pair: Key = {
    name: "second text",
    of: ({ pairs }, row) => pairs?.[row],
  };
  return [text, ...a.pairs && b.pairs ? [pair] : [], label];
}

/** A value in a message, cut if it is long. */
function shown(value: string | number | undefined): string {
  if (typeof value !== "string") return String(value);
  return JSON.stringify(value.length <= 60 ? value : `${value.slice(0, 59)}…`);
}
