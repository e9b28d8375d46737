// Copyright 2026 the swagpu authors. MIT license.

// Reading of a part of a file.

import { disk, diskError, type DiskFile } from "../../host/mod.ts";

/**
 * A file that is open for reading at any offset. Close it with `using`. A read
 * may begin before an earlier one has ended.
 *
 * @example Read the middle of a file
 * ```ts
 * import { DiskReader, writeTextAtomically } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * await writeTextAtomically(path, "one two");
 * {
 *   using file = await DiskReader.open(path);
 *   const bytes = await file.read(4, 3);
 *   assertEquals(new TextDecoder().decode(bytes), "two");
 * }
 * await Deno.remove(path);
 * ```
 */
export class DiskReader implements Disposable {
  /** The path of the file, which errors name. */
  readonly path: string;
  /** The size of the file in bytes. */
  readonly size: number;
  #file: DiskFile;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Opens a file.
   *
   * @param path The path of the file.
   * @returns The open file.
   * @throws {TypeError} If it is not a regular file but, say, a folder or a
   * pipe.
   * @throws {NotFound} If it does not exist.
   */
  static async open(path: string): Promise<DiskReader> {
    const host = disk(path);
    try {
      // Opening a named pipe would wait until another process writes to it.
      if (!(await host.stat(path)).isFile) {
        throw new TypeError(`Cannot read ${path}: it is not a file`);
      }
      const file = await host.open(path, "read");
      return new DiskReader(path, file, (await file.stat()).size);
    } catch (error) {
      throw diskError(`Cannot read ${path}`, error);
    }
  }

  private constructor(path: string, file: DiskFile, size: number) {
    this.path = path;
    this.size = size;
    this.#file = file;
  }

  /**
   * Reads `length` bytes from `offset` on.
   *
   * @param offset The offset of the first byte.
   * @param length The number of bytes.
   * @returns The bytes.
   * @throws {SyntaxError} If the file ends before the last of them.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    // An open file has one position, so reads wait for each other.
    const result = this.#last.then(() => this.#read(offset, length))
      .catch((error) => {
        throw diskError(`Cannot read ${this.path}`, error);
      });
    this.#last = result.catch(() => {});
    return result;
  }

  async #read(
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const rest = bytes.subarray(done);
      const count = await this.#file.readAt(offset + done, rest);
      if (count === 0) {
        throw new SyntaxError(
          `Cannot read ${this.path}: it ends at byte ${offset + done}, ` +
            `expected ${offset + length}`,
        );
      }
      done += count;
    }
    return bytes;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}
