// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Locks between processes of one machine, each of which ends with its process.
//
// The holder writes the number of its process into the file. In Deno the operating
// system locks the file as well, and that decides. Node and Bun cannot ask it to:
// there whoever makes the file holds the lock, unless no process with the number in
// it is alive. So processes of one runtime keep each other out, and Node waits for
// Deno, but Deno does not wait for Node.

import type { DiskLock } from "../disk.ts";
import { isNotFound, systemError } from "../errors.ts";
import { denoRuntime, nodeProcess } from "./runtime.ts";

type Fs = typeof import("node:fs");

/** The milliseconds between two looks at a lock that another process holds. */
const PAUSE = 50;
/** The milliseconds after which whoever made a file has written its number. */
const TIME_TO_WRITE = 10_000;

/** Takes the lock of a file; `undefined` if another holds it and `wait` is false. */
export async function lockFile(
  fs: Fs,
  path: string,
  wait: boolean,
): Promise<DiskLock | undefined> {
  return denoRuntime()
    ? await lockByDeno(fs, path, wait)
    : await lockByNumber(fs, path, wait);
}

async function lockByDeno(
  fs: Fs,
  path: string,
  wait: boolean,
): Promise<DiskLock | undefined> {
  for (;;) {
    const options = { read: true, write: true, create: true } as const;
    const file = await denoRuntime()?.open(path, options);
    if (!file) return undefined;
    let isEnforced = true;
    try {
      if (wait) await file.lock(true);
      else if (!await file.tryLock(true)) {
        file.close();
        return undefined;
      }
    } catch {
      isEnforced = false; // Some network file systems have no locks.
    }
    const { ino, dev } = await file.stat();
    const now = await statOf(fs, path);
    if (now?.ino !== ino || now?.dev !== dev) {
      file.close(); // The process that held the lock has removed the file.
      continue;
    }
    try {
      await file.truncate(0);
      await file.write(new TextEncoder().encode(String(nodeProcess()?.pid)));
    } catch {
      // The lock holds on a full disk, too; only Node does not learn of it.
    }
    return {
      isEnforced,
      async release() {
        await fs.promises.unlink(path).catch(() => {});
        file.close();
      },
    };
  }
}

async function lockByNumber(
  fs: Fs,
  path: string,
  wait: boolean,
): Promise<DiskLock | undefined> {
  const own = String(nodeProcess()?.pid);
  for (;;) {
    try {
      await fs.promises.writeFile(path, own, { flag: "wx" });
      return {
        isEnforced: true,
        async release() {
          await fs.promises.unlink(path).catch(() => {});
        },
      };
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    const holder = await fs.promises.readFile(path, "utf8").catch(() => own);
    const made = (await statOf(fs, path))?.mtimeMs ?? Date.now();
    if (!isAlive(holder, made)) await removeDead(fs, path, holder);
    else if (!wait) return undefined;
    else await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** Whether the process that made the file of a lock is alive. */
function isAlive(holder: string, made: number): boolean {
  if (!/^\d+$/.test(holder)) return Date.now() - made < TIME_TO_WRITE;
  try {
    nodeProcess()?.kill(Number(holder), 0);
    return true;
  } catch (error) {
    // Only a process that exists can be forbidden to us.
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Removes the file of a process that has ended, but not one made since. */
async function removeDead(fs: Fs, path: string, holder: string): Promise<void> {
  const moved = `${path}.${crypto.randomUUID()}`;
  try {
    await fs.promises.rename(path, moved);
    if (await fs.promises.readFile(moved, "utf8") !== holder) {
      await fs.promises.link(moved, path);
    }
    await fs.promises.unlink(moved);
  } catch (error) {
    if (!isNotFound(systemError(error))) throw error;
  }
}

async function statOf(
  fs: Fs,
  path: string,
): Promise<import("node:fs").Stats | undefined> {
  try {
    return await fs.promises.stat(path);
  } catch (error) {
    if (isNotFound(systemError(error))) return undefined;
    throw error;
  }
}
