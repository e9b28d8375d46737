// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What the metrics share: options, and checks of rows, labels and
// probabilities.

/** The row length of a matrix given as a flat array. */
export interface RowsOptions {
  /** The number of values in a row. */
  classes: number;
}

/** How probabilities are kept away from zero before a logarithm. */
export interface FloorOptions {
  /**
   * Smaller probabilities count as this one.
   * @default {1e-12}
   */
  floor?: number;
}

/**
 * Returns the number of rows; throws if `length` values do not fill whole rows.
 */
export function columns(
  action: string,
  length: number,
  classes: number,
): number {
  if (!Number.isSafeInteger(classes) || classes < 1 || length % classes !== 0) {
    throw new RangeError(
      `Cannot ${action}: ${length} values in rows of ${classes}, expected whole rows`,
    );
  }
  if (length === 0) {
    throw new RangeError(`Cannot ${action}: there are no rows`);
  }
  return length / classes;
}

/** Returns the number of classes; throws unless every label is one of them. */
export function checkLabels(
  action: string,
  values: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const classes = values.length / labels.length;
  if (labels.length === 0 || !Number.isSafeInteger(classes) || classes < 1) {
    throw new RangeError(
      `Cannot ${action}: ${values.length} values for ${labels.length} labels, expected whole rows`,
    );
  }
  for (let row = 0; row < labels.length; row++) {
    checkClass(action, labels[row] ?? -1, { row, classes });
  }
  return classes;
}

/** Throws unless `label` is an integer in [0, classes). */
export function checkClass(
  action: string,
  label: number,
  { row, classes = Infinity, name = "label" }: {
    row: number;
    /** The number of classes. @default {Infinity} */
    classes?: number;
    /** What the number is. @default {"label"} */
    name?: "label" | "prediction" | "token" | "cluster";
  },
): void {
  if (!Number.isSafeInteger(label) || label < 0 || label >= classes) {
    throw new RangeError(
      `Cannot ${action}: ${name} ${row} is ${label}, but must be ` +
        (classes === Infinity
          ? "an integer of at least 0"
          : `an integer below ${classes}`),
    );
  }
}

/** Throws if a value is NaN, which can be neither counted nor ranked. */
export function checkNumbers(
  action: string,
  values: ArrayLike<number>,
  name: string,
): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i] ?? NaN)) {
      throw new RangeError(
        `Cannot ${action}: ${name} ${i} is NaN, but must be a number`,
      );
    }
  }
}

/** A copy of numbers, which must be finite. */
export function finiteValues(
  action: string,
  values: ArrayLike<number>,
  name = "value",
): Float64Array<ArrayBuffer> {
  const numbers = Float64Array.from(values);
  const bad = numbers.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return numbers;
  throw new RangeError(
    `Cannot ${action}: ${name} ${bad} is ${
      numbers[bad]
    }, but must be a finite number`,
  );
}

/** How far the sum of a row may be from 1: 16-bit probabilities are rounded. */
const UNIT_TOLERANCE = 1e-3;

/** Throws unless a probability is in [0, 1]; rounding above 1 is allowed. */
export function checkProbability(
  action: string,
  probability: number,
  row: number,
): void {
  if (!(probability >= 0 && probability <= 1 + UNIT_TOLERANCE)) {
    throw new RangeError(
      `Cannot ${action}: row ${row} holds ${probability}, but must hold numbers in [0, 1]`,
    );
  }
}

/** Throws unless each row of `classes` values is a probability distribution. */
export function checkDistributions(
  action: string,
  probabilities: ArrayLike<number>,
  classes: number,
): void {
  for (let row = 0; row < probabilities.length / classes; row++) {
    let sum = 0;
    for (let i = row * classes; i < (row + 1) * classes; i++) {
      const p = probabilities[i] ?? NaN;
      checkProbability(action, p, row);
      sum += p;
    }
    if (Math.abs(sum - 1) > UNIT_TOLERANCE) {
      throw new RangeError(
        `Cannot ${action}: row ${row} adds up to ${sum}, but probabilities must add up to 1`,
      );
    }
  }
}

/** Throws unless the floor under probabilities is in [0, 1]. */
export function checkFloor(action: string, floor: number): void {
  if (!(floor >= 0 && floor <= 1)) {
    throw new RangeError(
      `Cannot ${action}: the floor is ${floor}, but must be a number in [0, 1]`,
    );
  }
}

/** Returns the length of two lists; throws if it differs or is 0. */
export function checkPaired(
  action: string,
  first: ArrayLike<number>,
  second: ArrayLike<number>,
): number {
  if (first.length !== second.length || !(first.length > 0)) {
    throw new RangeError(
      `Cannot ${action}: lists of ${first.length} and ${second.length}, expected the same length above 0`,
    );
  }
  return first.length;
}

/** The Shannon entropy −Σ pₖ log pₖ of one row, where 0 log 0 counts as 0. */
export function rowEntropy(
  probabilities: ArrayLike<number>,
  start: number,
  classes: number,
): number {
  let sum = 0;
  for (let k = start; k < start + classes; k++) {
    const p = probabilities[k] ?? 0;
    // NaN is not 0, so the entropy of a row that holds NaN is NaN.
    if (p !== 0) sum -= p * Math.log(p);
  }
  // The sum is negative if rounding has put a probability above 1.
  return Math.max(sum, 0);
}
