// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Locks between processes, each of which ends with its process.
//
// In Deno the operating system locks a file, and that decides; the number of the process
// is in the file. Node and Bun cannot ask for such locks: there whoever makes the file
// holds the lock, unless its owner is dead (lock_owner.ts), and touches it from time to
// time. So processes of one runtime keep each other out, and Node waits for Deno, but
// Deno does not wait for Node.

import type { DiskLock } from "../disk.ts";
import { isNotFound, systemError } from "../errors.ts";
import { releasedOnce } from "../released_once.ts";
import { isAlive, ownerText, TOUCHED_EVERY } from "./lock_owner.ts";
import { denoRuntime, needModule, nodeProcess } from "./runtime.ts";

type Fs = typeof import("node:fs");

/** The milliseconds between two looks at a lock that another process holds. */
const PAUSE = 50;

/** Takes the lock of a file; `undefined` if another holds it and `wait` is false. */
export async function lockFile(
  fs: Fs,
  path: string,
  wait: boolean,
): Promise<DiskLock | undefined> {
  const lock = denoRuntime()
    ? await lockByDeno(fs, path, wait)
    : await lockByOwner(fs, path, wait);
  return lock && releasedOnce(lock);
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

async function lockByOwner(
  fs: Fs,
  path: string,
  wait: boolean,
): Promise<DiskLock | undefined> {
  const own = ownerText(fs);
  for (;;) {
    try {
      await fs.promises.writeFile(path, own, { flag: "wx" });
      return heldByOwner(fs, path, own);
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    const owner = await fs.promises.readFile(path, "utf8").catch(() => own);
    const touched = (await statOf(fs, path))?.mtimeMs ?? Date.now();
    if (!isAlive(fs, owner, Date.now() - touched)) {
      await removeDead(fs, path, owner);
    } else if (!wait) return undefined;
    else await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** A lock whose file this process has made, and touches until it is released. */
function heldByOwner(fs: Fs, path: string, own: string): DiskLock {
  const touch = () => {
    const now = new Date();
    fs.promises.utimes(path, now, now).catch(() => {});
  };
  const timer = needModule("node:timers").setInterval(touch, TOUCHED_EVERY);
  timer.unref(); // The process may end without releasing the lock.
  return {
    isEnforced: true,
    async release() {
      timer.close();
      const text = await fs.promises.readFile(path, "utf8").catch(() => "");
      if (text === own) await fs.promises.unlink(path).catch(() => {});
    },
  };
}

/** Removes the file of a process that has ended, but not one made since. */
async function removeDead(fs: Fs, path: string, owner: string): Promise<void> {
  const moved = `${path}.${crypto.randomUUID()}`;
  try {
    await fs.promises.rename(path, moved);
    if (await fs.promises.readFile(moved, "utf8") !== owner) {
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
