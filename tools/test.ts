// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs `deno test --doc` with the arguments given and closes with a line of
 * its own, `12 passed, 0 failed`, that is counted from the JUnit report.
 *
 * @module
 */

/** The outcome of a test run. */
export interface Counts {
  /** Tests that passed. */
  passed: number;
  /** Tests that failed. */
  failed: number;
  /** Tests that were ignored. */
  skipped: number;
}

// Loopback alone: a test that needs the network fails here.
const FLAGS = [
  "--doc",
  "--parallel", // kernels are compiled by one thread each
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  "--allow-sys",
  "--allow-net=127.0.0.1,localhost",
];

/** Counts the tests of a JUnit report; steps belong to their test. */
export function countJUnit(xml: string): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
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

/**
 * Whether a run ended well: with code 0, or by a driver that died while the
 * process was leaving. Mesa's software adapter does so once in a hundred runs
 * (`corrupted size vs. prev_size`). Deno writes the report after the last test,
 * so a crash any earlier leaves none, and counts as a failure.
 */
export function endedWell(
  { code, signal }: { code: number; signal: string | null },
  counts: Counts,
): boolean {
  const atExit = signal === "SIGABRT" || signal === "SIGSEGV";
  return code === 0 || (atExit && counts.passed > 0 && counts.failed === 0);
}

/**
 * Writes the closing line. A run that failed without a failing test (a type
 * error, a crash, an empty report) counts as one failure.
 */
export function summarize(counts: Counts, success: boolean): string {
  const { passed, failed, skipped } = counts;
  const crashed = failed === 0 && (!success || passed === 0);
  const line = `${passed} passed, ${crashed ? 1 : failed} failed`;
  return skipped > 0 ? `${line}, ${skipped} skipped` : line;
}

async function main(args: string[]): Promise<number> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const status = await new Deno.Command(Deno.execPath(), {
      args: ["test", ...FLAGS, `--junit-path=${report}`, ...args],
    }).spawn().status;
    const counts = countJUnit(await Deno.readTextFile(report));
    const well = endedWell(status, counts);
    if (well && status.code !== 0) {
      console.error(`All tests passed, then the driver died: ${status.signal}`);
    }
    const line = summarize(counts, well);
    console.log(line);
    return !well ? status.code : line.includes(" 0 failed") ? 0 : 1;
  } finally {
    await Deno.remove(report);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
