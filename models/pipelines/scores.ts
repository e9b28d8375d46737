// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Scores to probabilities, and the best of them.

/**
 * Scores as they are.
 *
 * @throws {RangeError} If one is NaN: nothing can be said of it then.
 */
export function checked<T extends ArrayLike<number>>(scores: T): T {
  for (let i = 0; i < scores.length; i++) {
    if (!Number.isNaN(scores[i] ?? NaN)) continue;
    throw new RangeError(
      "Cannot make results of the model's scores: there is NaN among them, " +
        "so the weights are NaN or too large",
    );
  }
  return scores;
}

/**
 * Probabilities of all places, or of those that `allowed` names; else 0.
 *
 * @throws {RangeError} If the scores give none: NaN, or an infinite best one.
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
      "Cannot make probabilities of the model's scores: the best is Infinity",
    );
  }
  let total = 0;
  for (let i = 0; i < scores.length; i++) {
    if (allowed && !allowed[i]) continue;
    const value = Math.exp((scores[i] ?? NaN) - highest);
    result[i] = value;
    total += value;
  }
  // Where nothing is allowed, or all is infinitely unlikely, nothing is likely.
  return total > 0 ? result.map((value) => value / total) : result.fill(0);
}

/** The place of the largest value; the first where several are. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] ?? NaN) > (values[best] ?? NaN)) best = i;
  }
  return best;
}

/** The places of the `count` largest values, the largest first. */
export function largest(values: ArrayLike<number>, count: number): number[] {
  // A vocabulary is long: only what can be among the best is put in order.
  const ascending = Float64Array.from(values).sort();
  const least = ascending[Math.max(0, values.length - count)] ?? -Infinity;
  const places: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (!((values[i] ?? NaN) < least)) places.push(i);
  }
  return places
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

/** @throws {RangeError} If a choice that was made is none of those there are. */
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
