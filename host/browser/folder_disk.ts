// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A folder of a browser: one that its user has picked, or one of its own.

import type {
  Disk,
  DiskAt,
  DiskEntry,
  DiskFile,
  DiskLock,
  OpenMode,
} from "../disk.ts";
import {
  childOf,
  completeMoves,
  copyInto,
  follow,
  isRecord,
  moveFile,
  moveFolder,
  type Parts,
} from "./folder_moves.ts";
import { missing, occupied, settled } from "./handle_errors.ts";
import {
  BlobReader,
  bytesOf,
  entryOfBlob,
  HandleWriter,
} from "./handle_files.ts";
import type { FileHandle, FolderHandle } from "./handles.ts";
import { FOLDER } from "../listing.ts";
import { releasedOnce } from "../released_once.ts";
import { takeLock } from "./web_lock.ts";

/**
 * Reads and writes a folder that the user of a browser has picked.
 *
 * @param handle The folder, such as `await showDirectoryPicker({ mode: "readwrite" })`
 * gives. For the browser's own folder take {@linkcode originFolder}.
 * @returns What {@linkcode mount} takes.
 *
 * @example In a page
 * ```ts ignore
 * import { AutoTokenizer } from "@swagpu/swagpu/models";
 * import { folderDisk, mount } from "@swagpu/swagpu/host";
 *
 * button.onclick = async () => {
 *   mount("picked", folderDisk(await showDirectoryPicker()));
 *   const tokenizer = await AutoTokenizer.fromPretrained("picked");
 * };
 * ```
 */
export function folderDisk(handle: FolderHandle): DiskAt {
  return folderDiskOf(handle, `picked/${handle.name}`);
}

/** Makes the disk of a folder, whose locks have names that begin with `lockName`. */
export function folderDiskOf(handle: FolderHandle, lockName: string): DiskAt {
  return (path) => new FolderDisk(path, handle, `swagpu/${lockName}`);
}

class FolderDisk implements Disk {
  /** The path at which it is mounted. */
  readonly #path: string;
  readonly #root: FolderHandle;
  readonly #lockName: string;
  #ready: Promise<void> | undefined;

  constructor(path: string, root: FolderHandle, lockName: string) {
    this.#path = path;
    this.#root = root;
    this.#lockName = lockName;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    if (mode === "read") {
      return new BlobReader(await this.#file(path), path);
    }
    const { folder, name } = await this.#parent(path);
    return await settled(path, "file", async () => {
      if (mode === "create" && await childOf(folder, name)) {
        throw occupied(path);
      }
      const handle = await folder.getFileHandle(name, { create: true });
      try {
        return await HandleWriter.open(handle, path, mode === "append");
      } catch (error) {
        if (mode === "create") await folder.removeEntry(name);
        throw error;
      }
    });
  }

  async readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return await bytesOf(await this.#file(path), path);
  }

  async *readChunks(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const reader = new BlobReader(await this.#file(path), path);
    const { size } = await reader.stat();
    for (let at = 0; at < size;) {
      const bytes = new Uint8Array(Math.min(size - at, 2 ** 18));
      at += await reader.readAt(at, bytes);
      yield bytes;
    }
  }

  async readDir(
    path: string,
  ): Promise<{ name: string; isDirectory: boolean }[]> {
    const parts = await this.#parts(path);
    return await settled(path, "folder", async () => {
      const entries: { name: string; isDirectory: boolean }[] = [];
      const folder = await follow(this.#root, parts);
      for await (const { name, kind } of folder.values()) {
        if (parts.length === 0 && isRecord(name)) continue;
        entries.push({ name, isDirectory: kind === "directory" });
      }
      return entries;
    });
  }

  async stat(path: string): Promise<DiskEntry> {
    const parts = await this.#parts(path);
    if (parts.length === 0) return FOLDER;
    const entry = await this.#entry(path, parts);
    if (entry.kind === "directory") return FOLDER;
    return entryOfBlob(await settled(path, "file", () => entry.getFile()));
  }

  lstat(path: string): Promise<DiskEntry> {
    return this.stat(path);
  }

  async realPath(path: string): Promise<string> {
    const parts = await this.#parts(path);
    if (parts.length > 0) await this.#entry(path, parts);
    return [this.#path, ...parts].join("/");
  }

  async mkdir(
    path: string,
    { recursive = false }: { recursive?: boolean } = {},
  ): Promise<void> {
    const parts = await this.#parts(path);
    await settled(path, "folder", async () => {
      if (recursive) {
        await follow(this.#root, parts, { create: true });
        return;
      }
      const folder = await follow(this.#root, parts.slice(0, -1));
      const name = parts.at(-1);
      if (name === undefined || await childOf(folder, name)) {
        throw occupied(path);
      }
      await folder.getDirectoryHandle(name, { create: true });
    });
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [await this.#parts(from), await this.#parts(to)];
    const entry = await this.#entry(from, source);
    const inside = source.every((part, i) => target[i] === part);
    if (inside && source.length === target.length) return;
    if (entry.kind === "directory") {
      if (inside) {
        throw new TypeError(`Cannot move ${from} to ${to}: it is inside of it`);
      }
      await completeMoves(this.#disk); // Of other pages, which may be there too.
      await moveFolder(this.#disk, { from: source, to: target, path: to });
      return;
    }
    const { folder: parent, name } = await this.#parent(to);
    await settled(to, "file", async () => {
      const there = await childOf(parent, name);
      if (there?.kind === "directory") throw occupied(to);
      await moveFile(this.#disk, entry, { from: source, to: target, path: to });
    });
  }

  async remove(
    path: string,
    { recursive = false }: { recursive?: boolean } = {},
  ): Promise<void> {
    const { folder, name } = await this.#parent(path);
    await settled(
      path,
      "folder",
      () => folder.removeEntry(name, { recursive }),
    );
  }

  async copyFile(from: string, to: string): Promise<void> {
    const content = await this.#file(from);
    const { folder, name } = await this.#parent(to);
    await settled(to, "file", () => copyInto(content, folder, name, to));
  }

  symlink(_target: string, path: string): Promise<void> {
    return Promise.reject(
      new TypeError(`Cannot make the link ${path}: a browser has none`),
    );
  }

  async lock(
    path: string,
    { wait }: { wait: boolean },
  ): Promise<DiskLock | undefined> {
    const parts = await this.#parts(path);
    const lock = await takeLock([this.#lockName, ...parts].join("/"), wait);
    if (!lock) return undefined;
    try {
      const { folder, name } = await this.#parent(path);
      await settled(
        path,
        "file",
        () => folder.getFileHandle(name, { create: true }),
      );
      return releasedOnce({
        isEnforced: lock.isEnforced,
        async release() {
          await folder.removeEntry(name).catch(() => {});
          lock.release();
        },
      });
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get #disk(): { root: FolderHandle; lockName: string } {
    return { root: this.#root, lockName: this.#lockName };
  }

  /** The names in a path below the disk's own, when the disk is in order. */
  async #parts(path: string): Promise<Parts> {
    if (path !== this.#path && !path.startsWith(`${this.#path}/`)) {
      throw new TypeError(
        `Cannot open ${path}: it is not below ${this.#path}, where the folder is ` +
          "mounted",
      );
    }
    const parts = path.slice(this.#path.length).split("/")
      .filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) {
      throw new TypeError(
        `Cannot open ${path}: it must not lead upwards by ..`,
      );
    }
    this.#ready ??= settled(
      this.#path,
      "folder",
      () => completeMoves(this.#disk),
    );
    try {
      await this.#ready;
    } catch (error) {
      this.#ready = undefined;
      throw error;
    }
    return parts;
  }

  /** The folder that something is in, and the name that it has there. */
  async #parent(path: string): Promise<{ folder: FolderHandle; name: string }> {
    const parts = await this.#parts(path);
    const name = parts.at(-1);
    if (name === undefined) {
      throw new TypeError(`Cannot change ${path}: it is the folder itself`);
    }
    const folder = await settled(
      path,
      "folder",
      () => follow(this.#root, parts.slice(0, -1)),
    );
    return { folder, name };
  }

  async #entry(path: string, parts: Parts): Promise<FileHandle | FolderHandle> {
    const entry = await settled(path, "folder", async () => {
      const folder = await follow(this.#root, parts.slice(0, -1));
      return await childOf(folder, parts.at(-1) ?? "");
    });
    if (entry) return entry;
    throw missing(path);
  }

  async #file(path: string): Promise<File> {
    const { folder, name } = await this.#parent(path);
    return await settled(
      path,
      "file",
      async () => await (await folder.getFileHandle(name)).getFile(),
    );
  }
}
