// Copyright 2026 the swagpu authors. MIT license.

/**
 * The exit codes by which a scheduler knows what to do with a job that has ended.
 *
 * @module
 */

/** The job is done. */
export const DONE = 0;

/** The job will never succeed: its options or its data are wrong. */
export const HOPELESS = 42;

/** The job may succeed if it is run again; sysexits.h calls this EX_TEMPFAIL. */
export const TRY_AGAIN = 75;

/** A fault that may be gone when the command is run again. */
export class TryAgainError extends Error {
  override name = "TryAgainError";
}

/** The errors of a wrong option, or of data that is malformed. */
const HOPELESS_ERRORS: readonly (new () => Error)[] = [
  TypeError,
  RangeError,
  SyntaxError,
];

/**
 * The exit code of a job that an error has ended. What is wrong with options, files
 * or weights is wrong for ever: the same seed and data give the same numbers again. All
 * else may pass: a GPU that was lost, a disk that is full, a file system or a network
 * that is not there.
 */
export function exitCodeOf(error: unknown): number {
  return HOPELESS_ERRORS.some((kind) => error instanceof kind)
    ? HOPELESS
    : TRY_AGAIN;
}

/** The exit codes in the words of a help text. */
export const EXIT_CODES = `\
Exit codes:
  0   done, now or before
  42  will never succeed: an option or the data is wrong, or the training has
      diverged
  75  try again: the GPU was lost, the disk is full, a signal came, or another
      process is at work on the same particle`;
