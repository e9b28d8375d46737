// Copyright 2026 the swagpu authors. MIT license.

/**
 * How tests are counted: from the JUnit report that `deno test` writes after
 * its last test, and from the way in which the process left.
 *
 * @module
 */

/** How many tests ended in which way. */
export interface Counts {
  /** Tests that passed. */
  passed: number;
  /** Tests that failed. */
  failed: number;
  /** Tests that were ignored. */
  skipped: number;
}

/** Counts of nothing. */
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

/** Counts the tests of a JUnit report; steps belong to their test. */
export function countJUnit(xml: string): Counts {
  const counts = { ...NONE };
  for (const suite of xml.split("<testsuite ").slice(1)) {
    const cases = suite.split("<testcase ").slice(1)
      .map((text) => ({ text, name: /name="([^"]*)"/.exec(text)?.[1] ?? "" }));
    const names = cases.map(({ name }) => `${name} &gt; `);
    for (const { text, name } of cases) {
      if (names.some((parent) => name.startsWith(parent))) continue;
      if (/<(failure|error)\b/.test(text)) counts.failed++;
      else if (text.includes("<skipped")) counts.skipped++;
      else counts.passed++;
    }
  }
  return counts;
}

/** How a process ended. */
export interface Ending {
  /** Its exit code. */
  code: number;
  /** The signal that ended it, `null` if it left by itself. */
  signal: string | null;
  /** Whether it was ended because it took too long. */
  timedOut: boolean;
}

/**
 * Says what is wrong with a process beyond the tests that it reports as
 * failed, or `null` if nothing is. A process must end with code 0: one that
 * dies after its last test has passed has failed all the same.
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
 * Writes the closing line, such as `12 passed, 0 failed`. A run of no test at
 * all counts as one failure.
 */
export function summarize(counts: Counts): string {
  const { passed, failed, skipped } = counts;
  const empty = passed === 0 && failed === 0;
  const line = `${passed} passed, ${empty ? 1 : failed} failed`;
  return skipped > 0 ? `${line}, ${skipped} skipped` : line;
}

/** Reads a closing line, or gives `null` where a line is none. */
export function parseSummary(line: string): Counts | null {
  const found = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line);
  if (!found) return null;
  const [passed, failed, skipped] = found.slice(1).map((n) => Number(n ?? 0));
  return { passed: passed ?? 0, failed: failed ?? 0, skipped: skipped ?? 0 };
}
