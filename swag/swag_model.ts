// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// Longer than most files: two thirds of it document its one class.

import type { Tensor } from "../engine/mod.ts";
import {
  checkSavedDtype,
  finishSave,
  folderOf,
  openSafetensors,
  withFile,
} from "../nn/formats/mod.ts";
import { checkOptions, type Module } from "../nn/mod.ts";
import { type DensityOptions, logDensity } from "./density.ts";
import { diagnose, type SwagDiagnostics } from "./diagnostics.ts";
import { DrawCounter } from "./draw_counter.ts";
import { fingerprint } from "./fingerprint.ts";
import { holdSample } from "./held_samples.ts";
import { measure, type MemoryEstimate, NONE } from "./layout.ts";
import { type MomentSource, readMoments } from "./moment_source.ts";
import { type Moments, momentsOf } from "./moments.ts";
import { drawKey } from "./noise.ts";
import { Posterior } from "./posterior.ts";
import {
  resolveGaussian,
  SAMPLE_OPTIONS,
  type SampleOptions,
} from "./sample_options.ts";
import {
  resolveSettings,
  type SwagOptions,
  type SwagSettings,
} from "./settings.ts";
import {
  checkWeights,
  isBesideWeights,
  type LoadSwagOptions,
  readOptions,
  type SaveSwagOptions,
  writePosterior,
} from "./state.ts";
import { fromPython } from "./selection.ts";
import {
  isConfigured,
  loadPythonWeights,
  openPythonState,
  writePythonFolder,
} from "./python_folder.ts";
import { type ConfigFields, SwagConfig } from "./swag_config.ts";
import {
  checkState,
  readState,
  type SwagState,
  writeState,
} from "./state_dict.ts";
import { type PredictRuns, WeightPosterior } from "./weight_posterior.ts";

/**
 * A Gaussian posterior over the weights of any module, from the weights that
 * training passes through (SWAG; Maddox et al., "A Simple Baseline for Bayesian
 * Uncertainty in Deep Learning", 2019).
 *
 * After θ₁ … θₙ have been collected, with their mean θ̄, the variances
 * σ² = max(M2/n, varClamp), and the last K deviations Dᵢ = θᵢ - θ̄ᵢ, each from the
 * mean at the time of its collection, a sample is
 *
 * ```text
 * θ = θ̄ + √scale · (σ ⊙ z₁ + Dᵀ z₂ / √(K - 1)),    z₁, z₂ ~ N(0, I)
 * cov θ = scale · (diag σ² + Dᵀ D / (K - 1))
 * ```
 *
 * K is the number of deviations held. With fewer than two there is no low-rank
 * part, and with one collection every sample is the mean. Moments are updated by
 * Welford's rule, which keeps small variances that 32 bits otherwise lose.
 *
 * Everything stays on the GPU. A sample takes one dispatch per segment of the
 * model, and a collection two (more only if the deviations exceed the largest
 * binding). A sample is written to where the model reads its weights. It depends on
 * seed and index only, and does not advance the default random generator.
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
export class SwagModel extends WeightPosterior<SampleOptions>
  implements Disposable {
  /** The model whose weights are sampled. */
  readonly base: Module;
  /** The options of the posterior, with defaults filled in. */
  readonly settings: SwagSettings;
  /** The names of {@linkcode SampleOptions}. */
  protected override readonly samplingOptions:
    readonly (keyof SampleOptions)[] = SAMPLE_OPTIONS;
  readonly #posterior: Posterior;
  /** The model's own weights, while it holds a sample. */
  #kept: Tensor[] | undefined;
  readonly #draws = new DrawCounter();

  /**
   * {@linkcode SwagModel.fromBase} is the usual way to build a posterior.
   *
   * @param base The model whose weights are sampled.
   * @param settings All options of the posterior, with defaults filled in.
   */
  constructor(base: Module, settings: SwagSettings) {
    super();
    this.base = base;
    this.settings = settings;
    this.#posterior = new Posterior(base, settings);
  }

  /**
   * Builds an empty posterior over a model's weights. The model is not copied:
   * train it, and call {@linkcode collectModel} from time to time.
   *
   * @param model The model whose weights are sampled.
   * @param options What to keep of the weights, also as a {@linkcode SwagConfig}.
   * @returns The posterior. It has no samples before the first collection.
   * @throws {RangeError} If an option is out of range, a prefix selects no
   * parameter or only another name of a tied one, or the deviations exceed what
   * the device can bind. Nothing is allocated in these cases.
   * @throws {TypeError} If the model has no parameters.
   */
  static fromBase(
    model: Module,
    options: SwagOptions | SwagConfig = {},
  ): SwagModel {
    const own = options instanceof SwagConfig ? options.settings : options;
    return new SwagModel(model, resolveSettings(own));
  }

  /**
   * Reads a posterior that {@linkcode save} wrote, with its options.
   *
   * @param path The file.
   * @param model The model that the posterior is over. Its weights do not change
   * until it is sampled.
   * @param options Whether the model must have the weights that it had when the
   * posterior was saved.
   * @returns The posterior.
   * @throws {SyntaxError} If the file is malformed.
   * @throws {TypeError} If the posterior does not fit the model, or `sameWeights`
   * is set and the model has other weights.
   */
  static async load(
    path: string,
    model: Module,
    options: LoadSwagOptions = {},
  ): Promise<SwagModel> {
    checkOptions(options, {
      action: "load a posterior",
      known: ["sameWeights"],
    });
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
    swag.#draws.drawn = draws;
    return swag;
  }

  /**
   * The options of the posterior with the configuration that its model has now.
   *
   * @throws {TypeError} If the base model has no configuration, as models of
   * `@swagpu/swagpu/models` have.
   */
  get config(): SwagConfig {
    if (!isConfigured(this.base)) {
      throw new TypeError(
        `Cannot make the configuration of a posterior: ` +
          `${this.base.constructor.name} has none itself`,
      );
    }
    const { settings, covMatRank } = this;
    return SwagConfig.fromConfig(this.base.config, { ...settings, covMatRank });
  }

  /** The number of collections. */
  get nModels(): number {
    return this.#posterior.count;
  }

  /** The number of deviations held: the rank of the low-rank part. */
  get covMatRank(): number {
    return this.#posterior.rank;
  }

  /** The names of the random parameters; all others stay at their mean. */
  get enabledParameters(): string[] {
    return this.#posterior.layout.entries
      .filter(({ row }) => row !== NONE)
      .map(({ name }) => name);
  }

  /** The GPU memory of the posterior in bytes; see {@linkcode estimateMemory}. */
  get memoryEstimate(): MemoryEstimate {
    return measure(this.#posterior.layout);
  }

  /** Whether the model holds a sample or the mean instead of its own weights. */
  get holdsSample(): boolean {
    return this.#kept !== undefined;
  }

  /**
   * Adds the current weights to the posterior.
   *
   * Weights that are not finite are left out. The GPU finds them at once, but the
   * host only learns of it with the next value that it reads from the GPU, such as
   * a loss, a prediction, moments, or what {@linkcode save} writes: that call
   * throws a `RangeError` that names the parameter, and the posterior is then as it
   * was before the collection.
   *
   * @param model The model that has the weights, with the same parameters as the
   * base model. Default: the base model.
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
   * Writes a sample into the model. The weights from before the first sample are
   * kept for {@linkcode restoreWeights}.
   *
   * @param options Which sample to draw.
   * @throws {RangeError} If nothing has been collected, or the scale is negative.
   * @throws {TypeError} If `cov` is set and the posterior keeps no deviations.
   */
  sampleParameters(options: SampleOptions = {}): void {
    checkOptions(options, { action: "sample weights", known: SAMPLE_OPTIONS });
    const gaussian = this.#gaussian("sample weights", options);
    const [seed, index] = this.#draws.next(options, 1);
    const noise = drawKey(seed, index);
    this.#kept ??= this.#posterior.copyWeights();
    this.#posterior.draw({ ...gaussian, noise });
  }

  /** Writes the mean into the model. It counts as a sample, of scale 0. */
  restoreMean(): void {
    this.sampleParameters({ scale: 0, seed: 0 });
  }

  /**
   * Writes back the weights that the model had before the first sample. Does
   * nothing if the model holds no sample.
   */
  restoreWeights(): void {
    if (!this.#kept) return;
    this.#posterior.writeWeights(this.#kept);
    this.acceptWeights();
  }

  /**
   * Makes the sample that the model holds its own weights, for example to continue
   * training from the mean. The weights from before the sample are forgotten.
   */
  acceptWeights(): void {
    for (const copy of this.#kept ?? []) copy.dispose();
    this.#kept = undefined;
  }

  /**
   * Calls a function while the model holds a sample, and then writes back the
   * weights that the model had before the call.
   *
   * Calls may be nested. But a model holds one sample at a time: while a call waits
   * for a promise, only functions that return no promise may be called with another
   * sample, as {@linkcode predict} does.
   *
   * @param options Which sample to draw.
   * @param run The function. If it returns a promise, the weights are written back
   * when the promise settles.
   * @returns What the function returns; a promise that rejects with a `TypeError`
   * if another call already waits for a promise.
   */
  withSample<T>(options: SampleOptions, run: () => T): T {
    const outer = this.#kept;
    this.#kept = undefined;
    return holdSample(
      this.base,
      () => {
        this.sampleParameters(options);
        return run();
      },
      () => {
        this.restoreWeights();
        this.#kept = outer;
      },
    );
  }

  /**
   * Computes the log density of the random weights that the model holds now, under
   * the Gaussian from which {@linkcode sampleParameters} draws with the same
   * options. It is computed on the host in float64, by Woodbury's identity; the
   * moments are read one parameter at a time.
   *
   * @param options Which Gaussian.
   * @returns The log density in nats.
   * @throws {RangeError} If there are fewer than two collections or the scale is 0,
   * so that the Gaussian has no spread.
   * @throws {TypeError} If `cov` is set and the posterior keeps no deviations.
   */
  async logProbability(
    options: Pick<SampleOptions, "scale" | "cov" | "blockwise"> = {},
  ): Promise<number> {
    const gaussian = this.#gaussian("compute a density", options);
    if (gaussian.scale === 0 || this.nModels < 2) {
      throw new RangeError(
        `Cannot compute a density with scale ${gaussian.scale} and ` +
          `${this.nModels} collections: there is no spread`,
      );
    }
    return await logDensity(this.#posterior, gaussian);
  }

  /**
   * Reads moments from the GPU, all with one wait.
   *
   * @param names The names of the parameters. Default: all.
   * @returns The moments by parameter name, in the order of the names.
   * @throws {RangeError} If no parameter has a name.
   */
  async moments(names?: Iterable<string>): Promise<Map<string, Moments>> {
    const { entries } = this.#posterior.layout;
    const chosen = names ? [...names] : entries.map(({ name }) => name);
    const found = chosen.map((name) => {
      const entry = entries.find((entry) => entry.name === name);
      if (entry) return entry;
      throw new RangeError(
        `Cannot read the moments of "${name}": there is no such parameter`,
      );
    });
    const { nModels: collections, settings: { varClamp } } = this;
    const read = await this.#posterior.read(found);
    return new Map(
      read.map((raw, i) =>
        [chosen[i] ?? "", momentsOf(raw, { collections, varClamp })] as const
      ),
    );
  }

  /**
   * Tells whether the weights collected describe a region of good weights, or only the
   * way through it: in how many directions they spread, whether the halves of the
   * collections held agree on the variances, and whether the weights drifted.
   *
   * The weights θᵢ of the K collections held follow from the deviations. Let m₁ and m₂
   * be their means over the first and the last h = ⌊K/2⌋ collections, and v₁ and v₂ the
   * variances of each weight, which divide by h - 1. Then
   *
   * ```text
   * effectiveRank     = (Σ λ)² / Σ λ² = (tr D Dᵀ)² / ‖D Dᵀ‖²
   * varianceAgreement = 1 - Σ |v₁ - v₂| / Σ (v₁ + v₂)
   * drift             = ‖m₁ - m₂‖ / √(Σ (v₁ + v₂) / h)
   * ```
   *
   * The first is the participation ratio (Gao et al., "A theory of multineuronal
   * dimensionality, dynamics and measurement", 2017). The last is Welch's t statistic,
   * summed over weights: near 1 if the collections are independent. That is so for SGD
   * on a quadratic of curvature a whose rate η makes (1 - ηa)ᵗ small over the t steps
   * between two collections; with a lower rate, weights remember where they were. It
   * compares halves of a run as split R̂ does (Gelman et al., "Bayesian Data Analysis",
   * 2013).
   *
   * All is computed on the GPU, with one wait.
   *
   * @returns The measures.
   * @throws {RangeError} If fewer than four deviations are held.
   *
   * @example A run that goes one way, and one that stays
   * ```ts
   * import { initialize, normal } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(30, 30, { bias: false });
   * const explores = async (weight: (step: number) => number[]) => {
   *   using swag = SwagModel.fromBase(model, { noCovMat: false });
   *   for (let step = 0; step < 12; step++) {
   *     model.weight.write(weight(step));
   *     swag.collectModel();
   *   }
   *   return (await swag.diagnostics()).isExploring;
   * };
   * assertEquals(await explores((step) => Array(900).fill(step)), false);
   * const noise = await normal([12, 900], { std: 1 }).data();
   * const row = (step: number) => [...noise.subarray(900 * step, 900 * step + 900)];
   * assertEquals(await explores(row), true);
   * ```
   */
  async diagnostics(): Promise<SwagDiagnostics> {
    return await diagnose(this.#posterior);
  }

  /**
   * Writes the posterior to a safetensors file. It holds the number of collections
   * and for each parameter the mean, `swag.base.<name>_mean`; for random parameters
   * also the sum of squared differences from the mean, `…_sq_dev_sum`, and the
   * deviations, `…_cov_mat_sqrt` `[rank, size]`, oldest first. With deviations as
   * f16 or int8 that has this type, and `…_cov_mat_scale` `[rank, blocks]` is the
   * factor on each block of 64 weights. The options are in the file's metadata. The
   * model's own weights are not in the file.
   *
   * The metadata also holds a fingerprint of the model's current weights, by which
   * {@linkcode load} recognizes them. To replace the files of a model and of its
   * posterior together, use the `alongside` option of `savePretrained`.
   *
   * The file appears under its name when it is complete. Do not collect weights
   * before that.
   *
   * @param path The file.
   * @param options Whether moments that are not finite are allowed, and in how many
   * bits numbers are stored.
   * @throws {RangeError} If a moment is not finite, unless that is allowed, or
   * `dtype` is not known.
   * @throws {TypeError} If there is an option of another name.
   */
  async save(path: string, options: SaveSwagOptions = {}): Promise<void> {
    checkOptions(options, {
      action: "save a posterior",
      known: ["allowNonFinite", "dtype"],
    });
    const { allowNonFinite = false, dtype = "float32" } = options;
    checkSavedDtype(dtype);
    await writePosterior(path, this.#posterior, {
      draws: this.#draws.drawn,
      weights: await fingerprint(this.base, dtype),
      allowNonFinite,
      dtype,
    });
  }

  /**
   * Writes the folder of the Python library swag_transformers: `config.json`,
   * `base_model/`, and `model.bin`, which `torch.load` reads. It keeps the mean of
   * squares in 32 bits, so that small variances lose digits there; {@linkcode save}
   * loses none.
   *
   * @param folder The folder to write to. It is made if it does not exist.
   * @throws {TypeError} If the base model has no configuration, as models of
   * `@swagpu/swagpu/models` have, or holds a sample.
   * @throws {RangeError} If a moment is not finite.
   *
   * @example Written and read again
   * ```ts
   * import { initialize } from "@swagpu/swagpu/engine";
   * import {
   *   AutoConfig,
   *   AutoModelForSequenceClassification,
   *   BertConfig,
   *   BertForSequenceClassification,
   * } from "@swagpu/swagpu/models";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const config = new BertConfig({
   *   vocabSize: 50,
   *   hiddenSize: 12,
   *   numHiddenLayers: 1,
   * });
   * const swag = SwagModel.fromBase(new BertForSequenceClassification(config));
   * swag.collectModel();
   * const folder = await Deno.makeTempDir();
   * await swag.savePretrained(folder);
   * const again = await SwagModel.fromPretrained(folder, (fields) =>
   *   AutoModelForSequenceClassification.fromConfig(AutoConfig.fromFields(fields)));
   * assertEquals(again.nModels, 1);
   * await Deno.remove(folder, { recursive: true });
   * ```
   */
  async savePretrained(folder: string): Promise<void> {
    if (this.#kept) {
      throw new TypeError(
        `Cannot save the posterior to ${folder}: the model holds a sample; ` +
          "call restoreWeights() or acceptWeights() before",
      );
    }
    await writePythonFolder(folder, this.#posterior);
  }

  /**
   * Loads a folder that {@linkcode savePretrained} or the Python library
   * swag_transformers wrote. A folder of the library has its normalization,
   * `"capacity"`.
   *
   * @param folder The folder.
   * @param build Builds the model of the configuration that the folder holds, such
   * as `(fields) => AutoModelForSequenceClassification.fromConfig(
   * AutoConfig.fromFields(fields))`.
   * @returns The posterior. Its `base` is the model, with the weights that were
   * saved, or the means if the library had drawn no sample of them.
   * @throws {SyntaxError} If a file is malformed, or not that of a posterior.
   * @throws {TypeError} If the state does not fit the model.
   */
  static async fromPretrained(
    folder: string,
    build: (fields: ConfigFields) => Module | Promise<Module>,
  ): Promise<SwagModel> {
    const config = await SwagConfig.fromPretrained(folder);
    using state = await openPythonState(folder);
    const base = await build(config.internalModelConfig);
    const { modulePrefixList: entries } = config;
    let swag: SwagModel | undefined;
    try {
      swag = SwagModel.fromBase(base, {
        ...config.settings,
        modulePrefixList: entries && fromPython(base, entries),
      });
      await loadPythonWeights(base, state);
      await swag.importState(state);
      return swag;
    } catch (error) {
      swag?.dispose();
      base.dispose();
      throw error;
    }
  }

  /**
   * Overwrites the moments with those of a file that {@linkcode save} or the
   * original library wrote. The latter's `…_sq_mean` is turned into a variance, with
   * the precision that 32 bits have left. Other tensors in the file are ignored.
   *
   * @param source The file, in memory or opened.
   * @throws {TypeError} If a tensor is missing or has another shape.
   * @throws {RangeError} If the file has more deviations than `maxNumModels`.
   */
  async importState(source: MomentSource): Promise<void> {
    await readMoments(this.#posterior, source);
  }

  /**
   * Reads all that is needed to continue the posterior, with one wait: the options,
   * the counts and the moments, as they are at the time of the call. A posterior
   * that loads the state and collects the same weights has the same bits from then
   * on, and so have its samples. The model's weights have to be saved too; it does
   * not matter whether the model holds a sample.
   *
   * The state takes as much memory on the host as {@linkcode memoryEstimate} says.
   * {@linkcode save} writes a file one parameter at a time instead.
   *
   * @returns A copy of the state, of plain objects and typed arrays.
   * @throws {RangeError} If weights were collected that are not finite; see
   * {@linkcode collectModel}. The next call gives the state without them.
   *
   * @example A new posterior continues a run
   * ```ts
   * import { initialize } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(2, 3);
   * const options = { noCovMat: false, maxNumModels: 5 };
   * const before = SwagModel.fromBase(model, options);
   * before.collectModel();
   * const state = await before.stateDict();
   * assertEquals(state.parameters.weight?.shape, [3, 2]);
   *
   * const after = SwagModel.fromBase(model, options);
   * after.loadStateDict(state);
   * for (const swag of [before, after]) swag.collectModel();
   * assertEquals([after.nModels, after.covMatRank], [2, 2]);
   * assertEquals(await after.moments(), await before.moments());
   * ```
   */
  async stateDict(): Promise<SwagState> {
    return await readState(this.#posterior, this.#draws.drawn);
  }

  /**
   * Continues from a state that {@linkcode stateDict} has read: overwrites counts
   * and moments. What was collected before is forgotten. The model's weights stay
   * as they are, and so does a sample that the model holds.
   *
   * @param state The state of a posterior with the same options over a model with
   * the same parameters. Other prefixes are accepted if they select the same
   * parameters, and so are `maxNumModels` and `normalize` without covariances.
   * @throws {TypeError} If options, names, shapes or kinds of values differ;
   * nothing is changed then.
   * @throws {RangeError} If a count is out of range; nothing is changed then.
   */
  loadStateDict(state: SwagState): void {
    checkState(this.#posterior, state);
    writeState(this.#posterior, state);
    this.#draws.drawn = state.draws;
  }

  /**
   * Copies the moments of another posterior over a model of the same kind. In
   * `only()` of replicas these are the moments of one replica, if `other` was made
   * and has collected in `run()`.
   *
   * @param other The posterior to copy.
   * @throws {TypeError} If it holds other parameters or numbers of deviations.
   */
  copyMoments(other: SwagModel): void {
    this.#posterior.copyFrom(other.#posterior);
  }

  /** Frees the moments. A sample that the model holds stays in it. */
  dispose(): void {
    this.acceptWeights();
    this.#posterior.dispose();
  }

  /** Calls {@linkcode dispose} at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Runs with one sample after the other, or once with the weights as they are. */
  protected override withSamples<T>(
    options: SampleOptions,
    count: number | undefined,
    predict: PredictRuns<T>,
  ): T {
    if (count === undefined) return predict(1, () => {});
    const [seed, start] = this.#draws.next(options, count);
    const optionsOf = (i: number) => ({ ...options, seed, index: start + i });
    return this.withSample(
      optionsOf(0),
      () =>
        predict(count, (i) => {
          if (i > 0) this.sampleParameters(optionsOf(i));
        }),
    );
  }

  /** Checks and completes the options that select a Gaussian. */
  #gaussian(action: string, options: SampleOptions): DensityOptions {
    return resolveGaussian(options, {
      action,
      collections: this.nModels,
      hasDeviations: !this.settings.noCovMat,
    });
  }
}
