// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { ones, readAll, sizeOf, tensor } from "../../engine/mod.ts";
import { packingOf } from "../../models/mod.ts";
import { checkOp, gpuTest, randomValues } from "../_check.ts";

const MASK = [1, 1, 0, 0, /**/ 0, 0, 0, 0, /**/ 0, 1, 1, 1];
const PLACES = [0, 1, 9, 10, 11];

gpuTest("packingOf() finds the real tokens and their texts", async () => {
  const packing = packingOf(MASK, [3, 4]);
  const { indices, segments, positions, mask } = packing;
  assertEquals(packing.tokens, 5);
  assertEquals(packing.isContiguous, true);
  assertEquals(segments.shape, [5, 2]);
  assertEquals(positions.shape, [1, 5]);
  assertEquals(
    (await readAll([indices, segments, positions, mask])).map((x) => [...x]),
    [PLACES, [0, 2, 0, 2, 2, 5, 2, 5, 2, 5], [0, 1, 1, 2, 3], MASK],
  );
  assertEquals(packingOf([1, 0, 1], [1, 3]).isContiguous, false);
  assertEquals(packingOf([0, 1, 1, 0], [2, 2]).isContiguous, true);
  assertEquals(packingOf(new Uint8Array(6).fill(1), [2, 3]).tokens, 6);
});

gpuTest("pack() takes real tokens, and so does its derivative", async () => {
  const packing = packingOf(MASK, [3, 4]);
  for (const rest of [[], [1], [7], [2, 8]]) {
    const width = sizeOf(rest);
    await checkOp(
      [{ shape: [3, 4, ...rest] }],
      (x) => packing.pack(x),
      (x) =>
        Float64Array.from(
          { length: 5 * width },
          (_, i) =>
            x[(PLACES[Math.floor(i / width)] ?? 0) * width + i % width] ?? NaN,
        ),
    );
  }
});

gpuTest("unpack() puts zeros at padding", async () => {
  const packing = packingOf(MASK, [3, 4]);
  for (const rest of [[1], [7], [2, 8]]) {
    const width = sizeOf(rest);
    await checkOp(
      [{ shape: [1, 5, ...rest] }],
      (x) => packing.unpack(x),
      (x) => {
        const y = new Float64Array(12 * width);
        PLACES.forEach((place, t) =>
          y.set(x.subarray(t * width, (t + 1) * width), place * width)
        );
        return y;
      },
    );
  }
});

gpuTest("pack() takes integers too", async () => {
  const packing = packingOf(MASK, [3, 4]);
  const ids = tensor(Int32Array.from({ length: 12 }, (_, i) => i * i), {
    shape: [3, 4],
  });
  const packed = packing.pack(ids);
  assertEquals(packed.shape, [1, 5]);
  assertEquals([...await packed.data()], PLACES.map((i) => i * i));
});

gpuTest("unpack() gives back what pack() took, bit for bit", async () => {
  const packing = packingOf(new Uint8Array(12).fill(1), [3, 4]);
  const values = randomValues(60, 3);
  const x = tensor(values, { shape: [3, 4, 5] });
  assertEquals(await packing.unpack(packing.pack(x)).data(), values);
  packing.dispose();
});

gpuTest("packings refuse what does not fit", () => {
  assertThrows(
    () => packingOf([1, 1, 1], [2, 2]),
    TypeError,
    "Cannot pack [2, 2] by a mask of 3 places",
  );
  assertThrows(
    () => packingOf([0, 0], [1, 2]),
    RangeError,
    "Cannot pack [1, 2]: no token is real",
  );
  const packing = packingOf(MASK, [3, 4]);
  assertThrows(
    () => packing.pack(ones([4, 3])),
    TypeError,
    "Cannot pack [4, 3]: expected [3, 4, …]",
  );
  assertThrows(
    () => packing.unpack(ones([1, 4, 2])),
    TypeError,
    "Cannot unpack f32 [1, 4, 2]: expected f32 [1, 5, …]",
  );
});
