// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { counterRandom } from "../../../nn/counter_random.ts";
import {
  applyTemperature,
  applyVectorScaling,
  fitTemperature,
  fitVectorScaling,
  negativeLogLikelihood,
  softmaxRows,
} from "../../../nn/metrics/mod.ts";
import { solve } from "../../../nn/metrics/linear_system.ts";

/** Labels drawn from softmax(w ⊙ z + b). */
function draw(rows: number, weights: number[], bias: number[]) {
  const random = counterRandom(3);
  const classes = weights.length;
  const logits = Float64Array.from(
    { length: rows * classes },
    () => 4 * random() - 2,
  );
  const scaled = logits.map((z, i) =>
    (weights[i % classes] ?? 0) * z + (bias[i % classes] ?? 0)
  );
  const p = softmaxRows(scaled, { classes });
  const labels = Array.from({ length: rows }, (_, row) => {
    let u = random();
    for (let k = 0; k < classes - 1; k++) {
      u -= p[row * classes + k] ?? 0;
      if (u < 0) return k;
    }
    return classes - 1;
  });
  return { logits, labels };
}

Deno.test("vector scaling recovers the weights and biases of the labels", () => {
  const [weights, bias] = [[0.5, 1.5, 1], [0.4, -0.6, 0.2]];
  const { logits, labels } = draw(20_000, weights, bias);
  const scaling = fitVectorScaling(logits, labels);
  for (const k of [0, 1, 2]) {
    assertAlmostEquals(scaling.weights[k] ?? NaN, weights[k] ?? NaN, 0.06);
    assertAlmostEquals(scaling.bias[k] ?? NaN, bias[k] ?? NaN, 0.06);
  }
});

Deno.test("no step from the fitted scaling lowers the loss, nor does a temperature", () => {
  const { logits, labels } = draw(400, [0.5, 1.5, 1, 2], [0.5, 0, -1, 0.5]);
  const scaling = fitVectorScaling(logits, labels);
  const lossOf = (weights: Float64Array<ArrayBuffer>, bias = scaling.bias) =>
    negativeLogLikelihood(
      applyVectorScaling(logits, { weights, bias }),
      labels,
    );
  const least = lossOf(scaling.weights);
  for (const step of [1e-3, -1e-3]) {
    for (const k of [0, 1, 2, 3]) {
      const moved = (list: Float64Array<ArrayBuffer>) =>
        list.map((x, i) => i === k ? x + step : x);
      assert(lossOf(moved(scaling.weights)) > least);
      assert(lossOf(scaling.weights, moved(scaling.bias)) > least);
    }
  }
  const sum = scaling.bias.reduce((total, b) => total + b, 0);
  assertAlmostEquals(sum, 0, 1e-12);
  const temperature = fitTemperature(logits, labels);
  const scaled = applyTemperature(logits, temperature, { classes: 4 });
  assert(least <= negativeLogLikelihood(scaled, labels));
});

Deno.test("vector scaling without a minimum asks for rows or a penalty", () => {
  const separable = [[2, 0, 0, 2], [0, 1]] as const;
  assertThrows(
    () => fitVectorScaling(...separable),
    RangeError,
    "has no minimum",
  );
  assertThrows(
    () => fitVectorScaling([1, 0, 0, 0, 1, 0], [0, 1]),
    RangeError,
    "only 2 of 3 classes have a row",
  );
  const { weights, bias } = fitVectorScaling(...separable, { penalty: 0.1 });
  assert([...weights, ...bias].every((x) => Math.abs(x) < 5));
  assert((weights[0] ?? 0) > 1);
  const strong = fitVectorScaling(...separable, { penalty: 1e6 });
  assertAlmostEquals(strong.weights[0] ?? NaN, 1, 1e-5);
});

Deno.test("vector scaling refuses bad input", () => {
  const fit = (logits: number[], options: object = {}) => () =>
    fitVectorScaling(logits, [0, 1], options);
  assertThrows(fit([1, 0, 0, NaN]), RangeError, "value 3 is NaN");
  assertThrows(fit([1, 0, 0]), RangeError, "expected whole rows");
  assertThrows(fit([1, 0, 0, 1], { penalty: -1 }), RangeError, "is -1");
  assertThrows(fit([1, 0, 0, 1], { l2: 1 }), TypeError, '"l2"');
  assertThrows(
    () =>
      applyVectorScaling([1, 2], {
        weights: new Float64Array(2),
        bias: new Float64Array(1),
      }),
    RangeError,
    "2 weights and 1 biases",
  );
});

Deno.test("solve() solves a system, and the regular part of a singular one", () => {
  const matrix = new Float64Array([4, 2, 2, 3]);
  assertEquals([...solve(matrix, new Float64Array([8, 8]))].map(Math.fround), [
    1,
    2,
  ]);
  const singular = new Float64Array([1, -1, -1, 1]);
  const [x = 0, y = 0] = solve(singular, new Float64Array([2, -2]));
  assertAlmostEquals(x - y, 2, 1e-6);
});
