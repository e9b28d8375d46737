// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** What becomes of the losses of all rows or elements. */
export type LossReduction = "mean" | "sum" | "none";

const REDUCTIONS: readonly LossReduction[] = ["mean", "sum", "none"];

/**
 * Throws unless there is such a reduction: another word would be taken for one
 * that was not meant.
 *
 * @throws {RangeError} If there is none.
 */
export function checkReduction(reduction: LossReduction): void {
  if (REDUCTIONS.includes(reduction)) return;
  throw new RangeError(
    `Cannot reduce losses by ${JSON.stringify(reduction)}: expected ${
      REDUCTIONS.map((name) => `"${name}"`).join(", ")
    }`,
  );
}
