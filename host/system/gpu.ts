// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The WebGPU of the runtime.

import { nodeProcess } from "./runtime.ts";

/** The npm package that brings WebGPU to runtimes that have none: Google's Dawn. */
const DAWN = "webgpu";

interface Dawn {
  create(flags: string[]): GPU;
}

let dawn: Promise<GPU> | undefined;

/**
 * The runtime's WebGPU: `navigator.gpu`, or where there is none, as in Node, that of
 * the npm package `webgpu`, if it is installed.
 *
 * @returns The root of WebGPU; `undefined` if there is none.
 *
 * @example Usage
 * ```ts
 * import { systemGpu } from "@swagpu/swagpu/host";
 * import { assert } from "@std/assert";
 *
 * const adapter = await (await systemGpu())?.requestAdapter();
 * assert(adapter);
 * ```
 */
export async function systemGpu(): Promise<GPU | undefined> {
  const own = globalThis.navigator?.gpu;
  if (own || !nodeProcess()) return own;
  // One object for all devices, because the devices of another may not be mixed
  // with its own.
  dawn ??= loadDawn();
  try {
    return await dawn;
  } catch (error) {
    dawn = undefined;
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function loadDawn(): Promise<GPU> {
  // Bundlers must leave this import alone: no literal, and two comments.
  const name: string = DAWN;
  const { create }: Dawn = await import(
    /* webpackIgnore: true */ /* @vite-ignore */ name
  );
  return create([]);
}

/** Whether an error says that the package itself is not installed. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    error.code === "ERR_MODULE_NOT_FOUND" &&
    error.message.includes(`'${DAWN}'`);
}

/** What to do where no adapter was found. */
export function adapterAdvice(gpu: GPU | undefined): string {
  if (gpu) {
    return nodeProcess()
      ? "install a Vulkan driver for the GPU, or, on Debian and Ubuntu, the " +
        "software one with `sudo apt-get install mesa-vulkan-drivers libvulkan1`"
      : "switch on hardware acceleration in the browser's settings, or try another " +
        "browser or machine";
  }
  return nodeProcess()
    ? "this runtime has no WebGPU of its own, so `npm install webgpu`"
    : "this browser has no WebGPU, or not on this page: it needs a recent Chrome, " +
      "Edge, Firefox or Safari, and a page from https or localhost";
}
