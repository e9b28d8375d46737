// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { perform } from "../engine/mod.ts";
import type { Optimizer } from "./optim.ts";

/** The factor on the learning rate at a step, counted from 0. */
export type Schedule = (step: number) => number;

/** Options of {@linkcode constantSchedule}. */
export interface WarmupOptions {
  /** Steps over which the factor rises from 0 to 1. @default {0} */
  warmupSteps?: number;
}

/** Options of {@linkcode linearSchedule}. */
export interface DecayOptions extends WarmupOptions {
  /** The step at which the factor has reached its end. */
  totalSteps: number;
}

/** Options of {@linkcode cosineSchedule}. */
export interface CosineOptions extends DecayOptions {
  /** Waves of the cosine; a half falls once from 1 to 0. @default {0.5} */
  cycles?: number;
}

/** Options of {@linkcode polynomialSchedule}. */
export interface PolynomialOptions extends DecayOptions {
  /** The exponent. @default {1} */
  power?: number;
  /** The factor at the end. @default {0} */
  endFactor?: number;
}

/**
 * Stays at 1 after the warm-up.
 *
 * @example Usage
 * ```ts
 * import { constantSchedule } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = constantSchedule({ warmupSteps: 4 });
 * assertEquals([0, 1, 4, 9].map(schedule), [0, 0.25, 1, 1]);
 * ```
 */
export function constantSchedule(options: WarmupOptions = {}): Schedule {
  const { warmupSteps = 0 } = options;
  return (step) => step < warmupSteps ? step / Math.max(1, warmupSteps) : 1;
}

/**
 * Falls in a line to 0 after the warm-up: Hugging Face's "linear".
 *
 * @example Usage
 * ```ts
 * import { linearSchedule } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = linearSchedule({ warmupSteps: 2, totalSteps: 6 });
 * assertEquals([0, 1, 2, 4, 6, 9].map(schedule), [0, 0.5, 1, 0.5, 0, 0]);
 * ```
 */
export function linearSchedule(options: DecayOptions): Schedule {
  return decay(options, (progress) => Math.max(0, 1 - progress));
}

/** Falls along `½ (1 + cos 2π·cycles·progress)` after the warm-up. */
export function cosineSchedule(options: CosineOptions): Schedule {
  const { cycles = 0.5 } = options;
  return decay(
    options,
    (progress) =>
      Math.max(0, (1 + Math.cos(2 * Math.PI * cycles * progress)) / 2),
  );
}

/** Falls along `(1 - progress)^power` from 1 to `endFactor`. */
export function polynomialSchedule(options: PolynomialOptions): Schedule {
  const { power = 1, endFactor = 0 } = options;
  return decay(
    options,
    (progress) =>
      endFactor + (1 - endFactor) * (1 - Math.min(1, progress)) ** power,
  );
}

/**
 * Sets an optimizer's learning rates by a schedule: each group's own rate,
 * times the factor.
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
  /** Steps made so far. */
  steps = 0;
  readonly #groups: readonly { learningRate: number }[];
  readonly #base: readonly number[];
  readonly #schedule: Schedule;

  /**
   * Sets the rates for the first step.
   *
   * @param optimizer Whose rates are set, at once and at every step.
   * @param schedule The factor by step.
   */
  constructor(
    optimizer: Pick<Optimizer, "groups">,
    schedule: Schedule,
  ) {
    this.#groups = optimizer.groups;
    this.#base = optimizer.groups.map((group) => group.learningRate);
    this.#schedule = schedule;
    this.#apply();
  }

  /** Moves on by one step; call it after the optimizer's. */
  step(): void {
    perform(() => {
      this.steps++;
      this.#apply();
    });
  }

  #apply(): void {
    const factor = this.#schedule(this.steps);
    this.#groups.forEach((group, i) => {
      group.learningRate = (this.#base[i] ?? 0) * factor;
    });
  }
}

function decay(
  { warmupSteps = 0, totalSteps }: DecayOptions,
  shape: (progress: number) => number,
): Schedule {
  if (!(totalSteps > 0)) {
    throw new RangeError(
      `Cannot schedule over ${totalSteps} steps: there must be at least one`,
    );
  }
  return (step) =>
    step < warmupSteps
      ? step / Math.max(1, warmupSteps)
      : shape((step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
}
