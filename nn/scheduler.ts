// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The link between a schedule and an optimizer's learning rates.

import { onReplay } from "../engine/kernel_kit.ts";
import type { Optimizer } from "./optim.ts";
import type { Schedule } from "./schedule.ts";

/** What a {@linkcode Scheduler} needs to continue a run. */
export interface SchedulerState {
  /** The number of steps made. */
  steps: number;
  /** The base rate of each group. */
  baseRates: number[];
}

/** The base rate of a group, and the rate that a scheduler set last. */
interface GroupRates {
  base: number;
  set: number;
}

/** The rates of all groups that schedulers have been made for. */
const rates = new WeakMap<object, GroupRates>();

/**
 * Sets an optimizer's learning rates by a schedule: the rate of a group is its
 * base rate, multiplied by the schedule's factor.
 *
 * The base rate is the rate that the group had when its first scheduler was
 * made, like PyTorch's `initial_lr`: a second scheduler starts from it,
 * wherever the first one ended. If the program sets another rate than a
 * scheduler's last, that rate is the base rate of schedulers that are made
 * later.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { linearSchedule, Parameter, Scheduler, SGD } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const optimizer = new SGD([new Parameter([1])], { learningRate: 0.5 });
 * const scheduler = new Scheduler(optimizer, linearSchedule({ totalSteps: 2 }));
 * assertEquals(optimizer.learningRate, 0.5); // for the first step
 * scheduler.step();
 * assertEquals(optimizer.learningRate, 0.25); // for the second
 * ```
 */
export class Scheduler {
  /** The number of steps made so far. */
  steps = 0;
  readonly #groups: readonly { learningRate: number }[];
  #base: readonly number[];
  readonly #schedule: Schedule;

  /**
   * Sets the rates for the first step.
   *
   * @param optimizer The optimizer whose rates are set, at once and at every
   * step.
   * @param schedule Gives the factor for each step.
   */
  constructor(
    optimizer: Pick<Optimizer, "groups">,
    schedule: Schedule,
  ) {
    this.#groups = optimizer.groups;
    this.#base = optimizer.groups.map(baseRate);
    this.#schedule = schedule;
    this.#apply();
  }

  /** Advances by one step. Call it after the optimizer's step. */
  step(): void {
    onReplay(() => {
      this.steps++;
      this.#apply();
    });
  }

  /**
   * What is needed to continue, except for the schedule, which is a function.
   */
  stateDict(): SchedulerState {
    return { steps: this.steps, baseRates: [...this.#base] };
  }

  /**
   * Continues from a state that {@linkcode stateDict} has given, and sets the
   * rates.
   *
   * @param state The state of a scheduler with as many groups.
   * @throws {TypeError} If the state has another number of groups, or is of a
   * `ReduceLROnPlateau`.
   * @throws {RangeError} If `steps` is not a whole number of at least 0.
   */
  loadStateDict(state: SchedulerState): void {
    const { steps, baseRates } = state;
    if (!Array.isArray(baseRates)) {
      throw new TypeError(
        "Cannot load the scheduler's state: it is of another schedule",
      );
    }
    if (baseRates.length !== this.#groups.length) {
      throw new TypeError(
        "Cannot load the scheduler's state: the number of groups is " +
          `${baseRates.length} in the state but ${this.#groups.length} in the ` +
          "optimizer",
      );
    }
    if (!(Number.isSafeInteger(steps) && steps >= 0)) {
      throw new RangeError(
        `Cannot load the scheduler's state: the number of steps is ${steps}, but ` +
          "must be a whole number of at least 0",
      );
    }
    this.steps = steps;
    this.#base = [...baseRates];
    this.#apply();
  }

  #apply(): void {
    const factor = this.#schedule(this.steps);
    if (!Number.isFinite(factor)) {
      throw new RangeError(
        `Cannot set the learning rate of step ${this.steps}: the schedule's ` +
          `factor is ${factor}, but must be finite`,
      );
    }
    this.#groups.forEach((group, i) => {
      const base = this.#base[i] ?? 0;
      const set = base * factor;
      group.learningRate = set;
      rates.set(group, { base, set });
    });
  }
}

function baseRate(group: { readonly learningRate: number }): number {
  const known = rates.get(group);
  return known?.set === group.learningRate ? known.base : group.learningRate;
}
