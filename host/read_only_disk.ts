// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What file systems have in common that can only be read and know no links.

import type { Disk, DiskEntry, DiskFile, OpenMode } from "./disk.ts";

/** A file system that refuses to change anything. */
export abstract class ReadOnlyDisk implements Disk {
  abstract readonly listsFolders: boolean;
  abstract open(path: string, mode: OpenMode): Promise<DiskFile>;
  abstract readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  abstract readChunks(path: string): AsyncIterable<Uint8Array<ArrayBuffer>>;
  abstract readDir(
    path: string,
  ): Promise<{ name: string; isDirectory: boolean }[]>;
  abstract stat(path: string): Promise<DiskEntry>;
  abstract realPath(path: string): Promise<string>;

  /** The error for whoever tries to write. */
  protected abstract refuse(path: string): Error;

  lstat(path: string): Promise<DiskEntry> {
    return this.stat(path);
  }

  mkdir(path: string): Promise<void> {
    return Promise.reject(this.refuse(path));
  }

  rename(_from: string, to: string): Promise<void> {
    return Promise.reject(this.refuse(to));
  }

  remove(path: string): Promise<void> {
    return Promise.reject(this.refuse(path));
  }

  copyFile(_from: string, to: string): Promise<void> {
    return Promise.reject(this.refuse(to));
  }

  symlink(_target: string, path: string): Promise<void> {
    return Promise.reject(this.refuse(path));
  }

  lock(path: string): Promise<undefined> {
    return Promise.reject(this.refuse(path));
  }
}
