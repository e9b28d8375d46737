// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How many edits turn one sequence into another, and the error rates of words
 * and characters.
 *
 * @module
 */

import { splitWords } from "./words.ts";

/**
 * The least number of insertions, deletions and replacements that turn one
 * sequence into another (Levenshtein, 1966).
 *
 * @param a A text, whose characters are counted, or a list of items.
 * @param b The other.
 * @returns A whole number; 0 if both are equal.
 *
 * @example Three letters
 * ```ts
 * import { editDistance } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(editDistance("kitten", "sitting"), 3);
 * assertEquals(editDistance(["a", "b"], ["b"]), 1);
 * ```
 */
export function editDistance<T>(
  a: string | readonly T[],
  b: string | readonly T[],
): number {
  const [first, second] = [[...a], [...b]];
  let row = Array.from({ length: second.length + 1 }, (_, j) => j);
  first.forEach((item, i) => {
    const next = [i + 1];
    second.forEach((other, j) => {
      next.push(Math.min(
        (row[j] ?? 0) + (item === other ? 0 : 1),
        (row[j + 1] ?? 0) + 1,
        (next[j] ?? 0) + 1,
      ));
    });
    row = next;
  });
  return row.at(-1) ?? 0;
}

/**
 * The word error rate: edits of words divided by the words of the references.
 *
 * @param hypotheses Texts.
 * @param references What they should be, one for each.
 * @returns A value of at least 0, which may exceed 1.
 * @throws {RangeError} If the lists differ in length, or the references hold no
 * word.
 *
 * @example One of four words
 * ```ts
 * import { wordErrorRate } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(wordErrorRate(["a b d"], ["a b c d"]), 0.25);
 * ```
 */
export function wordErrorRate(
  hypotheses: readonly string[],
  references: readonly string[],
): number {
  return errorRate(hypotheses, references, splitWords);
}

/**
 * The character error rate: edits of characters divided by the characters of
 * the references, spaces included.
 *
 * @param hypotheses Texts.
 * @param references What they should be, one for each.
 * @returns A value of at least 0, which may exceed 1.
 * @throws {RangeError} If the lists differ in length, or the references are
 * empty.
 *
 * @example One of four characters
 * ```ts
 * import { charErrorRate } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(charErrorRate(["abd"], ["abcd"]), 0.25);
 * ```
 */
export function charErrorRate(
  hypotheses: readonly string[],
  references: readonly string[],
): number {
  return errorRate(hypotheses, references, (text) => [...text]);
}

function errorRate(
  hypotheses: readonly string[],
  references: readonly string[],
  split: (text: string) => string[],
): number {
  if (hypotheses.length !== references.length) {
    throw new RangeError(
      `Cannot count errors: ${hypotheses.length} hypotheses and ${references.length} references, expected equal numbers`,
    );
  }
  let edits = 0;
  let length = 0;
  hypotheses.forEach((hypothesis, i) => {
    const reference = split(references[i] ?? "");
    edits += editDistance(split(hypothesis), reference);
    length += reference.length;
  });
  if (length === 0) {
    throw new RangeError("Cannot count errors: the references are empty");
  }
  return edits / length;
}
