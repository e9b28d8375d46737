// Copyright 2026 the swagpu authors. MIT license.

// Reading and writing of files, and errors that name them. All code of this
// room that touches a disk uses this module. It looks for the runtime's file
// system when it is called, so modules that import it load in a browser too.

/** An open file of the runtime, as in Deno. */
export interface DiskFile {
  read(bytes: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  seek(offset: number, whence: number): Promise<number>;
  sync(): Promise<void>;
  stat(): Promise<DiskEntry>;
  lock(exclusive: boolean): Promise<void>;
  close(): void;
}

/** The properties of a file or folder, as in Deno. */
export interface DiskEntry {
  size: number;
  isFile: boolean;
  isDirectory: boolean;
  isSymlink: boolean;
  ino: number | null;
  mtime: Date | null;
}

/** The runtime's file system: the part of `Deno` that is used here. */
export interface Disk {
  open(
    path: string,
    options: {
      read?: boolean;
      write?: boolean;
      create?: boolean;
      createNew?: boolean;
    },
  ): Promise<DiskFile>;
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  readTextFile(path: string): Promise<string>;
  readDir(
    path: string,
  ): AsyncIterable<{ name: string; isDirectory: boolean }>;
  stat(path: string): Promise<DiskEntry>;
  lstat(path: string): Promise<DiskEntry>;
  mkdir(path: string, options?: { recursive?: boolean }): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string, options?: { recursive?: boolean }): Promise<void>;
}

const SEEK_START = 0;

/**
 * The file system.
 *
 * @param path The path to use it for, which the error names.
 * @throws {TypeError} If the runtime has no file system.
 */
export function disk(path: string): Disk {
  const { Deno: host } = globalThis as unknown as { Deno?: Disk };
  if (host !== undefined) return host;
  throw new TypeError(
    `Cannot open ${path}: this runtime has no file system, run under Deno`,
  );
}

/**
 * Makes an error of the operating system say what was tried and with which
 * file, which the runtime's message may lack. The new error has the same class.
 * Other errors are returned unchanged.
 *
 * @param action The start of the message, such as
 * `Cannot write out/config.json`.
 * @param error The error that was thrown.
 * @param detail The end of the message, such as how far it got.
 * @param absent The reason to give if something does not exist.
 * @returns The error to throw.
 *
 * @example Usage
 * ```ts
 * import { diskError } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new Error("File too large (os error 27)");
 * const named = diskError("Cannot write out.bin", error) as Error;
 * assertEquals(named.message, "Cannot write out.bin: File too large");
 * ```
 */
export function diskError(
  action: string,
  error: unknown,
  detail = "",
  absent = "there is no such file",
): unknown {
  if (!(error instanceof Error)) return error;
  const [, reason] = /^(.*?) \(os error \d+\)/s.exec(error.message) ?? [];
  if (reason === undefined) return error;
  const SameError = error.constructor as ErrorConstructor;
  const text = error.name === "NotFound" ? absent : reason;
  return new SameError(`${action}: ${text}${detail}`, { cause: error });
}

const PLAIN: ReadonlySet<unknown> = new Set([
  Error,
  RangeError,
  SyntaxError,
  TypeError,
]);

/**
 * Adds a file's name to an error about the file's content, unless the message
 * has it. Errors of other classes than `Error`, `RangeError`, `SyntaxError` and
 * `TypeError` are returned unchanged.
 *
 * @param error The error that was thrown.
 * @param path The path of the file.
 * @returns The error to throw.
 *
 * @example Usage
 * ```ts
 * import { withFile } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const error = withFile(new TypeError("The width is 0"), "config.json") as Error;
 * assertEquals(error.message, "The width is 0, in config.json");
 * ```
 */
export function withFile(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !PLAIN.has(error.constructor)) return error;
  if (error.message.includes(path)) return error;
  const SameError = error.constructor as ErrorConstructor;
  return new SameError(`${error.message}, in ${path}`, { cause: error });
}

/** Whether an error says that a file does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && error.name === "NotFound";
}

/**
 * Whether a file or folder exists and is accessible.
 *
 * @param path The path.
 * @returns Whether it does.
 *
 * @example Usage
 * ```ts
 * import { exists } from "@swagpu/swagpu/nn/formats";
 * import { assertFalse } from "@std/assert";
 *
 * assertFalse(await exists("no/such/file"));
 * ```
 */
export async function exists(path: string): Promise<boolean> {
  try {
    await disk(path).stat(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * The folder that a file lies in.
 *
 * @param path The path of the file, with slashes or backslashes.
 * @returns The path of the folder, `.` for a bare file name.
 *
 * @example Usage
 * ```ts
 * import { folderOf } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(folderOf("model/config.json"), "model");
 * assertEquals(folderOf("config.json"), ".");
 * ```
 */
export function folderOf(path: string): string {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return at < 0 ? "." : path.slice(0, at) || "/";
}

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
   * @throws {Deno.errors.NotFound} If it does not exist.
   */
  static async open(path: string): Promise<DiskReader> {
    const host = disk(path);
    try {
      // Opening a named pipe would wait until another process writes to it.
      if (!(await host.stat(path)).isFile) {
        throw new TypeError(`Cannot read ${path}: it is not a file`);
      }
      const file = await host.open(path, { read: true });
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
    await this.#file.seek(offset, SEEK_START);
    for (let done = 0; done < length;) {
      const count = await this.#file.read(bytes.subarray(done));
      if (count === null) {
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
 * import { writeAtomically } from "@swagpu/swagpu/nn/formats";
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
    file = await host.open(temporary, { write: true, createNew: true });
    created = true;
    for await (const chunk of chunks) {
      for (let done = 0; done < chunk.byteLength;) {
        const count = await file.write(chunk.subarray(done));
        done += count;
        written += count;
      }
    }
    await file.sync();
    file.close();
    file = undefined;
    await host.rename(temporary, path);
  } catch (error) {
    file?.close();
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
 * import { writeTextAtomically } from "@swagpu/swagpu/nn/formats";
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
