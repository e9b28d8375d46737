// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Device } from "../device.ts";

/** Times recorded work. */
export interface Stopwatch {
  /** What is shorter, in milliseconds, should be timed several times over. */
  readonly resolution: number;
  /** Runs the tasks in order, and gives the milliseconds that each took. */
  time(tasks: readonly (() => void)[]): Promise<number[]>;
  /** Frees what timing needed. */
  dispose(): void;
}

/** The GPU's clock if it has one, else the host's. */
export function stopwatchFor(device: Device): Stopwatch {
  return device.gpu.features.has("timestamp-query")
    ? new GpuStopwatch(device)
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

/** Has the GPU note the time between tasks, and waits once for up to 255. */
export class GpuStopwatch implements Stopwatch {
  readonly resolution = 1;
  readonly #device: Device;
  readonly #stamps: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #read: GPUBuffer;

  constructor(device: Device) {
    const { gpu } = this.#device = device;
    this.#stamps = gpu.createQuerySet({ type: "timestamp", count: STAMPS });
    const size = STAMPS * BigUint64Array.BYTES_PER_ELEMENT;
    this.#resolved = gpu.createBuffer({
      size,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#read = gpu.createBuffer({
      size,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
  }

  async time(tasks: readonly (() => void)[]): Promise<number[]> {
    const times: number[] = [];
    for (let start = 0; start < tasks.length; start += STAMPS - 1) {
      times.push(...await this.#time(tasks.slice(start, start + STAMPS - 1)));
    }
    return times;
  }

  async #time(tasks: readonly (() => void)[]): Promise<number[]> {
    const { gpu, stream } = this.#device;
    stream.stamp(this.#stamps, 0);
    tasks.forEach((task, i) => {
      task();
      stream.stamp(this.#stamps, i + 1);
    });
    stream.flush();
    const count = tasks.length + 1;
    const encoder = gpu.createCommandEncoder();
    encoder.resolveQuerySet(this.#stamps, 0, count, this.#resolved, 0);
    encoder.copyBufferToBuffer(
      this.#resolved,
      0,
      this.#read,
      0,
      count * BigUint64Array.BYTES_PER_ELEMENT,
    );
    gpu.queue.submit([encoder.finish()]);
    await this.#read.mapAsync(GPUMapMode.READ);
    const stamps = new BigUint64Array(this.#read.getMappedRange()).slice();
    this.#read.unmap();
    this.#device.check();
    return tasks.map((_, i) =>
      Number((stamps[i + 1] ?? 0n) - (stamps[i] ?? 0n)) / 1e6
    );
  }

  dispose(): void {
    this.#stamps.destroy();
    this.#resolved.destroy();
    this.#read.destroy();
  }
}
