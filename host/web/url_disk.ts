// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Files of the web, which can only be read.

import type { Disk, DiskAt, DiskEntry, DiskFile, OpenMode } from "../disk.ts";
import { NotFound } from "../errors.ts";
import { checkListed, FOLDER, Listing } from "../listing.ts";
import { ReadOnlyDisk } from "../read_only_disk.ts";
import { diskEntryOf, readOnly, UrlFile } from "./url_file.ts";
import {
  askAbout,
  fetchRange,
  fetchWhole,
  type OnBytes,
  streamWhole,
  type UrlBytes,
  type UrlEntry,
  type UrlRequestOptions,
} from "./url_requests.ts";

/**
 * The milliseconds for which an answer about a file is believed. Loading a model asks
 * several times whether the same files exist.
 */
const BELIEVED = 5_000;
const TIMEOUT = 10_000;

/** The names of {@linkcode UrlDiskOptions}. */
const OPTIONS = [
  "files",
  "onProgress",
  "headers",
  "timeout",
  "signal",
] satisfies (keyof UrlDiskOptions)[];

/** How far a file has been fetched. */
export interface FetchProgress {
  /** The path of the file. */
  readonly path: string;
  /**
   * The bytes that have arrived since the file was opened. At the end they may be
   * fewer than the file has, because not all of it was read.
   */
  readonly loaded: number;
  /** The size of the file in bytes; `undefined` while it is not known. */
  readonly total: number | undefined;
}

/** Options of {@linkcode urlDisk}. */
export interface UrlDiskOptions {
  /**
   * The paths of all files, below the one at which this is mounted. Others count as
   * absent without a request: a browser reports every request for a file that does
   * not exist as an error of the page.
   *
   * @default {each file is asked for}
   */
  files?: readonly string[];
  /** Is called whenever bytes of a file arrive. */
  onProgress?: (progress: FetchProgress) => void;
  /** Further headers of each request, such as `authorization`. @default {{}} */
  headers?: Readonly<Record<string, string>>;
  /**
   * How long to wait, in milliseconds. A request ends if fewer than 1,024 bytes arrive
   * in that time of waiting, and is made twice more. Only a file that is read from its
   * start, piece by piece, as tables of data are, is not asked for again once its first
   * bytes have arrived.
   *
   * @default {10_000}
   */
  timeout?: number;
  /** Aborts all requests, which then throw the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Reads files from a web server: what paths that begin with `https://` or `http://`
 * do by themselves, with options. Parts of files are fetched when they are read. A
 * server that does not send parts sends each file whole, and it is kept while it is
 * open. A file that changes on the server while it is read is an error.
 *
 * In a browser, another server must allow the page to read its files, by the header
 * `access-control-allow-origin`. It should also expose `etag` and `content-range`.
 *
 * @param options How to ask the server, and who is told about it.
 * @returns What {@linkcode mount} takes.
 * @throws {RangeError} If the time-out is not positive, or too long for a timer.
 * @throws {TypeError} If there is an option of another name, or `files` holds what is
 * no path below the address.
 *
 * @example With progress, and the names of the files
 * ```ts
 * import { disk, mount, urlDisk } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * const root = "https://example.com/model";
 * const unmount = mount(
 *   root,
 *   urlDisk({
 *     files: ["config.json", "model.safetensors", "tokenizer.json"],
 *     onProgress: ({ path, loaded, total }) =>
 *       console.log(`${path}: ${loaded} of ${total} bytes`),
 *   }),
 * );
 * // AutoModel.fromPretrained(root) reads the first two.
 * assertEquals((await disk(root).readDir(root)).length, 3);
 * unmount();
 * ```
 */
export function urlDisk(options: UrlDiskOptions = {}): DiskAt {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || OPTIONS.some((known) => known === name)) {
      continue;
    }
    throw new TypeError(
      `Cannot read the web with option "${name}": expected one of ${
        OPTIONS.map((known) => `"${known}"`).join(", ")
      }`,
    );
  }
  const { files, timeout = TIMEOUT } = options;
  if (files !== undefined && !Array.isArray(files)) {
    throw new TypeError(
      `Cannot read the web with files ${files}: expected a list of paths`,
    );
  }
  files?.forEach(checkListed);
  if (!(timeout > 0 && timeout < 2 ** 31)) {
    throw new RangeError(
      `Cannot wait ${timeout} ms for a server: the time-out must be positive ` +
        "and at most 2147483647",
    );
  }
  return (root) => new UrlDisk(root, options);
}

let web: Disk | undefined;

/** The web as addresses have it by themselves, without options. */
export function webDisk(): Disk {
  return web ??= new UrlDisk("", {});
}

/** An answer about a file. */
interface Answer {
  readonly entry: Promise<UrlEntry>;
  readonly until: number;
}

class UrlDisk extends ReadOnlyDisk {
  readonly #requests: UrlRequestOptions;
  readonly #onProgress: UrlDiskOptions["onProgress"];
  /** The files and folders that there are; `undefined` if that is not known. */
  readonly #listing: Listing | undefined;
  readonly #files: ReadonlySet<string> | undefined;
  readonly #answers = new Map<string, Answer>();
  /** Files that servers have sent whole, as long as their memory is not needed. */
  readonly #wholes = new Map<string, WeakRef<UrlBytes>>();

  constructor(root: string, options: UrlDiskOptions) {
    super();
    const { files, headers = {}, timeout = TIMEOUT, signal } = options;
    this.#requests = { headers, timeout, signal };
    this.#onProgress = options.onProgress;
    if (!files) return;
    this.#files = new Set(files.map((name) => `${root}/${name}`));
    this.#listing = new Listing(root, this.#files);
  }

  get listsFolders(): boolean {
    return this.#listing !== undefined;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    if (mode !== "read") throw this.refuse(path);
    this.#check(path);
    const onBytes = this.#watch(path);
    const fetch = async (begin: number, end: number): Promise<UrlBytes> => {
      const options = this.#requests;
      const held = await this.#held(path);
      if (held) return held;
      const found = await fetchRange(path, begin, end, options, onBytes);
      if (found.isWhole) this.#wholes.set(path, new WeakRef(found));
      return found;
    };
    const sizeOf = async () => (await this.#ask(path)).size;
    const file = await UrlFile.open(path, fetch, sizeOf);
    // What was said about another version of the file is not true any more.
    const known = await this.#answers.get(path)?.entry.catch(() => undefined);
    if (known?.version !== file.entry.version) this.#answers.delete(path);
    return file;
  }

  async readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    this.#check(path);
    return (await fetchWhole(path, this.#requests, this.#watch(path))).bytes;
  }

  async *readChunks(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    this.#check(path);
    yield* streamWhole(path, this.#requests, this.#watch(path));
  }

  async readDir(
    path: string,
  ): Promise<{ name: string; isDirectory: boolean }[]> {
    const entries = this.#listing?.folder(path);
    if (entries) return await Promise.resolve(entries);
    throw this.#listing ? absent(path) : new TypeError(
      `Cannot list ${path}: a web server does not tell which files it has; name ` +
        "them by the option files of urlDisk()",
    );
  }

  async stat(path: string): Promise<DiskEntry> {
    if (this.#listing?.folder(path)) return FOLDER;
    this.#check(path);
    return diskEntryOf(await this.#ask(path));
  }

  realPath(path: string): Promise<string> {
    return Promise.resolve(path);
  }

  protected refuse(path: string): Error {
    return readOnly(path);
  }

  /** Throws if it is known that there is no such file. */
  #check(path: string): void {
    const { signal } = this.#requests;
    signal?.throwIfAborted();
    if (this.#files && !this.#files.has(path)) throw absent(path);
  }

  /** What the server says about a file, now or a short time ago. */
  #ask(path: string): Promise<UrlEntry> {
    const now = performance.now();
    for (const [known, { until }] of this.#answers) {
      if (until < now) this.#answers.delete(known);
    }
    let answer = this.#answers.get(path);
    if (!answer) {
      const entry = askAbout(path, this.#requests);
      answer = { entry, until: now + BELIEVED };
      this.#answers.set(path, answer);
      entry.catch((error) => {
        // Only an answer of the server is believed, not that there was none.
        if (!(error instanceof NotFound)) this.#answers.delete(path);
      });
    }
    return answer.entry;
  }

  /** A file that was sent whole before, unless it may have changed since. */
  async #held(path: string): Promise<UrlBytes | undefined> {
    const held = this.#wholes.get(path)?.deref();
    if (!held) return undefined;
    const { version } = await this.#ask(path);
    if (version !== undefined && version === held.version) return held;
    this.#wholes.delete(path);
    return undefined;
  }

  /** Tells about the bytes of a file as they arrive. */
  #watch(path: string): OnBytes {
    let loaded = 0;
    return (count, total) => {
      // What is fetched again, after a connection broke, is counted once more.
      loaded = Math.min(loaded + count, total ?? Infinity);
      this.#onProgress?.({ path, loaded, total });
    };
  }
}

function absent(path: string): Error {
  return new NotFound(
    `Cannot read ${path}: there is no such file (the option files of urlDisk() ` +
      "does not name it)",
  );
}
