// Copyright 2026 the swagpu authors. MIT license.
// This file passes 400 lines for the documentation of its one class.

import { isThenable } from "../engine/kernel_kit.ts";
import { keep, scope, type Tensor } from "../engine/mod.ts";
import { checkOptions, type Module } from "../nn/mod.ts";
import {
  finishSave,
  folderOf,
  openSafetensors,
  withFile,
} from "../nn/formats/mod.ts";
import { type DensityOptions, logDensity } from "./density.ts";
import { measure, type MemoryEstimate, NONE } from "./layout.ts";
import { drawKey } from "./noise.ts";
import { Posterior } from "./posterior.ts";
import {
  type ModelPrediction,
  type Prediction,
  type PredictionProblem,
  problemOf,
  type RegressionPrediction,
  type SpanPrediction,
  summarizeLogits,
} from "./predict.ts";
import {
  type LogitsFunction,
  type LogitsKind,
  type LogitsOutput,
  spanOf,
  type SpanOutput,
  stackRuns,
  tensorsOf,
} from "./runs.ts";
import {
  resolveSettings,
  type SwagOptions,
  type SwagSettings,
} from "./settings.ts";
import {
  checkWeights,
  isBesideWeights,
  type LoadSwagOptions,
  type MomentSource,
  readMoments,
  readOptions,
  type SaveSwagOptions,
  writePosterior,
} from "./state.ts";
import { fingerprint } from "./fingerprint.ts";

/** Options of {@linkcode SwagModel.sampleParameters}. */
export interface SampleOptions {
  /**
   * Multiplies the covariance of the sample; 0 gives the mean. For SWAG as
   * published use 0.5 with covariances, 1 without.
   *
   * @default {1}
   */
  scale?: number;
  /**
   * Whether to use the deviations, and so covariances between weights.
   *
   * @default {whether the posterior keeps them}
   */
  cov?: boolean;
  /**
   * Whether every parameter has low-rank noise of its own, so that parameters
   * are independent of each other.
   *
   * @default {false}
   */
  blockwise?: boolean;
  /**
   * A whole number. Equal seed and index give an equal sample.
   *
   * @default {0}
   */
  seed?: number | bigint;
  /**
   * Which sample of the seed.
   *
   * @default {0 where a seed is given, else the number of samples drawn so far}
   */
  index?: number;
}

/** Options of {@linkcode SwagModel.getLogits}. */
export interface LogitsOptions extends SampleOptions {
  /**
   * How many samples to predict with; `undefined` predicts once with the
   * weights as they are.
   *
   * @default {undefined}
   */
  numPredictions?: number | undefined;
  /**
   * The mode that the model is in while it predicts; it goes back to its own
   * afterwards. In training mode dropout is active and adds its noise to that of
   * the posterior (Monte Carlo dropout).
   *
   * @default {false}
   */
  training?: boolean;
}

/** Options of {@linkcode SwagModel.predict}. */
export interface PredictOptions<
  Problem extends PredictionProblem = PredictionProblem,
> extends LogitsOptions {
  /**
   * How many samples to predict with.
   *
   * @default {30}
   */
  numPredictions?: number | undefined;
  /**
   * What the model predicts: numbers, one of several classes, or several labels
   * that may each hold.
   *
   * @default {what the model's `config.problemType` says for logits of two axes,
   * else one of several classes}
   */
  problemType?: Problem | undefined;
}

/** What a posterior knows about a parameter, on the host. */
export interface Moments {
  /** The mean, row by row. */
  mean: Float32Array<ArrayBuffer>;
  /** The variance, at least `varClamp`; `undefined` where it is not random. */
  variance: Float32Array<ArrayBuffer> | undefined;
  /** `[covMatRank, size]`, oldest first; `undefined` where there are none. */
  deviations: Float32Array<ArrayBuffer> | undefined;
}

/** The buffers behind a model, for tests with numbers that are given. */
export let posteriorOf: (swag: SwagModel) => Posterior;

/**
 * A Gaussian posterior over the weights of any module, from the weights that
 * training passes through (SWAG; Maddox et al., "A Simple Baseline for Bayesian
 * Uncertainty in Deep Learning", 2019).
 *
 * With θ₁ … θₙ collected, mean θ̄, variances σ² = max(M2/n, varClamp), and the
 * last K deviations Dᵢ = θᵢ - θ̄ᵢ from the mean at that time, a sample is
 *
 * ```text
 * θ = θ̄ + √scale · (σ ⊙ z₁ + Dᵀ z₂ / √(K - 1)),    z₁, z₂ ~ N(0, I)
 * cov θ = scale · (diag σ² + Dᵀ D / (K - 1))
 * ```
 *
 * K counts the deviations held. With fewer than two there is no low-rank part,
 * and with one collection every sample is the mean. Moments are updated by
 * Welford's rule, which keeps small variances that 32 bits otherwise lose.
 *
 * Everything stays on the GPU. Collecting and sampling are one dispatch per
 * segment of the model (more only where deviations exceed the largest binding);
 * a sample is written where the model reads its weights. It depends on seed and
 * index alone and leaves the default generator as it is.
 *
 * @example Collect along training, then predict
 * ```ts
 * import {
 *   backward,
 *   initialize,
 *   manualSeed,
 *   scope,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { crossEntropy, Linear, SGD } from "@swagpu/swagpu/nn";
 * import { SwagModel } from "@swagpu/swagpu/swag";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * manualSeed(1);
 * const model = new Linear(2, 3);
 * const optimizer = new SGD(model.parameters(), { learningRate: 0.5 });
 * const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 5 });
 * const x = tensor([[1, 0], [0, 1], [1, 1]]);
 * const labels = tensor(new Int32Array([0, 1, 2]));
 * for (let step = 0; step < 10; step++) {
 *   using _ = scope();
 *   backward(crossEntropy(model.forward(x), labels));
 *   optimizer.step();
 *   swag.collectModel();
 * }
 * assertEquals([swag.nModels, swag.covMatRank], [10, 5]);
 *
 * const { probabilities, mutualInformation } = swag.predict(
 *   () => model.forward(x),
 *   { numPredictions: 20, scale: 0.5, seed: 7 },
 * );
 * assertEquals(probabilities.shape, [3, 3]);
 * assertEquals(mutualInformation.shape, [3]);
 * ```
 */
export class SwagModel implements Disposable {
  /** The model whose weights are sampled. */
  readonly base: Module;
  /** The options, with defaults filled in. */
  readonly settings: SwagSettings;
  readonly #posterior: Posterior;
  /** The model's own weights, while it holds a sample. */
  #kept: Tensor[] | undefined;
  #draws = 0;

  /** Use {@linkcode SwagModel.fromBase}. */
  constructor(base: Module, settings: SwagSettings) {
    this.base = base;
    this.settings = settings;
    this.#posterior = new Posterior(base, settings);
  }

  /**
   * Builds an empty posterior over a model's weights. The model is used as it
   * is, not copied: train it, and call {@linkcode collectModel} now and then.
   *
   * @throws {RangeError} If an option is out of range, a prefix selects no
   * parameter or only another name of a tied one, or the deviations exceed what
   * the device can bind; nothing is allocated then.
   * @throws {TypeError} If the model has no parameters.
   */
  static fromBase(model: Module, options: SwagOptions = {}): SwagModel {
    return new SwagModel(model, resolveSettings(options));
  }

  /**
   * Reads a posterior that {@linkcode save} wrote, options included.
   *
   * @param path The file.
   * @param model The model that the posterior is over; its weights stay as they
   * are until they are sampled.
   * @param options Whether the model must have the weights it was saved with.
   * @throws {SyntaxError} If the file is malformed.
   * @throws {TypeError} If it does not fit the model, or belongs to other
   * weights and `sameWeights` holds.
   */
  static async load(
    path: string,
    model: Module,
    options: LoadSwagOptions = {},
  ): Promise<SwagModel> {
    await finishSave(folderOf(path));
    const { sameWeights = await isBesideWeights(path) } = options;
    using file = await openSafetensors(path);
    const { options: own, draws } = readOptions(file.metadata, path);
    if (sameWeights) await checkWeights(file.metadata, path, model);
    let swag: SwagModel | undefined;
    try {
      swag = SwagModel.fromBase(model, own);
      await swag.importState(file);
    } catch (error) {
      swag?.dispose();
      throw withFile(error, path);
    }
    swag.#draws = draws;
    return swag;
  }

  /** How many times weights have been collected. */
  get nModels(): number {
    return this.#posterior.count;
  }

  /** Deviations held: the columns of the low-rank part, at most maxNumModels. */
  get covMatRank(): number {
    return this.#posterior.rank;
  }

  /** The names of the random parameters; all others stay at their mean. */
  get enabledParameters(): string[] {
    return this.#posterior.layout.entries
      .filter(({ row }) => row !== NONE)
      .map(({ name }) => name);
  }

  /** What the posterior takes on the GPU; see {@linkcode estimateMemory}. */
  get memoryEstimate(): MemoryEstimate {
    return measure(this.#posterior.layout);
  }

  /** Whether the model holds a sample or the mean instead of its own weights. */
  get holdsSample(): boolean {
    return this.#kept !== undefined;
  }

  /**
   * Takes the weights of this moment into the posterior.
   *
   * Weights that are not finite are not taken. The GPU notices at once, and the
   * next reading of anything throws a `RangeError` that names the parameter: of
   * a loss, a prediction, moments, or what {@linkcode save} writes. The posterior
   * is then as it was before that collection.
   *
   * @param model Where to take them from: a model with the same parameters.
   * Default: the base model.
   * @throws {TypeError} If the base model holds a sample, or the model given
   * lacks a parameter.
   */
  collectModel(model: Module = this.base): void {
    if (model === this.base && this.#kept) {
      throw new TypeError(
        "Cannot collect weights: the model holds a sample, " +
          "call restoreWeights() or acceptWeights() before",
      );
    }
    this.#posterior.collect(model);
  }

  /**
   * Writes a sample into the model. The weights before the first sample are
   * kept for {@linkcode restoreWeights}.
   *
   * @throws {RangeError} If nothing has been collected, or the scale is
   * negative.
   * @throws {TypeError} If `cov` is asked for and no deviations are kept.
   */
  sampleParameters(options: SampleOptions = {}): void {
    checkOptions(options, { action: "sample weights", known: SAMPLE_OPTIONS });
    const gaussian = this.#gaussian("sample weights", options);
    const [seed, index] = this.#next(options, 1);
    const noise = drawKey(seed, index);
    this.#kept ??= this.#posterior.copyWeights();
    this.#posterior.draw({ ...gaussian, noise });
  }

  /** Writes the mean into the model, as a sample of scale 0. */
  restoreMean(): void {
    this.sampleParameters({ scale: 0, seed: 0 });
  }

  /**
   * Writes the weights back that the model had before the first sample. Does
   * nothing where the model holds no sample.
   */
  restoreWeights(): void {
    if (!this.#kept) return;
    this.#posterior.writeWeights(this.#kept);
    this.acceptWeights();
  }

  /**
   * Makes the sample that the model holds its own weights, as to train on from
   * the mean: those before are forgotten.
   */
  acceptWeights(): void {
    for (const copy of this.#kept ?? []) copy.dispose();
    this.#kept = undefined;
  }

  /**
   * Calls a function while the model holds a sample, and then writes back the
   * weights from before the call, whatever they were.
   *
   * A model holds one sample at a time: while a promise is waited for, only
   * functions that give no promise may be called with another sample, as
   * {@linkcode predict} does. Calls may be nested.
   *
   * @param options The sample.
   * @param run What to do with it; if it returns a promise, the weights are
   * written back when that settles.
   * @returns What the function returns; a promise that rejects with a
   * `TypeError` if the model is waited with already.
   */
  withSample<T>(options: SampleOptions, run: () => T): T {
    const outer = this.#kept;
    const holds = holdsOf(this.base);
    const hold: Hold = {
      isWaiting: false,
      isDone: false,
      restore: () => {
        this.restoreWeights();
        this.#kept = outer;
      },
    };
    this.#kept = undefined;
    holds.push(hold);
    let result: T;
    try {
      this.sampleParameters(options);
      result = run();
    } catch (error) {
      end(holds, hold);
      throw error;
    }
    if (!isThenable(result)) {
      end(holds, hold);
      return result;
    }
    const promise = Promise.resolve(result);
    const around = holds.slice(0, holds.indexOf(hold));
    if (around.some(({ isWaiting }) => isWaiting)) {
      promise.catch(() => {}); // This error counts, not its.
      end(holds, hold);
      return Promise.reject(
        new TypeError(
          "Cannot hold a sample while another is waited with: the model has " +
            "one place for weights, await the first withSample() before",
        ),
      ) as T;
    }
    hold.isWaiting = true;
    return promise.finally(() => end(holds, hold)) as T;
  }

  /**
   * Predicts with several samples of the weights. The model is in `eval()`
   * meanwhile, unless `training` says otherwise.
   *
   * @param forward Runs the model on a batch and gives logits
   * `[batch, classes]` or `[batch, sequence, classes]`, or the two of a span.
   * @param options Which samples, and how many.
   * @returns `[batch, predictions, classes]` or
   * `[batch, predictions, sequence, classes]`; for spans
   * `[batch, predictions, 2, sequence]`. The model's weights are as before.
   * @throws {RangeError} If `numPredictions` is not a positive whole number.
   *
   * @example Usage
   * ```ts
   * import { initialize, tensor } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(2, 3);
   * const swag = SwagModel.fromBase(model);
   * swag.collectModel();
   * const x = tensor([[1, 2]]);
   * const logits = swag.getLogits(() => model.forward(x), { numPredictions: 4 });
   * assertEquals(logits.shape, [1, 4, 3]);
   * ```
   */
  getLogits(
    forward: () => LogitsOutput | SpanOutput,
    options: LogitsOptions = {},
  ): Tensor {
    checkOptions(options, {
      action: "predict",
      known: [...SAMPLE_OPTIONS, ...LOGITS_OPTIONS],
    });
    const [logits] = this.#stack([forward], options);
    return logits as Tensor;
  }

  /**
   * Predicts with its uncertainty, from several samples; see
   * {@linkcode getLogits} and {@linkcode summarizeLogits}. What the logits mean
   * is said by `problemType`, or by the `config.problemType` of the model.
   *
   * To predict many batches, {@linkcode predictAll} draws each sample once.
   *
   * @throws {TypeError} If there is one logit a row and neither says what it
   * means.
   *
   * @example A number and how unsure it is
   * ```ts
   * import { initialize, tensor } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(2, 1);
   * const swag = SwagModel.fromBase(model);
   * swag.collectModel();
   * const x = tensor([[1, 2], [3, 4]]);
   * const { mean, std } = swag.predict(() => model.forward(x), {
   *   problemType: "regression",
   * });
   * assertEquals([mean.shape, std.shape], [[2, 1], [2, 1]]);
   * ```
   */
  predict(forward: () => SpanOutput, options?: PredictOptions): SpanPrediction;
  /** Of numbers. */
  predict(
    forward: LogitsFunction,
    options: PredictOptions<"regression"> & { problemType: "regression" },
  ): RegressionPrediction;
  /** Of classes, labels, or what the model's configuration says. */
  predict(forward: LogitsFunction, options?: PredictOptions): ModelPrediction;
  predict(
    forward: () => LogitsOutput | SpanOutput,
    options: PredictOptions = {},
  ): ModelPrediction | RegressionPrediction | SpanPrediction {
    const [prediction] = this.#predict([forward], options);
    return prediction as ModelPrediction;
  }

  /**
   * Predicts many batches, as {@linkcode predict} does one. Each sample is drawn
   * once for all batches, where a loop over `predict` would draw it for each.
   * The logits of all batches and samples are on the GPU until the end.
   *
   * @param batches The batches, such as lists of row numbers.
   * @param forward Runs the model on a batch; tensors that it makes are freed.
   * It is called for every batch and sample.
   * @returns A prediction for each batch, in order.
   *
   * @example Usage
   * ```ts
   * import { initialize, tensor } from "@swagpu/swagpu/engine";
   * import { batches, Linear } from "@swagpu/swagpu/nn";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(1, 3);
   * const swag = SwagModel.fromBase(model);
   * swag.collectModel();
   * const predictions = swag.predictAll(
   *   batches(10, 4),
   *   (rows) => model.forward(tensor([...rows].map((row) => [row]))),
   *   { numPredictions: 5 },
   * );
   * const shapes = predictions.map(({ probabilities }) => probabilities.shape);
   * assertEquals(shapes, [[4, 3], [4, 3], [2, 3]]);
   * ```
   */
  predictAll<Batch>(
    batches: Iterable<Batch>,
    forward: (batch: Batch) => SpanOutput,
    options?: PredictOptions,
  ): SpanPrediction[];
  /** Of numbers. */
  predictAll<Batch>(
    batches: Iterable<Batch>,
    forward: (batch: Batch) => LogitsOutput,
    options: PredictOptions<"regression"> & { problemType: "regression" },
  ): RegressionPrediction[];
  /** Of classes, labels, or what the model's configuration says. */
  predictAll<Batch>(
    batches: Iterable<Batch>,
    forward: (batch: Batch) => LogitsOutput,
    options?: PredictOptions,
  ): ModelPrediction[];
  predictAll<Batch>(
    batches: Iterable<Batch>,
    forward: (batch: Batch) => LogitsOutput | SpanOutput,
    options: PredictOptions = {},
  ): (ModelPrediction | RegressionPrediction | SpanPrediction)[] {
    const runs = Array.from(batches, (batch) => () => forward(batch));
    return this.#predict(runs, options);
  }

  /**
   * The log density, in nats, of the random weights that the model holds now,
   * under the Gaussian that {@linkcode sampleParameters} draws from with the
   * same options. Computed on the host in float64, by Woodbury's identity: the
   * moments are read one parameter at a time.
   *
   * @throws {RangeError} If fewer than two collections, or scale 0, leave no
   * spread.
   * @throws {TypeError} If `cov` is asked for and no deviations are kept.
   */
  async logProbability(
    options: Pick<SampleOptions, "scale" | "cov" | "blockwise"> = {},
  ): Promise<number> {
    const gaussian = this.#gaussian("take a density", options);
    if (gaussian.scale === 0 || this.nModels < 2) {
      throw new RangeError(
        `Cannot take a density with scale ${gaussian.scale} and ` +
          `${this.nModels} collections: there is no spread`,
      );
    }
    return await logDensity(this.#posterior, gaussian);
  }

  /**
   * Reads moments back, with one wait.
   *
   * @param names Which parameters. Default: all.
   * @throws {RangeError} If there is no parameter of a name.
   */
  async moments(
    names?: Iterable<string>,
  ): Promise<Map<string, Moments>> {
    const { entries } = this.#posterior.layout;
    const wanted = names ? [...names] : entries.map(({ name }) => name);
    const found = wanted.map((name) => {
      const entry = entries.find((entry) => entry.name === name);
      if (entry) return entry;
      throw new RangeError(
        `Cannot read the moments of "${name}": there is no such parameter`,
      );
    });
    const { varClamp } = this.settings;
    const count = Math.max(1, this.nModels);
    const raw = await this.#posterior.read(found);
    return new Map(raw.map(({ mean, squares, deviations }, i) => {
      const variance = squares?.map((m2) => Math.max(m2 / count, varClamp));
      return [wanted[i] ?? "", { mean, variance, deviations }];
    }));
  }

  /**
   * Writes the posterior to a safetensors file: the count, each parameter's mean
   * `swag.base.<name>_mean`, and where it is random the sum of squared
   * differences from the mean `…_sq_dev_sum` and the deviations
   * `…_cov_mat_sqrt` `[rank, size]`, oldest first. The options are in the file's
   * metadata; the model's own weights are not in it.
   *
   * The metadata also holds a fingerprint of the weights that the model has at
   * this moment, by which {@linkcode load} tells whether it has them again. To
   * replace a model and its posterior in one go, save the posterior by the
   * `alongside` option of `savePretrained`.
   *
   * The file appears when it is complete. Do not collect meanwhile.
   *
   * @throws {RangeError} If a moment is not finite, unless that is allowed.
   */
  async save(path: string, options: SaveSwagOptions = {}): Promise<void> {
    const { allowNonFinite = false } = options;
    await writePosterior(path, this.#posterior, {
      draws: this.#draws,
      weights: await fingerprint(this.base),
      allowNonFinite,
    });
  }

  /**
   * Overwrites the moments with those of a file, of {@linkcode save} or of the
   * original library (where `…_sq_mean` is turned into a variance, with what
   * 32 bits have left of it). Other tensors in the file are ignored.
   *
   * @throws {TypeError} If a tensor is missing or has another shape.
   * @throws {RangeError} If it holds more deviations than `maxNumModels`.
   */
  async importState(source: MomentSource): Promise<void> {
    await readMoments(this.#posterior, source);
  }

  /** Frees the moments. A sample stays in the model. */
  dispose(): void {
    this.acceptWeights();
    this.#posterior.dispose();
  }

  /** As {@linkcode dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Predicts what each function gives, all with the same samples. */
  #predict(
    runs: readonly (() => LogitsOutput | SpanOutput)[],
    options: PredictOptions,
  ): (Prediction | RegressionPrediction | SpanPrediction)[] {
    checkOptions(options, {
      action: "predict",
      known: [...SAMPLE_OPTIONS, ...LOGITS_OPTIONS, "problemType"],
    });
    const { problemType, numPredictions = 30, ...rest } = options;
    using _ = scope();
    const outputs: LogitsKind[] = [];
    const stacks = this.#stack(runs, { ...rest, numPredictions }, outputs);
    return stacks.map((logits, i) => {
      const prediction = outputs[i] === "span"
        ? spanOf(logits)
        : summarizeLogits(logits, {
          problemType: problemType ?? problemOf(this.base, logits),
        });
      for (const x of tensorsOf(prediction)) keep(x);
      return prediction;
    });
  }

  /** Runs every function with every sample, and stacks what each gives. */
  #stack(
    runs: readonly (() => LogitsOutput | SpanOutput)[],
    options: LogitsOptions,
    kinds: LogitsKind[] = [],
  ): Tensor[] {
    const { numPredictions, training = false, ...sample } = options;
    const predict = (count: number, before: (run: number) => void) =>
      this.#inMode(training, () => stackRuns(runs, count, { before, kinds }));
    if (numPredictions === undefined) return predict(1, () => {});
    if (!Number.isInteger(numPredictions) || numPredictions < 1) {
      throw new RangeError(
        `Cannot predict with ${numPredictions} samples: it must be a positive ` +
          "whole number",
      );
    }
    const [seed, start] = this.#next(sample, numPredictions);
    const at = (i: number) => ({ ...sample, seed, index: start + i });
    return this.withSample(
      at(0),
      () =>
        predict(numPredictions, (i) => {
          if (i > 0) this.sampleParameters(at(i));
        }),
    );
  }

  /** Runs a function while the model is in training mode, or in evaluation. */
  #inMode<T>(training: boolean, run: () => T): T {
    const modules = [...this.base.namedModules().values()];
    const modes = modules.map((module) => module.training);
    this.base.train(training);
    try {
      return run();
    } finally {
      modules.forEach((module, i) => module.training = modes[i] ?? training);
    }
  }

  /** Fills in which Gaussian is meant, and refuses one that there is not. */
  #gaussian(action: string, options: SampleOptions): DensityOptions {
    const { noCovMat } = this.settings;
    const { scale = 1, cov = !noCovMat, blockwise = false } = options;
    if (this.nModels === 0) {
      throw new RangeError(
        `Cannot ${action}: nothing has been collected, ` +
          "call collectModel() before",
      );
    }
    if (!(scale >= 0 && scale < Infinity)) {
      throw new RangeError(
        `Cannot ${action} with scale ${scale}: it must not be negative`,
      );
    }
    if (cov && noCovMat) {
      throw new TypeError(
        `Cannot ${action} with cov: the posterior keeps no deviations, ` +
          "build it with noCovMat: false",
      );
    }
    return { scale, cov, blockwise };
  }

  /** The seed and the first index of the next `count` samples. */
  #next(options: SampleOptions, count: number): [number | bigint, number] {
    const { seed, index } = options;
    if (seed !== undefined || index !== undefined) {
      return [seed ?? 0, index ?? 0];
    }
    const start = this.#draws;
    this.#draws += count;
    return [0, start];
  }

  static {
    posteriorOf = (swag) => swag.#posterior;
  }
}

/** A call of {@linkcode SwagModel.withSample} that has not ended. */
interface Hold {
  /** Whether its promise is waited for. */
  isWaiting: boolean;
  isDone: boolean;
  /** Writes the weights back from before the call. */
  readonly restore: () => void;
}

/** For each model the calls that have not ended, the outermost first. */
const holdings = new WeakMap<Module, Hold[]>();

function holdsOf(model: Module): Hold[] {
  let holds = holdings.get(model);
  if (!holds) holdings.set(model, holds = []);
  return holds;
}

/** Ends a call; weights are written back once those inside it have ended. */
function end(holds: Hold[], hold: Hold): void {
  hold.isDone = true;
  for (let last = holds.at(-1); last?.isDone; last = holds.at(-1)) {
    holds.pop();
    last.restore();
  }
}

/** Names of {@linkcode SampleOptions}. */
const SAMPLE_OPTIONS = ["scale", "cov", "blockwise", "seed", "index"] as const;

/** Names that {@linkcode LogitsOptions} adds. */
const LOGITS_OPTIONS = ["numPredictions", "training"] as const;
