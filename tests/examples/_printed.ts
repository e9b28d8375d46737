// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// What an example prints, for tests that read it.

/**
 * Runs an example and keeps its lines from the terminal.
 *
 * @param run The example.
 * @returns What it returned, and the lines that it printed.
 */
export async function withPrintedLines<T>(
  run: () => Promise<T>,
): Promise<{ result: T; lines: string[] }> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (...values: unknown[]) => void lines.push(values.join(" "));
  try {
    return { result: await run(), lines };
  } finally {
    console.log = log;
  }
}
