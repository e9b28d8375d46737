// Copyright 2026 the swagpu authors. MIT license.

/**
 * Keeps two processes from training into the same folder.
 *
 * @module
 */

import { disk, diskError, type DiskLock } from "../host/mod.ts";
import { TryAgainError } from "./exit_codes.ts";

/** Describes a lock. */
export interface RunLockOptions {
  /** What is refused while another process holds it, for the error. */
  readonly action: string;
  /** Receives a warning if the file system has no locks. */
  say(remark: string): void;
}

/**
 * Takes the lock of a training. It ends with the process, however that ends.
 *
 * @param path The file of the lock, which is made.
 * @param options What to say.
 * @returns The lock, to be held with `await using`.
 * @throws {TryAgainError} If another process holds it.
 */
export async function lockRun(
  path: string,
  { action, say }: RunLockOptions,
): Promise<AsyncDisposable> {
  let lock: DiskLock | undefined;
  try {
    lock = await disk(path).lock(path, { wait: false });
  } catch (error) {
    throw diskError(`Cannot write ${path}`, error);
  }
  if (!lock) {
    throw new TryAgainError(
      `Cannot ${action}: another process holds ${path} and is at work on it; ` +
        "try again when that has ended",
    );
  }
  if (!lock.isEnforced) {
    say(
      `${path} cannot be locked on this file system: make sure that no other ` +
        "process is at work on it",
    );
  }
  return { [Symbol.asyncDispose]: () => lock.release() };
}
