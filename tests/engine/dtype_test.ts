// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { openDevice } from "../../engine/gpu/device.ts";
import { dtypeOf, DTYPES } from "../../engine/dtype.ts";
import { grid, windows } from "../../engine/launch/launch.ts";
import { gpuTest } from "../_check.ts";

Deno.test("DTYPES and dtypeOf() agree", () => {
  for (const dtype of ["f32", "i32", "u32"] as const) {
    const values = DTYPES[dtype].from([1, 2]);
    assertEquals(dtypeOf(values), dtype);
    assertEquals(values.BYTES_PER_ELEMENT, DTYPES[dtype].bytes);
    assertEquals(
      DTYPES[dtype].view(values.buffer, 4, 1),
      DTYPES[dtype].from([2]),
    );
  }
});

Deno.test("grid() stays under WebGPU's limit and covers every invocation", () => {
  for (const count of [0, 1, 64, 65, 65535 * 64, 65535 * 64 + 1, 3e8]) {
    const [x, y] = grid(count, 64);
    assert(x <= 65535 && y <= 65535);
    assert(x * y * 64 >= count);
  }
});

gpuTest("windows() covers all rows at legal offsets", async () => {
  const small = await openDevice({ maxBindingSize: 64 * 1024 });
  assertEquals(windows(small, 100, [8]), [{ start: 0, count: 100 }]);
  for (const [rows, size] of [[10_000, 3], [1000, 100], [65, 255]] as const) {
    let next = 0;
    for (const { start, count } of windows(small, rows, [1, size])) {
      assertEquals(start, next);
      assertEquals(start % 64, 0);
      assert(count * size * 4 <= 64 * 1024);
      next += count;
    }
    assertEquals(next, rows);
  }
  assertThrows(
    () => windows(small, 100, [1000]),
    RangeError,
    "Cannot split rows of 1000 elements: 64 of them exceed",
  );
  await small.destroy();
});
