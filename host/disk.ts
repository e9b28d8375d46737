// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// File systems: what they have in common, and which one a path belongs to.

/** An open file. */
export interface DiskFile {
  /**
   * Reads from an offset on into the whole of `bytes`, or less.
   *
   * @returns How many bytes were read; 0 at the end of the file.
   */
  readAt(offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<number>;
  /** Writes some of the bytes after those written before, and returns how many. */
  write(bytes: Uint8Array<ArrayBufferLike>): Promise<number>;
  /** Waits until what was written is kept even if the machine stops. */
  sync(): Promise<void>;
  /** The properties of the file. */
  stat(): Promise<DiskEntry>;
  /** Closes the file: at once, or when the promise settles. It may be closed again. */
  close(): void | Promise<void>;
}

/** The properties of a file or folder. */
export interface DiskEntry {
  /** The size of a file in bytes. */
  readonly size: number;
  /** Whether it is a file. */
  readonly isFile: boolean;
  /** Whether it is a folder. */
  readonly isDirectory: boolean;
  /** Whether it is a link, which only `lstat` tells. */
  readonly isSymlink: boolean;
  /** The number that the disk gives to this file alone; `null` if it numbers none. */
  readonly ino: number | null;
  /** When the content changed last; `null` where that is not known. */
  readonly mtime: Date | null;
  /** A text that changes whenever the content does, where the disk has one. */
  readonly version?: string;
}

/** How a file is opened. */
export type OpenMode =
  /** For reading. */
  | "read"
  /** For writing; the file must not exist. */
  | "create"
  /** For writing after its end; it is made if it does not exist. */
  | "append";

/** A lock that is held. */
export interface DiskLock {
  /** Whether it keeps others out: some network file systems have no locks. */
  readonly isEnforced: boolean;
  /**
   * Removes the file of the lock, if it can be removed, and lets others in. Further
   * calls do nothing: the lock may be another's by then.
   */
  release(): Promise<void>;
}

/**
 * A file system. Paths have slashes. What does not exist, exists already, or may not
 * be done makes all methods throw `NotFound`, `AlreadyExists`, `PermissionDenied`,
 * `NotADirectory` or `IsADirectory`.
 */
export interface Disk {
  /**
   * Whether folders can be listed. Where they cannot, as on the web, models are
   * loaded by asking for each file that they may have, and nothing is saved.
   *
   * @default {true}
   */
  readonly listsFolders?: boolean;
  /** Opens a file. */
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Reads a whole file. */
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Reads a file or a pipe from its start, piece by piece. */
  readChunks(path: string): AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** What is directly in a folder. */
  readDir(path: string): Promise<{ name: string; isDirectory: boolean }[]>;
  /** The properties of what a path leads to. */
  stat(path: string): Promise<DiskEntry>;
  /** The properties of a link itself, or of what else has the path. */
  lstat(path: string): Promise<DiskEntry>;
  /** The path without links. */
  realPath(path: string): Promise<string>;
  /** Makes a folder. With `recursive`, also those above it, and it may exist. */
  mkdir(path: string, options?: { recursive?: boolean }): Promise<void>;
  /** Gives a file or folder another path at once; a file there is replaced. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or an empty folder; with `recursive`, a folder and all in it. */
  remove(path: string, options?: { recursive?: boolean }): Promise<void>;
  /** Copies a file. */
  copyFile(from: string, to: string): Promise<void>;
  /** Makes a link at `path` that leads to `target`. */
  symlink(target: string, path: string): Promise<void>;
  /**
   * Takes the lock that a file stands for, and makes the file. A lock ends with the
   * process that holds it.
   *
   * @returns The lock; `undefined` if another holds it and `wait` is not set.
   */
  lock(path: string, options: { wait: boolean }): Promise<DiskLock | undefined>;
}

/**
 * Makes a file system for the path at which {@linkcode mount} puts it. All paths that
 * the file system is given begin with this one.
 */
export type DiskAt = (root: string) => Disk;
