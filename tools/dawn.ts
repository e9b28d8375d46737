// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs the tests of the GPU code on a second implementation of WebGPU: Dawn, which
 * Chrome and Node use, on SwiftShader, a GPU in software. Dawn has another WGSL
 * compiler than Deno, and checks rules that Deno's WebGPU does not.
 *
 * `deno task test:dawn tests/nn` runs a part; arguments are those of
 * `deno task test`. The last line counts the tests.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { runTool } from "./run_tool.ts";
import { findSwiftShader, swiftShaderEnvironment } from "./dawn/swiftshader.ts";
import {
  asksForHelp,
  FLAGS,
  LEAVE_CLEANLY,
  parseArguments,
  runAndReport,
} from "./test.ts";
import { findTests } from "./test/files.ts";
import { findGpuTests } from "./test/gpu_tests.ts";

const ROOTS = [
  "tests/engine",
  "tests/nn",
  "tests/swag",
  "tests/models",
  "tests/training_test.ts",
  "tests/sweeps",
];

// Files that take minutes on Dawn, each with the reason. They run only when the
// command line names them.
const TOO_SLOW = new Map([
  ["tests/sweeps/variants_test.ts", "minutes of compiling"],
  ["tests/sweeps/sizes_test.ts", "5 minutes: models of full size"],
  ["tests/sweeps/matmul_test.ts", "1 minute, compiling"],
  ["tests/sweeps/attention_test.ts", "2 minutes, compiling"],
  ["tests/sweeps/trainer_kills_test.ts", "kills processes that it starts"],
  ["tests/engine/ops/attention_test.ts", "4 minutes, compiling"],
  ["tests/engine/ops/matmul_test.ts", "2 minutes, compiling"],
  ["tests/sweeps/launch_matmul_test.ts", "1 minute, compiling"],
  ["tests/engine/tuning/tuning_test.ts", "1 minute: times every variant"],
]);

const USAGE = `Usage: deno task test:dawn [PATH…] [--filter TEXT] [options]

Runs the tests of the GPU code, or those below the files and folders that are
named, on Dawn, the WebGPU of Chrome. Options are those of deno test. Takes some
minutes; the last line counts the tests.`;

async function main(args: string[]): Promise<number> {
  if (asksForHelp(args)) {
    console.log(USAGE);
    return 0;
  }
  const { paths, flags } = parseArguments(args);
  const files = paths.length > 0
    ? (await findTests(paths)).filter(({ tests }) => tests)
      .map(({ path }) => path)
    : await findGpuTests(ROOTS, TOO_SLOW);
  const folder = await findSwiftShader();
  const preload = fileURLToPath(new URL("dawn/preload.ts", import.meta.url));
  const env = swiftShaderEnvironment(folder);
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
    `${files.length} files on Dawn`,
  );
}

if (import.meta.main) await runTool(main);
