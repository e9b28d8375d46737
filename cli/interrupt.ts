// Copyright 2026 the swagpu authors. MIT license.

/**
 * Ctrl-C as a request to stop: what was trained is saved before the end.
 *
 * @module
 */

/** Signals this close together are one: a terminal and a wrapper may both send. */
const TOGETHER = 1000;

/** The exit code after Ctrl-C, as shells have it. */
export const INTERRUPTED = 130;

/**
 * While it is not disposed, the first SIGINT aborts {@linkcode signal}, and one
 * that comes more than a second after ends the process.
 */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #listener: () => void;
  #last = -Infinity;

  /** @param onFirst Called at the first signal. */
  constructor(onFirst: () => void) {
    this.#listener = () => {
      const now = performance.now();
      const repeated = now - this.#last < TOGETHER;
      this.#last = now;
      if (repeated) return;
      if (this.signal.aborted) Deno.exit(INTERRUPTED);
      onFirst();
      this.#controller.abort();
    };
    Deno.addSignalListener("SIGINT", this.#listener);
  }

  /** Aborted at the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Gives Ctrl-C its usual effect back. */
  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#listener);
  }
}
