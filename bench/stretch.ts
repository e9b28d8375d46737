// Copyright 2026 the swagpu authors. MIT license.

// Times work on the GPU by the host's clock. A wait takes 10 ms in Deno, however
// little there is to wait for, so that work is repeated until a wait is little
// beside it.

/** The least seconds of a measured stretch. */
const LEAST = 0.2;

/** The most runs of a stretch. */
const MOST_RUNS = 2 ** 16;

/** Work whose runs are timed together. */
export class Stretch {
  readonly #run: () => void;
  readonly #wait: () => Promise<void>;
  readonly #now: () => number;
  #runs = 1;

  /**
   * @param run Records the work once.
   * @param wait Waits for all that is recorded.
   * @param now The clock, in milliseconds.
   */
  constructor(
    run: () => void,
    wait: () => Promise<void>,
    now: () => number = () => performance.now(),
  ) {
    this.#run = run;
    this.#wait = wait;
    this.#now = now;
  }

  /** The seconds of one run, in a stretch of as many as take long enough. */
  async seconds(): Promise<number> {
    for (;;) {
      const runs = this.#runs;
      await this.#wait();
      const start = this.#now();
      for (let i = 0; i < runs; i++) this.#run();
      await this.#wait();
      const taken = (this.#now() - start) / 1000;
      if (taken >= LEAST || runs >= MOST_RUNS) return taken / runs;
      const more = Math.min(16, 1.2 * LEAST / taken);
      this.#runs = Math.min(MOST_RUNS, Math.ceil(runs * more));
    }
  }
}
