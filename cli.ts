// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command line: fine-tune, evaluate, compare and use text classifiers, and make
 * tokenizers; report on a model; describe the GPU, and the memory that a model takes.
 *
 * ```sh
 * deno run -A jsr:@swagpu/swagpu/cli finetune --data train.csv \
 *   --model google-bert/bert-base-uncased --output model --swag
 * deno run -A jsr:@swagpu/swagpu/cli evaluate --model model --data test.csv
 * deno run -A jsr:@swagpu/swagpu/cli predict --model model --text "Not bad"
 * deno run -A jsr:@swagpu/swagpu/cli compare model other --data test.csv
 * deno run -A jsr:@swagpu/swagpu/cli report --model model --data test.csv
 * deno run -A jsr:@swagpu/swagpu/cli swag evaluate --model model --data test.csv
 * deno run -A jsr:@swagpu/swagpu/cli particle --run run --index auto
 * deno run -A jsr:@swagpu/swagpu/cli merge run
 * deno run -A jsr:@swagpu/swagpu/cli train-tokenizer --data texts.txt \
 *   --type wordpiece --output tokenizer
 * deno run -A jsr:@swagpu/swagpu/cli tokenize --tokenizer tokenizer --text "Not bad"
 * deno run -A jsr:@swagpu/swagpu/cli info --model google-bert/bert-base-uncased
 * ```
 *
 * The tasks are classes and numbers of texts and pairs of texts, tags of words, answers
 * to questions, hidden words, translations and summaries.
 *
 * @module
 */

import project from "./deno.json" with { type: "json" };
import { Arguments, helpOf, overviewOf } from "./cli/arguments.ts";
import { commandOf, COMMANDS, PROGRAM } from "./cli/commands.ts";
import { withConfigFile } from "./cli/config_file.ts";
import { runProgram } from "./cli/program.ts";
import { installation, runtime } from "./cli/runtime.ts";
import { checkOutput, print } from "./cli/standard_output.ts";
import { nearest } from "./data/names.ts";

/** The names that other programs give to the commands here. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  train: "finetune",
  fit: "finetune",
  eval: "evaluate",
  test: "evaluate",
  score: "evaluate",
  infer: "predict",
  classify: "predict",
  label: "predict",
  rank: "predict",
  diff: "compare",
  tokenizer: "train-tokenizer",
  "learn-tokenizer": "train-tokenizer",
  encode: "tokenize",
  env: "info",
  completion: "completions",
  autocomplete: "completions",
  memory: "info",
  devices: "info",
};

function version(): string {
  const { name, os, arch } = runtime();
  return `${PROGRAM} ${project.version} (${name}, ${os} ${arch})`;
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return [
    "Fine-tunes transformers on WebGPU, with SWAG posteriors: classes and numbers of",
    "texts, tags of words, answers, hidden words, translations and summaries.",
    "",
    `Usage: ${PROGRAM} COMMAND [options]`,
    "",
    ...COMMANDS.map((command) =>
      `  ${command.name.padEnd(width)}  ${overviewOf(command)}`
    ),
    "",
    `${PROGRAM} COMMAND --help lists a command's options, and`,
    `${PROGRAM} --version prints the version.`,
    "",
    `To run it as ${PROGRAM}, and to complete its commands in bash:`,
    `  ${installation()}`,
    `  eval "$(${PROGRAM} completions bash)"  # also in ~/.bashrc`,
  ].map((line) => line + "\n").join("");
}

/** The error for an unknown command. */
function unknown(name: string): Error {
  const names = COMMANDS.map(({ name }) => name);
  const bare = name.replace(/^-+/, "");
  const meant = OTHER_NAMES[bare] ?? nearest(bare, names);
  return new RangeError(
    `Cannot run "${name}": the commands are ${names.join(", ")}` +
      (meant ? `; did you mean ${meant}?` : ""),
  );
}

/**
 * Runs a command. It writes results to standard output, and progress and errors to
 * standard error. An error is one line.
 *
 * @param args The command and its options.
 * @returns The exit code: 0, 1 after an error, 130 after Ctrl-C, 143 after
 * SIGTERM and 129 after SIGHUP. The command `particle` has others: 42 if it will
 * never succeed, and 75 if it is to be tried again.
 *
 * @example Usage
 * ```ts
 * import { main } from "@swagpu/swagpu/cli";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await main(["--version"]), 0);
 * ```
 */
export async function main(args: readonly string[]): Promise<number> {
  let code = 0;
  try {
    code = await run(args);
    checkOutput();
    return code;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`error: ${message.replace(/\s*\n\s*/g, " ")}`);
    return code || (commandOf(args).command?.exitCodeOf?.(error) ?? 1);
  }
}

/** Runs a command, or tells about it, and gives the exit code. */
async function run(args: readonly string[]): Promise<number> {
  const [name] = args;
  const { command, rest } = commandOf(args);
  if (["--version", "-v", "-V", "version"].includes(name ?? "")) {
    await print(version());
    return 0;
  }
  if (!command) {
    const asked = ["--help", "-h", "help"].includes(name ?? "");
    if (name !== undefined && !asked) throw unknown(name);
    const { command: about } = commandOf(rest);
    await print((about ? helpOf(about, PROGRAM) : overview()).trimEnd());
    return asked ? 0 : 1;
  }
  if (rest.includes("--help") || rest.includes("-h")) {
    const task = /(?:^|\n)--task[=\n]([^\n]+)/.exec(rest.join("\n"))?.[1];
    const own = task === undefined ? undefined : command.forTask?.(task);
    await print(helpOf(own ?? command, PROGRAM).trimEnd());
    return 0;
  }
  const words = await withConfigFile(command, rest);
  return await command.run(new Arguments(command, words));
}

if (import.meta.main) await runProgram(main);
