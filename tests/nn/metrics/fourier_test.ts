// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { counterRandom } from "../../../nn/counter_random.ts";
import {
  complexZeros,
  FourierTransform,
  multiplyComplex,
} from "../../../nn/metrics/fourier.ts";
import { Kernels, smooth, Smoother } from "../../../nn/metrics/smoothing.ts";

/** Random complex numbers. */
function draw(length: number, seed: number) {
  const random = counterRandom(seed);
  const numbers = complexZeros(length);
  for (let i = 0; i < length; i++) {
    numbers.re[i] = random() - 0.5;
    numbers.im[i] = random() - 0.5;
  }
  return numbers;
}

Deno.test("a transform holds the sums of its definition, and is undone", () => {
  for (const [least, length] of [[1, 1], [2, 2], [5, 8], [64, 64]] as const) {
    const transform = new FourierTransform(least);
    assertEquals(transform.length, length);
    const given = draw(length, length);
    const own = { re: given.re.slice(), im: given.im.slice() };
    transform.forward(own);
    // The results are in another order: Σₖ |Xₖ|² and X₀ show them all.
    const sums = Array.from({ length }, (_, k) => {
      const sum = { re: 0, im: 0 };
      for (let j = 0; j < length; j++) {
        const angle = -2 * Math.PI * j * k / length;
        const [x, y] = [given.re[j] ?? 0, given.im[j] ?? 0];
        sum.re += x * Math.cos(angle) - y * Math.sin(angle);
        sum.im += x * Math.sin(angle) + y * Math.cos(angle);
      }
      return sum;
    });
    const sorted = (list: ArrayLike<number>) => Float64Array.from(list).sort();
    const [re, im] = [sorted(own.re), sorted(own.im)];
    sorted(sums.map(({ re }) => re)).forEach((x, k) =>
      assertAlmostEquals(re[k] ?? NaN, x, 1e-13)
    );
    sorted(sums.map(({ im }) => im)).forEach((x, k) =>
      assertAlmostEquals(im[k] ?? NaN, x, 1e-13)
    );
    transform.inverse(own);
    for (let i = 0; i < length; i++) {
      assertAlmostEquals(own.re[i] ?? NaN, given.re[i] ?? NaN, 1e-15);
      assertAlmostEquals(own.im[i] ?? NaN, given.im[i] ?? NaN, 1e-15);
    }
  }
});

Deno.test("products of transforms are convolutions", () => {
  const length = 16;
  const transform = new FourierTransform(length);
  const [a, b] = [draw(length, 1), draw(length, 2)];
  const expected = complexZeros(length);
  for (let i = 0; i < length; i++) {
    for (let j = 0; j < length; j++) {
      const at = (i + j) % length;
      const [x, y] = [a.re[i] ?? 0, a.im[i] ?? 0];
      const [u, v] = [b.re[j] ?? 0, b.im[j] ?? 0];
      expected.re[at] = (expected.re[at] ?? 0) + x * u - y * v;
      expected.im[at] = (expected.im[at] ?? 0) + x * v + y * u;
    }
  }
  for (const list of [a, b]) transform.forward(list);
  const product = complexZeros(length);
  multiplyComplex(a, b, product);
  transform.inverse(product);
  for (let i = 0; i < length; i++) {
    assertAlmostEquals(product.re[i] ?? NaN, expected.re[i] ?? NaN, 1e-14);
    assertAlmostEquals(product.im[i] ?? NaN, expected.im[i] ?? NaN, 1e-14);
  }
});

/**
 * What a smoother gives at the points of its grid: sums over all rows, each of which is
 * shared between the two points beside it, and over their mirror images.
 */
function sumsOnGrid(
  places: readonly number[],
  values: readonly number[],
  { bandwidth, at }: { bandwidth: number; at: number },
): { mean: number; density: number } {
  const size = Math.floor(Math.max(2000, Math.round(20 / bandwidth)) / 2) + 1;
  const last = size - 1;
  // With an even number of points, no point is in the middle of the kernel.
  const half = Math.floor(size / 2);
  let [sum, weight] = [0, 1e-4];
  for (const [row, place] of places.entries()) {
    const left = Math.min(Math.floor(place * last), last - 1);
    const share = place * last - left;
    for (const [point, part] of [[left, 1 - share], [left + 1, share]]) {
      const images = new Set([point, -(point ?? 0), 2 * last - (point ?? 0)]);
      for (const image of images) {
        const tap = Math.round(at * last) - (image ?? 0) + half;
        if (tap < 0 || tap > last) continue;
        const z = (tap / last - 0.5) / bandwidth;
        const k = (part ?? 0) * Math.exp(-z * z / 2) /
          (Math.sqrt(2 * Math.PI) * bandwidth);
        sum += k * (values[row] ?? 0);
        weight += k;
      }
    }
  }
  return { mean: sum / weight, density: weight };
}

Deno.test("a smoother's convolution is the plain sum on its grid", () => {
  const random = counterRandom(3);
  const places = [0, 1, ...Array.from({ length: 60 }, () => random())];
  const values = places.map(() => random() - 0.5);
  // The grids have 1,001 points, 1,281 points, and an even number of them.
  for (const bandwidth of [0.5, 0.03, 1 / 128, 20 / 2406]) {
    const points = 2;
    const { mean, density } = smooth(places, values, {
      bandwidth,
      kernel: "reflected",
      points,
    });
    for (const [i, at] of [0, 1].entries()) {
      const expected = sumsOnGrid(places, values, { bandwidth, at });
      assertAlmostEquals(mean[i] ?? NaN, expected.mean, 1e-10);
      assertAlmostEquals(density[i] ?? NaN, expected.density, 1e-10);
    }
  }
});

Deno.test("smoothers that share kernels give the same as those that do not", () => {
  const kernels = new Kernels();
  const random = counterRandom(4);
  for (const kernel of ["reflected", "logit"] as const) {
    for (let i = 0; i < 3; i++) {
      const places = Array.from({ length: 20 }, () => random());
      const values = places.map(() => random());
      const shared = new Smoother(places, values, { kernel, kernels });
      // More bandwidths than kernels are kept.
      for (let k = 1; k <= 70; k++) {
        const width = { bandwidth: k / 70, points: 5 };
        assertEquals(
          shared.at(width),
          smooth(places, values, { kernel, ...width }),
        );
      }
    }
  }
});
