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
import { runGpuTests } from "./test/gpu_tests.ts";
import { asksForHelp } from "./test.ts";

const LOOPS = "loops that drivers on the CPU end too early";
const ALL_VARIANTS = "runs all variants, whatever is chosen";
const MINUTES = "minutes of training";

// Files that run only when the command line names them, each with the reason.
const LEFT_OUT = new Map([
  ["tests/engine/launch/long_rows_test.ts", LOOPS],
  ["tests/models/generation/logits_processors_test.ts", LOOPS],
  ["tests/sweeps/attention_test.ts", ALL_VARIANTS],
  ["tests/sweeps/launch_matmul_test.ts", ALL_VARIANTS],
  ["tests/sweeps/matmul_test.ts", ALL_VARIANTS],
  ["tests/sweeps/variants_test.ts", ALL_VARIANTS],
  ["tests/sweeps/bench/posteriors_test.ts", MINUTES],
  ["tests/sweeps/sizes_test.ts", "minutes: models of full size"],
  ["tests/sweeps/trainer_cuts_test.ts", MINUTES],
  ["tests/sweeps/trainer_kills_test.ts", "kills processes that it starts"],
  ["tests/sweeps/npm_package_test.ts", "runs in Node"],
]);

const USAGE = `Usage: deno task test:choices [PATH…] [--filter TEXT] [options]

Runs the tests of the GPU code, or those below the files and folders that are
named, with the kernels that a real GPU would run. Options are those of deno
test. Takes some minutes; the last line counts the tests.`;

async function main(args: readonly string[]): Promise<number> {
  if (asksForHelp(args)) {
    console.log(USAGE);
    return 0;
  }
  return await runGpuTests(args, {
    preload: fileURLToPath(new URL("test/as_gpu.ts", import.meta.url)),
    leftOut: LEFT_OUT,
    where: "as on a GPU",
  });
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
