// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Losses of pairs of elements: a value and its derivatives, then a reduction.

import { evaluate } from "../launch/evaluate.ts";
import { reduceAxes } from "../launch/reduction.ts";
import { broadcastShapes, formatShape, sameShape } from "../shape.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkReduction, type LossReduction } from "./loss_reduction.ts";
import { requireFloat } from "./require_float.ts";

export type { LossReduction };
export { crossEntropy, type CrossEntropyOptions } from "./cross_entropy.ts";

/** A loss of pairs of elements, as WGSL expressions in x, t and the extras. */
interface PairLoss {
  name: string;
  value: string;
  dx: string;
  dt: string;
  /** Further tensors, which broadcast to x and get no gradient. */
  extras?: Readonly<Record<string, Tensor>>;
}

/** Evaluates a pair loss and reduces it; `divisor` is that of the mean. */
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
      { scale },
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
   * What becomes of the losses of all elements.
   *
   * @default {"mean"}
   */
  reduction?: LossReduction;
}

/**
 * Squared error `(x - t)²`, over all elements.
 *
 * @throws {TypeError} If the shapes differ.
 * @throws {RangeError} If there is no such reduction.
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
   * What becomes of the losses of all elements.
   *
   * @default {"mean"}
   */
  reduction?: LossReduction;
  /**
   * A factor for the positive part, which broadcasts to the logits.
   *
   * @default {1}
   */
  posWeight?: Tensor;
  /**
   * A factor for the whole loss, which broadcasts to the logits.
   *
   * @default {1}
   */
  weight?: Tensor;
}

/**
 * Binary cross-entropy of logits with probabilities,
 * `-(p t log σ(x) + (1 - t) log(1 - σ(x)))`, in a form that neither overflows nor
 * loses the digits of small losses.
 *
 * @throws {TypeError} If the shapes differ, or a factor is of integers or does
 * not broadcast to the logits.
 * @throws {RangeError} If there is no such reduction.
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
  // By parts, positive and negative: neither loses digits to the other, and a
  // part whose target is 0 adds nothing, however large its logarithm.
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
   * Whether the target holds logarithms too.
   *
   * @default {false}
   */
  logTarget?: boolean;
}

/**
 * Kullback-Leibler divergence of a distribution from the target,
 * `t (log t - x)`, where x holds log-probabilities. Where the target is 0 the
 * term is 0, also for an `x` of -∞.
 *
 * @throws {TypeError} If the shapes differ.
 * @throws {RangeError} If there is no such reduction.
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

/** Throws unless a factor is of floats and broadcasts to the logits. */
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
