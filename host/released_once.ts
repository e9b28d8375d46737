// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { DiskLock } from "./disk.ts";

/** A lock of which only the first release counts. */
export function releasedOnce(lock: DiskLock): DiskLock {
  let released: Promise<void> | undefined;
  return {
    isEnforced: lock.isEnforced,
    release: () => released ??= lock.release(),
  };
}
