// Copyright 2026 the swagpu authors. MIT license.

// The order of work on the GPU: one task after the other, so that none sees another's
// half-done state. Trainings are long, and let the short tasks that wait pass where they
// stand between two steps.

type Task = () => Promise<void>;

/** A queue of tasks, of which one runs at a time. */
export class Lane {
  readonly #short: Task[] = [];
  readonly #long: Task[] = [];
  #isBusy = false;

  /**
   * Runs a short task when its turn comes.
   *
   * @param task The task.
   * @returns What it returns.
   */
  run<T>(task: () => Promise<T>): Promise<T> {
    return this.#add(this.#short, task);
  }

  /**
   * Runs a long task when no other one is left. It calls {@linkcode pass} from time to
   * time.
   *
   * @param task The task.
   * @returns What it returns.
   */
  runLong<T>(task: () => Promise<T>): Promise<T> {
    return this.#add(this.#long, task);
  }

  /** Runs the short tasks that wait, on behalf of the long one that is running. */
  async pass(): Promise<void> {
    for (let next; (next = this.#short.shift());) await next();
  }

  #add<T>(queue: Task[], task: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    queue.push(() => task().then(resolve, reject));
    if (!this.#isBusy) this.#work();
    return promise;
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (;;) {
      await this.pass();
      const next = this.#long.shift();
      if (!next) break;
      await next();
    }
    this.#isBusy = false;
  }
}
