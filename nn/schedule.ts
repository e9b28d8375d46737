// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { onReplay } from "../engine/kernel_kit.ts";
import type { Optimizer } from "./optim.ts";
import { checkOptions } from "./options.ts";

/**
 * The factor on the learning rate at a step, counted from 0.
 *
 * Those of this file are the functions of Hugging Face's transformers
 * (optimization.py) with the same names, at every step: a warm-up as long as the
 * run or longer, and steps beyond its end, included.
 */
export type Schedule = (step: number) => number;

/** Options of {@linkcode constantSchedule}. */
export interface WarmupOptions {
  /**
   * Steps over which the factor rises from 0 to 1, a whole number. It may exceed
   * the steps of the run.
   *
   * @default {0}
   */
  warmupSteps?: number;
}

/** Options of {@linkcode linearSchedule}. */
export interface DecayOptions extends WarmupOptions {
  /**
   * The step at which the factor has reached its end, the warm-up included: a
   * whole number from 1 on.
   */
  totalSteps: number;
}

/** Options of {@linkcode cosineSchedule}. */
export interface CosineOptions extends DecayOptions {
  /** Waves of the cosine; a half falls once from 1 to 0. @default {0.5} */
  cycles?: number;
}

/** Options of {@linkcode cosineRestartsSchedule}. */
export interface CosineRestartsOptions extends DecayOptions {
  /** How often the factor falls from 1 to 0. @default {1} */
  cycles?: number;
}

/** Options of {@linkcode inverseSqrtSchedule}. */
export interface InverseSqrtOptions extends WarmupOptions {
  /**
   * The step, had there been no warm-up, until which the factor is near 1.
   *
   * @default {warmupSteps, or 10,000 without a warm-up}
   */
  timescale?: number;
}

/** Options of {@linkcode polynomialSchedule}. */
export interface PolynomialOptions extends DecayOptions {
  /** The exponent. @default {1} */
  power?: number;
  /** The factor at the end, in [0, 1]. @default {0} */
  endFactor?: number;
}

/**
 * Stays at 1 after the warm-up.
 *
 * @throws {RangeError} If an option is no whole number of steps.
 * @throws {TypeError} If an option is not known.
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
  check(options, ["warmupSteps"]);
  return afterWarmup(options, () => 1);
}

/**
 * Falls in a line to 0 after the warm-up: Hugging Face's "linear",
 * `max(0, (totalSteps - step) / max(1, totalSteps - warmupSteps))`.
 *
 * @throws {RangeError} If an option is no whole number of steps.
 * @throws {TypeError} If an option is not known.
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
  check(options, DECAY);
  const { totalSteps } = options;
  const length = decaySteps(options);
  return afterWarmup(
    options,
    (step) => Math.max(0, (totalSteps - step) / length),
  );
}

/**
 * Falls along `½ (1 + cos 2π·cycles·progress)` after the warm-up: Hugging Face's
 * "cosine". As there, the wave goes on beyond the end of the run, so that the
 * factor rises again: stop at `totalSteps`.
 *
 * @throws {RangeError} If an option is no whole number of steps, or `cycles` is
 * negative.
 * @throws {TypeError} If an option is not known.
 */
export function cosineSchedule(options: CosineOptions): Schedule {
  check(options, [...DECAY, "cycles"]);
  const { warmupSteps = 0, cycles = 0.5 } = options;
  requireFinite("cycles", cycles);
  const length = decaySteps(options);
  return afterWarmup(options, (step) => {
    const progress = (step - warmupSteps) / length;
    return Math.max(0, (1 + Math.cos(2 * Math.PI * cycles * progress)) / 2);
  });
}

/**
 * Falls `cycles` times along half a cosine from 1 to 0, and is 0 from the end of
 * the run on: Hugging Face's "cosine_with_restarts".
 *
 * @throws {RangeError} If an option is no whole number of steps, or `cycles` is
 * negative.
 * @throws {TypeError} If an option is not known.
 *
 * @example Two falls
 * ```ts
 * import { cosineRestartsSchedule } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const schedule = cosineRestartsSchedule({ totalSteps: 8, cycles: 2 });
 * const expected = [1, 0.854, 0.5, 0.146, 1, 0.854, 0.5, 0.146, 0, 0];
 * expected.forEach((x, step) => assertAlmostEquals(schedule(step), x, 1e-3));
 * ```
 */
export function cosineRestartsSchedule(
  options: CosineRestartsOptions,
): Schedule {
  check(options, [...DECAY, "cycles"]);
  const { warmupSteps = 0, cycles = 1 } = options;
  requireFinite("cycles", cycles);
  const length = decaySteps(options);
  return afterWarmup(options, (step) => {
    const progress = (step - warmupSteps) / length;
    if (progress >= 1) return 0;
    return (1 + Math.cos(Math.PI * ((cycles * progress) % 1))) / 2;
  });
}

/**
 * Falls along `(1 - progress)^power` from 1 to `endFactor`, and stays there:
 * Hugging Face's "polynomial", where the end is a rate and not a factor.
 *
 * @throws {RangeError} If an option is no whole number of steps, `power` is
 * negative, or `endFactor` not in [0, 1].
 * @throws {TypeError} If an option is not known.
 */
export function polynomialSchedule(options: PolynomialOptions): Schedule {
  check(options, [...DECAY, "power", "endFactor"]);
  const { warmupSteps = 0, totalSteps, power = 1, endFactor = 0 } = options;
  requireFinite("power", power);
  if (!(endFactor >= 0 && endFactor <= 1)) {
    throw new RangeError(
      `Cannot schedule with endFactor ${endFactor}: it must be in [0, 1]`,
    );
  }
  const length = decaySteps(options);
  return afterWarmup(options, (step) => {
    const isOver = step > totalSteps || totalSteps <= warmupSteps;
    if (isOver) return endFactor;
    const left = 1 - (step - warmupSteps) / length;
    return endFactor + (1 - endFactor) * left ** power;
  });
}

/**
 * Falls along `1 / √((step + shift) / timescale)` after the warm-up, where
 * `shift = timescale - warmupSteps` makes it start at 1: Hugging Face's
 * "inverse_sqrt".
 *
 * @throws {RangeError} If `warmupSteps` is no whole number, or `timescale` not
 * positive.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { inverseSqrtSchedule } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = inverseSqrtSchedule({ warmupSteps: 4 });
 * assertEquals([0, 2, 4, 16].map(schedule), [0, 0.5, 1, 0.5]);
 * ```
 */
export function inverseSqrtSchedule(
  options: InverseSqrtOptions = {},
): Schedule {
  check(options, ["warmupSteps", "timescale"]);
  const { warmupSteps = 0, timescale = warmupSteps || 10_000 } = options;
  if (!(timescale > 0 && timescale < Infinity)) {
    throw new RangeError(
      `Cannot schedule with timescale ${timescale}: it must be positive`,
    );
  }
  return afterWarmup(
    options,
    (step) => 1 / Math.sqrt((step - warmupSteps + timescale) / timescale),
  );
}

/** Where a {@linkcode Scheduler} is. */
export interface SchedulerState {
  /** Steps made. */
  steps: number;
  /** Each group's own rate. */
  baseRates: number[];
}

/** A group's own rate, and the rate that a scheduler set last. */
interface GroupRates {
  own: number;
  set: number;
}

/** What is known of groups that schedulers have been made for. */
const rates = new WeakMap<object, GroupRates>();

/**
 * Sets an optimizer's learning rates by a schedule: each group's own rate,
 * times the factor.
 *
 * A group's own rate is the one that it had when its first scheduler was made,
 * as PyTorch's `initial_lr`: a second scheduler starts from it, wherever the
 * first one ended. A rate that was set by hand since, to anything else than a
 * scheduler's last, is the group's own for schedulers that are made later.
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
  #base: readonly number[];
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
    this.#base = optimizer.groups.map(ownRate);
    this.#schedule = schedule;
    this.#apply();
  }

  /** Moves on by one step; call it after the optimizer's. */
  step(): void {
    onReplay(() => {
      this.steps++;
      this.#apply();
    });
  }

  /** What is needed to go on with the schedule; the function itself is not. */
  stateDict(): SchedulerState {
    return { steps: this.steps, baseRates: [...this.#base] };
  }

  /**
   * Goes on from what {@linkcode stateDict} gave, and sets the rates.
   *
   * @throws {TypeError} If the state is of another number of groups.
   * @throws {RangeError} If `steps` is no whole number from 0 on.
   */
  loadStateDict({ steps, baseRates }: SchedulerState): void {
    if (baseRates.length !== this.#groups.length) {
      throw new TypeError(
        `Cannot load the scheduler's state: groups are ${baseRates.length} ` +
          `there and ${this.#groups.length} here`,
      );
    }
    if (!(Number.isSafeInteger(steps) && steps >= 0)) {
      throw new RangeError(
        `Cannot load the scheduler's state: ${steps} is no number of steps`,
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
        `Cannot set the learning rate of step ${this.steps}: the schedule gave ` +
          `${factor}`,
      );
    }
    this.#groups.forEach((group, i) => {
      const own = this.#base[i] ?? 0;
      const set = own * factor;
      group.learningRate = set;
      rates.set(group, { own, set });
    });
  }
}

function ownRate(group: { readonly learningRate: number }): number {
  const known = rates.get(group);
  return known?.set === group.learningRate ? known.own : group.learningRate;
}

/** Options that all schedules with an end have. */
const DECAY = ["warmupSteps", "totalSteps"] as const;

function check(
  options: WarmupOptions & Partial<DecayOptions>,
  known: readonly string[],
): void {
  checkOptions(options, { action: "schedule", known });
  const { warmupSteps = 0, totalSteps } = options;
  if (!(Number.isSafeInteger(warmupSteps) && warmupSteps >= 0)) {
    throw new RangeError(
      `Cannot schedule with warmupSteps ${warmupSteps}: expected a whole ` +
        "number from 0 on",
    );
  }
  if (!known.includes("totalSteps")) return;
  if (!(totalSteps !== undefined && totalSteps > 0)) {
    throw new RangeError(
      `Cannot schedule over ${totalSteps} steps: there must be at least one`,
    );
  }
  if (!Number.isSafeInteger(totalSteps)) {
    throw new RangeError(
      `Cannot schedule over ${totalSteps} steps: expected a whole number`,
    );
  }
}

function requireFinite(name: string, value: number): void {
  if (value >= 0 && value < Infinity) return;
  throw new RangeError(
    `Cannot schedule with ${name} ${value}: it must not be negative`,
  );
}

/** Steps of the decay: at least one, as the denominator of the progress. */
function decaySteps({ warmupSteps = 0, totalSteps }: DecayOptions): number {
  return Math.max(1, totalSteps - warmupSteps);
}

/** The rise of the warm-up, and then a schedule by step. */
function afterWarmup(
  { warmupSteps = 0 }: WarmupOptions,
  schedule: Schedule,
): Schedule {
  return (step) => {
    if (!(Number.isSafeInteger(step) && step >= 0)) {
      throw new RangeError(
        `Cannot schedule step ${step}: expected a whole number from 0 on`,
      );
    }
    return step < warmupSteps ? step / warmupSteps : schedule(step);
  };
}
