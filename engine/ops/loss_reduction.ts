// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How losses of many rows or elements become one.

/** How the losses of all rows or elements become the result. */
export type LossReduction = "mean" | "sum" | "none";

const REDUCTIONS: readonly LossReduction[] = ["mean", "sum", "none"];

/**
 * Checks that a reduction exists. Code without a type checker may give any
 * word, which would be taken for another reduction.
 *
 * @throws {RangeError} If no such reduction exists.
 */
export function checkReduction(reduction: LossReduction): void {
  if (REDUCTIONS.includes(reduction)) return;
  throw new RangeError(
    `Cannot reduce losses by ${JSON.stringify(reduction)}: expected ${
      REDUCTIONS.map((name) => `"${name}"`).join(", ")
    }`,
  );
}
