// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A file of the web that is open: it is fetched in pieces, as far as it is read.

import type { DiskEntry, DiskFile } from "../disk.ts";
import { PermissionDenied } from "../errors.ts";
import type { UrlBytes, UrlEntry } from "./url_requests.ts";

/** The bytes of the first piece, which hold the header of most files of weights. */
const FIRST = 2 ** 16;
/** Further pieces end at multiples of this number of bytes. */
const PIECE = 2 ** 22;
/** The most pieces that one request asks for. */
const MOST = 4;
/** The most pieces that are kept, because reads jump back and forth a little. */
const KEPT = 8;

/** Fetches the bytes from `begin` to before `end`, or all. */
export type FetchRange = (begin: number, end: number) => Promise<UrlBytes>;

/** The offset at which a piece begins. */
function startOf(piece: number): number {
  if (piece === 0) return 0;
  return piece === 1 ? FIRST : (piece - 1) * PIECE;
}

/** The piece that a byte is in. */
function pieceAt(offset: number): number {
  return offset < FIRST ? 0 : 1 + Math.floor(offset / PIECE);
}

/** A file of the web. All that is read of it is of one version. */
export class UrlFile implements DiskFile {
  readonly #path: string;
  readonly #fetch: FetchRange;
  readonly #entry: UrlEntry & { readonly size: number };
  /** The pieces that were used last, the latest at the end. */
  readonly #pieces = new Map<number, Uint8Array<ArrayBuffer>>();
  /** All of the file, if the server sends no parts. */
  #whole: UrlBytes | undefined;

  /**
   * Opens a file and fetches its first piece.
   *
   * @param path The path, for errors.
   * @param fetch Fetches a part of it.
   * @param sizeOf Asks for its size, if the part does not tell.
   */
  static async open(
    path: string,
    fetch: FetchRange,
    sizeOf: () => Promise<number | undefined>,
  ): Promise<UrlFile> {
    const first = await fetch(0, FIRST);
    const { bytes, isWhole } = first;
    const size = isWhole
      ? bytes.length
      : first.size ?? (bytes.length < FIRST ? bytes.length : await sizeOf());
    if (size === undefined) {
      throw new Error(`Cannot read ${path}: the server does not tell its size`);
    }
    if (bytes.length < Math.min(size, FIRST)) {
      throw new Error(
        `Cannot read ${path}: the server sent ${bytes.length} of its ${size} bytes`,
      );
    }
    const file = new UrlFile(path, fetch, { ...first, size });
    if (isWhole) file.#whole = first;
    else file.#pieces.set(0, bytes);
    return file;
  }

  private constructor(
    path: string,
    fetch: FetchRange,
    entry: UrlEntry & { readonly size: number },
  ) {
    this.#path = path;
    this.#fetch = fetch;
    this.#entry = entry;
  }

  /** What the server said when the file was opened. */
  get entry(): UrlEntry & { readonly size: number } {
    return this.#entry;
  }

  async readAt(
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<number> {
    const { size } = this.#entry;
    const end = Math.min(offset + bytes.length, size);
    if (offset >= end) return 0;
    const index = pieceAt(offset);
    if (!this.#whole && !this.#pieces.has(index)) {
      await this.#load(index, pieceAt(end - 1));
    }
    const piece = this.#whole?.bytes ?? this.#take(index);
    const start = this.#whole ? 0 : startOf(index);
    const part = piece.subarray(offset - start, end - start);
    bytes.set(part);
    return part.length;
  }

  write(): Promise<number> {
    return Promise.reject(readOnly(this.#path));
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  stat(): Promise<DiskEntry> {
    return Promise.resolve(diskEntryOf(this.#entry));
  }

  close(): void {
    this.#pieces.clear();
    this.#whole = undefined;
  }

  /** Fetches pieces that follow each other, up to one that is there. */
  async #load(from: number, to: number): Promise<void> {
    let last = from;
    while (
      last < to && last + 1 < from + MOST && !this.#pieces.has(last + 1)
    ) last++;
    const { size, version } = this.#entry;
    const begin = startOf(from);
    const end = Math.min(startOf(last + 1), size);
    const found = await this.#fetch(begin, end);
    const isSame = found.version === version &&
      (found.size ?? size) === size &&
      found.bytes.length === (found.isWhole ? size : end - begin);
    if (!isSame) {
      throw new Error(
        `Cannot read ${this.#path}: it changed on the server while it was read`,
      );
    }
    if (found.isWhole) {
      this.#whole = found;
      return;
    }
    for (let i = from; i <= last; i++) {
      this.#pieces.set(
        i,
        found.bytes.subarray(startOf(i) - begin, startOf(i + 1) - begin),
      );
    }
  }

  /** Gives a piece that is there, and forgets those that were not used for long. */
  #take(index: number): Uint8Array<ArrayBuffer> {
    const piece = this.#pieces.get(index) ?? new Uint8Array();
    this.#pieces.delete(index);
    this.#pieces.set(index, piece);
    for (const old of this.#pieces.keys()) {
      if (this.#pieces.size <= KEPT) break;
      this.#pieces.delete(old);
    }
    return piece;
  }
}

/** What a server says about a file, as a disk says it. */
export function diskEntryOf(
  { size = 0, version, mtime }: UrlEntry,
): DiskEntry {
  return {
    size,
    isFile: true,
    isDirectory: false,
    isSymlink: false,
    ino: null,
    mtime,
    ...(version === undefined ? {} : { version }),
  };
}

/** The error of whoever writes to the web. */
export function readOnly(path: string): Error {
  return new PermissionDenied(
    `Cannot write ${path}: files of a web address can only be read`,
  );
}
