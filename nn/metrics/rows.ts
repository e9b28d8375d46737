// Copyright 2026 the swagpu authors. MIT license.
// Checks shared by the host metrics: whole rows, labels that are classes.

/** The number of rows of `classes` values; `length` must be a multiple. */
export function columns(
  action: string,
  length: number,
  classes: number,
): number {
  if (!Number.isSafeInteger(classes) || classes < 1 || length % classes !== 0) {
    throw new RangeError(
      `Cannot ${action}: ${length} values in rows of ${classes}, wanted whole rows`,
    );
  }
  if (length === 0) {
    throw new RangeError(`Cannot ${action}: there are no rows`);
  }
  return length / classes;
}

/** The number of classes, once every label is known to be one of them. */
export function checkLabels(
  action: string,
  values: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const classes = values.length / labels.length;
  if (labels.length === 0 || !Number.isSafeInteger(classes) || classes < 1) {
    throw new RangeError(
      `Cannot ${action}: ${values.length} values for ${labels.length} labels, wanted whole rows`,
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
    /** @default {any number of classes} */
    classes?: number;
    /** What the number is. @default {"label"} */
    name?: "label" | "prediction";
  },
): void {
  if (!Number.isSafeInteger(label) || label < 0 || label >= classes) {
    throw new RangeError(
      `Cannot ${action}: ${name} ${row} is ${label}, wanted ` +
        (classes === Infinity
          ? "an integer of at least 0"
          : `an integer below ${classes}`),
    );
  }
}

/** Throws if a value is NaN, which nothing can be said of. */
export function checkNumbers(
  action: string,
  values: ArrayLike<number>,
  name: string,
): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i] ?? NaN)) {
      throw new RangeError(
        `Cannot ${action}: ${name} ${i} is NaN, wanted a number`,
      );
    }
  }
}

/** How far 16-bit probabilities may be from what they should add up to. */
const UNIT_TOLERANCE = 1e-3;

/** Throws unless a probability is in [0, 1]; rounding above 1 is allowed. */
export function checkProbability(
  action: string,
  probability: number,
  row: number,
): void {
  if (!(probability >= 0 && probability <= 1 + UNIT_TOLERANCE)) {
    throw new RangeError(
      `Cannot ${action}: row ${row} holds ${probability}, wanted a number in [0, 1]`,
    );
  }
}

/** Throws unless each row of `classes` values is a distribution. */
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
        `Cannot ${action}: row ${row} adds up to ${sum}, wanted probabilities that add up to 1`,
      );
    }
  }
}

/** Throws unless the least probability that counts is in [0, 1]. */
export function checkFloor(action: string, floor: number): void {
  if (!(floor >= 0 && floor <= 1)) {
    throw new RangeError(
      `Cannot ${action}: the floor is ${floor}, wanted a number in [0, 1]`,
    );
  }
}

/** Throws unless both lists have the same length, which is returned. */
export function checkPaired(
  action: string,
  first: ArrayLike<number>,
  second: ArrayLike<number>,
): number {
  if (first.length !== second.length || !(first.length > 0)) {
    throw new RangeError(
      `Cannot ${action}: lists of ${first.length} and ${second.length}, wanted the same length above 0`,
    );
  }
  return first.length;
}

/** Shannon entropy −Σ pₖ log pₖ of one row, with 0 log 0 = 0. */
export function rowEntropy(
  probabilities: ArrayLike<number>,
  start: number,
  classes: number,
): number {
  let sum = 0;
  for (let k = start; k < start + classes; k++) {
    const p = probabilities[k] ?? 0;
    // NaN is not 0, so the sum of a row that holds it is NaN.
    if (p !== 0) sum -= p * Math.log(p);
  }
  // A probability that rounding puts above 1 would make it negative.
  return Math.max(sum, 0);
}
