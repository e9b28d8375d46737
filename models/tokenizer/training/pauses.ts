// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Pauses in long work that never waits. Without them no timer would run, no
// signal of the system would arrive, and nothing could stop the work.

/** The milliseconds of work between two pauses. */
const WORK = 50;

/** Decides when long work pauses, and whether it goes on. */
export class Pauses {
  #signal: AbortSignal | undefined;
  #last = performance.now();

  /** `signal` stops the work at its next pause. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether the last pause was long enough ago. */
  get isDue(): boolean {
    return performance.now() - this.#last > WORK;
  }

  /**
   * Lets everything else run that is waiting.
   *
   * @throws The reason of the signal, if the work shall stop.
   */
  async take(): Promise<void> {
    this.#signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve));
    this.#signal?.throwIfAborted();
    this.#last = performance.now();
  }
}
