// Copyright 2026 the swagpu authors. MIT license.

/**
 * The files of the project as a file system in a page, which can only be read.
 *
 * @module
 */

import { FOLDER, ReadOnlyDisk } from "../../../host/inside.ts";
import {
  type DiskEntry,
  type DiskFile,
  IsADirectory,
  NotADirectory,
  NotFound,
  PermissionDenied,
} from "../../../host/mod.ts";

/** What the server says of a path. */
export type Served =
  | { kind: "file"; size: number }
  | { kind: "folder"; entries: { name: string; isDirectory: boolean }[] }
  | { kind: "nothing" };

/** Where the server is asked what a path leads to. */
export const SERVED_PATH = "/served";

async function look(path: string): Promise<Served> {
  const query = new URLSearchParams({ path });
  return await (await fetch(`${SERVED_PATH}?${query}`)).json();
}

/** Files that the server of the page gives, by the same paths. */
export class ServedDisk extends ReadOnlyDisk {
  readonly listsFolders = true;

  async open(path: string): Promise<DiskFile> {
    const bytes = await this.readFile(path);
    return {
      readAt(offset, into) {
        const part = bytes.subarray(offset, offset + into.length);
        into.set(part);
        return Promise.resolve(part.length);
      },
      write: () => Promise.reject(this.refuse(path)),
      sync: () => Promise.resolve(),
      stat: () => this.stat(path),
      close() {},
    };
  }

  async readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const { isFile } = await this.stat(path);
    if (!isFile) throw new IsADirectory(`${path} is a folder`);
    return new Uint8Array(await (await fetch(path)).arrayBuffer());
  }

  async *readChunks(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    yield await this.readFile(path);
  }

  async readDir(
    path: string,
  ): Promise<{ name: string; isDirectory: boolean }[]> {
    const found = await look(path);
    if (found.kind === "folder") return found.entries;
    if (found.kind === "file") throw new NotADirectory(`${path} is a file`);
    throw new NotFound(`There is no ${path}`);
  }

  async stat(path: string): Promise<DiskEntry> {
    const found = await look(path);
    if (found.kind === "nothing") throw new NotFound(`There is no ${path}`);
    if (found.kind === "folder") return FOLDER;
    return { ...FOLDER, size: found.size, isFile: true, isDirectory: false };
  }

  async realPath(path: string): Promise<string> {
    await this.stat(path);
    return path;
  }

  protected refuse(path: string): Error {
    return new PermissionDenied(`Cannot write ${path}: it can only be read`);
  }
}
