// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Takes the rows of a batch out of the data: `batches()` and its relatives give
 * row numbers, and collators take features.
 *
 * @param features All rows of the data.
 * @param rows The numbers of the rows to take.
 * @returns These rows, in that order.
 * @throws {RangeError} If there is no such row.
 *
 * @example Usage
 * ```ts
 * import { selectRows } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(selectRows(["a", "b", "c"], Uint32Array.of(2, 0)), ["c", "a"]);
 * ```
 */
export function selectRows<F>(
  features: readonly F[],
  rows: ArrayLike<number>,
): F[] {
  return Array.from(rows, (row): F => {
    if (Object.hasOwn(features, row)) return features[row] as F;
    throw new RangeError(
      `Cannot select row ${row}: there are ${features.length}, counted from 0`,
    );
  });
}
