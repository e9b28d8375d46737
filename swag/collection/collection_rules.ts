// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Rules of `SwagUpdateCallback` that say when weights are collected: where the learning
 * rate is lowest, and where a validation set does not object. What they remember is
 * kept in checkpoints, so that a run that is cut goes on by the same rules.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";

/** Options of {@linkcode SwagUpdateOptions.gate}. */
export interface GateOptions {
  /**
   * Measures the model with the weights that it has now, on a validation set. It is
   * called before each collection.
   */
  evaluate: () => number | Promise<number>;
  /** Whether a greater value is better. @default {true} */
  greaterIsBetter?: boolean | undefined;
  /**
   * By how much a value may be worse than the best so far, for the weights to be
   * collected all the same.
   *
   * @default {0}
   */
  tolerance?: number | undefined;
}

/** What a {@linkcode TroughFinder} remembers. */
export interface TroughState {
  /** The rate of the last step, `null` before the first. */
  rate: number | null;
  /** Whether it had fallen to that. */
  isFalling: boolean;
}

/** Finds the steps after which a learning rate that has fallen rises again. */
export class TroughFinder {
  #state: TroughState = { rate: null, isFalling: false };

  /** Notes the rate of a step, before it. */
  note(rate: number): void {
    const { rate: before } = this.#state;
    // While the rate stays the same, it is as it was.
    if (before !== null && rate !== before) {
      this.#state.isFalling = rate < before;
    }
    this.#state.rate = rate;
  }

  /** Whether the step that was noted is the last of a cycle. */
  isTrough(next: number): boolean {
    const { rate, isFalling } = this.#state;
    return isFalling && rate !== null && next > rate;
  }

  /** What to keep in a checkpoint. */
  get state(): TroughState {
    return { ...this.#state };
  }

  /** Continues from a state, or begins. */
  set state(state: TroughState | undefined) {
    this.#state = { ...state ?? { rate: null, isFalling: false } };
  }
}

/** Lets weights pass that measure no worse than the best so far. */
export class ValidationGate {
  readonly #evaluate: () => number | Promise<number>;
  readonly #sign: 1 | -1;
  readonly #tolerance: number;
  #best: number | null = null;

  /**
   * Checks the options.
   *
   * @throws {RangeError} If the tolerance is not a finite number of at least 0.
   * @throws {TypeError} If an option is not known.
   */
  constructor(options: GateOptions) {
    checkOptions(options, {
      action: "collect weights by a gate",
      known: ["evaluate", "greaterIsBetter", "tolerance"],
    });
    const { evaluate, greaterIsBetter = true, tolerance = 0 } = options;
    if (!(tolerance >= 0 && tolerance < Infinity)) {
      throw new RangeError(
        `Cannot collect weights with a tolerance of ${tolerance}: it must be a ` +
          "finite number of at least 0",
      );
    }
    this.#evaluate = evaluate;
    this.#sign = greaterIsBetter ? 1 : -1;
    this.#tolerance = tolerance;
  }

  /**
   * Measures the weights that the model has, and tells whether they pass. A value that
   * is not a number never does.
   */
  async passes(): Promise<boolean> {
    const value = await this.#evaluate();
    const best = this.#best ?? value;
    const isPassing = this.#sign * (value - best) >= -this.#tolerance;
    if (isPassing && this.#sign * (value - best) >= 0) this.#best = value;
    return isPassing;
  }

  /** The best value so far, `null` before the first: what to keep in a checkpoint. */
  get best(): number | null {
    return this.#best;
  }

  /** Continues from a best value, or begins. */
  set best(best: number | null) {
    this.#best = best;
  }
}
