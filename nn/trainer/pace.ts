// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How fast a run is, and how long it will take.

import type { Optimizer } from "../optim.ts";
import type { TrainerProgress } from "./callbacks.ts";
import type { TrainerState } from "./trainer_state.ts";

/** Measures a run from its first step in this process. */
export class Pace {
  /** The steps made by this process. */
  steps = 0;
  /** The rows given to steps by this process. */
  rows = 0;
  readonly #state: TrainerState;
  readonly #optimizer: Optimizer;
  #start = performance.now();

  constructor(state: TrainerState, optimizer: Optimizer) {
    this.#state = state;
    this.#optimizer = optimizer;
  }

  /** Starts the clock. */
  begin(): void {
    this.#start = performance.now();
  }

  get #seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** The rates until now. */
  progress(): TrainerProgress {
    const elapsedSeconds = this.#seconds;
    const { maxSteps, globalStep } = this.#state;
    const [first] = this.#optimizer.groups[0]?.parameters ?? [];
    return {
      elapsedSeconds,
      stepsPerSecond: this.steps / elapsedSeconds,
      samplesPerSecond: this.rows / elapsedSeconds,
      secondsLeft: this.steps === 0
        ? Infinity
        : (maxSteps - globalStep) * elapsedSeconds / this.steps,
      gpuBytes: first?.device.pool.statistics().inUse ?? 0,
    };
  }

  /** The rates for the last entry of the log. */
  summary(): Record<string, number> {
    const { elapsedSeconds, stepsPerSecond, samplesPerSecond } = this
      .progress();
    return {
      train_runtime: elapsedSeconds,
      train_samples_per_second: samplesPerSecond,
      train_steps_per_second: stepsPerSecond,
    };
  }
}
