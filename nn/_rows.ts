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
  { row, classes }: { row: number; classes: number },
): void {
  if (!Number.isSafeInteger(label) || label < 0 || label >= classes) {
    throw new RangeError(
      `Cannot ${action}: label ${row} is ${label}, wanted an integer below ${classes}`,
    );
  }
}

/** Throws unless both lists have the same length, which is returned. */
export function checkPaired(
  action: string,
  first: ArrayLike<number>,
  second: ArrayLike<number>,
): number {
  if (first.length !== second.length || first.length === 0) {
    throw new RangeError(
      `Cannot ${action}: lists of ${first.length} and ${second.length}, wanted the same length above 0`,
    );
  }
  return first.length;
}

/** How far rounding in 32 bits takes a probability above 1. */
const ROUNDING = 1e-5;

/**
 * Shannon entropy −Σ pₖ log pₖ of one row, with 0 log 0 = 0. A value that is no
 * probability, such as NaN, throws: left out, it would count as certainty.
 */
export function rowEntropy(
  probabilities: ArrayLike<number>,
  start: number,
  classes: number,
): number {
  let sum = 0;
  for (let k = start; k < start + classes; k++) {
    const p = probabilities[k] ?? 0;
    if (!(p >= 0 && p <= 1 + ROUNDING)) {
      throw new RangeError(
        `Cannot measure entropy: value ${k} is ${p}, wanted a probability in [0, 1]`,
      );
    }
    if (p > 0) sum -= p * Math.log(p);
  }
  return sum;
}
