// Copyright 2026 the swagpu authors. MIT license.

/**
 * The adapter that the work is done on, in words.
 *
 * @module
 */

import { type Device, initialize } from "../engine/mod.ts";
import type { Progress } from "./progress.ts";

/** The adapter's name, and whether it is software: the same line as setup's. */
export function adapterLine(device: Device): string {
  return `WebGPU adapter: ${device.name}` +
    (device.isSoftware ? " (software)" : "");
}

/** Opens the GPU, and says which it is. */
export async function openAdapter(progress: Progress): Promise<Device> {
  const device = await initialize();
  progress.say(adapterLine(device));
  return device;
}
