// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes results to standard output. Work goes on where that fails, because what it
 * saves is worth more; the command fails at its end.
 *
 * @module
 */

import { STANDARD_OUTPUT } from "./runtime.ts";

const ENCODER = new TextEncoder();

let failure: unknown;

/**
 * Writes lines.
 *
 * @returns Whether to go on with results. Nobody reads them after `head` has ended, or
 * if they cannot be written.
 */
export async function printLines(lines: readonly string[]): Promise<boolean> {
  const text = lines.map((line) => line + "\n").join("");
  try {
    return await STANDARD_OUTPUT.write(ENCODER.encode(text));
  } catch (error) {
    failure ??= error;
    return false;
  }
}

/** Writes a text and the end of its line, as {@linkcode printLines} does. */
export async function print(text: string): Promise<boolean> {
  return await printLines([text]);
}

/**
 * Throws the first error of standard output since the last call.
 *
 * @throws {Error} If something could not be written; the message says why.
 */
export function checkOutput(): void {
  const error = failure;
  failure = undefined;
  if (error !== undefined) throw error;
}
