// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs the tests of a file in a page. The page loads one module, which consists of this
 * file and then the file of tests.
 *
 * @module
 */

import { defineDeno, type Test, tests } from "./deno.ts";

defineDeno();

/** The result of a test. */
export interface Report {
  /** The name of the test. */
  name: string;
  /** What it threw; `null` if it passed. */
  error: string | null;
  /** How long it took. */
  seconds: number;
}

async function attempt({ name, run }: Test): Promise<Report> {
  const started = performance.now();
  let error: string | null = null;
  try {
    await run({});
  } catch (thrown) {
    error = thrown instanceof Error
      ? thrown.stack ?? thrown.message
      : String(thrown);
  }
  return { name, error, seconds: (performance.now() - started) / 1_000 };
}

/**
 * Runs the tests that were declared, in order.
 *
 * @param isChosen Whether a test runs, by its name.
 * @param report Is called after each test.
 * @returns The name of the GPU's adapter.
 */
export async function runTests(
  isChosen: (name: string) => boolean,
  report: (report: Report) => Promise<void>,
): Promise<string> {
  for (const test of tests) {
    if (isChosen(test.name)) await report(await attempt(test));
  }
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return "no adapter";
  const { description, vendor, architecture } = adapter.info;
  return description || `${vendor} ${architecture}`;
}
