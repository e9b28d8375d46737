// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Vector scaling: a weight and a bias for each class that make probabilities
 * honest.
 *
 * @module
 */

import { checkKnown } from "./known_options.ts";
import { softmaxRows } from "./probabilities.ts";
import {
  checkLabels,
  columns,
  finiteValues,
  type RowsOptions,
} from "./rows.ts";
import { solve } from "./linear_system.ts";
import { Sum } from "./sums.ts";

/** Options of {@linkcode fitVectorScaling}. */
export interface FitVectorScalingOptions {
  /**
   * Pulls weights towards 1 and biases towards 0: half of this number times the
   * sum of their squared distances is added to the loss. Where the loss alone
   * has no minimum, because a class never occurs or because the classes can be
   * told apart without error, it must be above 0.
   * @default {0}
   */
  penalty?: number;
}

/** A weight and a bias for each class. */
export interface VectorScaling {
  /** w, the factor of each class's logits, [classes]. */
  weights: Float64Array<ArrayBuffer>;
  /** b, what is added to them, [classes]. Its mean is 0. */
  bias: Float64Array<ArrayBuffer>;
}

/**
 * The weights w and the bias b that minimize
 * −1/n Σᵢ log softmax(w ⊙ zᵢ + b)(yᵢ) (Guo et al., 2017).
 *
 * The loss is convex; Newton's method finds the minimum. The bias counts only
 * up to a constant, so its mean is 0. Fit on other data than those that you
 * report on. {@linkcode fitTemperature} has one parameter where this has two a
 * class, and needs fewer rows.
 *
 * @param logits Scores or log-probabilities, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The penalty.
 * @returns w and b, for {@linkcode applyVectorScaling}.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a score is not finite, the penalty is negative, or the loss has no
 * minimum.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Scores that say nothing: the bias gives the frequencies
 * ```ts
 * import { applyVectorScaling, fitVectorScaling } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logits = [1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1];
 * const scaling = fitVectorScaling(logits, [0, 0, 0, 0, 0, 0, 1, 1]);
 * const [p = 0] = applyVectorScaling([1, 0], scaling);
 * assertAlmostEquals(p, 0.75, 1e-6);
 * ```
 */
export function fitVectorScaling(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: FitVectorScalingOptions = {},
): VectorScaling {
  const action = "fit vector scaling";
  checkKnown(action, options, ["penalty"]);
  const { penalty = 0 } = options;
  const classes = checkLabels(action, logits, labels);
  if (!(penalty >= 0 && penalty < Infinity)) {
    throw new RangeError(
      `Cannot ${action}: the penalty is ${penalty}, but must be a number of at least 0`,
    );
  }
  const values = finiteValues(action, logits);
  const present = new Set(Array.from(labels));
  if (penalty === 0 && present.size < classes) {
    throw new RangeError(
      `Cannot ${action}: only ${present.size} of ${classes} classes have a row, but the bias of a class without rows has no best value; give more rows or a penalty`,
    );
  }
  const task = { values, labels, classes, penalty };
  let point = new Float64Array(2 * classes).fill(1, 0, classes);
  let loss = lossAt(task, point);
  for (let iteration = 0; iteration < 100; iteration++) {
    const { gradient, hessian } = derivatives(task, point);
    const step = solve(hessian, gradient);
    const decrease = step.reduce((s, x, i) => s + x * (gradient[i] ?? 0), 0);
    let scale = 1;
    let next = point;
    let lower = loss;
    // Newton's step may be too long far from the minimum.
    for (; scale > 1e-10; scale /= 2) {
      next = point.map((x, i) => x - scale * (step[i] ?? 0));
      lower = lossAt(task, next);
      if (lower <= loss - 0.1 * scale * decrease) break;
    }
    const isSmall = decrease < 1e-18 * Math.max(1, loss) || scale <= 1e-10;
    if (lower <= loss) [point, loss] = [next, lower];
    // Even the best scores in the world leave some doubt about labels.
    if (penalty === 0 && loss < 1e-9) break;
    if (isSmall) return split(point, classes);
  }
  throw new RangeError(
    `Cannot ${action}: the loss of ${labels.length} rows has no minimum, because the classes can be told apart without error; give more rows or a penalty`,
  );
}

/**
 * Probabilities after vector scaling, softmax(w ⊙ z + b) of each row.
 *
 * @param logits Scores or log-probabilities, [rows, classes].
 * @param scaling What {@linkcode fitVectorScaling} has found.
 * @returns Probabilities, [rows, classes].
 * @throws {RangeError} If the values do not fill whole rows, or weights and
 * bias differ in length.
 *
 * @example Half the weight
 * ```ts
 * import { applyVectorScaling } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const scaling = {
 *   weights: new Float64Array([0.5, 0.5]),
 *   bias: new Float64Array([0, 0]),
 * };
 * const [p = 0] = applyVectorScaling([Math.log(9), 0], scaling);
 * assertAlmostEquals(p, 0.75);
 * ```
 */
export function applyVectorScaling(
  logits: ArrayLike<number>,
  scaling: VectorScaling,
): Float64Array<ArrayBuffer> {
  const { weights, bias } = scaling;
  const classes = weights.length;
  const action = "apply vector scaling";
  if (bias.length !== classes) {
    throw new RangeError(
      `Cannot ${action}: ${classes} weights and ${bias.length} biases, expected equal numbers`,
    );
  }
  columns(action, logits.length, classes);
  const scaled = Float64Array.from(
    logits,
    (z, i) => (weights[i % classes] ?? NaN) * z + (bias[i % classes] ?? NaN),
  );
  const options: RowsOptions = { classes };
  return softmaxRows(scaled, options);
}

/** The rows to fit, and the penalty. */
interface Task {
  values: Float64Array;
  labels: ArrayLike<number>;
  classes: number;
  penalty: number;
}

function split(point: Float64Array, classes: number): VectorScaling {
  const bias = Float64Array.from(point.subarray(classes));
  const mean = bias.reduce((sum, b) => sum + b, 0) / classes;
  return {
    weights: Float64Array.from(point.subarray(0, classes)),
    bias: bias.map((b) => b - mean),
  };
}

/** Writes w ⊙ z + b of a row, less its largest value, and returns log Σ exp. */
function scaleRow(
  { values, classes }: Task,
  point: Float64Array,
  { row, scores }: { row: number; scores: Float64Array },
): number {
  let largest = -Infinity;
  for (let k = 0; k < classes; k++) {
    const score = (point[k] ?? NaN) * (values[row * classes + k] ?? NaN) +
      (point[classes + k] ?? NaN);
    scores[k] = score;
    largest = Math.max(largest, score);
  }
  let sum = 0;
  for (let k = 0; k < classes; k++) {
    scores[k] = (scores[k] ?? NaN) - largest;
    sum += Math.exp(scores[k] ?? NaN);
  }
  return Math.log(sum);
}

function lossAt(task: Task, point: Float64Array): number {
  const { labels, classes, penalty } = task;
  const scores = new Float64Array(classes);
  const sum = new Sum();
  for (let row = 0; row < labels.length; row++) {
    const total = scaleRow(task, point, { row, scores });
    sum.add(total - (scores[labels[row] ?? 0] ?? NaN));
  }
  let squares = 0;
  for (const [i, x] of point.entries()) {
    squares += (i < classes ? x - 1 : x) ** 2;
  }
  return sum.value / labels.length + penalty / 2 * squares;
}

/**
 * The gradient of the loss, and the lower triangle of its matrix of second
 * derivatives.
 */
function derivatives(
  task: Task,
  point: Float64Array,
): { gradient: Float64Array; hessian: Float64Array } {
  const { values, labels, classes, penalty } = task;
  const size = 2 * classes;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  const scores = new Float64Array(classes);
  const share = 1 / labels.length;
  for (let row = 0; row < labels.length; row++) {
    const total = scaleRow(task, point, { row, scores });
    const p = scores.map((score) => Math.exp(score - total));
    const z = values.subarray(row * classes, (row + 1) * classes);
    for (let k = 0; k < classes; k++) {
      const [pk, zk] = [p[k] ?? NaN, z[k] ?? NaN];
      const error = share * (pk - (labels[row] === k ? 1 : 0));
      gradient[k] = (gradient[k] ?? 0) + error * zk;
      gradient[classes + k] = (gradient[classes + k] ?? 0) + error;
      for (let l = 0; l < classes; l++) {
        const [pl, zl] = [p[l] ?? NaN, z[l] ?? NaN];
        const c = share * pk * ((k === l ? 1 : 0) - pl);
        const below = (classes + k) * size + l;
        hessian[below] = (hessian[below] ?? 0) + c * zl;
        if (l > k) continue;
        const at = k * size + l;
        hessian[at] = (hessian[at] ?? 0) + c * zk * zl;
        hessian[below + classes] = (hessian[below + classes] ?? 0) + c;
      }
    }
  }
  for (let i = 0; i < size; i++) {
    const x = point[i] ?? NaN;
    gradient[i] = (gradient[i] ?? 0) + penalty * (i < classes ? x - 1 : x);
    const at = i * size + i;
    hessian[at] = (hessian[at] ?? 0) + penalty;
    // The loss does not change with the mean of the bias, so the matrix is
    // singular; this term keeps steps from moving it.
    for (let j = classes; j <= i; j++) {
      hessian[i * size + j] = (hessian[i * size + j] ?? 0) + 1 / classes;
    }
  }
  return { gradient, hessian };
}
