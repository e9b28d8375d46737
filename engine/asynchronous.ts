// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Functions that may be asynchronous, and those that must not be.

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
 * Calls a function, and another one when the first has ended: at once, or when the
 * promise that it has returned is settled.
 *
 * @param run The function.
 * @param end Called with `true` if `run` has succeeded, and with `false` if it has
 * thrown, or its promise was rejected.
 * @returns What `run` returns; for a promise one that is settled after `end`.
 *
 * @example Usage
 * ```ts
 * import { runAndEnd } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const order: string[] = [];
 * const end = () => void order.push("end");
 * await runAndEnd(async () => {
 *   await Promise.resolve();
 *   order.push("run");
 * }, end);
 * assertEquals(order, ["run", "end"]);
 * ```
 */
export function runAndEnd<T>(run: () => T, end: (isDone: boolean) => void): T {
  let result: T;
  try {
    result = run();
  } catch (error) {
    end(false);
    throw error;
  }
  if (!isThenable(result)) {
    end(true);
    return result;
  }
  return Promise.resolve(result).then((value) => {
    end(true);
    return value;
  }, (error) => {
    end(false);
    throw error;
  }) as T;
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
