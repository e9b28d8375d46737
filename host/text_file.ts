// Copyright 2026 the swagpu authors. MIT license.

// Text files that are read whole, or grow line by line.

import { diskError } from "./disk_errors.ts";
import { disk } from "./mounts.ts";

/**
 * Reads a file of UTF-8 text.
 *
 * @param path The path of the file.
 * @returns The text.
 * @throws {Error} If the file cannot be read; the message names it.
 *
 * @example Usage
 * ```ts
 * import { readText, writeTextAtomically } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * await writeTextAtomically(path, "{}");
 * assertEquals(await readText(path), "{}");
 * await Deno.remove(path);
 * ```
 */
export async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await disk(path).readFile(path));
  } catch (error) {
    throw diskError(`Cannot read ${path}`, error);
  }
}

/**
 * Adds text to the end of a file, which is created if it does not exist.
 *
 * @param path The path of the file.
 * @param text The text to add, such as a line of a log.
 * @returns When it has been given to the operating system.
 * @throws {Error} If the file cannot be written; the message names it.
 *
 * @example Usage
 * ```ts
 * import { appendText, readText } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * for (const step of [1, 2]) await appendText(path, `{"step":${step}}\n`);
 * assertEquals(await readText(path), '{"step":1}\n{"step":2}\n');
 * await Deno.remove(path);
 * ```
 */
export async function appendText(path: string, text: string): Promise<void> {
  const host = disk(path);
  try {
    const file = await host.open(path, "append");
    try {
      const bytes = new TextEncoder().encode(text);
      for (let done = 0; done < bytes.length;) {
        done += await file.write(bytes.subarray(done));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw diskError(`Cannot write ${path}`, error);
  }
}
