// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs the tests of the GPU code with the kernels, tiles and parts of sums that the
 * library chooses on a real GPU, on whatever adapter there is. An adapter on the CPU has
 * others, so that without this they would run on a machine without a GPU only where a
 * test names them.
 *
 * `deno task test:choices tests/nn` runs a part; arguments are those of
 * `deno task test`. The last line counts the tests.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { runTool } from "./run_tool.ts";
import { findTests } from "./test/files.ts";
import { findGpuTests } from "./test/gpu_tests.ts";
import {
  asksForHelp,
  groupTests,
  parseArguments,
  planJobs,
  runAndReport,
} from "./test.ts";

// Where choices of kernels matter. Trainers, files and texts run the same ops.
const ROOTS = [
  "tests/engine/capture",
  "tests/engine/launch",
  "tests/engine/ops",
  "tests/models/architectures",
  "tests/models/pooling",
  "tests/swag",
  "tests/training_test.ts",
  "tests/sweeps/replicas_test.ts",
];

// Files below them that run only when the command line names them, each with the
// reason.
const LEFT_OUT = new Map([
  [
    "tests/engine/launch/long_rows_test.ts",
    "its loops are longer than drivers on the CPU allow",
  ],
]);

/** Makes the adapter look like a GPU. */
const AS_GPU = `--preload=${
  fileURLToPath(new URL("test/as_gpu.ts", import.meta.url))
}`;

const USAGE = `Usage: deno task test:choices [PATH…] [--filter TEXT] [options]

Runs tests of the GPU code, or those below the files and folders that are named,
with the kernels that a real GPU would run. Options are those of deno test. Takes
some minutes; the last line counts the tests.`;

async function main(args: readonly string[]): Promise<number> {
  if (asksForHelp(args)) {
    console.log(USAGE);
    return 0;
  }
  const { paths, flags } = parseArguments(args);
  const named = paths.length > 0 ? paths : await findGpuTests(ROOTS, LEFT_OUT);
  const files = (await findTests(named)).filter(({ tests }) => tests)
    .map((file) => ({ ...file, examples: false }));
  const folder = await Deno.makeTempDir();
  try {
    const tests = await groupTests(files, folder);
    const plan = { files, tests, examples: [] };
    return await runAndReport(
      planJobs(plan, [AS_GPU, ...flags]),
      `${files.length} files as on a GPU`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await runTool(main);
