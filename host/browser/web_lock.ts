// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Locks between the pages and workers of a site, each of which ends with its holder.

/** The part of a `LockManager` that is used. */
interface Locks {
  request(
    name: string,
    options: { ifAvailable: boolean },
    task: (lock: object | null) => Promise<void> | undefined,
  ): Promise<void>;
}

/** A lock that is held. */
export interface WebLock {
  /** Whether it keeps others out: old browsers have no locks. */
  readonly isEnforced: boolean;
  /** Lets others in. */
  release(): void;
}

/**
 * Takes a lock.
 *
 * @param name Its name, which the whole site shares.
 * @param wait Whether to wait for another holder.
 * @returns The lock; `undefined` if another holds it and `wait` is false.
 */
export async function takeLock(
  name: string,
  wait: boolean,
): Promise<WebLock | undefined> {
  const { locks } = globalThis.navigator as { locks?: Locks };
  if (!locks) return { isEnforced: false, release() {} };
  return await new Promise((resolve, reject) => {
    locks.request(name, { ifAvailable: !wait }, (lock) => {
      if (lock) {
        return new Promise<void>((release) =>
          resolve({ isEnforced: true, release })
        );
      }
      resolve(undefined);
    }).catch(reject);
  });
}
