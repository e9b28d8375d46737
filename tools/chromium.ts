// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs test files in a headless Chromium, on SwiftShader: a few by default, or
 * those that are named. Only a browser checks commands in another process, so
 * only there an error can arrive after the result that it makes invalid.
 *
 * `deno task test:chromium tests/nn/trainer_test.ts` runs one file. Of `Deno` a
 * test may use only `test` and what reads fixtures. At the end the slowest files
 * are listed, and the last line counts the tests.
 *
 * @module
 */

import { findChromium, startChromium } from "./chromium/browser.ts";
import { endBundler } from "./chromium/bundle.ts";
import type { Report } from "./chromium/page.ts";
import { servePages } from "./chromium/server.ts";
import { asksForHelp, exitCode } from "./test.ts";
import { type Counts, NONE, summarize } from "./test/counts.ts";
import { findTests } from "./test/files.ts";
import { type FileTime, listSlowest } from "./test/times.ts";

const FILES = [
  "tests/mod_test.ts",
  "tests/engine/capture/capture_test.ts",
  "tests/nn/trainer_test.ts",
  "tests/swag/golden_test.ts",
];

// Files of this folder run too, if they expect errors of the GPU.
const GPU_TESTS = "tests/engine/gpu";
const EXPECTS_ERRORS = /\b(?:GpuError|DeviceLostError)\b/;

// The parts of `Deno` that `page.ts` provides.
const OFFERED = ["test", "errors", "readFile", "readTextFile"];

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

/** The longest that one test may take, in milliseconds. */
const LIMIT = 180_000;

/** Downloads the packages that the files import; the bundler does not do it. */
async function cachePackages(files: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", ...files],
    stdin: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}

function print({ name, error, seconds }: Report & { kind: "test" }): void {
  const time = `${seconds.toFixed(1)} s`;
  if (error === null) console.log(`  ok   ${name} (${time})`);
  else console.log(`  FAIL ${name} (${time})\n${error.replace(/^/gm, "    ")}`);
}

/** Runs the files one after the other, counts their tests, and times them. */
async function runInBrowser(
  browserPath: string,
  files: readonly string[],
): Promise<{ counts: Counts; times: FileTime[] }> {
  const counts = { ...NONE };
  const times: FileTime[] = [];
  let started = performance.now();
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => {}); // It may fail before it is awaited below.
  const late = () =>
    done.reject(new Error(`no test ended in ${LIMIT / 1_000} seconds`));
  let timer = setTimeout(late, LIMIT);
  // The browser is not in the terminal's process group, so Ctrl-C must be passed on.
  const interrupt = () => done.reject(new Error("interrupted"));
  const signals = ["SIGINT", "SIGTERM"] as const;
  const listened = Deno.build.os === "windows" ? signals.slice(0, 1) : signals;
  for (const signal of listened) Deno.addSignalListener(signal, interrupt);
  let index = 0;
  let inFile = 0;
  console.log(files[0]);
  await using server = servePages(files, (report) => {
    clearTimeout(timer);
    timer = setTimeout(late, LIMIT);
    if (report.kind === "test") {
      inFile++;
      if (report.error === null) counts.passed++;
      else counts.failed++;
      print(report);
      return;
    }
    if (inFile === 0) {
      counts.failed++;
      console.log("  FAIL it has no tests");
    }
    const seconds = (performance.now() - started) / 1_000;
    times.push({ name: files[index] ?? "", seconds });
    started = performance.now();
    inFile = 0;
    index++;
    if (index < files.length) {
      console.log(files[index]);
    } else {
      console.log(`\n${files.length} files on ${report.adapter}`);
      done.resolve();
    }
  });
  await using browser = await startChromium(browserPath, server.url);
  browser.ended.then((text) =>
    done.reject(new Error(`the browser ended:\n${text.trim()}`))
  );
  try {
    await done.promise;
  } catch (error) {
    counts.failed++;
    console.log(`  FAIL ${error instanceof Error ? error.message : error}`);
  } finally {
    clearTimeout(timer);
    for (const signal of listened) Deno.removeSignalListener(signal, interrupt);
  }
  return { counts, times };
}

const USAGE = `Usage: deno task test:chromium [PATH…]

Runs a few test files, or those that are named, in a headless Chromium. The last
line counts the tests.`;

async function main(args: string[]): Promise<number> {
  if (asksForHelp(args)) {
    console.log(USAGE);
    return 0;
  }
  const unknown = args.find((arg) => arg.startsWith("-"));
  if (unknown !== undefined) {
    console.error(`error: Cannot use ${unknown}\n\n${USAGE}`);
    return 2;
  }
  const files = args.length === 0
    ? await findPageTests()
    : (await findTests(args))
      .filter(({ tests }) => tests).map(({ path }) => path);
  const started = performance.now();
  const browser = await findChromium();
  await cachePackages(files);
  try {
    const { counts, times } = await runInBrowser(browser, files);
    const seconds = (performance.now() - started) / 1_000;
    for (const line of listSlowest(times)) console.log(line);
    console.log(`${seconds.toFixed(0)} seconds`);
    console.log(summarize(counts));
    return exitCode(counts);
  } finally {
    await endBundler();
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
