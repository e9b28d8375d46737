// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { runAndEnd } from "../../engine/kernel_kit.ts";
import { keep, noGrad, scope } from "../../engine/mod.ts";
import type { Module } from "../../nn/mod.ts";
import { trainParticles } from "./bayes_infer.ts";
import { BufferCopy } from "./buffer_copy.ts";
import { readParticles, writeParticles } from "./files.ts";
import type { BayesInferOptions } from "./plan.ts";
import {
  type PosteriorPrediction,
  type PosteriorPredOptions,
  summarizeOnHost,
} from "./posterior_pred.ts";
import { problemOf } from "../predict.ts";
import type { LogitsFunction } from "../runs.ts";
import { SAMPLE_OPTIONS, type SampleOptions } from "../sample_options.ts";
import { SwagModel } from "../swag_model.ts";
import {
  splitVariance,
  type VarianceOptions,
  type VarianceParts,
} from "./variance_parts.ts";
import { WeightPosterior } from "../weight_posterior.ts";
import type { Particle } from "./particle.ts";

/** Which sample of which particle. */
export interface ParticleSampleOptions extends SampleOptions {
  /** The number of the particle, from 0. @default {0} */
  particle?: number;
}

/**
 * Several posteriors over the weights of one model, each from a run of its own
 * (MultiSWAG; Wilson and Izmailov, "Bayesian Deep Learning and a Probabilistic
 * Perspective of Generalization", 2020). A run ends in one basin of the loss, and
 * SWAG describes that basin; runs from other initial weights end in others. With
 * one collection each, the particles are a deep ensemble.
 *
 * Predictions take `numPredictions` samples of each particle, and all count the
 * same: `[batch, particles · samples, …]`, the first particle's before the second's.
 * Where neither `seed` nor `index` is given, each call takes the next samples of each
 * particle.
 *
 * @example Four particles of a small network
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { Linear, mseLoss } from "@swagpu/swagpu/nn";
 * import { MultiSwag } from "@swagpu/swagpu/swag";
 * import { assert, assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[0], [1], [2], [3]]);
 * const y = tensor([[1], [3], [5], [7]]);
 * using multi = await MultiSwag.bayesInfer(() => new Linear(1, 1), {
 *   examples: 4,
 *   inputs: () => ({ x, y }),
 *   step: (model, { x, y }) => mseLoss(model.forward(x), y),
 *   numModels: 4,
 *   pretrainEpochs: 150,
 *   swagEpochs: 20,
 *   learningRate: 0.05,
 * });
 * assertEquals(multi.particles.map(({ nModels }) => nModels), [21, 21, 21, 21]);
 * const { mean } = multi.predict(
 *   () => multi.base.forward(tensor([[4]])),
 *   { problemType: "regression", scale: 0.5 },
 * );
 * assert(Math.abs(await mean.item() - 9) < 0.5);
 * ```
 */
export class MultiSwag<M extends Module = Module>
  extends WeightPosterior<SampleOptions>
  implements Disposable {
  /** The model into which samples are written. */
  readonly base: M;
  /** The posteriors, all over the weights of `base`. */
  readonly particles: readonly SwagModel[];
  /** The names of {@linkcode SampleOptions}. */
  protected override readonly samplingOptions:
    readonly (keyof SampleOptions)[] = SAMPLE_OPTIONS;
  readonly #buffers: readonly Particle["buffers"][];

  /**
   * {@linkcode MultiSwag.bayesInfer} trains particles, {@linkcode MultiSwag.load}
   * reads them, and {@linkcode MultiSwag.ofWeights} makes a deep ensemble.
   *
   * @param base The model into which samples are written.
   * @param particles The posteriors over its weights.
   * @param buffers For each particle the values of the model's buffers. Default:
   * those that the model has when it predicts.
   * @throws {RangeError} If there are no particles.
   * @throws {TypeError} If a posterior is over another model.
   */
  constructor(
    base: M,
    particles: readonly SwagModel[],
    buffers: readonly Particle["buffers"][] = [],
  ) {
    super();
    if (particles.length === 0) {
      throw new RangeError(
        "Cannot build a MultiSWAG of 0 particles: there must be one at least",
      );
    }
    const other = particles.findIndex((swag) => swag.base !== base);
    if (other >= 0) {
      throw new TypeError(
        `Cannot build a MultiSWAG: particle ${other} is over another model, ` +
          "but all must be over the same",
      );
    }
    this.base = base;
    this.particles = [...particles];
    this.#buffers = buffers;
  }

  /** How many samples of each particle predictions take by default. */
  override get defaultPredictions(): number {
    // All samples of a particle with one collection are the same.
    return this.particles.every(({ nModels }) => nModels === 1) ? 1 : 20;
  }

  /**
   * Trains particles from different initial weights, and collects the weights of
   * each at the end of `pretrainEpochs`, if there are any, and after each of
   * `swagEpochs`.
   *
   * A particle depends on its seed, `seed` plus its number, and not on the others.
   * Particles are trained in the same dispatches where the model allows it; see
   * {@linkcode BayesInferOptions.together}. The default random generator is as
   * before afterwards.
   *
   * @param build Builds the model of a particle. It is called under the particle's
   * seed, or once for all, and must do the same at each call.
   * @param options The data, the loss, and how long to train.
   * @returns The particles, over the model of the first.
   * @throws {RangeError} If an option is out of range, or a loss is not finite.
   * @throws {TypeError} If an option is not known.
   */
  static async bayesInfer<M extends Module, Feed extends object>(
    build: () => M,
    options: BayesInferOptions<M, Feed>,
  ): Promise<MultiSwag<M>> {
    const { base, particles } = await trainParticles(build, options);
    return new MultiSwag(
      base,
      particles.map(({ swag }) => swag),
      particles.map(({ buffers }) => buffers),
    );
  }

  /**
   * Makes a deep ensemble of weights that exist, such as those of a folder of
   * checkpoints (Lakshminarayanan et al., "Simple and Scalable Predictive
   * Uncertainty Estimation using Deep Ensembles", 2017).
   *
   * @param base The model.
   * @param members What is known of each member, such as the path of its weights.
   * @param load Overwrites the weights of `base` by those of a member.
   * @returns The ensemble. `base` keeps the weights of the last member.
   * @throws {RangeError} If there are no members.
   *
   * @example Two members
   * ```ts
   * import { initialize, tensor } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { MultiSwag } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(1, 1, { bias: false });
   * using ensemble = await MultiSwag.ofWeights(model, [1, 3], (value) => {
   *   model.weight.write([value]);
   * });
   * const { mean, std } = ensemble.predict(
   *   () => model.forward(tensor([[10]])),
   *   { problemType: "regression" },
   * );
   * assertEquals([await mean.item(), await std.item()], [20, 10]);
   * ```
   */
  static async ofWeights<M extends Module, Member>(
    base: M,
    members: Iterable<Member>,
    load: (member: Member) => unknown,
  ): Promise<MultiSwag<M>> {
    const particles: SwagModel[] = [];
    const buffers: Particle["buffers"][] = [];
    try {
      for (const member of members) {
        await load(member);
        const swag = SwagModel.fromBase(base);
        particles.push(swag);
        swag.collectModel();
        buffers.push(BufferCopy.of(base));
      }
      return new MultiSwag(base, particles, buffers);
    } catch (error) {
      for (const swag of particles) swag.dispose();
      for (const copy of buffers) copy?.[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Reads particles.
   *
   * @param source The folder that {@linkcode save} or `swagpu merge` wrote, or the
   * files that {@linkcode SwagModel.save} wrote, one for each particle.
   * @param base The model that they are over. Its weights do not change until it
   * is sampled.
   * @returns The particles, in the order of the files.
   * @throws {SyntaxError} If a file is malformed.
   * @throws {TypeError} If a posterior does not fit the model.
   */
  static async load<M extends Module>(
    source: string | readonly string[],
    base: M,
  ): Promise<MultiSwag<M>> {
    const particles = await readParticles(source, base);
    return new MultiSwag(
      base,
      particles.map(({ swag }) => swag),
      particles.map(({ buffers }) => buffers),
    );
  }

  /**
   * Writes the particles to a folder, with `multiswag.json`, which lists their
   * files. The model's own weights are not in the folder.
   *
   * @param folder The folder. It is made if it does not exist; other files in it
   * stay.
   * @throws {RangeError} If a moment is not finite.
   *
   * @example Written and read again
   * ```ts
   * import { initialize } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { MultiSwag } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(1, 1, { bias: false });
   * const ensemble = await MultiSwag.ofWeights(model, [1, 3], (value) => {
   *   model.weight.write([value]);
   * });
   * const folder = await Deno.makeTempDir();
   * await ensemble.save(folder);
   * const again = await MultiSwag.load(folder, model);
   * const weight = await again.withSample(
   *   { particle: 0 },
   *   () => model.weight.item(),
   * );
   * assertEquals(weight, 1);
   * await Deno.remove(folder, { recursive: true });
   * ```
   */
  async save(folder: string): Promise<void> {
    const particles = this.particles.map((swag, i) => ({
      swag,
      buffers: this.#buffers[i] ?? new BufferCopy(new Map()),
    }));
    await writeParticles(folder, particles);
  }

  /**
   * Calls a function while the model holds a sample of a particle, and then writes
   * back the weights and buffers that the model had before the call; see
   * {@linkcode SwagModel.withSample}.
   *
   * @param options Which sample of which particle.
   * @param run The function. If it returns a promise, the weights are written back
   * when the promise settles.
   * @returns What the function returns.
   */
  withSample<T>(options: ParticleSampleOptions, run: () => T): T {
    const { particle = 0, ...sample } = options;
    const swag = this.#particle(particle);
    return this.#keepingBuffers(() =>
      swag.withSample(sample, () => {
        this.#writeBuffers(particle);
        return run();
      })
    );
  }

  /**
   * Splits the variance of the predictions into the part within the particles,
   * which SWAG's samples make, and the part between them.
   *
   * @param forward Runs the model on a batch and returns its logits.
   * @param options Which samples, and what the model predicts; the variance is that
   * of probabilities, or of numbers for a regression.
   * @returns Mean and variances, each `[batch, ..., classes]`.
   */
  decomposeVariance(
    forward: LogitsFunction,
    options: VarianceOptions<SampleOptions> = {},
  ): VarianceParts {
    const { problemType, ...sampling } = options;
    using _ = scope();
    const logits = this.getLogits(forward, sampling);
    const parts = noGrad(() =>
      splitVariance(logits, {
        particles: this.particles.length,
        problemType: problemType ?? problemOf(this.base, logits),
      })
    );
    for (const x of Object.values(parts)) keep(x);
    return parts;
  }

  /**
   * Summarizes the predictions on the host, in the modes of Push's
   * `posterior_pred`.
   *
   * @param forward Runs the model on a batch and returns its logits.
   * @param options The modes, and which samples. With mode `"std"`, the standard
   * deviation is that over all samples of all particles.
   * @returns The values of each mode that was asked for.
   * @throws {RangeError} If a mode is unknown, or is none of the problem's, or a
   * class is to be chosen among values of which one is NaN.
   */
  async posteriorPred(
    forward: LogitsFunction,
    options: PosteriorPredOptions<SampleOptions> = {},
  ): Promise<PosteriorPrediction> {
    const { mode, problemType, ...sampling } = options;
    using _ = scope();
    const logits = this.getLogits(forward, sampling);
    return await summarizeOnHost(logits, {
      particles: this.particles.length,
      problemType: problemType ?? problemOf(this.base, logits),
      modes: mode ?? ["mean"],
    });
  }

  /** Frees the particles' moments. The model is not freed. */
  dispose(): void {
    for (const swag of this.particles) swag.dispose();
    for (const copy of this.#buffers) copy[Symbol.dispose]();
  }

  /** Calls {@linkcode dispose} at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Runs with all samples of the first particle, then of the second, and so on. */
  protected override withSamples<T>(
    options: SampleOptions,
    count: number | undefined,
    predict: (count: number, before: (run: number) => void) => T,
  ): T {
    const each = count ?? this.defaultPredictions;
    const { seed, index = 0, ...rest } = options;
    // Without either, each particle counts the samples that are drawn of it.
    const isCounted = seed === undefined && options.index === undefined;
    const optionsOf = (run: number): SampleOptions =>
      isCounted
        ? rest
        : { ...rest, seed: seed ?? 0, index: index + run % each };
    const [first, ...others] = this.particles as [SwagModel, ...SwagModel[]];
    return this.#keepingBuffers(() =>
      first.withSample(optionsOf(0), () =>
        runAndEnd(
          () =>
            predict(this.particles.length * each, (run) => {
              const particle = Math.floor(run / each);
              // The first sample is in the model already.
              if (run > 0) {
                this.#particle(particle).sampleParameters(optionsOf(run));
              }
              if (run % each > 0) return;
              this.#writeBuffers(particle);
              // The weights that it keeps are a sample of the one before it.
              if (particle > 1) this.#particle(particle - 1).acceptWeights();
            }),
          () => {
            for (const swag of others) swag.acceptWeights();
          },
        ))
    );
  }

  #particle(index: number): SwagModel {
    const swag = this.particles[index];
    if (swag) return swag;
    throw new RangeError(
      `Cannot sample particle ${index}: there are ${this.particles.length}, ` +
        "numbered from 0",
    );
  }

  #writeBuffers(particle: number): void {
    this.#buffers[particle]?.writeTo(this.base);
  }

  /** Calls a function, and then writes back the buffers from before the call. */
  #keepingBuffers<T>(run: () => T): T {
    if (this.#buffers.every(({ values }) => values.size === 0)) return run();
    const copy = BufferCopy.of(this.base);
    return runAndEnd(run, () => {
      copy.writeTo(this.base);
      copy[Symbol.dispose]();
    });
  }
}
