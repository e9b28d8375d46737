// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Mixout of a whole model.

import { allocate, copyInto, persist } from "../engine/kernel_kit.ts";
import type { Tensor } from "../engine/mod.ts";
import { Dropout } from "./dropout.ts";
import { loadTensors, stateOfTensors } from "./kept_tensors.ts";
import { Linear } from "./linear.ts";
import { MixLinear } from "./mix_linear.ts";
import { checkShare } from "./mixout.ts";
import type { Module } from "./module.ts";
import { hasPrefix, snakeCase, topNames } from "./names.ts";
import { checkOptions } from "./options.ts";
import type {
  CallbackState,
  LoadedCallbackState,
  TrainerCallback,
} from "./trainer/callbacks.ts";

/** Options of {@linkcode applyMixout}. */
export interface ApplyMixoutOptions {
  /**
   * The probability that an input's weights are the pre-trained ones, in
   * [0, 1].
   */
  p: number;
  /**
   * Layers that stay as they are, as prefixes of whole path segments, such as
   * `classifier`. A new head has no pre-trained weights: unless it is named
   * here, it is mixed with its random ones, as in the authors' code.
   *
   * @default {none}
   */
  exclude?: readonly string[];
  /**
   * Whether dropout layers keep their rates. Mixout takes the place of dropout,
   * so they are set to 0 otherwise.
   *
   * @default {false}
   */
  keepDropout?: boolean;
  /** Whether the derivative is that of the authors' code. @default {false} */
  officialBackward?: boolean;
}

const OPTIONS: readonly (keyof ApplyMixoutOptions)[] = [
  "p",
  "exclude",
  "keepDropout",
  "officialBackward",
];

/** A place in a module that holds a linear layer. */
interface Seat {
  readonly owner: object;
  readonly key: string;
  readonly path: string;
  readonly linear: Linear;
}

/**
 * A model in which linear layers are mixed; {@linkcode applyMixout} makes it.
 *
 * @example A probability that changes in the course of a run
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { type AppliedMixout, applyMixout, Linear, Module } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Model extends Module {
 *   dense = new Linear(4, 4);
 * }
 *
 * await initialize();
 * const model = new Model();
 * const mixing: AppliedMixout = applyMixout(model, { p: 0.9 });
 * mixing.p = 0.5;
 * assertEquals(mixing.layers, ["dense"]);
 * mixing.dispose();
 * ```
 */
export class AppliedMixout implements TrainerCallback, Disposable {
  /** The name under which checkpoints keep the pre-trained weights. */
  readonly name = "AppliedMixout";
  readonly #seats: readonly Seat[];
  readonly #layers: ReadonlyMap<Linear, MixLinear>;
  readonly #targets: ReadonlyMap<string, Tensor>;
  readonly #dropouts: readonly (readonly [Dropout, number])[];

  /**
   * Puts the layers into the model; see {@linkcode applyMixout}.
   *
   * @param model The model, with its pre-trained weights.
   * @param options The probability, and which layers are left out.
   */
  constructor(model: Module, options: ApplyMixoutOptions) {
    checkOptions(options, { action: "apply mixout", known: OPTIONS });
    const { p, exclude = [], keepDropout = false } = options;
    const { officialBackward } = options;
    checkShare(p);
    this.#seats = seatsOf(model, exclude);
    model.placeParameters();
    const layers = new Map<Linear, MixLinear>();
    const targets = new Map<string, Tensor>();
    for (const { path, linear } of this.#seats) {
      if (layers.has(linear)) continue;
      const { weight } = linear;
      const target = persist(allocate(weight.device, weight.shape));
      copyInto(target, weight);
      targets.set(`${path}.weight`, target);
      layers.set(linear, MixLinear.of(linear, { p, target, officialBackward }));
    }
    this.#layers = layers;
    this.#targets = targets;
    for (const { owner, key, linear } of this.#seats) {
      Reflect.set(owner, key, layers.get(linear));
    }
    this.#dropouts = keepDropout ? [] : [...model.namedModules().values()]
      .filter((module) => module instanceof Dropout)
      .map((module) => [module, module.rate] as const);
    for (const [module] of this.#dropouts) module.rate = 0;
  }

  /** The paths of the layers that are mixed. */
  get layers(): string[] {
    return this.#seats.map(({ path }) => path);
  }

  /** The probability that an input's weights are the pre-trained ones. */
  get p(): number {
    return this.#layers.values().next().value?.p ?? 0;
  }

  set p(value: number) {
    for (const layer of this.#layers.values()) layer.p = value;
  }

  /** The pre-trained weights, for a checkpoint of a `Trainer`. */
  stateDict(): CallbackState {
    return stateOfTensors(this.#targets);
  }

  /**
   * Takes the pre-trained weights of a checkpoint.
   *
   * @throws {TypeError} If it has those of other layers.
   */
  async loadStateDict(state: LoadedCallbackState): Promise<void> {
    await loadTensors(this.name, this.#targets, state);
  }

  /**
   * Puts the linear layers back, with the weights that they have now, and the
   * rates of dropout; frees the pre-trained weights.
   */
  dispose(): void {
    for (const { owner, key, linear } of this.#seats) {
      const layer = this.#layers.get(linear);
      if (layer) linear.training = layer.training;
      Reflect.set(owner, key, linear);
    }
    for (const [module, rate] of this.#dropouts) module.rate = rate;
    for (const target of this.#targets.values()) target.dispose();
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Puts a {@linkcode MixLinear} in the place of every linear layer of a model,
 * with the layer's own parameters and its weight of now as the target, and sets
 * the rates of dropout layers to 0.
 *
 * Names of parameters, files and posteriors stay what they were. The weights of
 * now are copied, which takes as much memory as they do. Subclasses of `Linear`
 * stay as they are. The result is also a callback: given to a `Trainer`, it
 * keeps the pre-trained weights in checkpoints.
 *
 * @param model The model, with its pre-trained weights.
 * @param options The probability, and which layers are left out.
 * @returns What undoes it, and frees the copies.
 * @throws {RangeError} If `p` is not in [0, 1], there is no linear layer, or
 * `exclude` names none.
 * @throws {TypeError} If an option is not known.
 *
 * @example A model that is fine-tuned with mixout
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { applyMixout, Linear, MixLinear, Module } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Model extends Module {
 *   dense = new Linear(4, 4);
 *   classifier = new Linear(4, 2);
 * }
 *
 * await initialize();
 * const model = new Model();
 * const mixing = applyMixout(model, { p: 0.7, exclude: ["classifier"] });
 * assertEquals(mixing.layers, ["dense"]);
 * assertEquals(model.dense instanceof MixLinear, true);
 * mixing.dispose();
 * assertEquals(model.dense instanceof MixLinear, false);
 * ```
 */
export function applyMixout(
  model: Module,
  options: ApplyMixoutOptions,
): AppliedMixout {
  return new AppliedMixout(model, options);
}

/** Where a model holds plain linear layers, without those left out. */
function seatsOf(model: Module, exclude: readonly string[]): Seat[] {
  const seats = [...model.namedModules()].flatMap(([path, module]) =>
    seatsIn(module, path)
  );
  const named = (prefix: string) =>
    seats.filter(({ path }) => hasPrefix(path, prefix));
  for (const prefix of exclude) {
    if (named(prefix).length > 0) continue;
    throw new RangeError(
      `Cannot exclude "${prefix}" from mixout: no linear layer has that ` +
        `prefix; there are ${topNames(seats.map(({ path }) => path))}`,
    );
  }
  const left = new Set(exclude.flatMap(named));
  const rest = seats.filter((seat) => !left.has(seat));
  if (rest.length > 0) return rest;
  throw new RangeError(
    "Cannot apply mixout: the model has no linear layer to mix",
  );
}

/** The linear layers that are attributes of a module, or items of its arrays. */
function seatsIn(module: Module, path: string): Seat[] {
  const before = path === "" ? "" : `${path}.`;
  const seatsOfOwner = (owner: object, before: string) =>
    Object.entries(owner).flatMap(([key, linear]): Seat[] =>
      isPlainLinear(linear)
        ? [{ owner, key, path: `${before}${snakeCase(key)}`, linear }]
        : []
    );
  return [
    ...seatsOfOwner(module, before),
    ...Object.entries(module).flatMap(([key, value]) =>
      Array.isArray(value)
        ? seatsOfOwner(value, `${before}${snakeCase(key)}.`)
        : []
    ),
  ];
}

function isPlainLinear(value: unknown): value is Linear {
  // A weight that is stored as f16 is frozen: it is what it was.
  return value instanceof Linear && value.constructor === Linear &&
    !value.weight.halves;
}
