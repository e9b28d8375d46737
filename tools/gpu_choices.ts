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

// Files that need minutes or an adapter on the CPU, each with the reason. They run only
// when the command line names them.
const LEFT_OUT = new Map<string, string>([]);

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
