// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Tests for promises, for functions that must not be asynchronous.

/**
 * Tests whether a value is a promise, or works like one.
 *
 * @param value Any value.
 * @returns Whether it has a method `then`.
 *
 * @example Usage
 * ```ts
 * import { isThenable } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([isThenable(Promise.resolve(1)), isThenable(1)], [true, false]);
 * ```
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

/**
 * Throws if a function that must not be asynchronous has returned a promise. A
 * later rejection of the promise is ignored, because this error is its cause.
 *
 * @throws {TypeError} If the result is a promise.
 */
export function refusePromise(result: unknown, message: string): void {
  if (!isThenable(result)) return;
  result.then(undefined, () => {});
  throw new TypeError(message);
}
