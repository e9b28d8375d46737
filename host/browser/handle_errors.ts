// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The errors of a browser's files, with the classes that they have on other disks.

import {
  AlreadyExists,
  IsADirectory,
  NotADirectory,
  NotFound,
  PermissionDenied,
} from "../errors.ts";
import type { ErrorClass } from "../error_class.ts";

/** What a path was expected to be. */
export type Wanted = "file" | "folder";

const REASONS: Readonly<Record<string, [ErrorClass, string]>> = {
  NotFoundError: [NotFound, "No such file or folder"],
  NotAllowedError: [PermissionDenied, "The browser or its user forbids it"],
  SecurityError: [PermissionDenied, "The browser or its user forbids it"],
  NoModificationAllowedError: [
    PermissionDenied,
    "It is being written, by this page or another",
  ],
  InvalidModificationError: [Error, "The folder is not empty"],
  NotReadableError: [Error, "It has changed since it was opened"],
  QuotaExceededError: [Error, "The browser gives this site no more space"],
  TypeError: [TypeError, "The browser allows no such name"],
};

/**
 * Gives an error of a browser's files the class that it has on other disks, and a
 * text such as `No such file or folder (NotFoundError): kept/config.json`, of which
 * `diskError` knows the parts. Other errors are returned unchanged.
 */
export function handleError(
  error: unknown,
  path: string,
  wanted: Wanted,
): unknown {
  // Browsers refuse names such as "a/b" by a TypeError.
  const isRefusal = error instanceof TypeError &&
    /\bname\b/i.test(error.message);
  if (!(error instanceof DOMException || isRefusal)) return error;
  const { name } = error;
  const [kind, reason] = name === "TypeMismatchError"
    ? wanted === "file"
      ? [IsADirectory, "It is a folder, expected a file"] as const
      : [NotADirectory, "It is a file, expected a folder"] as const
    : REASONS[name] ?? [];
  if (!kind) return error;
  return new kind(`${reason} (${name}): ${path}`, { cause: error });
}

/** Waits for a browser's file, whose errors become those of this room. */
export async function settled<T>(
  path: string,
  wanted: Wanted,
  task: () => Promise<T>,
): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw handleError(error, path, wanted);
  }
}

/** The error when nothing has a path. */
export function missing(path: string): Error {
  return new NotFound(`No such file or folder (NotFoundError): ${path}`);
}

/** The error when something has a path already. */
export function occupied(path: string): Error {
  return new AlreadyExists(`File exists (AlreadyExistsError): ${path}`);
}
