// Copyright 2026 the swagpu authors. MIT license.

/**
 * The adapter that the work is done on, in words.
 *
 * @module
 */

import { describeAdapter, type Device, initialize } from "../engine/mod.ts";
import type { Progress } from "./progress.ts";

/** Opens the GPU, and says which it is and whether there is a better way. */
export async function openAdapter(progress: Progress): Promise<Device> {
  const device = await initialize();
  progress.say(`WebGPU adapter: ${describeAdapter(device)}`);
  if (device.hint !== undefined) progress.say(`warning: ${device.hint}`);
  return device;
}
