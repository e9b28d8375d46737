// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Files of a browser that are open.

import type { DiskEntry, DiskFile } from "../disk.ts";
import { PermissionDenied } from "../errors.ts";
import { settled } from "./handle_errors.ts";
import type { FileHandle, SyncFile, WritableFile } from "./handles.ts";

/** The bytes that are copied at once. */
const COPIED = 2 ** 22;

/** The properties of a file. */
export function entryOfBlob(blob: Blob): DiskEntry {
  return {
    size: blob.size,
    isFile: true,
    isDirectory: false,
    isSymlink: false,
    ino: null,
    mtime: blob instanceof File ? new Date(blob.lastModified) : null,
  };
}

/** A file that is read. It is an error if its content changes meanwhile. */
export class BlobReader implements DiskFile {
  readonly #blob: Blob;
  readonly #path: string;

  constructor(blob: Blob, path: string) {
    this.#blob = blob;
    this.#path = path;
  }

  async readAt(
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<number> {
    const part = this.#blob.slice(offset, offset + bytes.length);
    const read = await bytesOf(part, this.#path);
    bytes.set(read);
    return read.length;
  }

  write(): Promise<number> {
    return Promise.reject(
      new PermissionDenied(
        `Cannot write ${this.#path}: it is open for reading`,
      ),
    );
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  stat(): Promise<DiskEntry> {
    return Promise.resolve(entryOfBlob(this.#blob));
  }

  close(): void {}
}

/** All bytes of a file. */
export async function bytesOf(
  blob: Blob,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await settled(path, "file", () => blob.arrayBuffer()));
}

/** A file that is written. */
export class HandleWriter implements DiskFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  /** Whichever way of writing the browser has. */
  readonly #target: WritableFile | SyncFile;
  #at: number;
  #isOpen = true;

  /**
   * Opens a file for writing.
   *
   * @param handle The file.
   * @param path Its path, for errors.
   * @param keep Whether its content stays, so that what is written follows it.
   * @param size How many bytes will be written, if that is known. Where files are
   * written in place, there must be room for all before what is there is lost.
   */
  static async open(
    handle: FileHandle,
    path: string,
    keep: boolean,
    size = 0,
  ): Promise<HandleWriter> {
    return await settled(path, "file", async () => {
      if (handle.createWritable) {
        const at = keep ? (await handle.getFile()).size : 0;
        const target = await handle.createWritable({ keepExistingData: keep });
        await target.seek(at);
        return new HandleWriter(handle, path, target, at);
      }
      if (handle.createSyncAccessHandle) {
        const target = await handle.createSyncAccessHandle();
        try {
          if (!keep) target.truncate(size);
          const at = keep ? target.getSize() : 0;
          return new HandleWriter(handle, path, target, at);
        } catch (error) {
          target.close(); // Nobody else could open the file.
          throw error;
        }
      }
      throw new PermissionDenied(
        `Cannot write ${path}: this browser writes files in workers alone`,
      );
    });
  }

  private constructor(
    handle: FileHandle,
    path: string,
    target: WritableFile | SyncFile,
    at: number,
  ) {
    this.#handle = handle;
    this.#path = path;
    this.#target = target;
    this.#at = at;
  }

  readAt(): Promise<number> {
    return Promise.reject(
      new PermissionDenied(`Cannot read ${this.#path}: it is open for writing`),
    );
  }

  async write(bytes: Uint8Array): Promise<number> {
    // Browsers take no bytes of memory that workers share.
    const own = bytes.buffer instanceof ArrayBuffer
      ? bytes as Uint8Array<ArrayBuffer>
      : Uint8Array.from(bytes);
    const count = await settled(this.#path, "file", async () => {
      if (isSync(this.#target)) {
        return this.#target.write(own, { at: this.#at });
      }
      await this.#target.write(own);
      return own.length;
    });
    this.#at += count;
    return count;
  }

  /** Waits for what was written, as far as that is possible before it is closed. */
  async sync(): Promise<void> {
    const target = this.#target;
    await settled(this.#path, "file", async () => {
      if (isSync(target)) target.flush();
      await Promise.resolve();
    });
  }

  async stat(): Promise<DiskEntry> {
    const file = await settled(
      this.#path,
      "file",
      () => this.#handle.getFile(),
    );
    return { ...entryOfBlob(file), size: this.#at };
  }

  /** Closes the file. Unless a worker writes it, its content appears now. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await settled(this.#path, "file", async () => await this.#target.close());
  }

  /** Closes the file; unless a worker writes it, it stays as it was. */
  async abort(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await (isSync(this.#target) ? this.#target.close() : this.#target.abort());
  }
}

function isSync(target: WritableFile | SyncFile): target is SyncFile {
  return "getSize" in target;
}

/** Makes a file have the content of another; for want of room it stays as it was. */
export async function copyContent(
  from: Blob,
  to: FileHandle,
  path: string,
): Promise<void> {
  const writer = await HandleWriter.open(to, path, false, from.size);
  try {
    for (let at = 0; at < from.size; at += COPIED) {
      const bytes = await bytesOf(from.slice(at, at + COPIED), path);
      for (let done = 0; done < bytes.length;) {
        done += await writer.write(bytes.subarray(done));
      }
    }
    await writer.sync();
    await writer.close();
  } catch (error) {
    await writer.abort().catch(() => {});
    throw error;
  }
}
