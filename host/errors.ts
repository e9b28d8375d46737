// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The errors of file systems and networks, with the same classes in every runtime.

import type { ErrorClass } from "./error_class.ts";
import { denoRuntime } from "./system/runtime.ts";

/** The class that Deno has by a name, or one of our own with this name. */
function named(name: string): ErrorClass {
  const native = denoRuntime()?.errors[name];
  if (native) return native;
  const own = class extends Error {
    override readonly name = name;
  };
  Object.defineProperty(own, "name", { value: name });
  return own;
}

/**
 * The error when something does not exist. In Deno it is `Deno.errors.NotFound`.
 *
 * @example Usage
 * ```ts
 * import { NotFound } from "@swagpu/swagpu/host";
 * import { readText } from "@swagpu/swagpu/nn/formats";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => readText("no/such/file"), NotFound);
 * ```
 */
export const NotFound: ErrorClass = named("NotFound");

/**
 * The error when something exists that should be made. In Deno it is
 * `Deno.errors.AlreadyExists`.
 */
export const AlreadyExists: ErrorClass = named("AlreadyExists");

/**
 * The error when the operating system or the hub forbids something. In Deno it is
 * `Deno.errors.PermissionDenied`.
 */
export const PermissionDenied: ErrorClass = named("PermissionDenied");

/**
 * The error when a path leads through a file as if it were a folder. In Deno it is
 * `Deno.errors.NotADirectory`.
 */
export const NotADirectory: ErrorClass = named("NotADirectory");

/**
 * The error when a folder stands where a file is expected. In Deno it is
 * `Deno.errors.IsADirectory`.
 */
export const IsADirectory: ErrorClass = named("IsADirectory");

/**
 * The error when an answer takes too long. In Deno it is `Deno.errors.TimedOut`.
 */
export const TimedOut: ErrorClass = named("TimedOut");

/**
 * The error when nobody reads any more what is written. In Deno it is
 * `Deno.errors.BrokenPipe`.
 */
export const BrokenPipe: ErrorClass = named("BrokenPipe");

/**
 * Whether an error says that a file or folder does not exist.
 *
 * @param error What was thrown.
 * @returns Whether it does.
 *
 * @example Usage
 * ```ts
 * import { isNotFound, NotFound } from "@swagpu/swagpu/host";
 * import { assert, assertFalse } from "@std/assert";
 *
 * assert(isNotFound(new NotFound("there is no such file")));
 * assertFalse(isNotFound(new Error("the disk is full")));
 * ```
 */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && error.name === "NotFound";
}

const CLASSES: Readonly<Record<string, ErrorClass>> = {
  ENOENT: NotFound,
  EEXIST: AlreadyExists,
  EACCES: PermissionDenied,
  EPERM: PermissionDenied,
  EROFS: PermissionDenied,
  ENOTDIR: NotADirectory,
  EISDIR: IsADirectory,
  ETIMEDOUT: TimedOut,
  EPIPE: BrokenPipe,
};

/**
 * Gives an error of Node's modules the class that it has here, and the text that it
 * has in Deno: `No such file or directory (os error 2): open 'x'`. Other errors, such
 * as that of a permission that Deno was not given, are returned unchanged.
 */
export function systemError(error: unknown): unknown {
  if (!(error instanceof Error) || !("errno" in error) || !("code" in error)) {
    return error;
  }
  const code = String(error.code);
  const [, reason = error.message, call = ""] =
    /^[A-Z0-9]+: (.*?)(?:, (.*))?$/s.exec(error.message) ?? [];
  const number = Math.abs(Number(error.errno));
  const text = reason.charAt(0).toUpperCase() + reason.slice(1);
  return new (CLASSES[code] ?? Error)(
    `${text} (os error ${number})${call && `: ${call}`}`,
    { cause: error },
  );
}
