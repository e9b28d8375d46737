// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { counterRandom, philox2x32 } from "../../nn/counter_random.ts";

Deno.test("philox2x32() gives the known answers of Random123", () => {
  assertEquals(philox2x32([0, 0], 0), [0xff1dae59, 0x6cd10df2]);
  assertEquals(
    philox2x32([0xffffffff, 0xffffffff], 0xffffffff),
    [0x2c3f628b, 0xab4fd7ad],
  );
  assertEquals(
    philox2x32([0x243f6a88, 0x85a308d3], 0x13198a2e),
    [0xdd7ce038, 0xf62a4c12],
  );
});

Deno.test("counterRandom() is uniform and its streams differ", () => {
  const random = counterRandom(9);
  const other = counterRandom(9, { stream: 1 });
  const n = 20_000;
  let sum = 0;
  let product = 0;
  for (let i = 0; i < n; i++) {
    const [a, b] = [random(), other()];
    sum += a;
    product += (a - 0.5) * (b - 0.5);
  }
  // Four standard errors of the mean and of the product of two uniforms.
  assertAlmostEquals(sum / n, 0.5, 4 * Math.sqrt(1 / 12 / n));
  assertAlmostEquals(product / n, 0, 4 / 12 / Math.sqrt(n));
});
