// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Laplace approximation of a model's last layer: a Gaussian around the weights that
 * it was trained to, as wide as the curvature of the loss allows.
 *
 * @module
 */

import {
  copyInto,
  persist,
  philoxNormal,
  runAndEnd,
} from "../../engine/kernel_kit.ts";
import {
  add,
  concat,
  div,
  expand,
  keep,
  matmul,
  mul,
  noGrad,
  ones,
  readAll,
  scope,
  sigmoid,
  softmax,
  sqrt,
  sum,
  type Tensor,
  tensor,
  transpose,
  unsqueeze,
} from "../../engine/mod.ts";
import type { Linear, Module } from "../../nn/mod.ts";
import type { Factor } from "./curvature.ts";
import {
  DRAW_OPTIONS,
  DrawCounter,
  type DrawOptions,
} from "../draw_counter.ts";
import {
  chooseHyperparameters,
  type Evidence,
  type Hyperparameters,
  logEvidence,
} from "./evidence.ts";
import {
  checkLaplaceOptions,
  type LastLayerLaplaceOptions,
  requirePositive,
} from "./options.ts";
import { sumUp } from "./sums.ts";
import { checkLayer, lastLinear, runLayer } from "./last_layer.ts";
import { fitOf } from "./likelihood.ts";
import { diagonalStream, type DrawKey, drawKey } from "../noise.ts";
import type { PredictionProblem } from "../predict.ts";
import {
  type BatchRuns,
  inMode,
  type LogitsOutput,
  type SpanOutput,
} from "../runs.ts";
import { HeadRuns } from "./head_runs.ts";
import { type PredictRuns, WeightPosterior } from "../weight_posterior.ts";

/** A prediction in closed form; see {@linkcode LastLayerLaplace.predictLinearized}. */
export interface LinearizedPrediction {
  /** The mean of the logits, or of the numbers, `[batch, outputs]`. */
  logits: Tensor;
  /** The variance of each, `[batch, outputs]`, without noise in the data. */
  variances: Tensor;
  /** The probabilities of classes or labels, `[batch, outputs]`. */
  probabilities?: Tensor;
}

/** Values of the layer's parameters. */
interface LayerValues {
  readonly weights: Float32Array;
  readonly biases: Float32Array;
}

/** The most numbers of samples that are kept on the host: 64 MiB. */
const MOST_KEPT = 2 ** 24;

/** What a fit has found. */
interface Fitted {
  readonly layer: Linear;
  readonly problemType: PredictionProblem;
  readonly isFull: boolean;
  readonly evidence: Evidence;
  readonly hyperparameters: Hyperparameters;
  readonly factor: Factor;
  /** The layer's weights and biases. */
  readonly means: readonly Float32Array[];
}

/**
 * A Gaussian posterior over the weights θ of a model's last linear layer, around
 * those that it was trained to (Daxberger et al., "Laplace Redux: Effortless Bayesian
 * Deep Learning", 2021). It is fitted after training, in one pass over the training
 * data.
 *
 * ```text
 * θ ~ N(θ*, (H + λ I)⁻¹)
 * H = Σ (diag p - p pᵀ) ⊗ φ φᵀ        of one of several classes
 * H = Σ diag(p (1 - p)) ⊗ φ φᵀ        of labels
 * H = Σ I ⊗ φ φᵀ / σ²                 of numbers
 * ```
 *
 * with features φ, the layer's inputs, and probabilities p. For a linear layer this
 * is the exact Hessian of the loss. The prior precision λ and the noise σ are those
 * of largest evidence, unless they are given. A diagonal approximation keeps only the
 * diagonal of H.
 *
 * The Hessian is summed on the GPU, batch by batch. What follows is computed on the
 * host in float64: for a full Hessian of P weights a factorization of P³ / 3
 * operations and, if λ is chosen, a reduction of 4 P³ / 3. Each sample takes P²
 * operations there. Predictions run the whole model once a batch, and the layer alone
 * for each sample; the whole model each time if it is in training mode, draws random
 * numbers or changes what the layer gives. The layer must not be a part of what its
 * features are made from.
 *
 * It depends on the data and the task how well the evidence chooses; compare the
 * predictions with others on validation data.
 *
 * @example Fitted to four points, and asked far from them
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { batches, Linear } from "@swagpu/swagpu/nn";
 * import { LastLayerLaplace } from "@swagpu/swagpu/swag";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const model = new Linear(1, 2);
 * model.weight.write([-2, 2]);
 * model.bias?.write([0, 0]);
 * const x = [[-2], [-1], [1], [2]];
 * const laplace = await LastLayerLaplace.fit(
 *   model,
 *   batches(4, 2),
 *   (rows) => model.forward(tensor([...rows].map((row) => x[row] ?? [0]))),
 *   [0, 0, 1, 1],
 * );
 * const { probabilities } = laplace.predict(
 *   () => model.forward(tensor([[2]])),
 *   { seed: 7 },
 * );
 * const [, p = NaN] = await probabilities.data();
 * const plain = 1 / (1 + Math.exp(-8));
 * assert(p > 0.5 && p < plain);
 * ```
 */
export class LastLayerLaplace extends WeightPosterior<DrawOptions> {
  /** The model whose last layer is sampled. */
  readonly base: Module;
  /** The layer that is sampled. */
  readonly layer: Linear;
  /** What the model predicts. */
  readonly problemType: PredictionProblem;
  /** The precision λ of the prior. */
  readonly priorPrecision: number;
  /** The standard deviation σ of the noise in numbers; 1 for classes and labels. */
  readonly noise: number;
  /** The names of {@linkcode DrawOptions}. */
  protected override readonly samplingOptions: readonly (keyof DrawOptions)[] =
    DRAW_OPTIONS;
  /** Runs the model once a batch, and its last layer with each sample. */
  protected override readonly batchRuns = (
    forward: () => LogitsOutput | SpanOutput,
  ): BatchRuns => new HeadRuns(this.base, this.layer, forward);
  readonly #fitted: Fitted;
  readonly #draws = new DrawCounter();
  #covariances: Float32Array | undefined;

  private constructor(base: Module, fitted: Fitted) {
    super();
    this.base = base;
    this.layer = fitted.layer;
    this.problemType = fitted.problemType;
    this.priorPrecision = fitted.hyperparameters.priorPrecision;
    this.noise = fitted.hyperparameters.noise;
    this.#fitted = fitted;
  }

  /**
   * Fits the posterior to the data that the model was trained on.
   *
   * @param model The model, which is trained. It is not changed.
   * @param batches The batches of the training data.
   * @param forward Runs the model on a batch, and returns logits `[rows, outputs]`,
   * which must be what the layer gives.
   * @param labels What is right: the class of each row; or 0 or 1 for each label, or
   * the number for each output, `[rows, outputs]`. In the order of the batches.
   * @param options Which Hessian, prior and layer.
   * @returns The posterior. It belongs to the weights of this moment: train the model
   * on, and it must be fitted again.
   * @throws {TypeError} If the layer cannot be sampled alone, its output is not the
   * logits, or an option is not known.
   * @throws {RangeError} If an option is out of range, there are more or fewer labels
   * than rows, the full Hessian is too large, or it is not finite.
   */
  static async fit<Batch>(
    model: Module,
    batches: Iterable<Batch>,
    forward: (batch: Batch) => LogitsOutput,
    labels: ArrayLike<number>,
    options: LastLayerLaplaceOptions = {},
  ): Promise<LastLayerLaplace> {
    checkLaplaceOptions(options);
    const { layer = lastLinear(model), hessianStructure = "full" } = options;
    checkLayer(model, layer);
    const all = [...batches];
    if (all.length === 0) {
      throw new RangeError("Cannot fit the last layer: there are no batches");
    }
    model.placeParameters();
    using _ = scope();
    const { sums, logits, problemType } = sumUp(
      all.map((batch) => () => forward(batch)),
      { ...options, model, layer, hessianStructure },
    );
    using _sums = sums;
    const { weight, bias } = layer;
    const means = await readAll(bias ? [weight, bias] : [weight]);
    const evidence: Evidence = {
      fit: fitOf(problemType, await readAll(logits), {
        labels,
        outputs: weight.shape[0] ?? 0,
      }),
      curvature: await sums.curvature(),
      squaredNorm: means.flatMap((values) => [...values])
        .reduce((n, x) => n + x * x, 0),
    };
    const hyperparameters = chooseHyperparameters(evidence, options);
    const { priorPrecision, noise } = hyperparameters;
    const factor = evidence.curvature.factor(priorPrecision * noise ** 2);
    if (!factor) {
      throw new RangeError(
        `Cannot fit the last layer with priorPrecision ${priorPrecision}: the ` +
          "Hessian is not finite, or rounding has made it indefinite, which a " +
          "larger precision mends",
      );
    }
    return new LastLayerLaplace(model, {
      ...{ layer, problemType, evidence, hyperparameters, factor, means },
      isFull: hessianStructure === "full",
    });
  }

  /**
   * The log evidence of the data, which says how well a prior precision and a noise
   * suit them: log p(D | θ*) + (P log λ - λ |θ*|² - log det (H + λ I)) / 2.
   *
   * @param priorPrecision λ.
   * @param noise σ, which counts for numbers only.
   * @returns The log evidence, in nats.
   * @throws {RangeError} If one of them is not a positive number.
   *
   * @example Usage
   * ```ts
   * import { initialize, tensor } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { LastLayerLaplace } from "@swagpu/swagpu/swag";
   * import { assert } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(1, 1);
   * const x = tensor([[0], [1], [2]]);
   * const laplace = await LastLayerLaplace.fit(
   *   model,
   *   [x],
   *   (batch) => model.forward(batch),
   *   [1.1, 2.9, 5.2],
   *   { problemType: "regression" },
   * );
   * const best = laplace.logMarginalLikelihood();
   * assert(laplace.logMarginalLikelihood(laplace.priorPrecision * 2) < best);
   * ```
   */
  logMarginalLikelihood(
    priorPrecision: number = this.priorPrecision,
    noise: number = this.noise,
  ): number {
    requirePositive("compute an evidence", { priorPrecision, noise });
    return logEvidence(this.#fitted.evidence, {
      priorPrecision,
      noise: this.problemType === "regression" ? noise : 1,
    });
  }

  /**
   * Predicts a batch without samples. The logits are linear in the last layer's
   * weights, so they are Gaussian, too:
   *
   * ```text
   * f ~ N(φᵀ θ*, v),   v = φᵀ Σ φ          of each output
   * p = softmax(f / √(1 + π v / 8))        of classes; of labels the sigmoid
   * ```
   *
   * The second line is an approximation (MacKay, "The Evidence Framework Applied to
   * Classification Networks", 1992), which leaves covariances between outputs out.
   * A full Hessian is inverted at the first call.
   *
   * @param forward Runs the model on a batch and returns its logits.
   * @returns Mean and variance of the logits or numbers, and probabilities of classes
   * and labels.
   * @throws {TypeError} If the logits are not what the layer gives.
   *
   * @example The variance of a number grows away from the data
   * ```ts
   * import { initialize, tensor } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { LastLayerLaplace } from "@swagpu/swagpu/swag";
   * import { assert } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(1, 1);
   * const x = tensor([[0], [1], [2]]);
   * const laplace = await LastLayerLaplace.fit(
   *   model,
   *   [x],
   *   (batch) => model.forward(batch),
   *   [1.1, 2.9, 5.2],
   *   { problemType: "regression", noise: 0.2, priorPrecision: 1 },
   * );
   * const { variances } = laplace.predictLinearized(
   *   () => model.forward(tensor([[1], [10]])),
   * );
   * const [near = NaN, far = NaN] = await variances.data();
   * assert(near < far);
   * ```
   */
  predictLinearized(forward: () => LogitsOutput): LinearizedPrediction {
    const { base, layer, problemType } = this;
    using _ = scope();
    const prediction = noGrad(() =>
      inMode(base, false, (): LinearizedPrediction => {
        const { features, logits: given } = runLayer(layer, forward);
        const logits = add(given, 0); // A copy, which outlives what the model gave.
        const variances = this.#variances(features, logits);
        if (problemType === "regression") return { logits, variances };
        const scaled = div(logits, sqrt(add(mul(variances, Math.PI / 8), 1)));
        const probabilities = problemType === "single_label_classification"
          ? softmax(scaled)
          : sigmoid(scaled);
        return { logits, variances, probabilities };
      })
    );
    for (const x of Object.values(prediction)) keep(x);
    return prediction;
  }

  /** Runs with one sample after the other, or once with the weights as they are. */
  protected override withSamples<T>(
    options: DrawOptions,
    count: number | undefined,
    predict: PredictRuns<T>,
  ): T {
    if (count === undefined) return predict(1, () => {});
    const [seed, index] = this.#draws.next(options, count);
    const { weight, bias } = this.layer;
    const kept = [weight, bias].map((x) =>
      x && persist(noGrad(() => add(x, 0)))
    );
    // Each batch takes all samples, so that they are drawn once if there is room.
    const drawn = new Map<number, LayerValues>();
    const hasRoom = count * this.#fitted.evidence.curvature.size <= MOST_KEPT;
    const valuesOf = (run: number): LayerValues => {
      const values = drawn.get(run) ?? this.#draw(drawKey(seed, index + run));
      if (hasRoom) drawn.set(run, values);
      return values;
    };
    return runAndEnd(
      () =>
        predict(count, (run) => {
          const { weights, biases } = valuesOf(run);
          weight.write(weights);
          bias?.write(biases);
        }),
      () => {
        for (const [i, x] of [weight, bias].entries()) {
          const copy = kept[i];
          if (x && copy) copyInto(x, copy);
          copy?.dispose();
        }
      },
    );
  }

  /** Draws a sample of the layer. */
  #draw(draw: DrawKey): LayerValues {
    const { means: [weights = NONE, biases = NONE], factor } = this.#fitted;
    const [outputs = 0, width = 0] = this.layer.weight.shape;
    const stream = diagonalStream(draw);
    const { size } = this.#fitted.evidence.curvature;
    const z = Float64Array.from(
      { length: size },
      (_, i) => philoxNormal(stream, i),
    );
    factor.apply(z);
    const columns = size / outputs;
    const deviation = (c: number, j: number) =>
      this.noise * (z[c * columns + j] ?? 0);
    return {
      weights: weights.map((x, i) =>
        x + deviation(Math.floor(i / width), i % width)
      ),
      biases: biases.map((x, c) => x + deviation(c, width)),
    };
  }

  /** The variance of each logit, [rows, outputs]. */
  #variances(features: Tensor, logits: Tensor): Tensor {
    const { isFull, factor, evidence: { curvature } } = this.#fitted;
    const { device, shape: [rows = 0] } = features;
    const [outputs = 0] = this.layer.weight.shape;
    const columns = curvature.size / outputs;
    const values = this.#covariances ??= Float32Array.from(
      factor.covariances(columns),
      (x) => x * this.noise ** 2,
    );
    const one = this.layer.bias ? [ones([rows, 1], { device })] : [];
    const x = concat([features, ...one], 1);
    const area = isFull ? columns * columns : columns;
    const count = values.length / area; // One if all outputs have the same.
    const shape = isFull ? [count, columns, columns] : [count, columns];
    const covariances = tensor(values, { shape, device });
    const variances = isFull
      ? transpose(
        sum(mul(matmul(unsqueeze(x, 0), covariances), unsqueeze(x, 0)), {
          axis: -1,
        }),
      )
      : matmul(mul(x, x), covariances, { transposeB: true });
    return count < outputs
      ? add(expand(variances, logits.shape), 0)
      : variances;
  }
}

const NONE = new Float32Array();
