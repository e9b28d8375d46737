// Copyright 2026 the swagpu authors. MIT license.

/**
 * Makes the command line a whole program: Deno starts it by `cli.ts`, and Node by the
 * npm package's `swagpu`.
 *
 * @module
 */

import process from "node:process";
import { currentDevice } from "../engine/mod.ts";
import { outliveTerminal } from "./interrupt.ts";

/**
 * Runs a command with the arguments of the process, and ends the process.
 *
 * @param main Runs the command, and returns the exit code.
 */
export async function runProgram(
  main: (args: readonly string[]) => Promise<number>,
): Promise<never> {
  outliveTerminal();
  // Whoever reads the output may end first, as `head` does. In Node, an error that
  // nobody listens to would end this process with a trace of its calls.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  const code = await main(process.argv.slice(2));
  await leaveGpu();
  return process.exit(code);
}

/**
 * Waits for the GPU, if one was opened, and closes it. A process that ends while its
 * driver still compiles frees memory that the compiler uses, and may crash.
 */
async function leaveGpu(): Promise<void> {
  let device;
  try {
    device = currentDevice();
  } catch {
    return; // No GPU was opened.
  }
  // An error of the GPU that matters has been reported before.
  await device.destroy().catch(() => {});
}
