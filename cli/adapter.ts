// Copyright 2026 the swagpu authors. MIT license.

/**
 * Opens the GPU, and says which one it is.
 *
 * @module
 */

import { describeAdapter, type Device, initialize } from "../engine/mod.ts";
import type { Progress } from "./progress.ts";

/** Opens the GPU, and says which one it is and whether a better one can be had. */
export async function openAdapter(progress: Progress): Promise<Device> {
  const device = await initialize();
  progress.say(`WebGPU adapter: ${describeAdapter(device)}`);
  if (device.hint !== undefined) progress.say(`warning: ${device.hint}`);
  return device;
}
