// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs test files in a headless Chromium, on SwiftShader: a few by default, or
 * those that are named. Only a browser checks commands in another process, so
 * only there an error can come after the result that it spoils.
 *
 * `deno task test:chromium tests/nn/trainer_test.ts` runs one file; it may ask
 * of `Deno` for `test` and reading fixtures alone. The last line counts tests.
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

const FILES = [
  "tests/mod_test.ts",
  "tests/engine/capture/capture_test.ts",
  "tests/nn/trainer_test.ts",
  "tests/swag/golden_test.ts",
];

// Beside them, all files of this folder that expect errors of the GPU.
const WITH_ERRORS = /^tests\/engine\/\w+_test\.ts$/;
const EXPECTS_ERRORS = /\b(?:GpuError|DeviceLostError)\b/;

// What `page.ts` offers of `Deno`.
const OFFERED = ["test", "errors", "readFile", "readTextFile"];

/** Whether a test file asks for nothing that a page lacks. */
export function runsOnPage(text: string): boolean {
  return !/["']node:/.test(text) &&
    [...text.matchAll(/\bDeno\.(\w+)/g)]
      .every(([, name = ""]) => OFFERED.includes(name));
}

/** The test files that run in the browser when no path is given. */
export async function findPageTests(): Promise<string[]> {
  const paths = (await findTests(["tests/engine"])).map(({ path }) => path)
    .filter((path) => WITH_ERRORS.test(path));
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
  const more = paths.filter((_, i) => {
    const text = texts[i] ?? "";
    return EXPECTS_ERRORS.test(text) && runsOnPage(text);
  });
  return [...new Set([...FILES, ...more])];
}

/** The longest that one test may take, in milliseconds. */
const LIMIT = 180_000;

/** Downloads the packages that the files import, as a bundler does not. */
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

/** Runs the files one after the other and counts their tests. */
async function runInBrowser(
  browserPath: string,
  files: readonly string[],
): Promise<Counts> {
  const counts = { ...NONE };
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => {}); // It may fail before it is awaited below.
  const late = () =>
    done.reject(new Error(`no test ended in ${LIMIT / 1_000} seconds`));
  let timer = setTimeout(late, LIMIT);
  // The browser is no part of a terminal's group: Ctrl-C has to be passed on.
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
  return counts;
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
    const counts = await runInBrowser(browser, files);
    const seconds = (performance.now() - started) / 1_000;
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
