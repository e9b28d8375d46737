// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { sizeOf } from "../../../engine/kernel_kit.ts";
import {
  type IntegerTensor,
  ones,
  readAll,
  tensor,
} from "../../../engine/mod.ts";
import {
  packingArrays,
  packingFrom,
  packingOf,
  paysToPack,
} from "../../../models/mod.ts";
import { checkOp, gpuTest, randomValues } from "../../_check.ts";

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

gpuTest("fillers get zeros, and give nothing back", async () => {
  const packing = packingOf(MASK, [3, 4], { multipleOf: 4 });
  assertEquals(packing.tokens, 8);
  const { indices, segments, positions, texts } = packing;
  assertEquals(
    (await readAll([indices, segments, positions, texts])).map((x) => [...x]),
    [
      [...PLACES, -1, -1, -1],
      [0, 2, 0, 2, 2, 5, 2, 5, 2, 5, 5, 8, 5, 8, 5, 8],
      [0, 1, 1, 2, 3, 0, 0, 0],
      [0, 0, 2, 2, 2, 3, 3, 3],
    ],
  );
  for (const width of [3, 4]) {
    await checkOp(
      [{ shape: [3, 4, width] }],
      (x) => packing.pack(x),
      (x) =>
        Float64Array.from({ length: 8 * width }, (_, i) => {
          const place = PLACES[Math.floor(i / width)];
          return place === undefined ? 0 : x[place * width + i % width] ?? NaN;
        }),
    );
    await checkOp(
      [{ shape: [1, 8, width] }],
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
  const labels = tensor(Int32Array.from(MASK, (_, i) => i), { shape: [3, 4] });
  assertEquals(
    [...await packing.pack(labels, -100).data()],
    [...PLACES, -100, -100, -100],
  );
});

for (const multipleOf of [1, 7]) {
  gpuTest(
    `first() and mean() of packed texts, multiples of ${multipleOf}`,
    async () => {
      const packing = packingOf(MASK, [3, 4], { multipleOf });
      const { tokens } = packing;
      for (const width of [1, 5, 8]) {
        const row = (x: Float64Array, t: number) =>
          x.subarray(t * width, (t + 1) * width);
        await checkOp(
          [{ shape: [1, tokens, width] }],
          (x) => packing.first(x),
          (x) => [...row(x, 0), ...new Float64Array(width), ...row(x, 2)],
        );
        await checkOp(
          [{ shape: [1, tokens, width] }],
          (x) => packing.mean(x),
          (x) => {
            const mean = (rows: number[]) =>
              Array.from(
                { length: width },
                (_, i) =>
                  rows.reduce((sum, t) => sum + (row(x, t)[i] ?? 0), 0) /
                  Math.max(1, rows.length),
              );
            return [...mean([0, 1]), ...mean([]), ...mean([2, 3, 4])];
          },
        );
      }
    },
  );
}

gpuTest("segmentsOf() relates a target to its source", async () => {
  const source = packingOf(MASK, [3, 4]);
  const target = packingOf([1, 1, 1, 0, 1, 0], [3, 2], { multipleOf: 3 });
  const [own = [], others = []] = await readAll([
    target.segmentsOf(source),
    source.segmentsOf(target),
  ]);
  assertEquals([...own], [0, 2, 0, 2, 2, 2, 2, 5, 5, 5, 5, 5]);
  assertEquals([...others], [0, 2, 0, 2, 3, 4, 3, 4, 3, 4]);
});

gpuTest("a packing is one of its arrays, and a bundle of tensors", async () => {
  const arrays = packingArrays(MASK, [3, 4], { multipleOf: 2 });
  const tensors = Object.fromEntries(
    Object.entries(arrays).map(([name, values]) => [name, tensor(values)]),
  ) as Record<keyof typeof arrays, IntegerTensor>;
  const shape = [3, 4] as const;
  const made = packingFrom(tensors, { shape });
  const packing = packingOf(MASK, shape, { multipleOf: 2 });
  assertEquals([made.isContiguous, made.isLeading], [true, true]);
  assertEquals([packing.isContiguous, packing.isLeading], [true, false]);
  const again = packing.withTensors(made.bundleTensors);
  assertEquals(again.bundleKey, packing.bundleKey);
  assertEquals(
    await readAll([...again.bundleTensors]),
    await readAll([...packing.bundleTensors]),
  );
  const x = tensor(randomValues(36, 3), { shape: [3, 4, 3] });
  const [a, b] = await readAll([again.pack(x), packing.pack(x)]);
  assertEquals(a, b);
  assertThrows(
    () => packingFrom(tensors, { shape: [2, 4] }),
    TypeError,
    "Cannot pack [2, 4] by a packing of 3 texts and 12 positions",
  );
});

gpuTest("packings work through windows of large tensors", async (device) => {
  const packing = packingOf(
    Int32Array.from({ length: 400 }, (_, i) => i % 3 === 2 ? 0 : 1),
    [4, 100],
  );
  const values = randomValues(400 * 12, 5);
  const x = tensor(values, { shape: [4, 100, 12] });
  const limit = device.maxBindingSize;
  const results: ArrayLike<number>[][] = [];
  try {
    for (const bytes of [limit, 64 * 12 * 4 + 256]) {
      Object.assign(device, { maxBindingSize: bytes });
      const packed = packing.pack(x);
      results.push(await readAll([packed, packing.unpack(packed)]));
    }
  } finally {
    Object.assign(device, { maxBindingSize: limit });
  }
  assertEquals(results[1], results[0]);
  assertEquals(
    results[0]?.[1],
    values.map((value, i) => Math.floor(i / 12) % 3 === 2 ? 0 : value),
  );
});

Deno.test("paysToPack() from an eighth of padding on", () => {
  assertEquals([7, 8, 0].map((tokens) => paysToPack(tokens, 8)), [
    true,
    false,
    false,
  ]);
});

gpuTest("packings refuse what does not fit", () => {
  assertThrows(
    () => packingOf([1], [1, 1], { multipleOf: 0 }),
    RangeError,
    "Cannot fill tokens up to a multiple of 0: it must be a whole number",
  );
  assertThrows(
    () => packingOf([1, 1, 1], [2, 2]),
    TypeError,
    "Cannot pack [2, 2] by a mask of 3 elements: expected 4",
  );
  assertThrows(
    () => packingOf([0, 0], [1, 2]),
    RangeError,
    "Cannot pack [1, 2]: the mask must have a real token",
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
