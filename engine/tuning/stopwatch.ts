// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Clocks that time recorded work.

import type { Device } from "../gpu/device.ts";
import { Block } from "../gpu/block.ts";
import { BufferUsage } from "../gpu/flags.ts";

/** Times recorded work. */
export interface Stopwatch {
  /**
   * Milliseconds. Work that takes less should be repeated within a task. 0 if the
   * stopwatch repeats short tasks itself.
   */
  readonly resolution: number;
  /** Runs the tasks in order, and returns the milliseconds that each took. */
  time(tasks: readonly (() => void)[]): Promise<number[]>;
  /** Frees the memory that the stopwatch needs. */
  dispose(): void;
}

/**
 * Makes a stopwatch: the GPU's clock if the device has one, otherwise the host's.
 *
 * @param device The device that does the work.
 * @param isAside Whether the user's code runs at the same time. Errors are then
 * left for it to report. The host's clock would time that code, too.
 * @returns The stopwatch; dispose of it after use.
 *
 * @example Usage
 * ```ts
 * import { add, initialize, ones } from "@swagpu/swagpu/engine";
 * import { stopwatchFor } from "@swagpu/swagpu/engine/kernels";
 * import { assert } from "@std/assert";
 *
 * const device = await initialize();
 * const x = ones([1000]);
 * const stopwatch = stopwatchFor(device);
 * const [milliseconds = NaN] = await stopwatch.time([() => void add(x, x)]);
 * stopwatch.dispose();
 * assert(milliseconds > 0);
 * ```
 */
export function stopwatchFor(device: Device, isAside = false): Stopwatch {
  return device.gpu.features.has("timestamp-query")
    ? new GpuStopwatch(device, isAside)
    : new HostStopwatch(device);
}

/** How many times a wait for nothing the host's clock must time at least. */
const WAITS = 10;

/** The least that the host's clock times, in milliseconds. */
const LEAST_HOST = 20;

/** How often the host's clock has a task repeated at most. */
const MAX_HOST_REPEATS = 2 ** 16;

/**
 * Times each task by waiting for it. In Deno, the answer comes up to 10 ms after
 * the work is done, which hides all that is short on a fast GPU. So a task is
 * repeated until it takes far longer than a wait for nothing does.
 */
export class HostStopwatch implements Stopwatch {
  readonly resolution = 0; // It repeats tasks itself.
  readonly #device: Pick<Device, "synchronize">;
  readonly #now: () => number;

  /**
   * @param device The device that does the work.
   * @param now The clock, in milliseconds.
   */
  constructor(
    device: Pick<Device, "synchronize">,
    now: () => number = () => performance.now(),
  ) {
    this.#device = device;
    this.#now = now;
  }

  async time(tasks: readonly (() => void)[]): Promise<number[]> {
    const times: number[] = [];
    if (tasks.length === 0) return times;
    await this.#device.synchronize();
    const waits = [];
    for (let i = 0; i < 3; i++) waits.push(await this.#once(() => {}, 1));
    const wait = Math.min(...waits);
    const least = Math.max(LEAST_HOST, WAITS * wait);
    for (const task of tasks) {
      let repeats = 1;
      let taken = await this.#once(task, repeats);
      while (taken < least && repeats < MAX_HOST_REPEATS) {
        const worked = Math.max(taken - wait, least / 32);
        const more = Math.ceil(1.2 * least / worked);
        repeats = Math.min(repeats * more, MAX_HOST_REPEATS);
        taken = await this.#once(task, repeats);
      }
      // The answer is late by half a wait on average.
      times.push((taken - wait / 2) / repeats);
    }
    return times;
  }

  /** The milliseconds until some runs of a task are known to be done. */
  async #once(task: () => void, repeats: number): Promise<number> {
    const start = this.#now();
    for (let i = 0; i < repeats; i++) task();
    await this.#device.synchronize();
    return this.#now() - start;
  }

  dispose(): void {}
}

/** Time stamps of one query set. */
const STAMPS = 256;

/**
 * Nanoseconds. A clock whose steps are as long or longer is coarse. Browsers
 * round the GPU's clock to 65,536 or 100,000 ns, so that pages cannot spy on each
 * other with it.
 */
const COARSE = 10_000n;

/** Milliseconds that a task must take to be timed with a coarse clock. */
const LEAST = 1;

/** How often a task is repeated at most to take that long. */
const MAX_REPEATS = 4096;

/** Has the GPU note the time between tasks, and waits once for up to 255 tasks. */
export class GpuStopwatch implements Stopwatch {
  readonly resolution = 1;
  readonly #device: Device;
  readonly #isAside: boolean;
  readonly #stamps: GPUQuerySet;
  readonly #resolved: Block;

  constructor(device: Device, isAside = false) {
    this.#isAside = isAside;
    const { gpu } = this.#device = device;
    this.#stamps = gpu.createQuerySet({ type: "timestamp", count: STAMPS });
    const size = STAMPS * BigUint64Array.BYTES_PER_ELEMENT;
    const buffer = gpu.createBuffer({
      size,
      usage: BufferUsage.QUERY_RESOLVE | BufferUsage.COPY_SRC,
    });
    this.#resolved = new Block(-1, buffer, size);
  }

  /**
   * As {@linkcode Stopwatch.time}. Tasks that are too short for the clock are run
   * again, several times at once. If the clock shows nothing even then, the host's
   * clock times them.
   */
  async time(tasks: readonly (() => void)[]): Promise<number[]> {
    const times: number[] = [];
    for (let start = 0; start < tasks.length; start += STAMPS - 1) {
      times.push(...await this.#time(tasks.slice(start, start + STAMPS - 1)));
    }
    return times;
  }

  async #time(tasks: readonly (() => void)[]): Promise<number[]> {
    const times: number[] = [];
    let left = tasks.map((run, at) => ({ run, at, repeats: 1 }));
    while (left.length > 0) {
      const stamps = await this.#stamp(left);
      const least = isCoarse(stamps) ? LEAST : Number.MIN_VALUE;
      const short: typeof left = [];
      left.forEach(({ run, at, repeats }, i) => {
        const taken = Number((stamps[i + 1] ?? 0n) - (stamps[i] ?? 0n)) / 1e6;
        if (taken >= least || repeats >= MAX_REPEATS) {
          times[at] = taken / repeats;
        } else {
          const more = Math.ceil(2 * LEAST / Math.max(taken, LEAST / 8));
          repeats = Math.min(repeats * more, MAX_REPEATS);
          short.push({ run, at, repeats });
        }
      });
      left = short;
    }
    return times.every((time) => time > 0)
      ? times
      : await new HostStopwatch(this.#device).time(tasks);
  }

  /** Runs tasks; returns the time before the first and after each, in ns. */
  async #stamp(
    tasks: readonly { run: () => void; repeats: number }[],
  ): Promise<BigUint64Array> {
    const { stream } = this.#device;
    stream.stamp(this.#stamps, 0);
    tasks.forEach(({ run, repeats }, i) => {
      for (let k = 0; k < repeats; k++) run();
      stream.stamp(this.#stamps, i + 1);
    });
    const count = tasks.length + 1;
    stream.resolve(this.#stamps, count, this.#resolved);
    const bytes = count * BigUint64Array.BYTES_PER_ELEMENT;
    const ranges = [{ block: this.#resolved, offset: 0, bytes }];
    const [buffer] = this.#isAside
      ? await stream.readAside(ranges)
      : await stream.read(ranges);
    return new BigUint64Array(buffer ?? new ArrayBuffer(bytes));
  }

  dispose(): void {
    this.#stamps.destroy();
    this.#resolved.buffer.destroy();
  }
}

/** Whether all time stamps are multiples of a long step. */
function isCoarse(stamps: BigUint64Array): boolean {
  let step = 0n;
  for (const stamp of stamps) {
    for (let rest = stamp; rest > 0n;) [step, rest] = [rest, step % rest];
  }
  return step >= COARSE;
}
