// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The schedule of stochastic weight averaging.

import { onReplay } from "../../engine/kernel_kit.ts";
import type { Optimizer } from "../optim.ts";
import { checkOptions } from "../options.ts";

/** How a rate goes over to another one. */
export type AnnealStrategy = "cos" | "linear";

/** Options of {@linkcode SWALR}. */
export interface SWALROptions {
  /** The rate in the end: one for all groups, or one for each. */
  swaLr: number | readonly number[];
  /**
   * The steps after which it is reached; 0 for at once. PyTorch calls them
   * epochs, because its examples step once an epoch.
   *
   * @default {10}
   */
  annealEpochs?: number;
  /** Whether the rate follows a cosine or a line. @default {"cos"} */
  annealStrategy?: AnnealStrategy;
}

/** What a {@linkcode SWALR} needs to continue a run. */
export interface SWALRState {
  /** The number of steps made. */
  steps: number;
}

/**
 * Takes each group's learning rate to a constant one, as
 * `torch.optim.swa_utils.SWALR` does: with `t = min(1, step / annealEpochs)` and
 * `α = (1 - cos πt) / 2`, or `α = t`,
 *
 * ```text
 * lr = α · swaLr + (1 - α) · lr₀
 * ```
 *
 * `lr₀` is not kept: it is what the rate of now would be without the last `α`.
 * So another schedule may change the rates between two steps, and this one goes
 * on from there. Izmailov et al., "Averaging Weights Leads to Wider Optima and
 * Better Generalization", 2018.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter, SGD, SWALR } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const optimizer = new SGD([new Parameter([1], init.ones())], {
 *   learningRate: 0.1,
 * });
 * const scheduler = new SWALR(optimizer, { swaLr: 0.05, annealEpochs: 5 });
 * scheduler.step();
 * assertAlmostEquals(optimizer.learningRate, 0.0952254, 1e-7);
 * ```
 */
export class SWALR {
  /** The number of steps made so far. */
  steps = 0;
  readonly #groups: readonly { learningRate: number }[];
  readonly #targets: readonly number[];
  readonly #annealEpochs: number;
  readonly #strategy: AnnealStrategy;

  /**
   * Sets the rates for the first step, which are those of now unless
   * `annealEpochs` is 0.
   *
   * @param optimizer The optimizer whose rates are set.
   * @param options The rate in the end, and how to get there.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If there are more or fewer rates than groups, a rate is
   * not a finite number of at least 0, `annealEpochs` is not a whole number of
   * at least 0, or the strategy is not known.
   */
  constructor(optimizer: Pick<Optimizer, "groups">, options: SWALROptions) {
    checkOptions(options, {
      action: "anneal learning rates",
      known: ["swaLr", "annealEpochs", "annealStrategy"],
    });
    const { swaLr, annealEpochs = 10, annealStrategy = "cos" } = options;
    const { groups } = optimizer;
    const targets = typeof swaLr === "number"
      ? groups.map(() => swaLr)
      : [...swaLr];
    if (targets.length !== groups.length) {
      throw new RangeError(
        `Cannot anneal learning rates to [${targets.join(", ")}]: the ` +
          `optimizer has ${groups.length} groups`,
      );
    }
    const wrong = targets.find((rate) => !(rate >= 0 && rate < Infinity));
    if (wrong !== undefined) {
      throw new RangeError(
        `Cannot anneal learning rates to ${wrong}: it must be a finite number ` +
          "of at least 0",
      );
    }
    if (!(Number.isSafeInteger(annealEpochs) && annealEpochs >= 0)) {
      throw new RangeError(
        `Cannot anneal learning rates in ${annealEpochs} epochs: it must be a ` +
          "whole number of at least 0",
      );
    }
    if (annealStrategy !== "cos" && annealStrategy !== "linear") {
      throw new RangeError(
        `Cannot anneal learning rates by "${annealStrategy}": it must be "cos" ` +
          'or "linear"',
      );
    }
    this.#groups = groups;
    this.#targets = targets;
    this.#annealEpochs = annealEpochs;
    this.#strategy = annealStrategy;
    this.#apply();
  }

  /** Advances by one step. */
  step(): void {
    onReplay(() => {
      this.steps++;
      this.#apply();
    });
  }

  /** What is needed to continue. */
  stateDict(): SWALRState {
    return { steps: this.steps };
  }

  /**
   * Continues from a state that {@linkcode stateDict} has given. The rates are
   * those of the optimizer, whose state holds them.
   *
   * @param state The state.
   * @throws {RangeError} If `steps` is not a whole number of at least 0.
   */
  loadStateDict({ steps }: SWALRState): void {
    if (!(Number.isSafeInteger(steps) && steps >= 0)) {
      throw new RangeError(
        `Cannot load the scheduler's state: the number of steps is ${steps}, ` +
          "but must be a whole number of at least 0",
      );
    }
    this.steps = steps;
  }

  #apply(): void {
    const epochs = this.#annealEpochs;
    const step = epochs === 0 ? Math.max(1, this.steps) : this.steps;
    const before = this.#alpha(step - 1);
    const now = this.#alpha(step);
    this.#groups.forEach((group, i) => {
      const target = this.#targets[i] ?? 0;
      const initial = before === 1
        ? target
        : (group.learningRate - before * target) / (1 - before);
      group.learningRate = target * now + initial * (1 - now);
    });
  }

  /** The share of the rate in the end. */
  #alpha(step: number): number {
    const t = Math.max(0, Math.min(1, step / Math.max(1, this.#annealEpochs)));
    return this.#strategy === "cos" ? (1 - Math.cos(Math.PI * t)) / 2 : t;
  }
}
