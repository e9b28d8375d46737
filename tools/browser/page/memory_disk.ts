// Copyright 2026 the swagpu authors. MIT license.

/**
 * A file system in memory, for tests that write files in a page.
 *
 * @module
 */

import { FOLDER } from "../../../host/inside.ts";
import {
  AlreadyExists,
  type Disk,
  type DiskEntry,
  type DiskFile,
  type DiskLock,
  folderOf,
  IsADirectory,
  NotADirectory,
  NotFound,
  type OpenMode,
} from "../../../host/mod.ts";

/** A file; other paths may come to lead to it, but it stays the same. */
class MemoryFile implements DiskFile {
  bytes = new Uint8Array();
  mtime = new Date();

  readAt(offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    const part = this.bytes.subarray(offset, offset + bytes.length);
    bytes.set(part);
    return Promise.resolve(part.length);
  }

  write(bytes: Uint8Array): Promise<number> {
    const joined = new Uint8Array(this.bytes.length + bytes.length);
    joined.set(this.bytes);
    joined.set(bytes, this.bytes.length);
    this.bytes = joined;
    this.mtime = new Date();
    return Promise.resolve(bytes.length);
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  stat(): Promise<DiskEntry> {
    return Promise.resolve({
      size: this.bytes.length,
      isFile: true,
      isDirectory: false,
      isSymlink: false,
      ino: null,
      mtime: this.mtime,
    });
  }

  close(): void {}
}

/** Files and folders in memory, below a folder that always exists. It has no links. */
export class MemoryDisk implements Disk {
  /** By path; a folder is `null`. */
  readonly #entries = new Map<string, MemoryFile | null>();
  /** By path; settles when the lock is released. */
  readonly #locks = new Map<string, Promise<void>>();

  /** Makes an empty file system. */
  constructor(root: string) {
    this.#entries.set(root, null);
  }

  #find(path: string): MemoryFile | null {
    const found = this.#entries.get(path);
    if (found === undefined) throw new NotFound(`There is no ${path}`);
    return found;
  }

  #file(path: string): MemoryFile {
    const found = this.#find(path);
    if (!found) throw new IsADirectory(`${path} is a folder`);
    return found;
  }

  /** Fails if a path does not lie in a folder. */
  #needFolder(path: string): void {
    const folder = folderOf(path);
    if (this.#find(folder)) throw new NotADirectory(`${folder} is a file`);
  }

  #below(path: string): string[] {
    return [...this.#entries.keys()].filter((key) =>
      key.startsWith(`${path}/`)
    );
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return attempt(() => {
      if (mode === "read") return this.#file(path);
      const exists = this.#entries.has(path);
      if (mode === "append" && exists) return this.#file(path);
      if (exists) throw new AlreadyExists(`There is a ${path}`);
      this.#needFolder(path);
      const file = new MemoryFile();
      this.#entries.set(path, file);
      return file;
    });
  }

  readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return attempt(() => this.#file(path).bytes.slice());
  }

  async *readChunks(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    yield await this.readFile(path);
  }

  readDir(path: string): Promise<{ name: string; isDirectory: boolean }[]> {
    return attempt(() => this.readDirSync(path));
  }

  /** The same as {@linkcode readDir}, at once. */
  readDirSync(path: string): { name: string; isDirectory: boolean }[] {
    if (this.#find(path)) throw new NotADirectory(`${path} is a file`);
    return this.#below(path)
      .filter((key) => folderOf(key) === path)
      .map((key) => ({
        name: key.slice(path.length + 1),
        isDirectory: this.#entries.get(key) === null,
      }));
  }

  stat(path: string): Promise<DiskEntry> {
    return attempt(() => this.#find(path)?.stat() ?? FOLDER);
  }

  lstat(path: string): Promise<DiskEntry> {
    return this.stat(path);
  }

  realPath(path: string): Promise<string> {
    return attempt(() => {
      this.#find(path);
      return path;
    });
  }

  mkdir(path: string, options?: { recursive?: boolean }): Promise<void> {
    return attempt(() => {
      const recursive = options?.recursive ?? false;
      const existing = this.#entries.get(path);
      if (existing === null && recursive) return;
      if (existing !== undefined) {
        throw new AlreadyExists(`There is a ${path}`);
      }
      const parts = path.split("/");
      for (let i = 2; recursive && i < parts.length; i++) {
        const folder = parts.slice(0, i).join("/");
        if (!this.#entries.has(folder)) this.#entries.set(folder, null);
      }
      this.#needFolder(path);
      this.#entries.set(path, null);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return attempt(() => {
      const entry = this.#find(from);
      this.#needFolder(to);
      if (this.#below(to).length > 0) {
        throw new AlreadyExists(`There is a ${to}, which is not empty`);
      }
      for (const path of this.#below(from)) {
        const moved = this.#find(path);
        this.#entries.delete(path);
        this.#entries.set(`${to}${path.slice(from.length)}`, moved);
      }
      this.#entries.delete(from);
      this.#entries.set(to, entry);
    });
  }

  remove(path: string, options?: { recursive?: boolean }): Promise<void> {
    return attempt(() => {
      this.#find(path);
      const below = this.#below(path);
      if (below.length > 0 && !options?.recursive) {
        throw new Error(`Cannot remove ${path}: it is not empty`);
      }
      for (const key of [path, ...below]) this.#entries.delete(key);
    });
  }

  copyFile(from: string, to: string): Promise<void> {
    return attempt(() => {
      const file = this.#file(from);
      this.#needFolder(to);
      const copy = new MemoryFile();
      copy.bytes = file.bytes.slice();
      this.#entries.set(to, copy);
    });
  }

  symlink(_target: string, path: string): Promise<void> {
    return Promise.reject(
      new TypeError(`Cannot make a link at ${path}: memory has no links`),
    );
  }

  async lock(
    path: string,
    { wait }: { wait: boolean },
  ): Promise<DiskLock | undefined> {
    for (let held; (held = this.#locks.get(path));) {
      if (!wait) return undefined;
      await held;
    }
    this.#needFolder(path);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#locks.set(path, promise);
    this.#entries.set(path, new MemoryFile());
    return {
      isEnforced: true,
      release: () => {
        this.#entries.delete(path);
        this.#locks.delete(path);
        resolve();
        return promise;
      },
    };
  }
}

/** Runs a function; what it throws, the promise rejects with. */
async function attempt<T>(run: () => T | Promise<T>): Promise<T> {
  return await run();
}
