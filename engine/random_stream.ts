// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * One stream of random numbers. Element `k` depends on these four words and `k`
 * alone, whichever device makes it and however storage is split.
 */
export interface RandomStream {
  /** The seed, low word first. */
  readonly key: readonly [number, number];
  /** The stream's number, low word first. */
  readonly stream: readonly [number, number];
}
