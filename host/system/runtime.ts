// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What the runtime has beside the web's own interfaces. Nothing else in the library
// looks at `process`, `Deno` or `navigator.gpu`.
//
// Deno, Node and Bun share Node's modules. They are asked for by name when they are
// needed and never imported, so that a bundle for browsers holds no trace of them.

import type { ErrorClass } from "../error_class.ts";

/** Node's modules that are used, by name. */
interface NodeModules {
  "node:crypto": typeof import("node:crypto");
  "node:fs": typeof import("node:fs");
  "node:fs/promises": typeof import("node:fs/promises");
  "node:os": typeof import("node:os");
  "node:stream": typeof import("node:stream");
  "node:timers": typeof import("node:timers");
  "node:zlib": typeof import("node:zlib");
}

/** The part of Node's `process` that is used. */
interface NodeProcess {
  getBuiltinModule?<K extends keyof NodeModules>(name: K): NodeModules[K];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly version: string;
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  readonly stdin: AsyncIterable<Uint8Array<ArrayBuffer>>;
  kill(pid: number, signal: 0): void;
}

/** The part of `Deno` that Node's modules do not offer. */
interface DenoRuntime {
  readonly errors: Readonly<Record<string, ErrorClass>>;
  readonly permissions: {
    querySync(what: { name: "read"; path: string }): { state: string };
  };
  open(
    path: string,
    options: { read: true; write: true; create: true },
  ): Promise<DenoFile>;
}

/** A file that Deno opened. */
interface DenoFile {
  lock(exclusive: boolean): Promise<void>;
  tryLock(exclusive: boolean): Promise<boolean>;
  stat(): Promise<{ ino: number | null; dev: number }>;
  write(bytes: Uint8Array): Promise<number>;
  truncate(size: number): Promise<void>;
  close(): void;
}

const { Deno: deno, process } = globalThis as {
  Deno?: Partial<DenoRuntime>;
  process?: NodeProcess;
};

/** Node's `process`; `undefined` in a browser. */
export function nodeProcess(): NodeProcess | undefined {
  return process?.getBuiltinModule ? process : undefined;
}

/** One of Node's modules; `undefined` in a browser. */
export function nodeModule<K extends keyof NodeModules>(
  name: K,
): NodeModules[K] | undefined {
  return process?.getBuiltinModule?.(name);
}

/** What `Deno` alone offers; `undefined` in another runtime. */
export function denoRuntime(): DenoRuntime | undefined {
  return deno?.permissions ? deno as DenoRuntime : undefined;
}

/** Like {@linkcode nodeModule}, but throws where there is none. */
export function needModule<K extends keyof NodeModules>(
  name: K,
): NodeModules[K] {
  const found = nodeModule(name);
  if (found) return found;
  throw new TypeError(`Cannot use ${name}: a browser does not have it`);
}

/** Whether a file may be read without asking the user for a permission. */
export function mayRead(path: string): boolean {
  const deno = denoRuntime();
  return !deno ||
    deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/** The runtime and its version, such as `Deno/2.9.6` or `Node.js/v22.12.0`. */
export function runtimeName(): string {
  const version = nodeProcess()?.version;
  return !denoRuntime() && version
    ? `Node.js/${version}`
    : globalThis.navigator?.userAgent ?? "unknown";
}
