// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command line: fine-tune, evaluate and use text classifiers.
 *
 * ```sh
 * deno run -A jsr:@swagpu/swagpu/cli finetune --data train.csv \
 *   --model google-bert/bert-base-uncased --output model --swag
 * deno run -A jsr:@swagpu/swagpu/cli evaluate --model model --data test.csv
 * deno run -A jsr:@swagpu/swagpu/cli predict --model model --text "Not bad"
 * ```
 *
 * @module
 */

import { Arguments, type Command, helpOf } from "./cli/arguments.ts";
import { evaluate } from "./cli/evaluate.ts";
import { finetune } from "./cli/finetune.ts";
import { predict } from "./cli/predict.ts";
import { currentDevice } from "./engine/mod.ts";

const PROGRAM = "swagpu";
const COMMANDS: readonly Command[] = [finetune, evaluate, predict];

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return [
    "Fine-tunes text classifiers on WebGPU, with SWAG posteriors.",
    "",
    `Usage: ${PROGRAM} COMMAND [options]`,
    "",
    ...COMMANDS.map(({ name, summary }) =>
      `  ${name.padEnd(width)}  ${summary.split(/[.:,]/)[0]}.`
    ),
    "",
    `${PROGRAM} COMMAND --help lists a command's options.`,
  ].map((line) => line + "\n").join("");
}

/**
 * Runs a command. Results go to standard output, progress and the one line
 * that says what is wrong to standard error.
 *
 * @param args The command and its options.
 * @returns The exit code: 0, 1 after an error, 130 after Ctrl-C.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const command = COMMANDS.find((command) => command.name === name);
  try {
    if (!command) {
      if (name !== undefined && name !== "help" && !name.startsWith("-")) {
        throw new RangeError(
          `Cannot run "${name}": the commands are ${
            COMMANDS.map(({ name }) => name).join(", ")
          }`,
        );
      }
      console.log(overview().trimEnd());
      return name === undefined ? 1 : 0;
    }
    if (rest.includes("--help")) {
      console.log(helpOf(command, PROGRAM).trimEnd());
      return 0;
    }
    return await command.run(new Arguments(command, rest));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`error: ${message.replace(/\s*\n\s*/g, " ")}`);
    return 1;
  }
}

/**
 * Waits for the GPU, if one was opened, and lets go of it. A process that leaves
 * while its driver compiles takes the compiler away from under it, and dies.
 */
async function leaveGpu(): Promise<void> {
  let device;
  try {
    device = currentDevice();
  } catch {
    return; // none was opened
  }
  // What the GPU still reports is part of an error that was told, or of nothing.
  await device.destroy().catch(() => {});
}

if (import.meta.main) {
  const code = await main(Deno.args);
  await leaveGpu();
  Deno.exit(code);
}
