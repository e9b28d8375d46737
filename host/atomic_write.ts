// Copyright 2026 the swagpu authors. MIT license.

// Writing of a file so that a crash leaves its old or its new content.

import type { DiskFile } from "./disk.ts";
import { diskError } from "./disk_errors.ts";
import { disk } from "./mounts.ts";

/** Options of {@linkcode writeAtomically}. */
export interface WriteOptions {
  /** The size of the whole file in bytes, for errors. @default {not known} */
  size?: number;
}

/**
 * Writes a file so that `path` holds either its old content or all of the new
 * content: the chunks go to a temporary file in the same folder, which is
 * flushed to the disk and renamed. If a chunk cannot be produced or written,
 * the temporary file is removed and the old file stays.
 *
 * @param path The path of the file.
 * @param chunks The new content.
 * @param options The size of the content.
 * @returns When the file is on the disk.
 * @throws {Error} If a file cannot be written. Errors of the operating system
 * name the file and the number of bytes that were written.
 *
 * @example Usage
 * ```ts
 * import { writeAtomically } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * await writeAtomically(path, [new Uint8Array([1, 2]), new Uint8Array([3])]);
 * assertEquals([...await Deno.readFile(path)], [1, 2, 3]);
 * await Deno.remove(path);
 * ```
 */
export async function writeAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: WriteOptions = {},
): Promise<void> {
  const host = disk(path);
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  let written = 0;
  let file: DiskFile | undefined;
  let created = false;
  try {
    file = await host.open(temporary, "create");
    created = true;
    for await (const chunk of chunks) {
      for (let done = 0; done < chunk.byteLength;) {
        const count = await file.write(chunk.subarray(done));
        done += count;
        written += count;
      }
    }
    await file.sync();
    await file.close();
    file = undefined;
    await host.rename(temporary, path);
  } catch (error) {
    await file?.close();
    if (created) await host.remove(temporary).catch(() => {});
    const { size } = options;
    const where = size === undefined ? `${written}` : `${written} of ${size}`;
    throw diskError(
      `Cannot write ${path}`,
      error,
      created ? `, after ${where} bytes` : "",
      "there is no such folder",
    );
  }
}

/**
 * Writes a text file as UTF-8, as {@linkcode writeAtomically} does.
 *
 * @param path The path of the file.
 * @param text The new content.
 * @returns When the file is on the disk.
 *
 * @example Usage
 * ```ts
 * import { writeTextAtomically } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * await writeTextAtomically(path, "{}");
 * assertEquals(await Deno.readTextFile(path), "{}");
 * await Deno.remove(path);
 * ```
 */
export async function writeTextAtomically(
  path: string,
  text: string,
): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  await writeAtomically(path, [bytes], { size: bytes.byteLength });
}
