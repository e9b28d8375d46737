// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes results to standard output.
 *
 * @module
 */

const ENCODER = new TextEncoder();

/**
 * Writes lines.
 *
 * @returns Whether somebody still reads them. Nobody does after `head` has ended.
 */
export async function printLines(lines: readonly string[]): Promise<boolean> {
  const bytes = ENCODER.encode(lines.map((line) => line + "\n").join(""));
  try {
    for (let at = 0; at < bytes.length;) {
      at += await Deno.stdout.write(bytes.subarray(at));
    }
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw error;
  }
}
