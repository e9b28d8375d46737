// Copyright 2026 the swagpu authors. MIT license.

// The runtime's file system. All code of this room that touches a disk uses this
// module. It looks for the file system when it is called, so modules that import
// it load in a browser too.

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
      append?: boolean;
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

/**
 * The file system.
 *
 * @param path The path to use it for, which the error names.
 * @throws {TypeError} If the runtime has no file system.
 */
export function disk(path: string): Disk {
  const { Deno: host } = globalThis as { Deno?: Disk };
  if (host !== undefined) return host;
  throw new TypeError(
    `Cannot open ${path}: this runtime has no file system, run under Deno`,
  );
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
