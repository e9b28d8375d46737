// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** Whether a value is a promise, or works like one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

/**
 * Throws where a function that must not be asynchronous gave a promise. What
 * becomes of the promise is not told: this error is the cause.
 */
export function refusePromise(result: unknown, message: string): void {
  if (!isThenable(result)) return;
  result.then(undefined, () => {});
  throw new TypeError(message);
}
