// Copyright 2026 the swagpu authors. MIT license.

/**
 * All commands of the command line.
 *
 * @module
 */

import type { Command } from "./arguments.ts";
import { compare } from "./compare.ts";
import { completions } from "./completions.ts";
import { evaluate } from "./evaluate.ts";
import { finetune } from "./finetune.ts";
import { info } from "./info.ts";
import { merge } from "./merge.ts";
import { particle } from "./particle.ts";
import { predict } from "./predict.ts";
import { report } from "./report.ts";
import { swag } from "./swag.ts";
import { tokenize } from "./tokenize.ts";
import { trainTokenizerCommand } from "./train_tokenizer.ts";

/** The name of the program. */
export const PROGRAM = "swagpu";

/** The commands in the order in which the help lists them. */
export const COMMANDS: readonly Command[] = [
  finetune,
  evaluate,
  predict,
  compare,
  report,
  swag,
  particle,
  merge,
  trainTokenizerCommand,
  tokenize,
  info,
  completions(() => ({ program: PROGRAM, commands: COMMANDS })),
];

/**
 * Finds the command that words begin with.
 *
 * @param words The words of the command line.
 * @returns The command, or `undefined` if the first word is none; and the words after
 * its name.
 */
export function commandOf(
  words: readonly string[],
): { command: Command | undefined; rest: readonly string[] } {
  const [name, ...rest] = words;
  const command = COMMANDS.find((command) => command.name === name);
  const [word = "", ...after] = rest;
  const part = new Map(Object.entries(command?.parts ?? {})).get(word);
  return part ? { command: part, rest: after } : { command, rest };
}
