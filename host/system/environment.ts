// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Environment variables.

import { nodeProcess } from "./runtime.ts";

/**
 * An environment variable.
 *
 * @param name Its name.
 * @returns Its value. `undefined` if it is not set or empty, without the permission
 * to read it, and in a browser.
 *
 * @example Usage
 * ```ts
 * import { environment } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(environment("SWAGPU_NO_SUCH_VARIABLE"), undefined);
 * ```
 */
export function environment(name: string): string | undefined {
  try {
    return nodeProcess()?.env[name] || undefined;
  } catch {
    return undefined;
  }
}

/** The user's own folder; the current one where it is not known. */
export function homeFolder(): string {
  return environment("HOME") ?? environment("USERPROFILE") ?? ".";
}
