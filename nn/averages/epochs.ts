// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Numbers of epochs, as callbacks count them, and the checks of their options.

import type { TrainerState } from "../trainer/trainer_state.ts";

/** By how much the number of epochs so far may be off. */
const ROUNDING = 1e-6;

/** The epochs that have ended, in `onEpochEnd`; one that was cut short counts. */
export function epochsSoFar({ epoch }: Pick<TrainerState, "epoch">): number {
  return Math.ceil(epoch - ROUNDING);
}

/**
 * Throws if an option is not a number of epochs.
 *
 * @throws {RangeError} If it is less than `least`, or not whole.
 */
export function requireEpoch(
  named: Readonly<Record<string, number>>,
  least: number,
): void {
  for (const [name, value] of Object.entries(named)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new RangeError(
      `Cannot average weights with ${name} ${value}: it must be a whole ` +
        `number of at least ${least}`,
    );
  }
}

/**
 * Throws if an option is not a finite number of at least 0; `undefined` counts as
 * absent.
 *
 * @throws {RangeError} If it is not.
 */
export function requireNotNegative(
  named: Readonly<Record<string, number | undefined>>,
): void {
  for (const [name, value] of Object.entries(named)) {
    if (value === undefined || (value >= 0 && value < Infinity)) continue;
    throw new RangeError(
      `Cannot average weights with ${name} ${value}: it must be a finite ` +
        "number of at least 0",
    );
  }
}
