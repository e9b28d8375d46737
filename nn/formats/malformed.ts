// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Errors and checks for files that may be malformed.

/** Throws the error for a file that cannot be read, with the reason. */
export function fail(path: string, reason: string): never {
  throw new SyntaxError(`Cannot read ${path}: ${reason}`);
}

/** Whether a value is a whole number of at least 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
