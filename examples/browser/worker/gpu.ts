// Copyright 2026 the swagpu authors. MIT license.

// The GPU of the worker. It may be lost at any time, with all that was on it; then
// another one is opened, and what was being done is done again.

import {
  type Device,
  DeviceLostError,
  initialize,
} from "@swagpu/swagpu/engine";
import type { AdapterFacts } from "../protocol.ts";
import { Lane } from "./lane.ts";

/** How often a task begins again before its error is told. */
const ATTEMPTS = 3;

/** Opens the GPU, and opens it again when it is lost. */
export class Gpu {
  readonly #lane = new Lane();
  readonly #onLost: (reason: string) => void;
  #device: Device | undefined;

  /**
   * Prepares it; nothing is opened yet.
   *
   * @param onLost Called when the GPU was lost, with the reason.
   */
  constructor(onLost: (reason: string) => void) {
    this.#onLost = onLost;
  }

  /** Opens the GPU, if that has not happened yet or it was lost. */
  async open(): Promise<Device> {
    const device = await initialize();
    if (device !== this.#device) {
      this.#device = device;
      device.gpu.lost.then(({ message }) =>
        this.#onLost(message || "no reason was given")
      );
    }
    return device;
  }

  /** What is known about the GPU. */
  async facts(): Promise<AdapterFacts> {
    const { name, isSoftware } = await this.open();
    return { name, isSoftware };
  }

  /**
   * Runs a short task on the GPU, after those before it.
   *
   * @param task The task; it begins again if the GPU is lost.
   * @returns What it returns.
   */
  run<T>(task: (device: Device) => Promise<T>): Promise<T> {
    return this.#lane.run(() => this.#surviving(task));
  }

  /**
   * Runs a long task, which lets short ones {@linkcode pass}.
   *
   * @param task The task; it begins again if the GPU is lost.
   * @returns What it returns.
   */
  runLong<T>(task: (device: Device) => Promise<T>): Promise<T> {
    return this.#lane.runLong(() => this.#surviving(task));
  }

  /** Lets short tasks pass a long one, which stands between two steps. */
  async pass(): Promise<void> {
    await this.#lane.pass();
  }

  async #surviving<T>(task: (device: Device) => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      try {
        return await task(await this.open());
      } catch (error) {
        const again = error instanceof DeviceLostError && attempt < ATTEMPTS;
        if (!again) throw error;
      }
    }
  }
}
