// Copyright 2026 the swagpu authors. MIT license.

// Measurements in a file. The runtime's file system is looked up when a function
// is called, so that modules which import this file can be loaded in a browser.

import type { TuneStore } from "./tuner.ts";

interface Disk {
  readTextFile(path: string): Promise<string>;
  writeTextFile(path: string, text: string): Promise<void>;
  mkdir(path: string, options: { recursive: boolean }): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  env: { get(name: string): string | undefined };
  permissions: {
    query(what: { name: "read"; path: string }): Promise<{ state: string }>;
  };
  errors: { NotFound: new () => Error };
}

function disk(): Disk {
  const { Deno: host } = globalThis as { Deno?: Disk };
  if (host !== undefined) return host;
  throw new TypeError(
    "Cannot keep measurements in a file: this runtime has no file system: " +
      "give tune() another store",
  );
}

/**
 * Makes a store that keeps the measurements of {@linkcode tune} in a file.
 *
 * @param path The path of the file. By default it is `swagpu/tune.json` in the
 * user's cache folder (`$XDG_CACHE_HOME`, `%LOCALAPPDATA%`, or `~/.cache`).
 * @returns The store, to be given to `tune()` as its `cache`.
 * @throws {TypeError} If the runtime has no file system.
 *
 * @example Usage
 * ```ts
 * import { fileTuneStore } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * const store = fileTuneStore(path);
 * await store.write("{}");
 * assertEquals(await store.read(), "{}");
 * await Deno.remove(path);
 * ```
 */
export function fileTuneStore(path: string = defaultPath()): TuneStore {
  const host = disk();
  return {
    async read() {
      try {
        return await host.readTextFile(path);
      } catch (error) {
        if (error instanceof host.errors.NotFound) return undefined;
        throw error;
      }
    },
    async processor() {
      // A prompt for permission would stop the program.
      const path = "/proc/cpuinfo";
      const { state } = await host.permissions.query({ name: "read", path });
      if (state !== "granted") return undefined;
      const text = await host.readTextFile(path).catch(() => "");
      return /^model name\s*:\s*(.+)$/m.exec(text)?.[1];
    },
    async write(text) {
      const folder = path.replace(/[/\\][^/\\]*$/, "");
      if (folder !== path) await host.mkdir(folder, { recursive: true });
      const temporary = `${path}.${crypto.randomUUID()}`;
      try {
        await host.writeTextFile(temporary, text);
        await host.rename(temporary, path);
      } catch (error) {
        await host.remove(temporary).catch(() => {});
        throw error;
      }
    },
  };
}

function defaultPath(): string {
  const { env } = disk();
  const home = env.get("HOME") ?? env.get("USERPROFILE") ?? ".";
  const cache = env.get("XDG_CACHE_HOME") ??
    env.get("LOCALAPPDATA") ?? `${home}/.cache`;
  return `${cache}/swagpu/tune.json`;
}
