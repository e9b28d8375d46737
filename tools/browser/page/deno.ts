// Copyright 2026 the swagpu authors. MIT license.

/**
 * Defines the parts of `Deno` that tests use, in a page: tests themselves, and files.
 * Those below `/tests` can be read, and those below `/tmp`, in memory, be written.
 *
 * Without the rest of `Deno` the library rightly takes the page for a browser.
 *
 * @module
 */

import {
  AlreadyExists,
  BrokenPipe,
  disk,
  type DiskEntry,
  IsADirectory,
  mount,
  NotADirectory,
  NotFound,
  PermissionDenied,
  TimedOut,
} from "../../../host/mod.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { ServedDisk } from "./served_disk.ts";

/** A test that was declared. */
export interface Test {
  /** Its name. */
  readonly name: string;
  /** What it does. */
  readonly run: (context: unknown) => void | Promise<void>;
}

/** The tests that were declared so far. */
export const tests: Test[] = [];

/** The folder of the project that tests read. */
const SERVED = "/tests";
const TEMPORARY = "/tmp";
const memory = new MemoryDisk(TEMPORARY);

function test(
  first: string | { name: string; fn: Test["run"] },
  second?: Test["run"],
): void {
  const run = typeof first === "string" ? second : first.fn;
  const name = typeof first === "string" ? first : first.name;
  if (!run) throw new TypeError(`Cannot run ${name}: it has no function`);
  tests.push({ name, run });
}

const pathOf = (path: string | URL) =>
  path instanceof URL ? decodeURIComponent(path.pathname) : path;

async function writeFile(path: string | URL, bytes: Uint8Array): Promise<void> {
  const target = pathOf(path);
  const on = disk(target);
  const old = await on.stat(target).catch(() => null);
  if (old?.isFile) await on.remove(target);
  await (await on.open(target, "create")).write(bytes);
}

async function readFile(path: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const source = pathOf(path);
  return await disk(source).readFile(source);
}

let folders = 0;

const files = {
  readFile,
  writeFile,
  readTextFile: async (path: string | URL) =>
    new TextDecoder().decode(await readFile(path)),
  writeTextFile: (path: string | URL, text: string) =>
    writeFile(path, new TextEncoder().encode(text)),
  copyFile: async (from: string | URL, to: string | URL) =>
    await writeFile(to, await readFile(from)),
  async makeTempDir(): Promise<string> {
    const path = `${TEMPORARY}/${++folders}`;
    await disk(path).mkdir(path);
    return path;
  },
  mkdir: (path: string | URL, options?: { recursive?: boolean }) =>
    disk(pathOf(path)).mkdir(pathOf(path), options),
  async *readDir(path: string | URL) {
    for (const entry of await disk(pathOf(path)).readDir(pathOf(path))) {
      yield { ...entry, isFile: !entry.isDirectory, isSymlink: false };
    }
  },
  // Of memory alone: a server's answer must be waited for.
  readDirSync: (path: string | URL) =>
    memory.readDirSync(pathOf(path))
      .map((entry) => ({
        ...entry,
        isFile: !entry.isDirectory,
        isSymlink: false,
      })),
  remove: (path: string | URL, options?: { recursive?: boolean }) =>
    disk(pathOf(path)).remove(pathOf(path), options),
  rename: (from: string | URL, to: string | URL) =>
    disk(pathOf(from)).rename(pathOf(from), pathOf(to)),
  stat: (path: string | URL): Promise<DiskEntry> =>
    disk(pathOf(path)).stat(pathOf(path)),
};

/** What a test may use of `Deno` in a page. */
export const OFFERED: readonly string[] = [
  "test",
  "errors",
  ...Object.keys(files),
];

/** Defines `Deno` in a page. */
export function defineDeno(): void {
  mount(SERVED, new ServedDisk());
  mount(TEMPORARY, memory);
  Object.defineProperty(globalThis, "Deno", {
    value: {
      test,
      errors: {
        AlreadyExists,
        BrokenPipe,
        IsADirectory,
        NotADirectory,
        NotFound,
        PermissionDenied,
        TimedOut,
      },
      ...files,
    },
  });
}
