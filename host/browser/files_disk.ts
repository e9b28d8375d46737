// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Files that a page has got hold of, without the folder that they are in.

import type { DiskAt, DiskEntry, DiskFile, OpenMode } from "../disk.ts";
import { PermissionDenied } from "../errors.ts";
import { handleError, missing } from "./handle_errors.ts";
import { BlobReader, bytesOf, entryOfBlob } from "./handle_files.ts";
import { checkListed, FOLDER, type Listed, Listing } from "../listing.ts";
import { ReadOnlyDisk } from "../read_only_disk.ts";

/**
 * Reads files that the user of a browser has chosen or dropped, or that a program has
 * made. They can only be read, and parts of them are read when they are needed.
 *
 * @param files The files by their paths; or the files of an `<input type="file"
 * webkitdirectory>`, whose paths are those below the chosen folder; or what
 * {@linkcode droppedFiles} gives.
 * @returns What {@linkcode mount} takes.
 * @throws {TypeError} If two files have the same path, a path does not lead below a
 * folder, or what it names is no file.
 *
 * @example Files in memory
 * ```ts
 * import { filesDisk, mount } from "@swagpu/swagpu/host";
 * import { AutoTokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = new Blob(["[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n"]);
 * const unmount = mount("dropped", filesDisk(new Map([["vocab.txt", vocabulary]])));
 * const tokenizer = await AutoTokenizer.fromPretrained("dropped");
 * assertEquals(tokenizer.encode("Hello").inputIds, [2, 5, 3]);
 * unmount();
 * ```
 */
export function filesDisk(
  files: ReadonlyMap<string, Blob> | Iterable<File>,
): DiskAt {
  const named = files instanceof Map
    ? [...files as ReadonlyMap<string, Blob>]
    : withoutTop([...files as Iterable<File>]);
  for (const [path, file] of named) {
    checkListed(path);
    if (file instanceof Blob) continue;
    throw new TypeError(
      `Cannot mount ${path}: it is ${typeof file}, expected a File or Blob`,
    );
  }
  const byPath = new Map(named);
  if (byPath.size < named.length) {
    const [path] = named.find(([path], i) =>
      named.findIndex(([other]) =>
        other === path
      ) < i
    ) ?? [];
    throw new TypeError(`Cannot mount two files at the same path, ${path}`);
  }
  return (root) => new FilesDisk(root, byPath);
}

/** Files by their paths below the folder that was chosen. */
function withoutTop(files: readonly File[]): [string, File][] {
  return files.map((file) => {
    const { webkitRelativePath = "" } = file as { webkitRelativePath?: string };
    return [webkitRelativePath.replace(/^[^/]*\//, "") || file.name, file];
  });
}

class FilesDisk extends ReadOnlyDisk {
  readonly listsFolders = true;
  readonly #files: ReadonlyMap<string, Blob>;
  readonly #listing: Listing;

  constructor(root: string, files: ReadonlyMap<string, Blob>) {
    super();
    this.#files = new Map(
      [...files].map(([path, file]) => [`${root}/${path}`, file]),
    );
    this.#listing = new Listing(root, this.#files.keys());
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    if (mode !== "read") throw this.refuse(path);
    return await Promise.resolve(new BlobReader(this.#file(path), path));
  }

  async readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return await bytesOf(this.#file(path), path);
  }

  async *readChunks(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const blob = this.#file(path);
    const step = 2 ** 18;
    for (let at = 0; at < blob.size; at += step) {
      yield await bytesOf(blob.slice(at, at + step), path);
    }
  }

  async readDir(path: string): Promise<Listed[]> {
    const entries = this.#listing.folder(path);
    if (entries) return await Promise.resolve(entries);
    throw this.#files.has(path) ? mismatch(path, "folder") : missing(path);
  }

  async stat(path: string): Promise<DiskEntry> {
    if (this.#listing.folder(path)) return FOLDER;
    return await Promise.resolve(entryOfBlob(this.#file(path)));
  }

  async realPath(path: string): Promise<string> {
    await this.stat(path);
    return path;
  }

  protected refuse(path: string): Error {
    return new PermissionDenied(
      `Cannot write ${path}: chosen files can only be read; pick the folder and mount ` +
        "it by folderDisk() to write there",
    );
  }

  #file(path: string): Blob {
    const file = this.#files.get(path);
    if (file) return file;
    throw this.#listing.folder(path) ? mismatch(path, "file") : missing(path);
  }
}

function mismatch(path: string, wanted: "file" | "folder"): unknown {
  return handleError(new DOMException("", "TypeMismatchError"), path, wanted);
}
