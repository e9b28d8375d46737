// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs tests with a headless Chromium, on SwiftShader: test files of the library in a
 * page, and the tests of `tests/browser`, which visit pages. Only a browser checks
 * commands in another process, so only there an error can arrive after the result
 * that it makes invalid.
 *
 * `deno task test:browser tests/nn/trainer_test.ts` runs one file. At the end the
 * slowest files are listed, and the last line counts the tests.
 *
 * @module
 */

import { runTool } from "./run_tool.ts";
import { findChromium } from "./browser/chromium.ts";
import { type Browser, startBrowser } from "./browser/driver.ts";
import { cachePackages } from "./browser/packages.ts";
import { OFFERED } from "./browser/page/deno.ts";
import { runInPage } from "./browser/page_tests.ts";
import { asksForHelp, exitCode, parseArguments } from "./test.ts";
import { type Counts, NONE, sumCounts, summarize } from "./test/counts.ts";
import { BROWSER_TESTS, findTests } from "./test/files.ts";
import { runJobs } from "./test/processes.ts";
import { type FileTime, listSlowest } from "./test/times.ts";

const FILES = [
  "tests/mod_test.ts",
  "tests/host/origin_folder_test.ts",
  "tests/engine/capture/capture_test.ts",
  "tests/nn/trainer_test.ts",
  "tests/swag/golden_test.ts",
  "tests/swag/python_folder_test.ts",
  "tests/models/architectures/bert_test.ts",
  "tests/models/architectures/modernbert_test.ts",
  "tests/models/architectures/bart_test.ts",
];

// Files of this folder run too, if they expect errors of the GPU.
const GPU_TESTS = "tests/engine/gpu";
const EXPECTS_ERRORS = /\b(?:GpuError|DeviceLostError)\b/;

/** Whether a test file uses only what a page provides. */
export function runsOnPage(text: string): boolean {
  return !/["']node:/.test(text) &&
    [...text.matchAll(/\bDeno\.(\w+)/g)]
      .every(([, name = ""]) => OFFERED.includes(name));
}

/** The test files that run in the browser when no path is given. */
export async function findPageTests(): Promise<string[]> {
  const paths = (await findTests([GPU_TESTS])).map(({ path }) => path);
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
  const more = paths.filter((_, i) => {
    const text = texts[i] ?? "";
    return EXPECTS_ERRORS.test(text) && runsOnPage(text);
  });
  return [...new Set([...FILES, ...more])];
}

/** What was run. */
interface Result {
  counts: Counts;
  times: FileTime[];
}

/** Runs a file in a page, and prints a line for each of its tests. */
async function runFile(
  browser: Browser,
  name: string,
  filter: string | undefined,
): Promise<Result> {
  const counts = { ...NONE };
  const started = performance.now();
  console.log(name);
  const note = (what: string, error: string | null) => {
    if (error === null) counts.passed++;
    else counts.failed++;
    console.log(`  ${error === null ? "ok  " : "FAIL"} ${what}`);
    if (error !== null) console.log(error.replace(/^/gm, "    "));
  };
  try {
    const adapter = await runInPage(browser, name, {
      filter,
      onReport: ({ name, error, seconds }) =>
        note(`${name} (${seconds.toFixed(1)} s)`, error),
    });
    const none = counts.passed + counts.failed === 0;
    if (none && filter === undefined) note("it has no tests", "");
    console.log(`  on ${adapter}`);
  } catch (error) {
    const cause = error instanceof Error && error.cause;
    note("it did not run to its end", `${error}${cause ? `\n${cause}` : ""}`);
  }
  const seconds = (performance.now() - started) / 1_000;
  return { counts, times: [{ name, seconds }] };
}

/** Runs files in pages, one after the other. */
async function runInPages(
  files: readonly string[],
  filter: string | undefined,
): Promise<Result[]> {
  if (files.length === 0) return [];
  await cachePackages(files);
  await using browser = await startBrowser();
  console.log(`Chromium ${browser.version}`);
  const results: Result[] = [];
  for (const file of files) {
    results.push(await runFile(browser, file, filter));
  }
  return results;
}

/** Runs tests that visit pages, each file in a process. */
async function runVisits(
  files: readonly string[],
  flags: readonly string[],
): Promise<Result> {
  return await runJobs(
    files.map((name) => ({
      name,
      // Playwright asks for files that only a process with all permissions may see.
      args: ["test", "--no-check", "--allow-all", ...flags, name],
    })),
    { atOnce: 1 },
  );
}

const USAGE = `Usage: deno task test:browser [PATH…] [--filter TEXT]

Runs test files of the library in a page of a headless Chromium, and the tests of
${BROWSER_TESTS}, which visit pages; or those that are named. The last line counts
the tests.`;

/** Reads `--filter TEXT` or `--filter=TEXT`; other options are refused. */
function filterOf(flags: readonly string[]): string | undefined {
  let filter: string | undefined;
  for (const [i, flag] of flags.entries()) {
    if (flag.startsWith("--filter=")) filter = flag.slice("--filter=".length);
    else if (flags[i - 1] === "--filter") filter = flag;
    else if (flag !== "--filter") throw new RangeError(`Cannot use ${flag}`);
  }
  return filter;
}

async function main(args: string[]): Promise<number> {
  if (asksForHelp(args)) {
    console.log(USAGE);
    return 0;
  }
  const { paths, flags } = parseArguments(args);
  let filter: string | undefined;
  try {
    filter = filterOf(flags);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(`error: ${error.message}\n\n${USAGE}`);
    return 2;
  }
  const found = await findTests(paths.length === 0 ? [BROWSER_TESTS] : paths);
  const named = [
    ...paths.length === 0 ? await findPageTests() : [],
    ...found.filter(({ tests }) => tests).map(({ path }) => path),
  ];
  const isVisit = (path: string) => path.startsWith(`${BROWSER_TESTS}/`);
  const started = performance.now();
  await findChromium(); // Installs it, before a test waits for it.
  const results = [
    ...await runInPages(named.filter((path) => !isVisit(path)), filter),
    await runVisits(named.filter(isVisit), flags),
  ];
  const seconds = (performance.now() - started) / 1_000;
  const counts = sumCounts(results.map(({ counts }) => counts));
  const slowest = listSlowest(results.flatMap(({ times }) => times));
  for (const line of ["", ...slowest]) console.log(line);
  console.log(`${seconds.toFixed(0)} seconds`);
  console.log(summarize(counts));
  return exitCode(counts);
}

if (import.meta.main) await runTool(main);
