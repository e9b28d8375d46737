// Copyright 2026 the swagpu authors. MIT license.

import type { TuneStore } from "./tune.ts";

/**
 * Keeps what {@linkcode tune} measured in a file, which is replaced as a whole.
 *
 * @param path The file; by default `swagpu/tune.json` in the user's cache
 * folder (`$XDG_CACHE_HOME`, `%LOCALAPPDATA%`, or `~/.cache`).
 */
export function fileTuneStore(path: string = defaultPath()): TuneStore {
  return {
    async read() {
      try {
        return await Deno.readTextFile(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    async write(text) {
      const folder = path.replace(/[/\\][^/\\]*$/, "");
      if (folder !== path) await Deno.mkdir(folder, { recursive: true });
      const temporary = `${path}.${crypto.randomUUID()}`;
      try {
        await Deno.writeTextFile(temporary, text);
        await Deno.rename(temporary, path);
      } catch (error) {
        await Deno.remove(temporary).catch(() => {});
        throw error;
      }
    },
  };
}

function defaultPath(): string {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
  const cache = Deno.env.get("XDG_CACHE_HOME") ??
    Deno.env.get("LOCALAPPDATA") ?? `${home}/.cache`;
  return `${cache}/swagpu/tune.json`;
}
