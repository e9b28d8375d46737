// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Decay of weights toward what they were, and how far they have gone.

import {
  copyInto,
  grid,
  launch,
  part,
  persist,
  specialize,
  windows,
} from "../engine/kernel_kit.ts";
import {
  mul,
  noGrad,
  readAll,
  scope,
  sub,
  sum,
  Tensor,
} from "../engine/mod.ts";
import { loadTensors, stateOfTensors } from "./kept_tensors.ts";
import type { Module } from "./module.ts";
import { hasPrefix, topNames } from "./names.ts";
import type { Optimizer } from "./optim.ts";
import { pullToPrior } from "./optim_kernels.ts";
import type { WeightPull } from "./optim_pull.ts";
import { vectorsEach } from "./optim_segments.ts";
import { checkOptions } from "./options.ts";
import type { Parameter } from "./parameter.ts";
import { type Segment, segmentsOf } from "./segment.ts";
import type {
  CallbackState,
  LoadedCallbackState,
  TrainerCallback,
  TrainerEvent,
} from "./trainer/callbacks.ts";

/** Options of {@linkcode PriorDecay}. */
export interface PriorDecayOptions {
  /**
   * Parameters that decay as their group says, as prefixes of whole path
   * segments. Name a new head here: what it was is random.
   *
   * @default {none}
   */
  exclude?: readonly string[];
}

/**
 * Has the weight decay of an optimizer pull weights toward what they are now,
 * such as their pre-trained values, and not toward 0. Just before each step,
 *
 * ```text
 * θ ← θ - lr λ (θ - θ₀)
 * ```
 *
 * with the learning rate and weight decay of the parameter's group; the
 * optimizer's own decay of it is off. As ever, a parameter that is frozen, or
 * has no gradient, is left alone. It is also called L2-SP: Li, Grandvalet and
 * Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional
 * Networks", 2018.
 *
 * It is a callback, too. Given to a `Trainer`, it adds `prior_distance` to each
 * entry of the log that has a `loss`, and keeps `θ₀` in checkpoints.
 *
 * @example The weight returns, the head decays
 * ```ts
 * import { add, backward, initialize, mul, sum } from "@swagpu/swagpu/engine";
 * import { init, Module, Parameter, PriorDecay, SGD } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * class Model extends Module {
 *   body = new Parameter([1], init.constant(2));
 *   head = new Parameter([1], init.constant(2));
 * }
 *
 * await initialize();
 * const model = new Model();
 * const optimizer = new SGD(model.parameters(), {
 *   learningRate: 0.5,
 *   weightDecay: 0.1,
 * });
 * using prior = new PriorDecay(model, optimizer, { exclude: ["head"] });
 * for (const x of model.parameters()) x.write([3]);
 * backward(sum(mul(add(model.body, model.head), 0))); // gradients of 0
 * optimizer.step();
 * assertAlmostEquals(await model.body.item(), 2 + 0.95, 1e-6);
 * assertAlmostEquals(await model.head.item(), 3 * 0.95, 1e-6);
 * assertAlmostEquals(await prior.distance(), 0.95, 1e-6);
 * ```
 */
export class PriorDecay implements WeightPull, TrainerCallback, Disposable {
  /** The name under which checkpoints keep the prior. */
  readonly name = "PriorDecay";
  readonly #optimizer: Pick<Optimizer, "pull">;
  /** The parameters that are pulled, by name. */
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #pulled: ReadonlySet<Parameter>;
  /** The prior of each segment: a parallel buffer. */
  readonly #priors: ReadonlyMap<Segment, Tensor>;
  /** The prior of each parameter: views into these buffers. */
  readonly #views: ReadonlyMap<string, Tensor>;

  /**
   * Copies the weights, and takes over the decay of the optimizer.
   *
   * @param model The model, with its pre-trained weights.
   * @param optimizer Its optimizer.
   * @param options Which parameters are left out.
   * @throws {TypeError} If the groups of the optimizer have no `weightDecay`,
   * they hold none of the model's parameters, another prior has its decay, or an
   * option is not known.
   * @throws {RangeError} If `exclude` names no parameter of the model.
   */
  constructor(
    model: Module,
    optimizer: Pick<Optimizer, "groups" | "pull">,
    options: PriorDecayOptions = {},
  ) {
    checkOptions(options, {
      action: "decay to a prior",
      known: ["exclude"],
    });
    if (optimizer.pull) {
      throw new TypeError(
        "Cannot decay to two priors: dispose of the optimizer's first one",
      );
    }
    const excluded = namesBelow(model, options.exclude ?? []);
    const optimized = decaying(optimizer.groups);
    this.#parameters = new Map(
      [...model.namedParameters()].filter(([name, parameter]) =>
        optimized.has(parameter) && !excluded.has(name) && !parameter.halves
      ),
    );
    if (this.#parameters.size === 0) {
      throw new TypeError(
        "Cannot decay to a prior: the optimizer has no parameter of the model " +
          "that is not excluded",
      );
    }
    this.#pulled = new Set(this.#parameters.values());
    this.#optimizer = optimizer;
    optimizer.pull = this; // May refuse, so before anything is allocated.
    const priors = new Map<Segment, Tensor>();
    for (const segment of segmentsOf([...this.#pulled])) {
      const prior = segment.parallel();
      copyInto(prior, segment.values);
      priors.set(segment, prior);
      segment.holders.set(this, this.name);
    }
    this.#priors = priors;
    this.#views = new Map(
      [...this.#parameters].map(([name, parameter]) => [
        name,
        viewOf(parameter, priors),
      ]),
    );
  }

  /** The names of the parameters that are pulled. */
  get names(): string[] {
    return [...this.#parameters.keys()];
  }

  /**
   * How far the parameters that are pulled are from what they were:
   * `‖θ - θ₀‖₂`, read from the GPU with one wait.
   */
  async distance(): Promise<number> {
    let total = 0;
    for (const each of (await this.distances()).values()) total += each ** 2;
    return Math.sqrt(total);
  }

  /** The distance of each parameter that is pulled, by name. */
  async distances(): Promise<Map<string, number>> {
    using _ = scope();
    const squares = noGrad(() =>
      [...this.#parameters].map(([name, parameter]) => {
        const difference = sub(parameter, this.#views.get(name) ?? parameter);
        return sum(mul(difference, difference));
      })
    );
    const read = await readAll(squares);
    return new Map(
      this.names.map((name, i) => [name, Math.sqrt(read[i]?.[0] ?? NaN)]),
    );
  }

  /** The share of its way that a parameter moves; see {@linkcode WeightPull}. */
  shareOf(parameter: Parameter, group: object): number | undefined {
    if (!this.#pulled.has(parameter)) return undefined;
    const { learningRate, weightDecay } = group as DecayingGroup;
    return learningRate * weightDecay;
  }

  /** Moves the weights of a segment; see {@linkcode WeightPull}. */
  move(
    segment: Segment,
    { blockSlot, table }: Parameters<WeightPull["move"]>[1],
  ): void {
    const prior = this.#priors.get(segment);
    if (!prior) return;
    const { device, values, length } = segment;
    const per = vectorsEach(device);
    const kernel = specialize(pullToPrior, { PER: per });
    for (const window of windows(device, length, [1])) {
      const vectors = window.count / 4;
      launch(device, kernel, {
        bind: [
          part(values, window, 1),
          part(prior, window, 1),
          blockSlot,
          table,
        ],
        params: { vectors, first: window.start / 4 },
        groups: grid(Math.ceil(vectors / per), pullToPrior.workgroupSize),
      });
    }
  }

  /** Adds `prior_distance` to an entry of the log that has a `loss`. */
  async onLog({ logs }: TrainerEvent): Promise<void> {
    if (logs && "loss" in logs) logs.prior_distance = await this.distance();
  }

  /** The prior, for a checkpoint of a `Trainer`. */
  stateDict(): CallbackState {
    return stateOfTensors(this.#views);
  }

  /**
   * Takes the prior of a checkpoint.
   *
   * @throws {TypeError} If it is of other parameters.
   */
  async loadStateDict(state: LoadedCallbackState): Promise<void> {
    await loadTensors(this.name, this.#views, state);
  }

  /** Gives the optimizer its own decay back, and frees the prior. */
  dispose(): void {
    if (this.#optimizer.pull === this) this.#optimizer.pull = undefined;
    for (const segment of this.#priors.keys()) segment.holders.delete(this);
    for (const view of this.#views.values()) view.dispose();
    for (const prior of this.#priors.values()) prior.dispose();
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The settings of a group that the decay needs. */
interface DecayingGroup {
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** All parameters of an optimizer, whose groups must have a decay. */
function decaying(groups: Optimizer["groups"]): ReadonlySet<Parameter> {
  const lacks = groups.some((group) => !("weightDecay" in group));
  if (lacks) {
    throw new TypeError(
      "Cannot decay to a prior: the optimizer has no setting weightDecay",
    );
  }
  return new Set(groups.flatMap(({ parameters }) => parameters));
}

/** The names of a model's parameters below prefixes. */
function namesBelow(model: Module, prefixes: readonly string[]): Set<string> {
  const names = [...model.namedParameters().keys()];
  return new Set(prefixes.flatMap((prefix) => {
    const below = names.filter((name) => hasPrefix(name, prefix));
    if (below.length > 0) return below;
    throw new RangeError(
      `Cannot exclude "${prefix}" from decay to a prior: no parameter has ` +
        `that prefix; there are ${topNames(names)}`,
    );
  }));
}

/** A parameter's part of the prior. */
function viewOf(
  { device, shape, location }: Parameter,
  priors: ReadonlyMap<Segment, Tensor>,
): Tensor {
  const prior = location && priors.get(location.segment);
  if (!prior) throw new ReferenceError("Cannot find the parameter's place");
  const { block, byteOffset } = prior;
  const at = byteOffset + location.offset * 4;
  return persist(new Tensor(device, shape, "f32", { block, byteOffset: at }));
}
