// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From the scores of a model to probabilities, and the best of them.

/**
 * Returns the scores unchanged.
 *
 * @throws {RangeError} If one is NaN, because then no result can be given.
 */
export function checked<T extends ArrayLike<number>>(scores: T): T {
  for (let i = 0; i < scores.length; i++) {
    if (!Number.isNaN(scores[i] ?? NaN)) continue;
    throw new RangeError(
      "Cannot make results from the model's scores: they hold NaN, so the " +
        "weights are NaN or too large",
    );
  }
  return scores;
}

/**
 * The softmax of scores. Where `allowed` is given, scores that are not allowed
 * have the probability 0.
 *
 * `softmaxRows()` of `nn/metrics` takes the exponential of log-probabilities,
 * which rounds differently, and it has no `allowed`.
 *
 * @throws {RangeError} If a score is NaN, or the highest one is infinite.
 */
export function softmax(
  scores: ArrayLike<number>,
  allowed?: ArrayLike<boolean>,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(scores.length);
  checked(scores);
  let highest = -Infinity;
  for (let i = 0; i < scores.length; i++) {
    if (allowed && !allowed[i]) continue;
    highest = Math.max(highest, scores[i] ?? NaN);
  }
  if (highest === Infinity) {
    throw new RangeError(
      "Cannot make probabilities from the model's scores: the best is Infinity",
    );
  }
  let total = 0;
  for (let i = 0; i < scores.length; i++) {
    if (allowed && !allowed[i]) continue;
    const value = Math.exp((scores[i] ?? NaN) - highest);
    result[i] = value;
    total += value;
  }
  // If no score is allowed, or all are -Infinity, all probabilities are 0.
  return total > 0 ? result.map((value) => value / total) : result.fill(0);
}

/** The indices of the `count` largest values, the largest first. */
export function largest(values: ArrayLike<number>, count: number): number[] {
  // A vocabulary is long, so only values that can be among the best are sorted.
  const ascending = Float64Array.from(values).sort();
  const least = ascending[Math.max(0, values.length - count)] ?? -Infinity;
  const indices: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (!((values[i] ?? NaN) < least)) indices.push(i);
  }
  return indices
    .sort((a, b) => (values[b] ?? NaN) - (values[a] ?? NaN))
    .slice(0, count);
}

/** @throws {RangeError} If a count of results is not a whole number above 0. */
export function checkCount(name: string, count: number): void {
  if (Number.isSafeInteger(count) && count > 0) return;
  throw new RangeError(
    `Cannot use ${name} ${count}: it must be a whole number above 0`,
  );
}

/** @throws {RangeError} If a choice is given that is not one of `choices`. */
export function checkChoice(
  name: string,
  choice: string | undefined,
  choices: readonly string[],
): void {
  if (choice === undefined || choices.includes(choice)) return;
  throw new RangeError(
    `Cannot use ${name} "${choice}": expected one of ` +
      choices.map((known) => `"${known}"`).join(", "),
  );
}
