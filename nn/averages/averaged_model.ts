// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Running averages of a model's weights.

import {
  allocate,
  copyInto,
  formatShape,
  persist,
  runAndEnd,
  sameShape,
} from "../../engine/kernel_kit.ts";
import { add, mul, noGrad, scope, sub, type Tensor } from "../../engine/mod.ts";
import { loadTensors, stateOfTensors } from "../kept_tensors.ts";
import type { Module } from "../module.ts";
import { checkOptions } from "../options.ts";
import type {
  CallbackState,
  LoadedCallbackState,
} from "../trainer/callbacks.ts";

/**
 * Computes a new average of one tensor. It is not called the first time, when
 * the average is a copy.
 *
 * @param averaged The average so far.
 * @param current The tensor now.
 * @param nAveraged How many have been averaged so far, at least 1.
 * @returns The new average, of the same shape.
 */
export type AvgFn = (
  averaged: Tensor,
  current: Tensor,
  nAveraged: number,
) => Tensor;

/** The same for all tensors at once, in the order of the model. */
export type MultiAvgFn = (
  averaged: readonly Tensor[],
  current: readonly Tensor[],
  nAveraged: number,
) => readonly Tensor[];

/** Options of {@linkcode AveragedModel}. */
export interface AveragedModelOptions {
  /**
   * The rule of the average, such as {@linkcode getEmaAvgFn}.
   *
   * @default {the mean of all weights, getSwaAvgFn()}
   */
  avgFn?: AvgFn | undefined;
  /** The rule for all tensors at once, in place of `avgFn`. @default {none} */
  multiAvgFn?: MultiAvgFn | undefined;
  /**
   * Whether buffers, such as the statistics of batch norms, are averaged too.
   * Otherwise they are those of the model at the last update.
   *
   * @default {false}
   */
  useBuffers?: boolean | undefined;
}

/** Options of {@linkcode getEmaAvgFn}. */
export interface EmaOptions {
  /**
   * Whether the decay rises from 2/11 to its value, as `(1 + n) / (10 + n)`, so
   * that the first weights are soon forgotten.
   *
   * @default {false}
   */
  warmup?: boolean | undefined;
}

/**
 * Gives the rule of the plain mean: `avg + (θ - avg) / (n + 1)`.
 *
 * @returns The rule, for {@linkcode AveragedModel}.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { getSwaAvgFn } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const average = getSwaAvgFn()(tensor([1]), tensor([4]), 2);
 * assertEquals(await average.item(), 2);
 * ```
 */
export function getSwaAvgFn(): AvgFn {
  return (averaged, current, nAveraged) =>
    add(averaged, mul(sub(current, averaged), 1 / (nAveraged + 1)));
}

/**
 * Gives the rule of the exponential moving average:
 * `decay · avg + (1 - decay) · θ`.
 *
 * Without `warmup` the weights of the first update have the share `decayⁿ`
 * after `n` more: with 0.999, 90 % after a hundred.
 *
 * @param decay The share of the average that stays, in [0, 1]. @default {0.999}
 * @param options Whether the decay rises at first.
 * @returns The rule, for {@linkcode AveragedModel}.
 * @throws {RangeError} If the decay is not in [0, 1].
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { getEmaAvgFn } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const average = getEmaAvgFn(0.75)(tensor([1]), tensor([5]), 1);
 * assertEquals(await average.item(), 2);
 * ```
 */
export function getEmaAvgFn(decay = 0.999, options: EmaOptions = {}): AvgFn {
  checkOptions(options, { action: "average", known: ["warmup"] });
  if (!(decay >= 0 && decay <= 1)) {
    throw new RangeError(
      `Cannot average with decay ${decay}: it must be in [0, 1]`,
    );
  }
  const { warmup = false } = options;
  return (averaged, current, nAveraged) => {
    const own = warmup
      ? Math.min(decay, (1 + nAveraged) / (10 + nAveraged))
      : decay;
    return add(mul(averaged, own), mul(current, 1 - own));
  };
}

/**
 * A running average of a model's weights, as
 * `torch.optim.swa_utils.AveragedModel`: the mean of all (SWA), an exponential
 * moving average, or any other.
 *
 * PyTorch copies the model. Here the average is kept beside it, and
 * {@linkcode AveragedModel.withAverage} puts it in the place of the weights
 * while a function runs. Weights that are frozen and stored as f16 are left
 * out; they do not change. A model with batch norms needs
 * `updateBn(batches, averaged)` before it is used.
 *
 * It takes as much memory as the model. It is also a callback's state: give
 * `stateDict()` and `loadStateDict()` to a callback of a `Trainer`.
 *
 * @example The loop of stochastic weight averaging
 * ```ts
 * import { backward, initialize, scope, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   AveragedModel,
 *   Linear,
 *   mseLoss,
 *   SGD,
 *   SWALR,
 *   updateBn,
 * } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new Linear(1, 1);
 * const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
 * using averaged = new AveragedModel(model);
 * const scheduler = new SWALR(optimizer, { swaLr: 0.05, annealEpochs: 2 });
 * const [x, y] = [tensor([[1], [2]]), tensor([[2], [4]])];
 * for (let epoch = 0; epoch < 20; epoch++) {
 *   using _ = scope();
 *   backward(mseLoss(model.forward(x), y));
 *   optimizer.step();
 *   if (epoch < 10) continue;
 *   averaged.updateParameters();
 *   scheduler.step();
 * }
 * await updateBn([x], averaged);
 * assertEquals(averaged.nAveraged, 10);
 * const prediction = averaged.withAverage((model) => model.forward(x));
 * assertEquals(prediction.shape, [2, 1]);
 * ```
 */
export class AveragedModel<M extends Module = Module> implements Disposable {
  /** The model, which keeps its own weights. */
  readonly module: M;
  readonly #rule: MultiAvgFn;
  readonly #useBuffers: boolean;
  /** The averages by name: of parameters, then of buffers. */
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #buffers: ReadonlyMap<string, Tensor>;
  #nAveraged = 0;
  #isHeld = false;

  /**
   * Makes room for the average, which is the model's weights until the first
   * update.
   *
   * @param model The model.
   * @param options The rule, and whether buffers are averaged.
   * @throws {TypeError} If both `avgFn` and `multiAvgFn` are given, or an option
   * is not known.
   */
  constructor(model: M, options: AveragedModelOptions = {}) {
    checkOptions(options, {
      action: "average a model",
      known: ["avgFn", "multiAvgFn", "useBuffers"],
    });
    const { avgFn, multiAvgFn, useBuffers = false } = options;
    if (avgFn && multiAvgFn) {
      throw new TypeError(
        "Cannot average by both avgFn and multiAvgFn: give one of them",
      );
    }
    const each = avgFn ?? getSwaAvgFn();
    this.#rule = multiAvgFn ??
      ((averaged, current, n) =>
        averaged.map((average, i) => each(average, current[i] ?? average, n)));
    this.#useBuffers = useBuffers;
    this.module = model;
    model.placeParameters();
    this.#parameters = copiesOf(parametersOf(model));
    this.#buffers = copiesOf(model.namedBuffers());
  }

  /** How many times the weights have been averaged. */
  get nAveraged(): number {
    return this.#nAveraged;
  }

  /**
   * Adds weights to the average; the first time, copies them.
   *
   * @param model The model whose weights count. @default {module}
   * @throws {TypeError} If it is another model whose weights have other names or
   * shapes, the rule gives a tensor of another shape, or the average is in the
   * place of the weights now.
   */
  updateParameters(model: Module = this.module): void {
    if (this.#isHeld && model === this.module) {
      throw new TypeError(
        "Cannot average now: the weights are the average, within withAverage()",
      );
    }
    const parameters = parametersOf(model);
    const buffers = model.namedBuffers();
    checkAlike(this.#parameters, parameters);
    checkAlike(this.#buffers, buffers);
    noGrad(() => {
      if (this.#nAveraged === 0) {
        copyAll(this.#parameters, parameters);
        copyAll(this.#buffers, buffers);
      } else {
        this.#average(this.#parameters, parameters);
        if (this.#useBuffers) this.#average(this.#buffers, buffers);
        else copyAll(this.#buffers, buffers);
      }
    });
    this.#nAveraged++;
  }

  #average(
    averages: ReadonlyMap<string, Tensor>,
    current: ReadonlyMap<string, Tensor>,
  ): void {
    using _ = scope();
    const kept = [...averages.values()];
    const now = [...averages.keys()].flatMap((name) => current.get(name) ?? []);
    const results = this.#rule(kept, now, this.#nAveraged);
    kept.forEach((average, i) => {
      const result = results[i];
      if (!result || !sameShape(result.shape, average.shape)) {
        throw new TypeError(
          `Cannot average a tensor of shape ${
            formatShape(average.shape)
          }: the ` +
            "rule gave " +
            (result ? `one of shape ${formatShape(result.shape)}` : "none"),
        );
      }
      copyInto(average, result);
    });
  }

  /**
   * Runs a function while the average is in the place of the model's weights and
   * buffers. Afterwards the model has its own again, also if the function fails;
   * what it changed in the buffers, as `updateBn` does, becomes the average's.
   *
   * @param run Gets the model. It may be asynchronous.
   * @returns What it returns.
   * @throws {TypeError} If such a call is waiting already.
   */
  withAverage<T>(run: (model: M) => T): T {
    if (this.#isHeld) {
      throw new TypeError(
        "Cannot put the average in the place of the weights twice: await the " +
          "first withAverage()",
      );
    }
    const { module } = this;
    const parameters = parametersOf(module);
    const buffers = module.namedBuffers();
    const own = [copiesOf(parameters), copiesOf(buffers)] as const;
    this.#isHeld = true;
    const restore = () => {
      noGrad(() => {
        copyAll(this.#buffers, buffers);
        copyAll(parameters, own[0]);
        copyAll(buffers, own[1]);
      });
      for (const copies of own) {
        for (const copy of copies.values()) copy.dispose();
      }
      this.#isHeld = false;
    };
    return runAndEnd(() => {
      noGrad(() => {
        copyAll(parameters, this.#parameters);
        copyAll(buffers, this.#buffers);
      });
      return run(module);
    }, restore);
  }

  /**
   * Takes over another average of the same model, and its count.
   *
   * @param other The other average.
   * @throws {TypeError} If its weights have other names or shapes.
   */
  copyFrom(other: AveragedModel): void {
    checkAlike(this.#parameters, other.#parameters);
    checkAlike(this.#buffers, other.#buffers);
    noGrad(() => {
      copyAll(this.#parameters, other.#parameters);
      copyAll(this.#buffers, other.#buffers);
    });
    this.#nAveraged = other.nAveraged;
  }

  /** Forgets what was averaged: the next update copies. */
  reset(): void {
    this.#nAveraged = 0;
  }

  /** Makes the average the model's own weights and buffers. */
  copyToModule(): void {
    noGrad(() => {
      copyAll(parametersOf(this.module), this.#parameters);
      copyAll(this.module.namedBuffers(), this.#buffers);
    });
  }

  /**
   * The averages by their names in the model, with `module.` before them, as in
   * PyTorch's `state_dict`. They stay those of this object.
   */
  namedTensors(): Map<string, Tensor> {
    return new Map(
      [...this.#parameters, ...this.#buffers].map(([name, average]) => [
        `module.${name}`,
        average,
      ]),
    );
  }

  /** The average, for a checkpoint of a `Trainer`. */
  stateDict(): CallbackState {
    return {
      ...stateOfTensors(this.namedTensors()),
      values: { nAveraged: this.#nAveraged },
    };
  }

  /**
   * Takes the average of a checkpoint.
   *
   * @throws {TypeError} If it is of another model.
   */
  async loadStateDict(state: LoadedCallbackState): Promise<void> {
    const { nAveraged } = state.values as { nAveraged?: unknown };
    if (!(typeof nAveraged === "number" && nAveraged >= 0)) {
      throw new TypeError(
        "Cannot load the state of an AveragedModel: it has no nAveraged",
      );
    }
    await loadTensors("AveragedModel", this.namedTensors(), state);
    this.#nAveraged = nAveraged;
  }

  /** Frees the average. The model stays as it is. */
  dispose(): void {
    for (const average of this.namedTensors().values()) average.dispose();
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The parameters that can change. */
function parametersOf(model: Module): Map<string, Tensor> {
  return new Map(
    [...model.namedParameters()].filter(([, { halves }]) => !halves),
  );
}

function copiesOf(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map(
    [...tensors].map(([name, x]) => {
      const copy = persist(allocate(x.device, x.shape));
      noGrad(() => copyInto(copy, x));
      return [name, copy];
    }),
  );
}

function copyAll(
  targets: ReadonlyMap<string, Tensor>,
  sources: ReadonlyMap<string, Tensor>,
): void {
  for (const [name, target] of targets) {
    const source = sources.get(name);
    if (source) copyInto(target, source);
  }
}

/** Throws if tensors have other names or shapes than averages. */
function checkAlike(
  averages: ReadonlyMap<string, Tensor>,
  tensors: ReadonlyMap<string, Tensor>,
): void {
  for (const name of new Set([...averages.keys(), ...tensors.keys()])) {
    const [average, x] = [averages.get(name), tensors.get(name)];
    if (average && x && sameShape(average.shape, x.shape)) continue;
    throw new TypeError(
      `Cannot average ${name}: it is ${
        x ? formatShape(x.shape) : "missing"
      } in the model, and ${
        average ? formatShape(average.shape) : "missing"
      } in the average`,
    );
  }
}
