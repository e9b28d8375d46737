// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Environment variables.

import { denoRuntime, nodeProcess } from "./runtime.ts";

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

/**
 * What to do where requests do not use the proxy that the environment names, as in Node
 * unless it is told to; `undefined` elsewhere.
 */
export function proxyAdvice(): string | undefined {
  const { versions, execArgv } = nodeProcess() ?? {};
  if (!versions || denoRuntime() || versions.bun !== undefined) {
    return undefined;
  }
  const names = ["https_proxy", "HTTPS_PROXY"];
  const name = names.find((name) => environment(name) !== undefined);
  const isUsed = environment("NODE_USE_ENV_PROXY") === "1" ||
    execArgv?.includes("--use-env-proxy");
  return name === undefined || isUsed
    ? undefined
    : `Node.js ignores ${name} unless NODE_USE_ENV_PROXY is 1`;
}
