// Copyright 2026 the swagpu authors. MIT license.

/**
 * Counts tests, by the JUnit report that `deno test` writes after its last test
 * and by the exit code or signal with which its process ended.
 *
 * @module
 */

/** How many tests passed, failed and were skipped. */
export interface Counts {
  /** Tests that passed. */
  passed: number;
  /** Tests that failed. */
  failed: number;
  /** Tests that were ignored. */
  skipped: number;
}

/** The counts of a run without tests. */
export const NONE: Readonly<Counts> = { passed: 0, failed: 0, skipped: 0 };

/** Adds up counts. */
export function sumCounts(all: Iterable<Readonly<Counts>>): Counts {
  const sum = { ...NONE };
  for (const { passed, failed, skipped } of all) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  return sum;
}

/** Counts the tests of a JUnit report. Steps of a test are not counted. */
export function countJUnit(xml: string): Counts {
  const counts = { ...NONE };
  // A step may stand in another suite than its test, so suites do not matter.
  const cases = xml.split("<testcase ").slice(1)
    .map((text) => ({ text, name: /name="([^"]*)"/.exec(text)?.[1] ?? "" }));
  const names = new Set(cases.map(({ name }) => name));
  for (const { text, name } of cases) {
    if (parentsOf(name).some((parent) => names.has(parent))) continue;
    if (/<(failure|error)\b/.test(text)) counts.failed++;
    else if (text.includes("<skipped")) counts.skipped++;
    else counts.passed++;
  }
  return counts;
}

/** The names that a test may have whose step has this name. */
function parentsOf(name: string): string[] {
  const parts = name.split(" &gt; ");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join(" &gt; "));
}

/** How a process ended. */
export interface Ending {
  /** Its exit code. */
  code: number;
  /** The signal that ended it; `null` if it ended by itself. */
  signal: string | null;
  /** Whether it was ended because it took too long. */
  timedOut: boolean;
}

/**
 * Describes what is wrong with a process beyond the tests that it reports as
 * failed; `null` if nothing is wrong. A process must end with code 0: it has
 * failed even if it dies after its last test passed.
 */
export function problemOf(ending: Ending, counts: Counts): string | null {
  const { code, signal, timedOut } = ending;
  const after = counts.passed > 0 && counts.failed === 0
    ? " after all its tests had passed"
    : "";
  if (timedOut) return "took too long, and was ended";
  if (signal !== null) return `died of ${signal}${after}`;
  if (code === 0 || counts.failed > 0) return null;
  return `ended with code ${code}${after}`;
}

/**
 * Writes the last line of a run, such as `12 passed, 0 failed`. A run without any
 * test counts as one failure.
 */
export function summarize(counts: Counts): string {
  const { passed, failed, skipped } = counts;
  const empty = passed === 0 && failed === 0;
  const line = `${passed} passed, ${empty ? 1 : failed} failed`;
  return skipped > 0 ? `${line}, ${skipped} skipped` : line;
}

/** Reads a line that {@linkcode summarize} wrote; `null` for any other line. */
export function parseSummary(line: string): Counts | null {
  const found = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line);
  if (!found) return null;
  const [passed, failed, skipped] = found.slice(1).map((n) => Number(n ?? 0));
  return { passed: passed ?? 0, failed: failed ?? 0, skipped: skipped ?? 0 };
}
