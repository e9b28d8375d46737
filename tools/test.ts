// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs every test and every example of the documentation. At the end it lists
 * the slowest files, and the last line counts the tests, such as `1340 passed, 0
 * failed`.
 *
 * Small test files of a folder share a process, and so do the examples of many
 * files. Types are checked once, for all files, while the first tests run. `deno
 * task test tests/nn --filter AdamW` runs a part: paths select files, and all other
 * arguments are passed on to `deno test`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { type Counts, summarize } from "./test/counts.ts";
import { writeExamples } from "./test/examples.ts";
import { findTests, type TestFile } from "./test/files.ts";
import { needsItsOwn, type TestGroup, writeGroups } from "./test/groups.ts";
import { defaultAtOnce, type Job, runJobs } from "./test/processes.ts";
import { listSlowest } from "./test/times.ts";

/**
 * Flags of `deno test`. The network is limited to this machine, so that a test
 * that needs more fails. Native libraries are for the reference tokenizers and
 * for Dawn.
 */
export const FLAGS: readonly string[] = [
  "--no-check",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  "--allow-sys",
  "--allow-ffi",
  "--allow-net=127.0.0.1,localhost",
];

// The files that take longest, the longest first. They start first: a slow file
// that starts last runs alone at the end. A slow file that is missing here costs
// time, but nothing else.
const SLOW = [
  "tests/engine/ops/attention_test.ts",
  "tests/engine/ops/matmul_test.ts",
  "tests/nn/trainer/resume_test.ts",
  "tests/sweeps/first_model_test.ts",
];

/** How many files with examples share a program. */
const EXAMPLES_AT_ONCE = 60;

/** Says what the names of modules mean in files that lie elsewhere. */
const CONFIG = fileURLToPath(new URL("../deno.json", import.meta.url));

// Options of `deno test` that take the argument after them.
const WITH_VALUE = ["--filter"];

/** A flag of `deno test`: the process destroys its devices before it ends. */
export const LEAVE_CLEANLY: string = `--preload=${
  fileURLToPath(new URL("test/devices.ts", import.meta.url))
}`;

/** The arguments of the command line, sorted. */
export interface Arguments {
  /** Files and folders. */
  paths: string[];
  /** Options, which `deno test` gets as they are. */
  flags: string[];
}

/** Separates paths from flags. */
export function parseArguments(args: readonly string[]): Arguments {
  const paths: string[] = [];
  const flags: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (!arg.startsWith("-")) {
      paths.push(arg);
      continue;
    }
    flags.push(arg);
    const value = args[i + 1];
    if (WITH_VALUE.includes(arg) && value !== undefined) {
      flags.push(value);
      i++;
    }
  }
  return { paths, flags };
}

/** A process that runs the examples of some files. */
export interface ExampleGroup {
  /** The files. */
  readonly paths: readonly string[];
  /** The file of tests that was made of their examples. */
  readonly file: string;
}

/** Makes tests of the examples in files that hold no tests, below a folder. */
export async function groupExamples(
  files: readonly TestFile[],
  folder: string,
): Promise<ExampleGroup[]> {
  const all = files.filter(({ tests }) => !tests).map(({ path }) => path);
  const groups: ExampleGroup[] = [];
  for (let i = 0; i < all.length; i += EXAMPLES_AT_ONCE) {
    const paths = all.slice(i, i + EXAMPLES_AT_ONCE);
    const own = `${folder}/${groups.length}`;
    await Deno.mkdir(own);
    groups.push({ paths, file: await writeExamples(paths, own) });
  }
  return groups;
}

/** Groups the files that hold tests. Those that need a process have one. */
export async function groupTests(
  files: readonly TestFile[],
  folder: string,
): Promise<TestGroup[]> {
  const own = files.filter(({ tests }) => tests);
  const alone = new Set(SLOW);
  for (const { path, examples } of own) {
    if (examples || needsItsOwn(await Deno.readTextFile(path))) alone.add(path);
  }
  return await writeGroups(own.map(({ path }) => path), alone, folder);
}

/** What is run by {@linkcode planJobs}. */
export interface Plan {
  /** All files. */
  readonly files: readonly TestFile[];
  /** The groups of test files. */
  readonly tests: readonly TestGroup[];
  /** The groups of files with examples. */
  readonly examples: readonly ExampleGroup[];
}

/** Plans the processes: one for each group of test files, and of examples. */
export function planJobs(
  { files, tests: groups, examples }: Plan,
  flags: readonly string[],
): Job[] {
  const rank = ({ paths: [path = ""] }: TestGroup) => {
    const place = SLOW.indexOf(path);
    return place < 0 ? SLOW.length : place;
  };
  const command = ["test", ...FLAGS, LEAVE_CLEANLY, ...flags];
  const withExamples = new Set(
    files.filter(({ examples }) => examples).map(({ path }) => path),
  );
  // Large groups come early, so that none of them runs alone at the end.
  const tests = groups
    .toSorted((a, b) => rank(a) - rank(b) || b.paths.length - a.paths.length)
    .map(({ paths, file }): Job => {
      const [path = ""] = paths;
      if (file === path) {
        const doc = withExamples.has(path) ? ["--doc"] : [];
        return { name: path, args: [...command, ...doc, path] };
      }
      return {
        name: `${path} and ${paths.length - 1} more`,
        args: [...command, `--config=${CONFIG}`, file],
        files: paths,
      };
    });
  const jobs = examples.map(({ paths, file }): Job => {
    const more = paths.length > 1 ? ` and ${paths.length - 1} more` : "";
    return {
      name: `examples of ${paths[0]}${more}`,
      args: [...command, `--config=${CONFIG}`, file],
    };
  });
  // Examples take longer than most files, so they come right after the slow ones.
  const slow = tests.filter(({ name }) => SLOW.includes(name)).length;
  return [...tests.slice(0, slow), ...jobs, ...tests.slice(slow)];
}

function checkTypes(files: readonly TestFile[]): Job {
  const paths = files.map(({ path }) => path);
  return {
    name: "types",
    args: ["check", "--doc", ...paths],
    counted: false,
  };
}

/** Whether the arguments ask for the usage. */
export function asksForHelp(args: readonly string[]): boolean {
  return args.includes("--help") || args.includes("-h");
}

/** The exit code of a run: 0 if tests passed and none failed, else 1. */
export function exitCode(counts: Counts): number {
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

const USAGE = `Usage: deno task test [PATH…] [--filter TEXT] [options]

Runs every test and every example of the documentation, or those below the
files and folders that are named. Options are those of deno test. Takes some
minutes; at the end it lists the slowest files, and the last line counts the
tests.`;

/**
 * Runs jobs, lists the slowest, prints a last line that counts their tests, and
 * returns the exit code.
 *
 * @param what What is run, in words, such as "120 files".
 * @param atOnce How many processes run at a time.
 */
export async function runAndReport(
  jobs: readonly Job[],
  what: string,
  atOnce: number = defaultAtOnce(),
): Promise<number> {
  const started = performance.now();
  const { counts, times, interrupted } = await runJobs(jobs, { atOnce });
  const minutes = (performance.now() - started) / 60_000;
  for (const line of ["", ...listSlowest(times)]) console.log(line);
  console.log(`\n${what}, ${minutes.toFixed(1)} minutes`);
  if (interrupted) console.log("Interrupted before the end");
  console.log(summarize(counts));
  return interrupted ? 130 : exitCode(counts);
}

async function main(args: string[]): Promise<number> {
  if (asksForHelp(args)) {
    console.log(USAGE);
    return 0;
  }
  const { paths, flags } = parseArguments(args);
  const files = await findTests(paths);
  const folder = await Deno.makeTempDir();
  try {
    const plan: Plan = {
      files,
      tests: await groupTests(files, folder),
      examples: await groupExamples(files, folder),
    };
    const jobs = [checkTypes(files), ...planJobs(plan, flags)];
    // Most tests wait for the GPU, which answers every 10 ms in Deno, while their
    // core has nothing to do. Sweeps compute, and are always named.
    const atOnce = paths.length === 0 ? 2 * defaultAtOnce() : defaultAtOnce();
    console.log(
      `${files.length} files, ${atOnce} processes at a time, the slowest first`,
    );
    return await runAndReport(jobs, `${files.length} files`, atOnce);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exit(1);
  }
}
