// Copyright 2026 the swagpu authors. MIT license.

// Numbers in fewer bits, at the ends of what 32-bit floats can be.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { scaleRows, widenRows } from "../../../nn/formats/mod.ts";

const LARGEST = 2 ** 128 - 2 ** 104;
const SMALLEST = 2 ** -149;

Deno.test("the largest and the smallest numbers keep size and sign", () => {
  const rows = [
    [LARGEST, -LARGEST, 1],
    [LARGEST / 2, -LARGEST, 0],
    [2 ** 127, -(2 ** 126), 2 ** 120],
    [178 * SMALLEST, -178 * SMALLEST, SMALLEST],
    [190 * SMALLEST, -100 * SMALLEST, 0],
    [SMALLEST, 0, -SMALLEST],
  ];
  for (
    const [dtype, relative] of [["I8", 1 / 254], ["F16", 2 ** -11]] as const
  ) {
    for (const row of rows) {
      const { values, scales } = scaleRows(row, 1, dtype);
      const wide = widenRows(values, scales);
      const top = Math.max(...row.map(Math.abs));
      // A factor that is itself very small has few digits.
      const most = top * relative * 1.01 + 64 * SMALLEST;
      for (const [i, x] of row.entries()) {
        const error = Math.abs((wide[i] ?? NaN) - x);
        assert(error <= most, `${dtype} ${x}: ${wide[i]}`);
      }
    }
  }
});

Deno.test("rows that are not whole, and numbers that are not finite, are refused", () => {
  for (const [count, rows] of [[3, 2], [1, 0], [2, NaN], [2, 0.5], [2, -1]]) {
    assertThrows(
      () => scaleRows(new Float32Array(count ?? 0), rows ?? 0, "I8"),
      RangeError,
      `Cannot cut ${count} numbers into ${rows} rows`,
    );
  }
  assertThrows(
    () => widenRows([1, 2, 3], [1, 2]),
    RangeError,
    "Cannot cut 3 numbers into 2 rows: all must have the same length",
  );
  for (const x of [NaN, Infinity]) {
    assertThrows(
      () => scaleRows([1, 2, x, 4], 2, "F16"),
      RangeError,
      `Cannot store row 1 with a factor: its largest number is ${x}`,
    );
  }
  assertEquals([...scaleRows([], 0, "I8").values], []);
  assertEquals([...widenRows([], [])], []);
  assertEquals([...widenRows(scaleRows([], 4, "F16").values, [1, 1])], []);
});
