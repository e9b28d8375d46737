// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { type Disk, disk } from "../../host/mod.ts";
import { MemoryDisk } from "../../tools/browser/page/memory_disk.ts";
import { inFolder } from "../_folder.ts";

/** Writes a file. */
async function write(on: Disk, path: string, text: string): Promise<void> {
  const file = await on.open(path, "create");
  await file.write(new TextEncoder().encode(text));
  await file.close();
}

async function append(on: Disk, path: string, text: string): Promise<void> {
  const file = await on.open(path, "append");
  await file.write(new TextEncoder().encode(text));
  await file.close();
}

async function read(on: Disk, path: string): Promise<string> {
  return new TextDecoder().decode(await on.readFile(path));
}

async function part(on: Disk, path: string, offset: number): Promise<string> {
  const file = await on.open(path, "read");
  const bytes = new Uint8Array(3);
  const count = await file.readAt(offset, bytes);
  await file.close();
  return new TextDecoder().decode(bytes.subarray(0, count));
}

async function list(on: Disk, path: string): Promise<string[]> {
  return (await on.readDir(path))
    .map(({ name, isDirectory }) => isDirectory ? `${name}/` : name).sort();
}

async function look(on: Disk, path: string): Promise<unknown[]> {
  const { isFile, isDirectory, isSymlink, size } = await on.stat(path);
  return [isFile, isDirectory, isSymlink, isFile ? size : 0];
}

/** What is done, one after the other, below a folder. */
const STEPS: ((on: Disk, at: string) => Promise<unknown>)[] = [
  (on, at) => list(on, at),
  (on, at) => write(on, `${at}/a.txt`, "abcdef"),
  (on, at) => write(on, `${at}/a.txt`, "again"),
  (on, at) => read(on, `${at}/a.txt`),
  (on, at) => part(on, `${at}/a.txt`, 2),
  (on, at) => part(on, `${at}/a.txt`, 5),
  (on, at) => part(on, `${at}/a.txt`, 9),
  (on, at) => append(on, `${at}/a.txt`, "gh"),
  (on, at) => append(on, `${at}/new.txt`, "n"),
  (on, at) => look(on, `${at}/a.txt`),
  (on, at) => look(on, at),
  (on, at) => look(on, `${at}/none`),
  (on, at) => read(on, `${at}/none`),
  (on, at) => read(on, at),
  (on, at) => write(on, `${at}/none/a.txt`, "a"),
  (on, at) => on.mkdir(`${at}/one/two`),
  (on, at) => on.mkdir(`${at}/one/two`, { recursive: true }),
  (on, at) => on.mkdir(`${at}/one/two`, { recursive: true }),
  (on, at) => on.mkdir(`${at}/one/two`),
  (on, at) => on.copyFile(`${at}/a.txt`, `${at}/one/two/copy.txt`),
  (on, at) => append(on, `${at}/a.txt`, "!"),
  (on, at) => read(on, `${at}/one/two/copy.txt`),
  (on, at) => list(on, at),
  (on, at) => list(on, `${at}/a.txt`),
  (on, at) => list(on, `${at}/none`),
  (on, at) => on.rename(`${at}/one`, `${at}/moved`),
  (on, at) => read(on, `${at}/moved/two/copy.txt`),
  (on, at) => on.rename(`${at}/a.txt`, `${at}/new.txt`),
  (on, at) => read(on, `${at}/new.txt`),
  (on, at) => on.rename(`${at}/none`, `${at}/x`),
  (on, at) => on.remove(`${at}/none`),
  (on, at) => on.remove(`${at}/new.txt`),
  (on, at) => on.remove(`${at}/moved`, { recursive: true }),
  (on, at) => list(on, at),
];

/** What each step gives, or the name of its error. */
async function outcomes(on: Disk, at: string): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const step of STEPS) {
    all.push(
      await step(on, at).catch((error) => {
        assert(error instanceof Error);
        return error.name;
      }),
    );
  }
  return all;
}

Deno.test("MemoryDisk does what the system's disk does", async () => {
  await inFolder(async (folder) => {
    assertEquals(
      await outcomes(new MemoryDisk("/tmp"), "/tmp"),
      await outcomes(disk(folder), folder),
    );
  });
});

Deno.test("MemoryDisk gives a lock to one after the other", async () => {
  const on = new MemoryDisk("/tmp");
  const first = await on.lock("/tmp/lock", { wait: false });
  assert(first);
  assertEquals(await on.lock("/tmp/lock", { wait: false }), undefined);
  let taken = false;
  const second = on.lock("/tmp/lock", { wait: true }).then((lock) => {
    taken = true;
    return lock;
  });
  await Promise.resolve();
  assertEquals(taken, false);
  assertEquals(await list(on, "/tmp"), ["lock"]);
  await first.release();
  await (await second)?.release();
  assertEquals(await list(on, "/tmp"), []);
});
