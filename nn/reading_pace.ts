// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How many training steps to make between two readings of losses.

/** The most steps between two readings, unless the caller sets the number. */
export const MAX_STEPS = 64;

/** The time between two readings, in milliseconds. */
const INTERVAL = 500;

/**
 * Decides how many steps to make between two readings: a fixed number, or as
 * many as take half a second.
 */
export class ReadingPace {
  /** The number of steps until the next reading. */
  steps: number;
  readonly #fixed: boolean;
  #last = performance.now();

  /** @param steps The number of steps. @default {as many as fit the time} */
  constructor(steps: number | undefined) {
    this.steps = steps ?? 1;
    this.#fixed = steps !== undefined;
  }

  /**
   * Adapts to the time that the last steps took. The first steps are slow, so
   * the number at most doubles from reading to reading.
   */
  measure(steps: number): void {
    const now = performance.now();
    const each = (now - this.#last) / steps;
    this.#last = now;
    if (this.#fixed) return;
    const fitting = Math.floor(INTERVAL / each);
    this.steps = Math.max(1, Math.min(fitting, 2 * this.steps, MAX_STEPS));
  }
}
