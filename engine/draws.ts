// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A checkpoint runs its function again on the way back (checkpoint.ts), and the
// function must draw the same random numbers then. So the streams that it takes
// from generators are noted in order, and handed out again in the same order. A
// stream that a captured step draws is noted like any other: replays renew its
// words for both runs at once.

import { tick } from "./changes.ts";
import type { RandomStream } from "./random_stream.ts";

/** The streams that a function draws, in order. */
export class Draws {
  /**
   * When the function began: what it reads must not change after this time,
   * which is later if it did something that it does once only.
   */
  startedAt: number = tick();
  readonly #streams: RandomStream[] = [];
  /** Which stream comes next, while the function runs again. */
  #next: number | undefined;
  /** Those of the function around this one, while this one runs. */
  #outer: Draws | undefined;

  /** Whether streams are handed out again, here or around. */
  get isRepeating(): boolean {
    return this.#next !== undefined || (this.#outer?.isRepeating ?? false);
  }

  /** Runs the function for the first time. */
  note<T>(run: () => T): T {
    return this.#within(run);
  }

  /**
   * Runs the function again.
   *
   * @throws {TypeError} If it draws more or fewer streams than the first time.
   */
  repeat<T>(run: () => T): T {
    this.#next = 0;
    try {
      const result = this.#within(run);
      if (this.#next < this.#streams.length) this.#refuse(this.#next);
      return result;
    } finally {
      this.#next = undefined;
    }
  }

  /** Gives the next stream: a new one, or that of the first run. */
  take(draw: () => RandomStream): RandomStream {
    if (this.#next !== undefined) {
      return this.#streams[this.#next++] ?? this.#refuse(this.#next);
    }
    const outer = this.#outer;
    const stream = outer ? outer.take(draw) : draw();
    this.#streams.push(stream);
    return stream;
  }

  /** Moves {@linkcode startedAt} to now, here and around. */
  startNow(): void {
    this.startedAt = tick();
    this.#outer?.startNow();
  }

  #within<T>(run: () => T): T {
    this.#outer = current;
    current = this;
    try {
      return run();
    } finally {
      current = this.#outer;
      this.#outer = undefined;
    }
  }

  #refuse(count: number): never {
    const { length } = this.#streams;
    throw new TypeError(
      "Cannot go backward through a checkpoint: its function drew random " +
        `numbers ${length} times first and ${
          count > length ? `more than ${length}` : count
        } times when it ran again; it must do the same both times`,
    );
  }
}

let current: Draws | undefined;

/** Takes a stream from a generator, or again what a checkpoint has noted. */
export function drawn(draw: () => RandomStream): RandomStream {
  return current ? current.take(draw) : draw();
}

/** Whether a checkpoint's function is running again. */
export function isRepeating(): boolean {
  return current?.isRepeating ?? false;
}

/**
 * Runs what the function of a checkpoint does the first time only, such as
 * giving a parameter its initial values: the random numbers that it draws are
 * not drawn again when the function runs again, and what it writes does not
 * count as changed.
 *
 * @param run What happens once.
 * @returns What `run` returns.
 *
 * @example A table that is drawn at its first use
 * ```ts
 * import {
 *   backward,
 *   checkpoint,
 *   dropout,
 *   initialize,
 *   mul,
 *   sum,
 *   type Tensor,
 *   tensor,
 *   uniform,
 * } from "@swagpu/swagpu/engine";
 * import { outsideCheckpoints, persist } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * let table: Tensor | undefined;
 * const x = tensor([1, 1], { requiresGrad: true });
 * const y = checkpoint(() => {
 *   table ??= outsideCheckpoints(() => persist(uniform([2])));
 *   return dropout(mul(x, table));
 * });
 * backward(sum(y));
 * assertEquals(await x.grad?.data(), await y.data()); // the same elements
 * table?.dispose();
 * ```
 */
export function outsideCheckpoints<T>(run: () => T): T {
  const before = current;
  current = undefined;
  try {
    return run();
  } finally {
    current = before;
    before?.startNow();
  }
}
