// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes results to standard output.
 *
 * @module
 */

import { writeOutput } from "./runtime.ts";

const ENCODER = new TextEncoder();

/**
 * Writes lines.
 *
 * @returns Whether somebody still reads them. Nobody does after `head` has ended.
 */
export async function printLines(lines: readonly string[]): Promise<boolean> {
  const text = lines.map((line) => line + "\n").join("");
  return await writeOutput(ENCODER.encode(text));
}
