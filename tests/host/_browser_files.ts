// Copyright 2026 the swagpu authors. MIT license.

// The files of a browser in memory, as https://fs.spec.whatwg.org says, and its locks.

import type {
  FileHandle,
  FolderHandle,
  SyncFile,
  WritableFile,
} from "../../host/mod.ts";

/** In which way files are written, and whether they can be moved. */
export interface Abilities {
  writes: "swap" | "sync" | "not";
  moves: boolean;
  /** The bytes that the site may still write. */
  space: number;
}

/** A browser's files, and what is done to them. */
export class BrowserFiles {
  readonly abilities: Abilities = {
    writes: "swap",
    moves: true,
    space: Infinity,
  };
  /** How many changes are still made before the page is closed. */
  changesLeft = Infinity;
  readonly root: MemoryFolder = new MemoryFolder(this, "");

  /** Is called before each change. */
  change(): void {
    if (this.changesLeft-- <= 0) throw new Error("the page is closed");
  }
}

function refuse(name: string): never {
  throw new DOMException(`refused: ${name}`, name);
}

function checkName(name: string): void {
  if (["", ".", ".."].includes(name) || /[\\/]/.test(name)) {
    throw new TypeError("Name is not allowed.");
  }
}

/** A file that cannot be read any more once another content replaces it. */
class Snapshot extends File {
  readonly #isValid: () => boolean;

  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    name: string,
    lastModified: number,
    isValid: () => boolean,
  ) {
    super([bytes], name, { lastModified });
    this.#isValid = isValid;
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    if (!this.#isValid()) refuse("NotReadableError");
    return await super.arrayBuffer();
  }

  override slice(...range: [number?, number?]): Blob {
    const part = super.slice(...range);
    const read = part.arrayBuffer.bind(part);
    part.arrayBuffer = async () => {
      if (!this.#isValid()) refuse("NotReadableError");
      return await read();
    };
    return part;
  }
}

/** A file. Its handle follows it when it moves. */
export class MemoryFile implements FileHandle {
  readonly kind = "file";
  name: string;
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  lastModified: number = Date.now();
  readonly #disk: BrowserFiles;
  #parent: MemoryFolder;

  constructor(disk: BrowserFiles, parent: MemoryFolder, name: string) {
    this.#disk = disk;
    this.#parent = parent;
    this.name = name;
  }

  getFile(): Promise<File> {
    if (this.#parent.entries.get(this.name) !== this) refuse("NotFoundError");
    const { bytes } = this;
    return Promise.resolve(
      new Snapshot(
        bytes,
        this.name,
        this.lastModified,
        () => this.bytes === bytes,
      ),
    );
  }

  get createWritable(): FileHandle["createWritable"] {
    if (this.#disk.abilities.writes !== "swap") return undefined;
    return ({ keepExistingData = false } = {}) => {
      let swap = keepExistingData ? this.bytes : new Uint8Array();
      let at = 0;
      let isOpen = true;
      const check = () => isOpen || refuse("InvalidStateError");
      const file: WritableFile = {
        write: async (bytes) => {
          check();
          swap = this.#written(swap, bytes, at);
          at += bytes.length;
          await Promise.resolve();
        },
        seek: async (position) => {
          check();
          at = position;
          await Promise.resolve();
        },
        close: async () => {
          check();
          isOpen = false;
          this.#disk.change();
          this.#replace(swap);
          await Promise.resolve();
        },
        abort: async () => {
          isOpen = false;
          await Promise.resolve();
        },
      };
      return Promise.resolve(file);
    };
  }

  get createSyncAccessHandle(): FileHandle["createSyncAccessHandle"] {
    if (this.#disk.abilities.writes !== "sync") return undefined;
    return () => {
      const file: SyncFile = {
        write: (bytes, { at }) => {
          this.#disk.change();
          this.#replace(this.#written(this.bytes, bytes, at));
          return bytes.length;
        },
        getSize: () => this.bytes.length,
        truncate: (size) => {
          this.#disk.change();
          // To grow is to write zeros.
          const zeros = new Uint8Array(Math.max(0, size - this.bytes.length));
          const grown = this.#written(this.bytes, zeros, this.bytes.length);
          this.#replace(grown.slice(0, size));
        },
        flush: () => {},
        close: () => {},
      };
      return Promise.resolve(file);
    };
  }

  get move(): FileHandle["move"] {
    if (!this.#disk.abilities.moves) return undefined;
    return async (folder, name) => {
      checkName(name);
      this.#disk.change();
      this.#parent.entries.delete(this.name);
      this.#parent = folder as MemoryFolder;
      this.name = name;
      this.#parent.entries.set(name, this);
      await Promise.resolve();
    };
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.lastModified = Date.now();
  }

  #written(
    old: Uint8Array<ArrayBuffer>,
    bytes: Uint8Array,
    at: number,
  ): Uint8Array<ArrayBuffer> {
    const { abilities } = this.#disk;
    const growth = Math.max(0, at + bytes.length - old.length);
    if (growth > abilities.space) refuse("QuotaExceededError");
    abilities.space -= growth;
    const size = Math.max(old.length, at + bytes.length);
    const result = new Uint8Array(size);
    result.set(old);
    result.set(bytes, at);
    return result;
  }
}

/** A folder. */
export class MemoryFolder implements FolderHandle {
  readonly kind = "directory";
  readonly name: string;
  readonly entries: Map<string, MemoryFile | MemoryFolder> = new Map();
  readonly #disk: BrowserFiles;

  constructor(disk: BrowserFiles, name: string) {
    this.#disk = disk;
    this.name = name;
  }

  // deno-lint-ignore require-await -- what it throws is a rejection
  async getFileHandle(
    name: string,
    { create = false } = {},
  ): Promise<MemoryFile> {
    const found = this.#find(name, create);
    if (found instanceof MemoryFolder) refuse("TypeMismatchError");
    if (found) return found;
    const file = new MemoryFile(this.#disk, this, name);
    this.entries.set(name, file);
    return file;
  }

  // deno-lint-ignore require-await -- what it throws is a rejection
  async getDirectoryHandle(
    name: string,
    { create = false } = {},
  ): Promise<MemoryFolder> {
    const found = this.#find(name, create);
    if (found instanceof MemoryFile) refuse("TypeMismatchError");
    if (found) return found;
    const folder = new MemoryFolder(this.#disk, name);
    this.entries.set(name, folder);
    return folder;
  }

  // deno-lint-ignore require-await -- what it throws is a rejection
  async removeEntry(name: string, { recursive = false } = {}): Promise<void> {
    const found = this.#find(name, false);
    const isFull = found instanceof MemoryFolder && found.entries.size > 0;
    if (!recursive && isFull) refuse("InvalidModificationError");
    this.#disk.change();
    this.entries.delete(name);
  }

  async *values(): AsyncGenerator<MemoryFile | MemoryFolder> {
    yield* [...this.entries.values()];
    await Promise.resolve();
  }

  /** The contents of all files below, as texts by their paths. */
  texts(prefix = ""): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const [name, entry] of this.entries) {
      if (entry instanceof MemoryFolder) {
        Object.assign(texts, entry.texts(`${prefix}${name}/`));
      } else texts[prefix + name] = new TextDecoder().decode(entry.bytes);
    }
    return texts;
  }

  #find(
    name: string,
    create: boolean,
  ): MemoryFile | MemoryFolder | undefined {
    checkName(name);
    const found = this.entries.get(name);
    if (!found && !create) refuse("NotFoundError");
    if (!found) this.#disk.change();
    return found;
  }
}

type Task = (lock: object | null) => Promise<void> | undefined;

/** The locks of a browser. */
export class MemoryLocks {
  readonly #held = new Map<string, Promise<void>>();

  async request(
    name: string,
    { ifAvailable }: { ifAvailable: boolean },
    task: Task,
  ): Promise<void> {
    while (this.#held.has(name)) {
      if (ifAvailable) return await task(null);
      await this.#held.get(name);
    }
    const holding = Promise.resolve(task({ name }));
    this.#held.set(name, holding);
    try {
      await holding;
    } finally {
      this.#held.delete(name);
    }
  }
}

/** Calls a function in a browser that has these locks and this file system. */
export async function inBrowser<T>(
  files: BrowserFiles,
  body: () => Promise<T>,
): Promise<T> {
  const storage = { getDirectory: () => Promise.resolve(files.root) };
  const own = { locks: new MemoryLocks(), storage };
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(navigator, name, { value, configurable: true });
  }
  try {
    return await body();
  } finally {
    for (const name of Object.keys(own)) {
      delete (navigator as unknown as Record<string, unknown>)[name];
    }
  }
}
