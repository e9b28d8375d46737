// Copyright 2026 the swagpu authors. MIT license.
// The files of this layer that touch a disk go through here. It asks for the
// runtime's file system when it is called, so that modules importing it load in
// a browser.

/** An open file of the runtime. */
export interface DiskFile {
  read(bytes: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  seek(offset: number, whence: number): Promise<number>;
  sync(): Promise<void>;
  stat(): Promise<DiskEntry>;
  lock(exclusive: boolean): Promise<void>;
  close(): void;
}

/** What the runtime knows of a file or folder. */
export interface DiskEntry {
  size: number;
  isFile: boolean;
  isDirectory: boolean;
  isSymlink: boolean;
  ino: number | null;
  mtime: Date | null;
}

/** The runtime's file system. */
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

/** The file system, for the path that errors are to name. */
export function disk(path: string): Disk {
  const { Deno: host } = globalThis as { Deno?: Disk };
  if (host !== undefined) return host;
  throw new TypeError(
    `Cannot open ${path}: this runtime has no file system, run under Deno`,
  );
}

/**
 * An error of the operating system with what was tried and with which file,
 * which the runtime's own message may lack. It stays of its class; other errors
 * are given back as they are.
 *
 * @param action What was tried: `Cannot write out/config.json`.
 * @param detail What follows the reason, such as how far it got.
 * @param absent What it means that something is not there.
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
 * An error about what a file says with the file's name, where it lacks it.
 * Errors of classes of their own are given back as they are.
 */
export function withFile(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !PLAIN.has(error.constructor)) return error;
  if (error.message.includes(path)) return error;
  const SameError = error.constructor as ErrorConstructor;
  return new SameError(`${error.message}, in ${path}`, { cause: error });
}

/** Whether an error says that there is no such file. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && error.name === "NotFound";
}

/** Whether there is a file or folder that can be looked at. */
export async function exists(path: string): Promise<boolean> {
  try {
    await disk(path).stat(path);
    return true;
  } catch {
    return false;
  }
}

/** The folder that a file lies in. */
export function folderOf(path: string): string {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return at < 0 ? "." : path.slice(0, at) || "/";
}

/** A file opened for reading at any place. Reads may overlap in time. */
export class DiskReader implements Disposable {
  readonly path: string;
  /** Length of the file in bytes. */
  readonly size: number;
  #file: DiskFile;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Opens the file at `path`.
   *
   * @throws {TypeError} If it is a folder, a pipe or the like.
   * @throws {Deno.errors.NotFound} If there is none.
   */
  static async open(path: string): Promise<DiskReader> {
    const host = disk(path);
    try {
      // Opening a named pipe would wait until somebody writes to it.
      if (!(await host.stat(path)).isFile) {
        throw new TypeError(`Cannot read ${path}: it is not a file`);
      }
      const file = await host.open(path, { read: true });
      return new DiskReader(path, file, (await file.stat()).size);
    } catch (error) {
      throw diskError(`Cannot read ${path}`, error);
    }
  }

  /** Takes over an open file; see {@linkcode DiskReader.open}. */
  constructor(path: string, file: DiskFile, size: number) {
    this.path = path;
    this.size = size;
    this.#file = file;
  }

  /**
   * Reads `length` bytes from `offset`.
   *
   * @throws {SyntaxError} If the file ends before.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    // The file has one position: a read waits for the one before.
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
  /** Bytes of the whole file, which errors tell. @default {not known} */
  size?: number;
}

/**
 * Writes a file so that `path` holds either its old content or all of the new:
 * the chunks go to a temporary file in the same folder, which is flushed to the
 * disk and renamed. If a chunk cannot be produced or written, the temporary
 * file is removed and the old file stays.
 *
 * Errors of the operating system name the file and how far it got.
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

/** Writes `text` as UTF-8; see {@linkcode writeAtomically}. */
export async function writeTextAtomically(
  path: string,
  text: string,
): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  await writeAtomically(path, [bytes], { size: bytes.byteLength });
}
