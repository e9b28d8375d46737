// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Errors that name the file and what was tried with it.

/**
 * Makes an error of the operating system, or of a browser's files, say what was tried
 * and with which file, which the runtime's message may lack. The new error has the
 * same class. Other errors are returned unchanged.
 *
 * @param action The start of the message, such as
 * `Cannot write out/config.json`.
 * @param error The error that was thrown.
 * @param detail The end of the message, such as how far it got.
 * @param absent The reason to give if something does not exist.
 * @returns The error to throw.
 *
 * @example Usage
 * ```ts
 * import { diskError } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new Error("File too large (os error 27)");
 * const named = diskError("Cannot write out.bin", error) as Error;
 * assertEquals(named.message, "Cannot write out.bin: File too large");
 * ```
 */
export function diskError(
  action: string,
  error: unknown,
  detail = "",
  absent = "there is no such file",
): unknown {
  if (!(error instanceof Error)) return error;
  const [, reason] =
    /^(.*?) \((?:os error \d+\)|\w+Error\): )/s.exec(error.message) ?? [];
  if (reason === undefined) return error;
  const SameError = error.constructor as ErrorConstructor;
  const text = error.name === "NotFound" ? absent : reason;
  return new SameError(`${action}: ${text}${detail}`, { cause: error });
}

const PLAIN: ReadonlySet<unknown> = new Set([
  Error,
  RangeError,
  SyntaxError,
  TypeError,
]);

/**
 * Adds a file's name to an error about the file's content, unless the message
 * has it. Errors of other classes than `Error`, `RangeError`, `SyntaxError` and
 * `TypeError` are returned unchanged.
 *
 * @param error The error that was thrown.
 * @param path The path of the file.
 * @returns The error to throw.
 *
 * @example Usage
 * ```ts
 * import { withFile } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * const error = withFile(new TypeError("The width is 0"), "config.json") as Error;
 * assertEquals(error.message, "The width is 0, in config.json");
 * ```
 */
export function withFile(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !PLAIN.has(error.constructor)) return error;
  if (error.message.includes(path)) return error;
  const SameError = error.constructor as ErrorConstructor;
  return new SameError(`${error.message}, in ${path}`, { cause: error });
}
