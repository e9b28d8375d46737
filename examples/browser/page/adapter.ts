// Copyright 2026 the swagpu authors. MIT license.

// Says which GPU computes. Where there is no GPU, it says what the user can do.

import type { Client } from "./client.ts";
import { find } from "./dom.ts";
import { showTrouble } from "./trouble.ts";

const NO_WEBGPU =
  "This browser does not offer WebGPU, so nothing here can be computed. Use a " +
  "recent Chrome or Edge (113 or later), Safari (26) or Firefox (141 on Windows), " +
  "and open this page over https or from localhost. On Linux, Chrome asks for " +
  "chrome://flags/#enable-unsafe-webgpu.";

const NO_ADAPTER =
  "This browser has WebGPU, but found no GPU that it may use. Turn on graphics " +
  "acceleration in its settings, update the driver of the graphics card, and see " +
  "chrome://gpu for the reason.";

const SOFTWARE =
  "a software adapter: this computer's processor stands in for a " +
  "GPU, so all works, but slowly. The first step of anything compiles kernels for " +
  "up to half a minute.";

/**
 * Opens the GPU in the worker.
 *
 * @param client The worker.
 * @returns Whether there is one.
 */
export async function openAdapter(client: Client): Promise<boolean> {
  const status = find("adapter", HTMLElement);
  try {
    if (!("gpu" in navigator)) throw new Error(NO_WEBGPU);
    const { name, isSoftware } = await client.call("open", null);
    status.textContent = isSoftware
      ? `${name}, ${SOFTWARE}`
      : `Computed on ${name}.`;
    if (isSoftware) {
      find("reviews", HTMLSelectElement).value = "300";
      find("passes", HTMLSelectElement).value = "900";
    }
    return true;
  } catch (error) {
    // Without a GPU nothing else on the page does anything.
    for (const id of ["adapter", "tabs", "main"]) {
      find(id, HTMLElement).hidden = true;
    }
    showTrouble("trouble", withAdvice(error));
    return false;
  }
}

function withAdvice(error: unknown): unknown {
  const isMissing = error instanceof Error && error.name === "NoAdapterError";
  return isMissing ? new Error(NO_ADAPTER, { cause: error }) : error;
}
