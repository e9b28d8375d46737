// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { counterRandom } from "../../../nn/counter_random.ts";
import {
  binarySmoothCalibrationError,
  smoothCalibrationError,
  smoothReliability,
} from "../../../nn/metrics/mod.ts";
import {
  drawIndices,
  quantileOf,
  seededRandom,
} from "../../../nn/metrics/resampling.ts";
import { roundHalfEven, smooth } from "../../../nn/metrics/smoothing.ts";

/** Rows that are right with a probability of their confidence less a shift. */
function draw(rows: number, shift: number, seed: number) {
  const random = counterRandom(seed);
  const probabilities: number[] = [];
  const labels: number[] = [];
  for (let row = 0; row < rows; row++) {
    const confidence = 0.6 + 0.3 * random();
    probabilities.push(confidence, 1 - confidence);
    labels.push(random() < confidence - shift ? 0 : 1);
  }
  return { probabilities, labels };
}

Deno.test("the smooth error is small if calibrated, and the shift if not", () => {
  const right = draw(4000, 0, 1);
  const wrong = draw(4000, 0.2, 1);
  const error = (rows: ReturnType<typeof draw>) =>
    smoothCalibrationError(rows.probabilities, rows.labels).error;
  assert(error(right) < 0.03, `${error(right)}`);
  assertAlmostEquals(error(wrong), 0.2, 0.02);
});

Deno.test("the smooth error of one confidence is its gap at any bandwidth", () => {
  const scores = [0.7, 0.7, 0.7, 0.7];
  for (const bandwidth of [0.02, 0.1, 0.5]) {
    const { error } = binarySmoothCalibrationError(scores, [1, 0, 0, 0], {
      bandwidth,
    });
    // The constant that keeps densities above 0 takes a little away.
    assertAlmostEquals(error, 0.45, 1e-4);
  }
});

Deno.test("the bandwidth is the last of ten halvings that is above the error", () => {
  const { probabilities, labels } = draw(200, 0.1, 7);
  const { error, bandwidth } = smoothCalibrationError(probabilities, labels);
  const at = (bandwidth: number) =>
    smoothCalibrationError(probabilities, labels, { bandwidth }).error;
  assertEquals(bandwidth * 1024 % 1, 0);
  assertEquals(at(bandwidth), error);
  assert(bandwidth >= error);
  assert(bandwidth - 1 / 1024 < at(bandwidth - 1 / 1024));
});

Deno.test("a smoother is the plain sum over rows, with mirror images", () => {
  const places = [0.03, 0.41, 0.98];
  const values = [1, -2, 0.5];
  const bandwidth = 0.05;
  const { mean, density } = smooth(places, values, {
    bandwidth,
    kernel: "reflected",
    points: 11,
  });
  for (let i = 0; i <= 10; i++) {
    let sum = 0;
    let weight = 1e-4;
    for (const [row, place] of places.entries()) {
      for (const image of [place, -place, 2 - place]) {
        const z = (i / 10 - image) / bandwidth;
        const k = Math.exp(-z * z / 2) / (Math.sqrt(2 * Math.PI) * bandwidth);
        sum += k * (values[row] ?? 0);
        weight += k;
      }
    }
    // The grid of 1,001 points moves rows by less than a thousandth.
    assertAlmostEquals(density[i] ?? NaN, weight, 2e-3 * (1 + weight));
    assertAlmostEquals(mean[i] ?? NaN, sum / weight, 2e-3);
  }
});

Deno.test("a reliability curve lies in its band, which a seed repeats", () => {
  const { probabilities, labels } = draw(300, 0.1, 3);
  const options = { points: 21, resamples: 40, seed: 5 };
  const curve = smoothReliability(probabilities, labels, options);
  const again = smoothReliability(probabilities, labels, options);
  const other = smoothReliability(probabilities, labels, {
    ...options,
    seed: 6,
  });
  assertEquals(curve, again);
  assert(curve.lower.some((x, i) => x !== other.lower[i]));
  assertEquals(curve.confidence[1], 0.05);
  assert(curve.errorLower <= curve.error && curve.error <= curve.errorUpper);
  assert(curve.errorLower < 0.1 && curve.errorUpper > 0.05);
  // Confidences go from 0.6 to 0.9, where accuracy is 0.1 below them.
  for (const i of [13, 14, 15, 16, 17]) {
    const [low, middle, high] = [curve.lower, curve.accuracy, curve.upper]
      .map((list) => list[i] ?? NaN) as [number, number, number];
    assert(low <= middle && middle <= high);
    assert(high - low > 0.02 && high - low < 0.4);
    assertAlmostEquals(middle, i / 20 - 0.1, 0.12);
  }
  const mass = curve.density.reduce((sum, x) => sum + x, 0) / 21;
  assertAlmostEquals(mass, 1, 0.05);
});

Deno.test("a wider band holds a narrower one", () => {
  const { probabilities, labels } = draw(100, 0.1, 4);
  const band = (confidenceLevel: number) =>
    smoothReliability(probabilities, labels, {
      points: 11,
      resamples: 30,
      confidenceLevel,
    });
  const [narrow, wide] = [band(0.5), band(0.9)];
  for (let i = 0; i < 11; i++) {
    assert((wide.lower[i] ?? NaN) <= (narrow.lower[i] ?? NaN));
    assert((wide.upper[i] ?? NaN) >= (narrow.upper[i] ?? NaN));
  }
  assert(wide.errorUpper >= narrow.errorUpper);
});

Deno.test("smooth calibration refuses what it would not obey", () => {
  const measure = (options: object) => () =>
    smoothReliability([0.9, 0.1], [0], options);
  assertThrows(measure({ bins: 5 }), TypeError, '"bins"');
  const wrong: [object, string][] = [
    [{ kernel: "box" }, 'kernel is "box"'],
    [{ bandwidth: 0 }, "bandwidth is 0"],
    [{ bandwidth: NaN }, "bandwidth is NaN"],
    [{ points: 2 }, "points is 2"],
    [{ resamples: 0 }, "resamples is 0"],
    [{ confidenceLevel: 95 }, "confidenceLevel is 95"],
    [{ seed: -1 }, "seed is -1"],
  ];
  for (const [options, message] of wrong) {
    assertThrows(measure(options), RangeError, message);
  }
});

Deno.test("resampling draws every row equally often", () => {
  const counts = new Float64Array(10);
  const random = seededRandom(9);
  for (let i = 0; i < 2000; i++) {
    for (const row of drawIndices(random, 10)) {
      counts[row] = (counts[row] ?? 0) + 1;
    }
  }
  // Counts are binomial with mean 2,000 and standard deviation 42.
  for (const count of counts) assertAlmostEquals(count, 2000, 200);
  const first = (seed: number) => seededRandom(seed)();
  assert(first(0) !== first(1));
  assert(first(1) !== first(1 + 2 ** 32));
});

Deno.test("quantiles and rounding are those of NumPy and Python", () => {
  assertEquals(quantileOf([4, 1, 3, 2], 0.5), 2.5);
  assertEquals(quantileOf([4, 1, 3, 2], 0.25), 1.75);
  assertEquals([quantileOf([1, 2], 0), quantileOf([1, 2], 1)], [1, 2]);
  assertEquals([0.5, 1.5, 2.5, 2.4, 2.6].map(roundHalfEven), [0, 2, 2, 2, 3]);
});
