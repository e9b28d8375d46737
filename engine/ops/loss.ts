// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Losses of pairs of elements. Each is an expression for the loss of a pair and
// two for its derivatives; a reduction makes one loss of all pairs.

import { evaluate } from "../launch/evaluate.ts";
import { reduceAxes } from "../launch/reduction.ts";
import { broadcastShapes, formatShape, sameShape } from "../shape.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkReduction, type LossReduction } from "./loss_reduction.ts";
import { requireFloat } from "./require_float.ts";

/** A loss of pairs of elements x and t, as WGSL expressions. */
interface PairLoss {
  name: string;
  value: string;
  dx: string;
  dt: string;
  /**
   * Further tensors that the expressions name. They broadcast and get no
   * gradient.
   */
  extras?: Readonly<Record<string, Tensor>>;
}

/** Evaluates the loss of each pair and reduces; a mean divides by `divisor`. */
function pairLoss(
  { name, value, dx, dt, extras = {} }: PairLoss,
  x: Tensor,
  t: Tensor,
  reduction: LossReduction,
  divisor: number = x.size,
): Tensor {
  requireFloat("take the loss of", x, "values");
  requireFloat("take the loss of", t, "targets");
  if (!sameShape(x.shape, t.shape)) {
    throw new TypeError(
      `Cannot take the loss of ${formatShape(x.shape)} against ${
        formatShape(t.shape)
      }: the shapes must be equal`,
    );
  }
  checkReduction(reduction);
  const scale = reduction === "mean" ? 1 / divisor : 1;
  const scalars = [["scale", "f32"]] as const;
  const run = (label: string, body: string, dy?: Tensor) => {
    const given = Object.entries({ x, t, ...extras, ...(dy ? { dy } : {}) })
      .filter(([n]) => new RegExp(`\\b${n}\\b`).test(body));
    const operands = given.map(([n]) => [n, "f32"] as const);
    return evaluate(
      x.shape,
      {
        name: label,
        body,
        operands,
        scalars: dy ? scalars : [],
        result: "f32",
      },
      given.map(([, tensor]) => tensor),
      dy ? { scale } : {},
    );
  };
  const values = run(name, value);
  let y = values;
  if (reduction !== "none") {
    y = reduceAxes(values, x.shape.map(() => true), [], "sum", scale);
    values.dispose();
  }
  return record(y, [x, t], (dy) => [
    x.requiresGrad ? run(`${name}_dx`, `dy * scale * (${dx})`, dy) : undefined,
    t.requiresGrad ? run(`${name}_dt`, `dy * scale * (${dt})`, dy) : undefined,
  ]);
}

/** Options of {@linkcode mseLoss}. */
export interface MseLossOptions {
  /**
   * How the losses of all elements become the result.
   *
   * @default {"mean"}
   */
  reduction?: LossReduction;
}

/**
 * Finds the squared error `(x - t)²` of all elements.
 *
 * @param x The predictions, a tensor of floats.
 * @param target The targets `t`, of x's shape; they may get a gradient, too.
 * @param options The reduction.
 * @returns A scalar; a tensor of x's shape if the reduction is `"none"`.
 * @throws {TypeError} If the shapes differ, or a tensor is not of floats.
 * @throws {RangeError} If no such reduction exists.
 *
 * @example Usage
 * ```ts
 * import { initialize, mseLoss, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals(await mseLoss(tensor([1, 2]), tensor([1, 4])).item(), 2);
 * ```
 */
export function mseLoss(
  x: Tensor,
  target: Tensor,
  options: MseLossOptions = {},
): Tensor {
  return pairLoss(
    {
      name: "mse",
      value: "(x - t) * (x - t)",
      dx: "2.0 * (x - t)",
      dt: "2.0 * (t - x)",
    },
    x,
    target,
    options.reduction ?? "mean",
  );
}

/** Options of {@linkcode bceWithLogits}. */
export interface BceWithLogitsOptions {
  /**
   * How the losses of all elements become the result.
   *
   * @default {"mean"}
   */
  reduction?: LossReduction;
  /**
   * A factor of the positive part, which broadcasts to the logits.
   *
   * @default {1}
   */
  posWeight?: Tensor;
  /**
   * A factor of the whole loss, which broadcasts to the logits.
   *
   * @default {1}
   */
  weight?: Tensor;
}

/**
 * Finds the binary cross-entropy of logits `x` with probabilities `t`, `-(p t
 * log σ(x) + (1 - t) log(1 - σ(x)))`, where `p` is `posWeight`. The form that
 * is computed neither overflows nor loses the digits of small losses.
 *
 * @param logits The logits, a tensor of floats.
 * @param target The probabilities, of the logits' shape.
 * @param options Factors and the reduction.
 * @returns A scalar; a tensor of the logits' shape if the reduction is
 * `"none"`.
 * @throws {TypeError} If the shapes differ, a tensor is not of floats, or a
 * factor does not broadcast to the logits.
 * @throws {RangeError} If no such reduction exists.
 *
 * @example Usage
 * ```ts
 * import { bceWithLogits, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const loss = bceWithLogits(tensor([0, 100]), tensor([1, 1]));
 * assertAlmostEquals(await loss.item(), Math.LN2 / 2, 1e-6);
 * ```
 */
export function bceWithLogits(
  logits: Tensor,
  target: Tensor,
  options: BceWithLogitsOptions = {},
): Tensor {
  const { posWeight, weight, reduction = "mean" } = options;
  checkFactor("posWeight", posWeight, logits);
  checkFactor("weight", weight, logits);
  // The positive and the negative part are computed apart, so that neither
  // loses digits to the other. A part of weight 0 adds nothing, however large
  // its logarithm.
  const p = posWeight ? "pos * t" : "t";
  const w = weight ? "w * " : "";
  return pairLoss(
    {
      name: "bce_with_logits",
      value: `${w}(share(${p}, softplus(-x)) + share(1.0 - t, softplus(x)))`,
      dx: `${w}((1.0 - t) * sigmoid(x) - ${p} * sigmoid(-x))`,
      dt: posWeight ? `${w}((pos - 1.0) * softplus(-x) - x)` : `${w}(-x)`,
      extras: {
        ...(posWeight ? { pos: posWeight } : {}),
        ...(weight ? { w: weight } : {}),
      },
    },
    logits,
    target,
    reduction,
  );
}

/** Options of {@linkcode klDivergence}. */
export interface KlDivergenceOptions {
  /**
   * `"batchmean"` divides the sum by the length of the first axis, which gives
   * the divergence itself; `"mean"` divides by the number of elements.
   *
   * @default {"mean"}
   */
  reduction?: LossReduction | "batchmean";
  /**
   * Whether the target holds log-probabilities, too.
   *
   * @default {false}
   */
  logTarget?: boolean;
}

/**
 * Finds the Kullback-Leibler divergence of a distribution from the target,
 * `t (log t - x)`. A term whose target is 0 is 0, even if `x` is -∞.
 *
 * @param x The log-probabilities, a tensor of floats.
 * @param target The probabilities `t`, of x's shape; they may get a gradient,
 * too.
 * @param options The reduction, and whether the target holds logarithms.
 * @returns A scalar; a tensor of x's shape if the reduction is `"none"`.
 * @throws {TypeError} If the shapes differ, or a tensor is not of floats.
 * @throws {RangeError} If no such reduction exists.
 *
 * @example Usage
 * ```ts
 * import { initialize, klDivergence, log, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const p = tensor([[0.5, 0.5]]);
 * const q = log(tensor([[0.25, 0.75]]));
 * const loss = klDivergence(q, p, { reduction: "batchmean" });
 * assertAlmostEquals(await loss.item(), Math.log(4 / 3) / 2, 1e-6);
 * ```
 */
export function klDivergence(
  x: Tensor,
  target: Tensor,
  options: KlDivergenceOptions = {},
): Tensor {
  const { reduction = "mean", logTarget = false } = options;
  const batch = reduction === "batchmean";
  return pairLoss(
    logTarget
      ? {
        name: "kl_log_target",
        value:
          "select(exponential(t) * (t - x), 0.0, exponential(t) == 0.0 && !is_nan(x))",
        dx: "-exponential(t)",
        dt:
          "select(exponential(t) * (t - x + 1.0), 0.0, exponential(t) == 0.0 && !is_nan(x))",
      }
      : {
        name: "kl",
        value: "select(t * (logarithm(t) - x), 0.0, t == 0.0 && !is_nan(x))",
        dx: "-t",
        dt: "logarithm(t) - x + 1.0",
      },
    x,
    target,
    batch ? "mean" : reduction,
    batch ? x.shape[0] ?? 1 : x.size,
  );
}

/** Checks that a factor is of floats and broadcasts to the logits. */
function checkFactor(
  name: string,
  factor: Tensor | undefined,
  logits: Tensor,
): void {
  if (!factor) return;
  requireFloat("take the loss of", factor, name);
  const { shape } = logits;
  if (!sameShape(broadcastShapes(name, shape, factor.shape), shape)) {
    throw new TypeError(
      `Cannot take the loss of ${formatShape(shape)} with a ${name} of ${
        formatShape(factor.shape)
      }: it must broadcast to the logits`,
    );
  }
}
