// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Learning rate schedules: functions from the step to a factor on the rate.

import { checkOptions } from "./options.ts";

/**
 * Gives the factor on the learning rate at a step, where the first step is 0.
 *
 * The schedules of this library, except for {@linkcode cyclicSchedule}, equal those
 * of Hugging Face's transformers (optimization.py) at every step, also with a warmup as long as the run or
 * longer, and beyond the end of the run.
 */
export type Schedule = (step: number) => number;

/** Options of {@linkcode constantSchedule}. */
export interface WarmupOptions {
  /**
   * The number of steps over which the factor rises from 0 to 1. It may exceed
   * the number of steps of the run.
   *
   * @default {0}
   */
  warmupSteps?: number;
}

/** Options of {@linkcode linearSchedule}. */
export interface DecayOptions extends WarmupOptions {
  /**
   * The number of steps of the run, including the warmup: the step at which the
   * factor reaches its end. At least 1.
   */
  totalSteps: number;
}

/** Options of {@linkcode cosineSchedule}. */
export interface CosineOptions extends DecayOptions {
  /**
   * The number of waves of the cosine. Half a wave falls once from 1 to 0.
   *
   * @default {0.5}
   */
  cycles?: number;
}

/** Options of {@linkcode cosineRestartsSchedule}. */
export interface CosineRestartsOptions extends DecayOptions {
  /** How many times the factor falls from 1 to 0. @default {1} */
  cycles?: number;
}

/** Options of {@linkcode cyclicSchedule}. */
export interface CyclicOptions extends WarmupOptions {
  /** The number of steps of a cycle, at least 1. */
  cycleSteps: number;
  /** The factor at the end of a cycle, in [0, 1]. @default {0} */
  endFactor?: number;
  /** Whether a cycle falls along half a cosine, or a line. @default {"cos"} */
  annealStrategy?: "cos" | "linear";
}

/** Options of {@linkcode inverseSqrtSchedule}. */
export interface InverseSqrtOptions extends WarmupOptions {
  /**
   * The scale of the decay: the factor falls to ½ when 3 · `timescale` steps
   * have passed since the warmup.
   *
   * @default {warmupSteps, or 10,000 without a warmup}
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
 * A schedule that stays at 1 after the warmup.
 *
 * @param options The length of the warmup.
 * @returns The schedule.
 * @throws {RangeError} If an option is not a whole number of steps.
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
 * A schedule that falls in a straight line to 0 after the warmup: Hugging
 * Face's "linear",
 * `max(0, (totalSteps - step) / max(1, totalSteps - warmupSteps))`.
 *
 * @param options The lengths of the warmup and of the run.
 * @returns The schedule.
 * @throws {RangeError} If an option is not a whole number of steps.
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
 * A schedule that falls along `½ (1 + cos 2π·cycles·progress)` after the
 * warmup: Hugging Face's "cosine". As there, the wave continues beyond the end
 * of the run, so that the factor rises again: stop at `totalSteps`.
 *
 * @param options The lengths of the warmup and of the run, and the number of
 * waves.
 * @returns The schedule.
 * @throws {RangeError} If an option is not a whole number of steps, or `cycles`
 * is negative.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { cosineSchedule } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const schedule = cosineSchedule({ totalSteps: 4 });
 * const expected = [1, 0.854, 0.5, 0.146, 0];
 * expected.forEach((x, step) => assertAlmostEquals(schedule(step), x, 1e-3));
 * ```
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
 * A schedule that falls `cycles` times along half a cosine from 1 to 0, and is
 * 0 from the end of the run on: Hugging Face's "cosine_with_restarts".
 *
 * @param options The lengths of the warmup and of the run, and the number of
 * falls.
 * @returns The schedule.
 * @throws {RangeError} If an option is not a whole number of steps, or `cycles`
 * is negative.
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
 * A schedule that falls in cycles after the warmup, for as many as there are: weights
 * are collected where it is about to rise again. In step `i` of a cycle of `c`, from 0
 * on, the factor is
 *
 * ```text
 * "cos"      endFactor + (1 - endFactor) · ½ (1 + cos(π i / c))
 * "linear"   1 - t + t · endFactor,    t = (i + 1) / c
 * ```
 *
 * The first is PyTorch's `CosineAnnealingWarmRestarts` with `T_0 = c`, and the rate of
 * snapshot ensembles (Huang et al., 2017). The second is the cyclical rate of SWA
 * (Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
 * Generalization", 2018), whose last step has `endFactor` itself; a cycle of one step
 * is a constant rate.
 *
 * @param options The lengths of the warmup and of a cycle, and how it falls.
 * @returns The schedule.
 * @throws {RangeError} If a length is not a whole number of steps, `endFactor` is not
 * in [0, 1], or the strategy is not known.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { cyclicSchedule } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = cyclicSchedule({ cycleSteps: 4, annealStrategy: "linear" });
 * assertEquals([0, 1, 2, 3, 4].map(schedule), [0.75, 0.5, 0.25, 0, 0.75]);
 * ```
 */
export function cyclicSchedule(options: CyclicOptions): Schedule {
  check(options, ["warmupSteps", "cycleSteps", "endFactor", "annealStrategy"]);
  const {
    warmupSteps = 0,
    cycleSteps,
    endFactor = 0,
    annealStrategy = "cos",
  } = options;
  if (!(Number.isSafeInteger(cycleSteps) && cycleSteps >= 1)) {
    throw new RangeError(
      `Cannot schedule with cycleSteps ${cycleSteps}: it must be a whole number ` +
        "of at least 1",
    );
  }
  requireShare("endFactor", endFactor);
  if (annealStrategy !== "cos" && annealStrategy !== "linear") {
    throw new RangeError(
      `Cannot schedule with annealStrategy "${annealStrategy}": it must be "cos" ` +
        'or "linear"',
    );
  }
  return afterWarmup(options, (step) => {
    const place = (step - warmupSteps) % cycleSteps;
    const left = annealStrategy === "cos"
      ? (1 + Math.cos(Math.PI * place / cycleSteps)) / 2
      : (cycleSteps - place - 1) / cycleSteps;
    return endFactor + (1 - endFactor) * left;
  });
}

/**
 * A schedule that falls from 1 to `endFactor` along a curve in which the
 * distance to the end is `(1 - progress)^power`, and stays there: Hugging
 * Face's "polynomial", which has a rate as the end instead of a factor.
 *
 * @param options The lengths of the warmup and of the run, exponent and end.
 * @returns The schedule.
 * @throws {RangeError} If an option is not a whole number of steps, `power` is
 * negative, or `endFactor` is not in [0, 1].
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { polynomialSchedule } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = polynomialSchedule({ totalSteps: 4, power: 2 });
 * assertEquals([0, 1, 2, 4, 9].map(schedule), [1, 0.5625, 0.25, 0, 0]);
 * ```
 */
export function polynomialSchedule(options: PolynomialOptions): Schedule {
  check(options, [...DECAY, "power", "endFactor"]);
  const { warmupSteps = 0, totalSteps, power = 1, endFactor = 0 } = options;
  requireFinite("power", power);
  requireShare("endFactor", endFactor);
  const length = decaySteps(options);
  return afterWarmup(options, (step) => {
    const isOver = step > totalSteps || totalSteps <= warmupSteps;
    if (isOver) return endFactor;
    const left = 1 - (step - warmupSteps) / length;
    return endFactor + (1 - endFactor) * left ** power;
  });
}

/**
 * A schedule that falls along `1 / √((step + shift) / timescale)` after the
 * warmup, where `shift = timescale - warmupSteps` makes it start at 1: Hugging
 * Face's "inverse_sqrt".
 *
 * @param options The length of the warmup and the scale of the decay.
 * @returns The schedule.
 * @throws {RangeError} If `warmupSteps` is not a whole number, or `timescale`
 * is not positive.
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

/** The options of all schedules with an end. */
const DECAY = ["warmupSteps", "totalSteps"] as const;

function check(
  options: WarmupOptions & Partial<DecayOptions>,
  known: readonly string[],
): void {
  checkOptions(options, { action: "schedule", known });
  const { warmupSteps = 0, totalSteps } = options;
  if (!(Number.isSafeInteger(warmupSteps) && warmupSteps >= 0)) {
    throw new RangeError(
      `Cannot schedule with warmupSteps ${warmupSteps}: it must be a whole ` +
        "number of at least 0",
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
      `Cannot schedule over ${totalSteps} steps: it must be a whole number`,
    );
  }
}

function requireFinite(name: string, value: number): void {
  if (value >= 0 && value < Infinity) return;
  throw new RangeError(
    `Cannot schedule with ${name} ${value}: it must not be negative`,
  );
}

function requireShare(name: string, value: number): void {
  if (value >= 0 && value <= 1) return;
  throw new RangeError(
    `Cannot schedule with ${name} ${value}: it must be in [0, 1]`,
  );
}

/**
 * The number of steps of the decay, at least 1 because progress divides by it.
 */
function decaySteps({ warmupSteps = 0, totalSteps }: DecayOptions): number {
  return Math.max(1, totalSteps - warmupSteps);
}

/** The rise of the warmup, followed by a schedule. */
function afterWarmup(
  { warmupSteps = 0 }: WarmupOptions,
  schedule: Schedule,
): Schedule {
  return (step) => {
    if (!(Number.isSafeInteger(step) && step >= 0)) {
      throw new RangeError(
        `Cannot schedule step ${step}: it must be a whole number of at least 0`,
      );
    }
    return step < warmupSteps ? step / warmupSteps : schedule(step);
  };
}
