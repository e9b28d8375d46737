// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Learning rates that fall when a metric has stopped to improve.

import type { Optimizer } from "./optim.ts";
import { checkOptions } from "./options.ts";

/** Options of {@linkcode ReduceLROnPlateau}. */
export interface PlateauOptions {
  /** Whether a lower or a higher metric is better. @default {"min"} */
  mode?: "min" | "max";
  /** What rates are multiplied by, in [0, 1). @default {0.1} */
  factor?: number;
  /**
   * How many metrics in a row may be no better before the rates fall.
   * @default {10}
   */
  patience?: number;
  /** By how much a metric must be better to count. @default {1e-4} */
  threshold?: number;
  /**
   * Whether the threshold is a share of the best metric, `"rel"`, or a
   * difference from it, `"abs"`.
   *
   * @default {"rel"}
   */
  thresholdMode?: "rel" | "abs";
  /**
   * How many metrics after a fall are not counted as no better.
   * @default {0}
   */
  cooldown?: number;
  /** The lowest rate. @default {0} */
  minLr?: number;
  /** The least fall of a rate; a smaller one is not made. @default {1e-8} */
  eps?: number;
}

const DEFAULTS: Readonly<Required<PlateauOptions>> = {
  mode: "min",
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: "rel",
  cooldown: 0,
  minLr: 0,
  eps: 1e-8,
};

/** What a {@linkcode ReduceLROnPlateau} needs to continue a run. */
export interface PlateauState {
  /** The best metric; infinite before the first one. */
  best: number;
  /** The metrics in a row that were no better. */
  numBadEpochs: number;
  /** The metrics that are left of the cooldown. */
  cooldownCounter: number;
}

/**
 * Lowers an optimizer's learning rates when a metric has not improved for a
 * while, by the rule of PyTorch's `ReduceLROnPlateau`: a rate becomes
 * `max(rate · factor, minLr)` after more than `patience` metrics in a row that
 * are no better than the best one.
 *
 * A `Trainer` with `lrSchedulerType: "reduce_lr_on_plateau"` makes one, and
 * calls {@linkcode step} after each evaluation.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { Parameter, ReduceLROnPlateau, SGD } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const optimizer = new SGD([new Parameter([1])], { learningRate: 1 });
 * const plateau = new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 1 });
 * const rates = [0.9, 0.8, 0.8, 0.8, 0.7].map((loss) => {
 *   plateau.step(loss);
 *   return optimizer.learningRate;
 * });
 * assertEquals(rates, [1, 1, 1, 0.5, 0.5]);
 * ```
 */
export class ReduceLROnPlateau {
  /** The best metric; infinite before the first one. */
  best: number;
  /** The metrics in a row that were no better. */
  numBadEpochs = 0;
  /** The metrics that are left of the cooldown. */
  cooldownCounter = 0;
  readonly #groups: readonly { learningRate: number }[];
  readonly #options: Readonly<Required<PlateauOptions>>;

  /**
   * Leaves the rates as they are.
   *
   * @param optimizer The optimizer whose rates are lowered.
   * @param options When to lower them, and by how much.
   * @throws {RangeError} If an option is out of range.
   * @throws {TypeError} If an option is not known.
   */
  constructor(
    optimizer: Pick<Optimizer, "groups">,
    options: PlateauOptions = {},
  ) {
    this.#options = completeOptions(options);
    this.#groups = optimizer.groups;
    this.best = this.#options.mode === "min" ? Infinity : -Infinity;
  }

  /**
   * Takes the next metric, and lowers the rates if it is time. A metric that is
   * NaN is no better.
   *
   * @param metric The metric, such as the loss of an evaluation.
   */
  step(metric: number): void {
    const { patience, cooldown } = this.#options;
    if (this.#isBetter(metric)) {
      this.best = metric;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs <= patience) return;
    this.#reduce();
    this.cooldownCounter = cooldown;
    this.numBadEpochs = 0;
  }

  /** What is needed to continue, except for the rates, which the optimizer has. */
  stateDict(): PlateauState {
    const { best, numBadEpochs, cooldownCounter } = this;
    return { best, numBadEpochs, cooldownCounter };
  }

  /**
   * Continues from a state. The optimizer's state, which has the rates, is loaded
   * by itself.
   *
   * @param state What {@linkcode stateDict} has given.
   * @throws {TypeError} If it is of another kind.
   */
  loadStateDict(state: PlateauState): void {
    const { best, numBadEpochs, cooldownCounter } = state;
    const isState = typeof best === "number" &&
      [numBadEpochs, cooldownCounter].every((count) =>
        Number.isSafeInteger(count) && count >= 0
      );
    if (!isState) {
      throw new TypeError(
        "Cannot load the state of ReduceLROnPlateau: it is of another schedule",
      );
    }
    Object.assign(this, { best, numBadEpochs, cooldownCounter });
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const { best } = this;
    if (thresholdMode === "rel") {
      return mode === "min"
        ? metric < best * (1 - threshold)
        : metric > best * (1 + threshold);
    }
    return mode === "min"
      ? metric < best - threshold
      : metric > best + threshold;
  }

  #reduce(): void {
    const { factor, minLr, eps } = this.#options;
    for (const group of this.#groups) {
      const rate = Math.max(group.learningRate * factor, minLr);
      if (group.learningRate - rate > eps) group.learningRate = rate;
    }
  }
}

/** Checks options and gives those that are missing their defaults. */
function completeOptions(
  options: PlateauOptions,
): Readonly<Required<PlateauOptions>> {
  const known = Object.keys(DEFAULTS);
  checkOptions(options, { action: "lower the learning rate", known });
  const given = Object.entries(options).filter(([, x]) => x !== undefined);
  const complete = { ...DEFAULTS, ...Object.fromEntries(given) };
  const { mode, thresholdMode, factor, patience, cooldown } = complete;
  const { threshold, minLr, eps } = complete;
  const isShare = factor >= 0 && factor < 1;
  if (!isShare) refuse("factor", factor, "in [0, 1)");
  if (!["min", "max"].includes(mode)) refuse("mode", mode, '"min" or "max"');
  if (!["rel", "abs"].includes(thresholdMode)) {
    refuse("thresholdMode", thresholdMode, '"rel" or "abs"');
  }
  for (const [name, value] of Object.entries({ patience, cooldown })) {
    if (Number.isSafeInteger(value) && value >= 0) continue;
    refuse(name, value, "a whole number of at least 0");
  }
  for (const [name, value] of Object.entries({ threshold, minLr, eps })) {
    if (value >= 0 && value < Infinity) continue;
    refuse(name, value, "a finite number of at least 0");
  }
  return complete;
}

function refuse(name: string, value: unknown, wish: string): never {
  throw new RangeError(
    `Cannot lower the learning rate with ${name} ${
      String(value)
    }: it must be ` +
      wish,
  );
}
