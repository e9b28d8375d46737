// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The start of the project's own commands.
 *
 * @module
 */

/**
 * Runs a command with the arguments of this process, and ends the process with the
 * exit code that it returns. An error that it throws becomes one line on standard
 * error, and exit code 1.
 */
export async function runTool(
  main: (args: string[]) => Promise<number>,
): Promise<never> {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
