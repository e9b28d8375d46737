// Copyright 2026 the swagpu authors. MIT license.

/**
 * Keeps two processes from work on the same particle.
 *
 * @module
 */

import { disk, diskError, type DiskLock } from "../host/mod.ts";
import { TryAgainError } from "./exit_codes.ts";

/**
 * Takes the lock of a particle. It ends with the process, however that ends.
 *
 * @param path The file of the lock, which is made.
 * @param say Receives a warning if the file system has no locks.
 * @returns The lock, to be held with `await using`.
 * @throws {TryAgainError} If another process holds it.
 */
export async function lockParticle(
  path: string,
  say: (remark: string) => void,
): Promise<AsyncDisposable> {
  let lock: DiskLock | undefined;
  try {
    lock = await disk(path).lock(path, { wait: false });
  } catch (error) {
    throw diskError(`Cannot write ${path}`, error);
  }
  if (!lock) {
    throw new TryAgainError(
      `Cannot run the particle: another process holds ${path} and is at ` +
        "work on it; try again when that has ended",
    );
  }
  if (!lock.isEnforced) {
    say(
      `${path} cannot be locked on this file system: make sure that no ` +
        "particle runs twice at once",
    );
  }
  return { [Symbol.asyncDispose]: () => lock.release() };
}
