// Copyright 2026 the swagpu authors. MIT license.

/**
 * std's assertions from npm's `deno-std`, with std's type signatures. `links` in
 * `deno.json` replaces `jsr:@std/assert` with this file, for machines that can reach
 * only npm. Without `links`, JSR's package is used.
 *
 * @module
 */

import * as std from "deno-std/assert/mod.js";

/** Any class, abstract or not. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor = abstract new (...args: any[]) => any;

/** The type of a value that is an instance of a class. */
export type GetConstructorType<T extends AnyConstructor> = InstanceType<T>;

/** An array, a typed array or anything else that has a length and elements. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** Thrown by every failing assertion. */
export type AssertionError = Error;
/** Thrown by every failing assertion. */
export const AssertionError: new (
  message: string,
  options?: ErrorOptions,
) => AssertionError = std.AssertionError;

/** Asserts that `expr` is truthy. */
export const assert: (expr: unknown, msg?: string) => asserts expr = std.assert;

/** Asserts that `expr` is falsy. */
export const assertFalse: (
  expr: unknown,
  msg?: string,
) => asserts expr is false | 0 | "" | null | undefined = std.assertFalse;

/** Asserts deep equality. */
export const assertEquals: <T>(actual: T, expected: T, msg?: string) => void =
  std.assertEquals;

/** Asserts deep inequality. */
export const assertNotEquals: <T>(
  actual: T,
  expected: T,
  msg?: string,
) => void = std.assertNotEquals;

/** Asserts identity by `Object.is`. */
export const assertStrictEquals: <T>(
  actual: unknown,
  expected: T,
  msg?: string,
) => asserts actual is T = std.assertStrictEquals;

/** Asserts that two values differ by `Object.is`. */
export const assertNotStrictEquals: <T>(
  actual: T,
  expected: T,
  msg?: string,
) => void = std.assertNotStrictEquals;

/** Asserts that two numbers differ by at most `tolerance`. */
export const assertAlmostEquals: (
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
) => void = std.assertAlmostEquals;

/** Asserts that a value is neither `null` nor `undefined`. */
export const assertExists: <T>(
  actual: T,
  msg?: string,
) => asserts actual is NonNullable<T> = std.assertExists;

/** Asserts that a value is an instance of a class. */
export const assertInstanceOf: <T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg?: string,
) => asserts actual is GetConstructorType<T> = std.assertInstanceOf;

/** Asserts that a value is not an instance of a class. */
export const assertNotInstanceOf: <A, T>(
  actual: A,
  // deno-lint-ignore no-explicit-any
  unexpectedType: abstract new (...args: any[]) => T,
  msg?: string,
) => asserts actual is Exclude<A, T> = std.assertNotInstanceOf;

/** Asserts that a value is an error of a class, with a message that includes a text. */
export const assertIsError: <E extends Error = Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any
  ErrorClass?: abstract new (...args: any[]) => E,
  msgMatches?: string | RegExp,
  msg?: string,
) => asserts error is E = std.assertIsError;

/** Asserts that a text matches a pattern. */
export const assertMatch: (
  actual: string,
  expected: RegExp,
  msg?: string,
) => void = std.assertMatch;

/** Asserts that a text does not match a pattern. */
export const assertNotMatch: (
  actual: string,
  expected: RegExp,
  msg?: string,
) => void = std.assertNotMatch;

/** Asserts that a text includes another. */
export const assertStringIncludes: (
  actual: string,
  expected: string,
  msg?: string,
) => void = std.assertStringIncludes;

/** Asserts that an array includes every expected element. */
export const assertArrayIncludes: <T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
) => void = std.assertArrayIncludes;

/** Asserts that an object has at least the expected properties. */
export const assertObjectMatch: (
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
) => void = std.assertObjectMatch;

/** Asserts that `actual` is greater than `expected`. */
export const assertGreater: <T>(actual: T, expected: T, msg?: string) => void =
  std.assertGreater;

/** Asserts that `actual` is greater than or equal to `expected`. */
export const assertGreaterOrEqual: <T>(
  actual: T,
  expected: T,
  msg?: string,
) => void = std.assertGreaterOrEqual;

/** Asserts that `actual` is less than `expected`. */
export const assertLess: <T>(actual: T, expected: T, msg?: string) => void =
  std.assertLess;

/** Asserts that `actual` is less than or equal to `expected`. */
export const assertLessOrEqual: <T>(
  actual: T,
  expected: T,
  msg?: string,
) => void = std.assertLessOrEqual;

/** Asserts that a function throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that a function throws an error of a class, and returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  ...rest: unknown[]
): unknown {
  return std.assertThrows(fn, ...rest);
}

/** Asserts that a promise rejects, and returns the reason. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/** Asserts that a promise rejects with an error of a class, and returns it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...rest: unknown[]
): Promise<unknown> {
  return std.assertRejects(fn, ...rest);
}

/** Whether two values are deeply equal. */
export const equal: (a: unknown, b: unknown) => boolean = std.equal;

/** Fails. */
export const fail: (msg?: string) => never = std.fail;

/** Fails: this code should not be reached. */
export const unreachable: (msg?: string) => never = std.unreachable;

/** Fails: this code is not implemented. */
export const unimplemented: (msg?: string) => never = std.unimplemented;
