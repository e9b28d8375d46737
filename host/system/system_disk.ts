// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The file system of the operating system, by Node's modules, which Deno, Node and
// Bun share.

import type { Disk, DiskEntry, DiskFile, DiskLock, OpenMode } from "../disk.ts";
import { systemError } from "../errors.ts";
import { nodeModule } from "./runtime.ts";
import { lockFile } from "./system_lock.ts";

type Fs = typeof import("node:fs");

let system: Disk | undefined;

/** The operating system's file system; `undefined` in a browser. */
export function systemDisk(): Disk | undefined {
  const fs = nodeModule("node:fs");
  return fs && (system ??= new SystemDisk(fs));
}

/** Waits for a task of Node, whose errors become those of this room. */
async function settle<T>(task: Promise<T>): Promise<T> {
  try {
    return await task;
  } catch (error) {
    throw systemError(error);
  }
}

/** Calls a function of Node that answers by a callback. */
function answer<T>(
  call: (done: (error: Error | null, value?: T) => void) => void,
): Promise<T> {
  return settle(
    new Promise<T>((resolve, reject) => {
      call((error, value) => error ? reject(error) : resolve(value as T));
    }),
  );
}

/** The bytes of Node's `Buffer`, without its methods. */
function plain(
  { buffer, byteOffset, length }: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, length);
}

function entryOf(stats: import("node:fs").Stats): DiskEntry {
  return {
    size: stats.size,
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    isSymlink: stats.isSymbolicLink(),
    ino: stats.ino,
    mtime: stats.mtime,
  };
}

class SystemDisk implements Disk {
  readonly #fs: Fs;

  constructor(fs: Fs) {
    this.#fs = fs;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const flag = { read: "r", create: "wx", append: "a" }[mode];
    const fs = this.#fs;
    return new SystemFile(
      fs,
      await answer<number>((done) => fs.open(path, flag, done)),
    );
  }

  async readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return plain(await settle(this.#fs.promises.readFile(path)));
  }

  async *readChunks(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    try {
      for await (const chunk of this.#fs.createReadStream(path)) {
        yield plain(chunk);
      }
    } catch (error) {
      throw systemError(error);
    }
  }

  async readDir(
    path: string,
  ): Promise<{ name: string; isDirectory: boolean }[]> {
    const options = { withFileTypes: true } as const;
    const entries = await settle(this.#fs.promises.readdir(path, options));
    return entries.map((entry) => ({
      name: entry.name,
      isDirectory: entry.isDirectory(),
    }));
  }

  async stat(path: string): Promise<DiskEntry> {
    return entryOf(await settle(this.#fs.promises.stat(path)));
  }

  async lstat(path: string): Promise<DiskEntry> {
    return entryOf(await settle(this.#fs.promises.lstat(path)));
  }

  async realPath(path: string): Promise<string> {
    return await settle(this.#fs.promises.realpath(path));
  }

  async mkdir(
    path: string,
    options: { recursive?: boolean } = {},
  ): Promise<void> {
    await settle(this.#fs.promises.mkdir(path, options));
  }

  async rename(from: string, to: string): Promise<void> {
    await settle(this.#fs.promises.rename(from, to));
  }

  async remove(
    path: string,
    { recursive = false }: { recursive?: boolean } = {},
  ): Promise<void> {
    const { promises } = this.#fs;
    if (recursive) await settle(promises.rm(path, { recursive }));
    else if ((await this.lstat(path)).isDirectory) {
      await settle(promises.rmdir(path));
    } else await settle(promises.unlink(path));
  }

  async copyFile(from: string, to: string): Promise<void> {
    await settle(this.#fs.promises.copyFile(from, to));
  }

  async symlink(target: string, path: string): Promise<void> {
    await settle(this.#fs.promises.symlink(target, path));
  }

  async lock(
    path: string,
    { wait }: { wait: boolean },
  ): Promise<DiskLock | undefined> {
    return await settle(lockFile(this.#fs, path, wait));
  }
}

class SystemFile implements DiskFile {
  readonly #fs: Fs;
  readonly #descriptor: number;
  #isOpen = true;

  constructor(fs: Fs, descriptor: number) {
    this.#fs = fs;
    this.#descriptor = descriptor;
  }

  readAt(offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    const { length } = bytes;
    return answer((done) =>
      this.#fs.read(this.#descriptor, bytes, 0, length, offset, done)
    );
  }

  write(bytes: Uint8Array): Promise<number> {
    const { length } = bytes;
    return answer((done) =>
      this.#fs.write(this.#descriptor, bytes, 0, length, null, done)
    );
  }

  async sync(): Promise<void> {
    await answer((done) => this.#fs.fsync(this.#descriptor, done));
  }

  async stat(): Promise<DiskEntry> {
    return entryOf(
      await answer((done) => this.#fs.fstat(this.#descriptor, done)),
    );
  }

  close(): void {
    // Another file may have the number by now.
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#fs.closeSync(this.#descriptor);
  }
}
