// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// IVON, and the samples of the weights that it trains.

import { type Kernel, runAndEnd } from "../engine/kernel_kit.ts";
import {
  defaultGenerator,
  Generator,
  type RandomStream,
  type Tensor,
} from "../engine/mod.ts";
import { ivon } from "./ivon_kernels.ts";
import { IvonSamples } from "./ivon_samples.ts";
import { Optimizer, type StepOptions } from "./optim.ts";
import {
  type ParameterGroup,
  present,
  requireNonNegative,
} from "./optim_groups.ts";
import type { WeightPull } from "./optim_pull.ts";
import { checkOptions } from "./options.ts";
import type { Parameter } from "./parameter.ts";

/** Settings of {@linkcode IVON}, for all groups or one. */
export interface IVONSettings {
  /** The step size. @default {0.1} */
  learningRate: number;
  /**
   * The effective sample size λ: the number of training examples, if the loss is
   * a mean over them. A larger one makes a narrower posterior.
   */
  ess: number;
  /** What the diagonal of the Hessian is at first. @default {1} */
  hessInit: number;
  /** The decay rate of the momentum. @default {0.9} */
  beta1: number;
  /** The decay rate of the Hessian. @default {0.99999} */
  beta2: number;
  /**
   * The decay δ of the weights. The prior is a Gaussian of mean 0 and precision
   * λ δ.
   *
   * @default {1e-4}
   */
  weightDecay: number;
  /**
   * How the diagonal of the Hessian is estimated: `"price"` by the product of
   * noise and gradient (Price's theorem), `"gradsq"` by the squared gradient.
   *
   * @default {"price"}
   */
  hessApprox: "price" | "gradsq";
  /** The most that a step may be before the learning rate. @default {Infinity} */
  clipRadius: number;
  /** Whether the momentum is divided by `1 - β₁ᵗ`. @default {true} */
  debias: boolean;
  /**
   * Whether the learning rate is multiplied by `hessInit + weightDecay`, so that
   * the first step does not depend on them.
   *
   * @default {true}
   */
  rescaleLr: boolean;
}

/** Options of {@linkcode IVON}: settings for all groups, of which ess is needed. */
export interface IVONOptions extends Partial<IVONSettings> {
  /** The effective sample size; see {@linkcode IVONSettings}. */
  ess: number;
  /**
   * The number of samples of a step that `train` and `Trainer` make. Each costs a
   * forward and a backward pass.
   *
   * @default {1}
   */
  mcSamples?: number;
}

/** Options of {@linkcode IVON.sampleParameters}: which sample is drawn. */
export interface SampleParametersOptions {
  /**
   * A whole number. The same seed and index give the same sample. Without it the
   * sample is another one each time, of the default random generator.
   */
  seed?: number | bigint;
  /** The number of the sample among those of the seed. @default {0} */
  index?: number;
  /**
   * The numbers, of standard deviation 1, that the sample is made of, in place of
   * those that are drawn: for each parameter one per weight. It serves to repeat
   * what other programs have computed. Parameters without numbers stay.
   */
  noise?: ReadonlyMap<Parameter, ArrayLike<number>>;
}

/** Options of {@linkcode IVON.sampledParams}. */
export interface SampledParamsOptions extends SampleParametersOptions {
  /**
   * Whether the next step uses the gradients that are computed meanwhile.
   *
   * @default {false}
   */
  train?: boolean;
}

const SAMPLE_OPTIONS = ["seed", "index", "noise"];

// The high word of the streams that are drawn by seed and index, unlike any that a
// generator counts up to.
const STREAM = 0x49564f4e;

/** A larger radius limits nothing in 32 bits, and kernels need a finite one. */
const NO_LIMIT = 3e38;

/**
 * A variational online Newton method: trains a Gaussian over the weights, with
 * mean `m` and precision `λ (h + δ)` of each weight, at the cost of Adam. The
 * gradient `g` is taken at a sample of the weights:
 *
 * ```text
 * θ = m + σ z,   σ² = 1 / (λ (h + δ)),   z ~ N(0, 1)
 * ĥ = λ (h + δ) (θ - m) g      ("price"; λ g² for "gradsq")
 * u ← β₁ u + (1 - β₁) g
 * h ← β₂ h + (1 - β₂) ĥ + (1 - β₂)² / 2 · (h - ĥ)² / (h + δ)
 * m ← m - lr (u / (1 - β₁ᵗ) + δ m) / (h + δ)
 * ```
 *
 * With several samples in a step, `g` and `ĥ` are their means. The fraction of the
 * last line is limited to `clipRadius`, and `lr` is multiplied by `hessInit + δ` if
 * `rescaleLr` is set. The loss is meant to be a mean over examples, of which there
 * are `λ`.
 *
 * `train` and `Trainer` draw the samples. A loop of one's own computes gradients
 * inside {@linkcode sampledParams}. Outside of that call the parameters are `m`.
 * `IVONPosterior` predicts with samples. A limit of the gradients' norm acts on
 * their means, and not on `ĥ`.
 *
 * Shen et al., "Variational Learning is Effective for Large Deep Networks", 2024.
 *
 * @example Usage
 * ```ts
 * import { backward, initialize, mul, scope, sum } from "@swagpu/swagpu/engine";
 * import { init, IVON, Parameter } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([64], init.ones());
 * const optimizer = new IVON([x], { ess: 1000, beta2: 0.99 });
 * for (let step = 0; step < 300; step++) {
 *   using _ = scope();
 *   optimizer.sampledParams({ train: true }, () => backward(sum(mul(x, x))));
 *   optimizer.step();
 * }
 * const average = (values: Float32Array) =>
 *   values.reduce((sum, value) => sum + value) / values.length;
 * assertAlmostEquals(average(await x.data()), 0, 0.02);
 * // The second derivative of x² is 2.
 * const [state] = (await optimizer.stateDict()).parameters;
 * assertAlmostEquals(average(state?.moments[1] ?? new Float32Array()), 2, 0.3);
 * ```
 */
export class IVON extends Optimizer<IVONSettings> {
  /** The kernel of the rule. */
  protected override readonly kernel: Kernel = ivon;
  /** The number of samples of a step in {@linkcode accumulate}. */
  readonly mcSamples: number;
  readonly #samples: IvonSamples;
  /** Whether {@linkcode sampledParams} is running. */
  #isRunning = false;

  /**
   * Allocates two moments per parameter: `u` and `h`. The first sample allocates
   * two more buffers of that size, and the second sample of a step another one.
   *
   * @param parameters Parameters, or groups of them with settings.
   * @param options The settings that a group lacks, and the number of samples.
   * @throws {RangeError} If a setting is out of range.
   * @throws {TypeError} If a setting has a name that is not known.
   */
  constructor(
    parameters: Iterable<Parameter> | readonly ParameterGroup<IVONSettings>[],
    options: IVONOptions,
  ) {
    const { mcSamples = 1, ...settings } = options;
    const defaults: IVONSettings = {
      learningRate: 0.1,
      ess: NaN,
      hessInit: 1,
      beta1: 0.9,
      beta2: 0.99999,
      weightDecay: 1e-4,
      hessApprox: "price",
      clipRadius: Infinity,
      debias: true,
      rescaleLr: true,
    };
    const known = Object.keys(defaults);
    checkOptions(settings, { action: "optimize", known });
    if (!(Number.isSafeInteger(mcSamples) && mcSamples >= 1)) {
      throw new RangeError(
        `Cannot optimize with mcSamples ${mcSamples}: it must be a whole number ` +
          "of at least 1",
      );
    }
    super(parameters, { ...defaults, ...present(settings) }, 2);
    this.mcSamples = mcSamples;
    const hessians = this.moments.map(([, hessian]) => hessian as Tensor);
    this.#samples = new IvonSamples(this.groups, hessians);
  }

  /** Whether the parameters hold a sample instead of their mean. */
  get holdsSample(): boolean {
    return this.#samples.isHeld;
  }

  /** The size of what the optimizer keeps on the GPU, in bytes. */
  override get bytes(): number {
    return super.bytes + this.#samples.bytes;
  }

  /** `undefined`: the weight decay is the precision of the prior of mean 0. */
  override get pull(): WeightPull | undefined {
    return undefined;
  }

  override set pull(_: WeightPull | undefined) {
    throw new TypeError(
      "Cannot pull the weights of IVON to a prior: its weight decay is the " +
        "precision of its own prior, whose mean is 0",
    );
  }

  /**
   * Writes a sample into the parameters that are not frozen. Their mean is kept
   * for {@linkcode restoreWeights}. A sample that they hold is replaced.
   *
   * @param options Which sample to draw.
   * @throws {TypeError} If {@linkcode sampledParams} is running.
   * @throws {RangeError} If the seed or the index is not a whole number, or the
   * index is not in [0, 2³²).
   */
  sampleParameters(options: SampleParametersOptions = {}): void {
    const known = SAMPLE_OPTIONS;
    checkOptions(options, { action: "sample parameters", known });
    if (this.#isRunning) {
      throw new TypeError(
        "Cannot sample parameters during sampledParams(): there is room for one " +
          "sample, wait for its end",
      );
    }
    this.#samples.draw(noiseOf(options));
  }

  /** Writes the mean back into the parameters, if they hold a sample. */
  restoreWeights(): void {
    if (!this.#isRunning) this.#samples.restore();
  }

  /**
   * Calls a function while the parameters hold a sample, and then writes their mean
   * back. With `train` the next step uses the gradients that the function computes;
   * several such calls before a step make it follow the mean of their gradients.
   *
   * @param options Which sample to draw, and whether it is for training.
   * @param run The function. If it returns a promise, the mean is written back
   * when the promise settles.
   * @returns What the function returns.
   * @throws {TypeError} If another call is running.
   * @throws {RangeError} If the seed or the index is not a whole number, or the
   * index is not in [0, 2³²).
   *
   * @example Training with two samples a step, then one to predict with
   * ```ts
   * import { backward, initialize, mul, sum } from "@swagpu/swagpu/engine";
   * import { init, IVON, Parameter } from "@swagpu/swagpu/nn";
   * import { assertEquals, assertNotEquals } from "@std/assert";
   *
   * await initialize();
   * const x = new Parameter([1], init.ones());
   * const optimizer = new IVON([x], { ess: 100 });
   * for (let sample = 0; sample < 2; sample++) {
   *   optimizer.sampledParams({ train: true }, () => backward(sum(mul(x, x))));
   * }
   * optimizer.step();
   * const mean = await x.item();
   * const sample = await optimizer.sampledParams({ seed: 7 }, () => x.item());
   * assertNotEquals(sample, mean);
   * assertEquals(await x.item(), mean);
   * ```
   */
  sampledParams<T>(options: SampledParamsOptions, run: () => T): T {
    const { train = false, ...sample } = options;
    this.sampleParameters(sample);
    this.#isRunning = true;
    const end = (isDone: boolean) => {
      this.#isRunning = false;
      if (train && isDone) this.#samples.gather();
      else this.#samples.restore();
    };
    return runAndEnd(() => {
      if (train) this.#samples.begin();
      return run();
    }, end);
  }

  /** Adds the gradients of a step, at `mcSamples` samples of the weights. */
  override accumulate(add: (share: number) => void): void {
    for (let sample = 0; sample < this.mcSamples; sample++) {
      this.sampledParams({ train: true }, () => add(1 / this.mcSamples));
    }
  }

  /**
   * Updates mean and Hessian of every parameter that has a gradient and is not
   * frozen.
   *
   * @throws {TypeError} If no gradient has been computed at a sample since the last
   * step, or the parameters hold a sample.
   */
  override step(options: StepOptions = {}): void {
    if (this.holdsSample) {
      throw new TypeError(
        "Cannot make a step of IVON: the parameters hold a sample, call " +
          "restoreWeights() before",
      );
    }
    if (this.#samples.count === 0) {
      throw new TypeError(
        "Cannot make a step of IVON: it needs gradients at a sample of the " +
          "weights, compute them inside sampledParams({ train: true }, …)",
      );
    }
    super.step(options);
    this.#samples.forget();
  }

  /** Sets gradients to zero, and forgets the samples at which they were taken. */
  override zeroGrad(): void {
    super.zeroGrad();
    this.#samples.forget();
  }

  /** Frees what the optimizer keeps. A sample that the parameters hold stays. */
  override dispose(): void {
    this.#samples.dispose();
    super.dispose();
  }

  /** The estimates of the Hessian, which the kernel reads. */
  protected override scratch(segment: number): readonly Tensor[] {
    return [this.#samples.estimate(segment)];
  }

  /** Throws if the settings of a group are out of range. */
  protected override checkSettings(group: IVONSettings): void {
    const { learningRate, ess, hessInit, weightDecay, hessApprox } = group;
    const { beta1, beta2, clipRadius } = group;
    const refuse = (what: string, wish: string): never => {
      throw new RangeError(`Cannot optimize with ${what}: ${wish}`);
    };
    requireNonNegative({ learningRate, weightDecay });
    if (!(ess > 0 && ess < Infinity)) {
      refuse(`ess ${ess}`, "it must be the number of training examples");
    }
    if (!(hessInit > 0 && hessInit < Infinity)) {
      refuse(`hessInit ${hessInit}`, "it must be a positive number");
    }
    for (const [name, beta] of Object.entries({ beta1, beta2 })) {
      if (!(beta >= 0 && beta < 1)) {
        refuse(`${name} ${beta}`, "it must be in [0, 1)");
      }
    }
    if (!(clipRadius > 0)) {
      refuse(`clipRadius ${clipRadius}`, "it must be positive");
    }
    if (hessApprox !== "price" && hessApprox !== "gradsq") {
      refuse(`hessApprox "${hessApprox}"`, 'it must be "price" or "gradsq"');
    }
  }

  /** The numbers that the kernel needs for a parameter at this step. */
  protected override groupFields(
    group: IVONSettings,
    steps: number,
  ): readonly number[] {
    const { learningRate, beta1, beta2, weightDecay, hessInit } = group;
    const rate = group.rescaleLr
      ? learningRate * (hessInit + weightDecay)
      : learningRate;
    return [
      ...[rate, 1 - beta1, 1 - beta2, weightDecay],
      group.debias ? 1 / (1 - beta1 ** steps) : 1,
      Math.min(group.clipRadius, NO_LIMIT),
    ];
  }
}

/** The random numbers that options ask for. */
function noiseOf(
  { seed, index, noise }: SampleParametersOptions,
): RandomStream | ReadonlyMap<Parameter, ArrayLike<number>> {
  if (noise) return noise;
  if (seed === undefined && index === undefined) {
    return defaultGenerator().next();
  }
  const number = index ?? 0;
  if (!Number.isInteger(number) || number < 0 || number >= 2 ** 32) {
    throw new RangeError(
      `Cannot draw sample ${number}: the index must be a whole number from 0 ` +
        "to 2³² - 1",
    );
  }
  const { key } = new Generator(seed ?? 0).next();
  return { key, stream: [number, STREAM] };
}
