// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Measurements in a file.

import { homeFolder, processorName } from "../../host/inside.ts";
import {
  disk,
  environment,
  folderOf,
  isNotFound,
  readText,
  writeTextAtomically,
} from "../../host/mod.ts";
import type { TuneStore } from "../tuner.ts";

/**
 * Makes a store that keeps the measurements of {@linkcode tune} in a file.
 *
 * @param path The path of the file. By default it is `swagpu/tune.json` in the
 * user's cache folder (`$XDG_CACHE_HOME`, `%LOCALAPPDATA%`, or `~/.cache`).
 * @returns The store, to be given to `tune()` as its `cache`.
 * @throws {TypeError} If there is no file system at this path.
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
  const host = disk(path);
  return {
    async read() {
      try {
        return await readText(path);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    processor: processorName,
    async write(text) {
      await host.mkdir(folderOf(path), { recursive: true });
      await writeTextAtomically(path, text);
    },
  };
}

function defaultPath(): string {
  const cache = environment("XDG_CACHE_HOME") ?? environment("LOCALAPPDATA") ??
    `${homeFolder()}/.cache`;
  return `${cache}/swagpu/tune.json`;
}
