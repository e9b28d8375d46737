// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Batch norm over rows, or over rows and positions.

import { copyInto } from "../engine/kernel_kit.ts";
import {
  add,
  div,
  mean,
  mul,
  noGrad,
  reshape,
  scope,
  sqrt,
  sub,
  type Tensor,
  variance,
} from "../engine/mod.ts";
import { Buffer } from "./buffer.ts";
import { ones, zeros } from "./init.ts";
import { Module } from "./module.ts";
import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";

/** Options of {@linkcode BatchNorm1d}. */
export interface BatchNorm1dOptions {
  /** Added to the variance. @default {1e-5} */
  eps?: number;
  /**
   * The share of the last batch in the running statistics; `null` for the mean
   * over all batches so far.
   *
   * @default {0.1}
   */
  momentum?: number | null;
  /** Whether there are a gain and a shift. @default {true} */
  affine?: boolean;
  /**
   * Whether statistics are kept for evaluation. Without them evaluation takes
   * those of the batch.
   *
   * @default {true}
   */
  trackRunningStats?: boolean;
}

/**
 * Normalizes each channel over the rows of a batch, and over their positions:
 * `y = (x - mean) / √(variance + eps) · weight + bias`, as PyTorch's
 * `BatchNorm1d` with its names of weights.
 *
 * Shapes: `x [batch, channels]` or `[batch, channels, length]`; the others
 * `[channels]`. Training takes the mean and the biased variance of the batch,
 * and updates `runningMean` and `runningVar` (with the variance divided by
 * `n - 1`); evaluation takes these. They are buffers: optimizers and posteriors
 * do not change them, so weights that were averaged or sampled need
 * {@linkcode updateBn}. Within a `checkpoint` the statistics take a batch twice,
 * as in PyTorch. Ioffe and Szegedy, "Batch Normalization", 2015.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BatchNorm1d } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const norm = new BatchNorm1d(1);
 * const [first = NaN] = await norm.forward(tensor([[1], [3]])).data();
 * assertAlmostEquals(first, -1, 1e-4);
 * assertAlmostEquals(await norm.runningMean?.item() ?? NaN, 0.2, 1e-6);
 * assertAlmostEquals(await norm.runningVar?.item() ?? NaN, 1.1, 1e-6);
 * ```
 */
export class BatchNorm1d extends Module {
  /** The gain, `[channels]`, initially ones; `undefined` without one. */
  weight: Parameter | undefined;
  /** The shift, `[channels]`, initially zeros; `undefined` without one. */
  bias: Parameter | undefined;
  /** The mean for evaluation, `[channels]`, initially zeros. */
  runningMean: Buffer | undefined;
  /** The variance for evaluation, `[channels]`, initially ones. */
  runningVar: Buffer | undefined;
  /** The number of batches in the statistics, `[]`. */
  numBatchesTracked: Buffer | undefined;
  /** The share of the last batch; `null` for the mean over all. */
  momentum: number | null;
  /** Added to the variance. */
  readonly eps: number;
  /** The number of channels. */
  readonly numFeatures: number;

  /**
   * Builds gain, shift and statistics.
   *
   * @param numFeatures The number of channels.
   * @param options Epsilon, momentum, and what there is.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If the number of channels is not a whole number of at
   * least 1, or the momentum is not in [0, 1].
   */
  constructor(numFeatures: number, options: BatchNorm1dOptions = {}) {
    super();
    checkOptions(options, {
      action: "build a BatchNorm1d",
      known: ["eps", "momentum", "affine", "trackRunningStats"],
    });
    const { eps = 1e-5, momentum = 0.1 } = options;
    const { affine = true, trackRunningStats = true } = options;
    if (!(Number.isSafeInteger(numFeatures) && numFeatures >= 1)) {
      throw new RangeError(
        `Cannot build a BatchNorm1d of ${numFeatures} channels: it must be a ` +
          "whole number of at least 1",
      );
    }
    if (momentum !== null && !(momentum >= 0 && momentum <= 1)) {
      throw new RangeError(
        `Cannot build a BatchNorm1d with momentum ${momentum}: it must be in ` +
          "[0, 1], or null for the mean over all batches",
      );
    }
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    const shape = [numFeatures];
    this.weight = affine ? new Parameter(shape, ones()) : undefined;
    this.bias = affine ? new Parameter(shape, zeros()) : undefined;
    this.runningMean = trackRunningStats
      ? new Buffer(shape, zeros())
      : undefined;
    this.runningVar = trackRunningStats ? new Buffer(shape, ones()) : undefined;
    this.numBatchesTracked = trackRunningStats
      ? new Buffer([], zeros())
      : undefined;
  }

  /** Sets the statistics to those of no batch: mean 0, variance 1. */
  resetRunningStats(): void {
    this.runningMean?.initialize();
    this.runningVar?.initialize();
    this.numBatchesTracked?.initialize();
  }

  /**
   * Normalizes `x [batch, channels]` or `[batch, channels, length]`.
   *
   * @throws {TypeError} If `x` has other axes, or another number of channels.
   * @throws {RangeError} If a channel has one value only while training: its
   * variance is then unknown.
   */
  forward(x: Tensor): Tensor {
    const { weight, bias, runningMean, runningVar, eps, numFeatures } = this;
    const [, channels] = x.shape;
    const axes = x.shape.length;
    if ((axes !== 2 && axes !== 3) || channels !== numFeatures) {
      throw new TypeError(
        `Cannot normalize [${x.shape.join(", ")}]: expected ` +
          `[batch, ${numFeatures}] or [batch, ${numFeatures}, length]`,
      );
    }
    // Statistics of each channel, in a shape that spreads over x.
    const spread = (statistic: Tensor) =>
      axes === 3 ? reshape(statistic, [numFeatures, 1]) : statistic;
    const normalized = (center: Tensor, square: Tensor) => {
      const scaled = div(
        sub(x, spread(center)),
        spread(sqrt(add(square, eps))),
      );
      const gained = weight ? mul(scaled, spread(weight)) : scaled;
      return bias ? add(gained, spread(bias)) : gained;
    };
    if (!this.training && runningMean && runningVar) {
      return normalized(runningMean, runningVar);
    }
    const count = x.size / numFeatures;
    if (this.training && count < 2) {
      throw new RangeError(
        `Cannot normalize [${
          x.shape.join(", ")
        }] while training: each channel ` +
          "must have at least 2 values",
      );
    }
    const axis = axes === 3 ? [0, 2] : [0];
    const center = mean(x, { axis });
    const square = variance(x, { axis, correction: 0 });
    if (this.training) this.#track(center, square, count);
    return normalized(center, square);
  }

  /** Adds a batch to the statistics. */
  #track(center: Tensor, square: Tensor, count: number): void {
    const { runningMean, runningVar, numBatchesTracked, momentum } = this;
    if (!runningMean || !runningVar || !numBatchesTracked) return;
    using _ = scope();
    noGrad(() => {
      copyInto(numBatchesTracked, add(numBatchesTracked, 1));
      const each = momentum === null ? div(1, numBatchesTracked) : undefined;
      const kept = each ? sub(1, each) : 1 - (momentum ?? 0);
      const share = each ?? momentum ?? 0;
      const move = (running: Buffer, now: Tensor) =>
        copyInto(running, add(mul(running, kept), mul(now, share)));
      move(runningMean, center);
      move(runningVar, mul(square, count / (count - 1)));
    });
  }
}
