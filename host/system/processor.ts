// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The machine's processor.

import { denoRuntime, mayRead, nodeModule } from "./runtime.ts";

/**
 * The name of the processor; `undefined` where it cannot be known without asking the
 * user for a permission.
 */
export async function processorName(): Promise<string | undefined> {
  if (!denoRuntime()) return nodeModule("node:os")?.cpus()[0]?.model.trim();
  const path = "/proc/cpuinfo";
  if (!mayRead(path)) return undefined;
  const text = await nodeModule("node:fs")?.promises.readFile(path, "utf8")
    .catch(() => "");
  return /^model name\s*:\s*(.+)$/m.exec(text ?? "")?.[1];
}

/** How many threads can run at once. */
export function processorCount(): number {
  return globalThis.navigator?.hardwareConcurrency ??
    nodeModule("node:os")?.cpus().length ?? 1;
}
