// Copyright 2026 the swagpu authors. MIT license.
// The one file of this layer that touches a disk. It asks for the runtime's
// file system when it is called, so that modules importing it load in a browser.

interface DiskFile {
  read(bytes: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  seek(offset: number, whence: number): Promise<number>;
  sync(): Promise<void>;
  stat(): Promise<{ size: number; isFile: boolean }>;
  close(): void;
}

interface Disk {
  open(
    path: string,
    options: { read?: boolean; write?: boolean; createNew?: boolean },
  ): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

const SEEK_START = 0;

function disk(path: string): Disk {
  const { Deno: host } = globalThis as unknown as { Deno?: Disk };
  if (host !== undefined) return host;
  throw new TypeError(
    `Cannot open ${path}: this runtime has no file system, run under Deno`,
  );
}

/** A file opened for reading at any place. Reads may overlap in time. */
export class DiskReader implements Disposable {
  readonly path: string;
  /** Length of the file in bytes. */
  readonly size: number;
  #file: DiskFile;
  #last: Promise<unknown> = Promise.resolve();

  /** Opens the file at `path`. */
  static async open(path: string): Promise<DiskReader> {
    const file = await disk(path).open(path, { read: true });
    const { size, isFile } = await file.stat();
    if (isFile) return new DiskReader(path, file, size);
    file.close();
    throw new TypeError(`Cannot read ${path}: it is not a file`);
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
    const result = this.#last.then(() => this.#read(offset, length));
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

/** A file that is complete on the disk, but not yet under its name. */
export interface StagedFile {
  /** Gives the file its name, in place of what has it now. */
  commit(): Promise<void>;
  /** Removes the file, unless it has its name. */
  discard(): Promise<void>;
}

/**
 * Writes chunks to a temporary file beside `path` and flushes it to the disk.
 * If a chunk cannot be produced or written, the temporary file is removed.
 */
export async function stage(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<StagedFile> {
  const host = disk(path);
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const file = await host.open(temporary, { write: true, createNew: true });
  let open = true;
  try {
    for await (const chunk of chunks) {
      for (let done = 0; done < chunk.byteLength;) {
        done += await file.write(chunk.subarray(done));
      }
    }
    await file.sync();
    file.close();
    open = false;
  } catch (error) {
    if (open) file.close();
    await host.remove(temporary).catch(() => {});
    throw error;
  }
  return {
    commit: () => host.rename(temporary, path),
    discard: () => host.remove(temporary).catch(() => {}),
  };
}

/**
 * Writes a file so that `path` holds either its old content or all of the new:
 * the chunks go to a temporary file in the same folder, which is flushed to the
 * disk and renamed. If a chunk cannot be produced or written, the temporary
 * file is removed and the old file stays.
 */
export async function writeAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const staged = await stage(path, chunks);
  try {
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

/** Writes `text` as UTF-8; see {@linkcode writeAtomically}. */
export async function writeTextAtomically(
  path: string,
  text: string,
): Promise<void> {
  await writeAtomically(path, [new TextEncoder().encode(text)]);
}
