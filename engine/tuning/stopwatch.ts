// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Device } from "../gpu/device.ts";
import { Block } from "../gpu/block.ts";

/** Times recorded work. */
export interface Stopwatch {
  /** What is shorter, in milliseconds, should be timed several times over. */
  readonly resolution: number;
  /** Runs the tasks in order, and gives the milliseconds that each took. */
  time(tasks: readonly (() => void)[]): Promise<number[]>;
  /** Frees what timing needed. */
  dispose(): void;
}

/**
 * The GPU's clock if it has one, else the host's.
 *
 * @param isAside Whether the user's code runs meanwhile, which is then told of
 * errors instead of who measures. The host's clock would time that code, too.
 */
export function stopwatchFor(device: Device, isAside = false): Stopwatch {
  return device.gpu.features.has("timestamp-query")
    ? new GpuStopwatch(device, isAside)
    : new HostStopwatch(device);
}

/** Times each task by waiting for it: 10 ms and more each in Deno. */
export class HostStopwatch implements Stopwatch {
  readonly resolution = 20;
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  async time(tasks: readonly (() => void)[]): Promise<number[]> {
    const times: number[] = [];
    await this.#device.synchronize();
    for (const task of tasks) {
      const start = performance.now();
      task();
      await this.#device.synchronize();
      times.push(performance.now() - start);
    }
    return times;
  }

  dispose(): void {}
}

/** Stamps between tasks: one wait for all of them. */
const STAMPS = 256;

/**
 * Clocks in steps of at least this many nanoseconds are coarse: browsers show
 * the GPU's own in steps of 65,536 or 100,000, so that pages cannot use it to
 * spy on each other.
 */
const COARSE = 10_000n;

/** What a coarse clock, or one that stands still, is given to time, in ms. */
const LEAST = 1;

/** How often a task is run at most to take as long. */
const MAX_REPEATS = 4096;

/** Has the GPU note the time between tasks, and waits once for up to 255. */
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
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#resolved = new Block(-1, buffer, size);
  }

  /**
   * As {@linkcode Stopwatch.time}. Tasks that the clock is too coarse for are run
   * again, as often as it takes; where it does not move even then, the host's
   * clock is asked.
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

  /** The times, in nanoseconds, before the first task and after each. */
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

/** Whether all stamps are multiples of one large step. */
function isCoarse(stamps: BigUint64Array): boolean {
  let step = 0n;
  for (const stamp of stamps) {
    for (let rest = stamp; rest > 0n;) [step, rest] = [rest, step % rest];
  }
  return step >= COARSE;
}
