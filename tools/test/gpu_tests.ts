// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs the tests of the GPU code once more, on other conditions: each file in its own
 * process, with a module that is loaded before it and changes WebGPU.
 *
 * @module
 */

import { FLAGS, LEAVE_CLEANLY, parseArguments, runAndReport } from "../test.ts";
import { findTests } from "./files.ts";

const ROOTS = [
  "tests/engine",
  "tests/nn",
  "tests/swag",
  "tests/models",
  "tests/training_test.ts",
  "tests/sweeps",
];

// A test file that uses the GPU contains one of these calls.
const USES_GPU = /\bgpuTest\(|\b(?:initialize|openDevice)\(/;

// Commands are separate processes, which do not load the module.
const OTHER_SWEEPS = /^tests\/sweeps\/(cli|examples|tools)\//;

/** The conditions of a run. */
export interface Conditions {
  /** The module that each process loads before its tests. */
  readonly preload: string;
  /** Environment variables that are set for it. */
  readonly env?: Record<string, string>;
  /** Files that run only when the command line names them, each with the reason. */
  readonly leftOut: ReadonlyMap<string, string>;
  /** Where the tests run, in words, such as "on Dawn". */
  readonly where: string;
}

/**
 * The test files that run when no path is given.
 *
 * @param leftOut Files to leave out.
 */
export async function findGpuTests(
  leftOut: Conditions["leftOut"],
): Promise<string[]> {
  const paths = (await findTests(ROOTS)).filter(({ tests }) => tests)
    .map(({ path }) => path);
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
  return paths.filter((path, i) =>
    USES_GPU.test(texts[i] ?? "") && !leftOut.has(path) &&
    !OTHER_SWEEPS.test(path)
  );
}

/** Runs the files that arguments name, or all, and returns the exit code. */
export async function runGpuTests(
  args: readonly string[],
  { preload, env = {}, leftOut, where }: Conditions,
): Promise<number> {
  const { paths, flags } = parseArguments(args);
  const files = paths.length > 0
    ? (await findTests(paths)).filter(({ tests }) => tests)
      .map(({ path }) => path)
    : await findGpuTests(leftOut);
  return await runAndReport(
    files.map((path) => ({
      name: path,
      args: [
        "test",
        ...FLAGS,
        `--preload=${preload}`, // Before the one that watches its devices.
        LEAVE_CLEANLY,
        ...flags,
        path,
      ],
      env,
    })),
    `${files.length} files ${where}`,
  );
}
