// Copyright 2026 the swagpu authors. MIT license.

/**
 * Commands and their options: the help text, and the values of options, which are
 * checked where they are read.
 *
 * @module
 */

// Deno has Node's parser built in, so that the published program needs no package.
import { parseArgs } from "node:util";
import { nearest } from "../data/names.ts";

/** The names that other programs give to the options here. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  "aggregation": ["aggregation-strategy", "strategy"],
  "batch-size": [
    "bs",
    "b",
    "train-batch-size",
    "per-device-train-batch-size",
    "eval-batch-size",
    "per-device-eval-batch-size",
  ],
  "eval": [
    "dev",
    "valid",
    "validation",
    "validation-file",
    "eval-file",
    "test",
  ],
  "class-weights": ["class-weight", "weights"],
  "classes": ["class-names", "label-names"],
  "data": ["train", "train-file", "train-data", "input", "i", "file", "test"],
  "deviations": ["swag-deviations"],
  "epochs": ["num-epochs", "num-train-epochs", "e", "n-epochs"],
  "gradient-accumulation": ["gradient-accumulation-steps", "accumulation"],
  "init": ["config-name"],
  "keep-columns": ["keep", "columns-to-keep"],
  "label-column": ["label", "labels", "label-columns", "target", "y"],
  "label-separator": ["separator", "delimiter", "label-delimiter"],
  "learning-rate": ["lr", "rate"],
  "log-every": ["logging-steps", "log-interval"],
  "max-answer-length": ["max-answer-len"],
  "max-grad-norm": ["clip", "grad-clip", "gradient-clip"],
  "max-length": ["max-len", "max-seq-length", "max-seq-len", "seq-length"],
  "model": ["m", "model-name-or-path", "model-name", "checkpoint"],
  "max-num-models": ["rank", "swag-rank"],
  "memory": ["vram", "gpu-memory", "budget"],
  "n-best": ["n-best-size", "top-k"],
  "no-cov": ["no-cov-mat", "diagonal"],
  "null-threshold": ["null-score-diff-threshold"],
  "output": ["o", "out", "output-dir", "save", "save-dir"],
  "overwrite": ["f", "force", "overwrite-output-dir"],
  "pair-column": ["text-pair-column", "second-column"],
  "lowercase": ["do-lower-case", "lower", "uncased"],
  "predictions": ["output", "o", "out", "save-predictions"],
  "prefix": ["swag-modules", "module-prefix-list", "modules"],
  "quiet": ["q", "silent"],
  "rank": ["max-num-models", "swag-rank", "k"],
  "resamples": ["n-resamples", "num-resamples", "bootstrap", "n-boot"],
  "special-token": ["special-tokens", "add-tokens"],
  "schedule": ["lr-scheduler-type", "scheduler"],
  "swag-deviations": ["deviations", "deviation-dtype", "int8"],
  "swag-samples": ["samples", "num-samples", "num-predictions"],
  "tags-column": ["label-column-name", "label-column", "ner-column"],
  "temperature-fit": ["fit-temperature", "validation-data"],
  "text-column": ["column", "sentence-column", "x"],
  "tokens-column": ["text-column-name", "words-column"],
  "tokenizer": ["tokenizer-name", "model", "m", "model-name-or-path"],
  "unanswerable": [
    "version-2-with-negative",
    "handle-impossible-answer",
    "squad-v2",
  ],
  "vocab-size": ["vocabulary-size", "n-vocab", "size"],
  "warmup-ratio": ["warmup"],
  "weight-decay": ["wd", "decay"],
};

/** An option of a command. */
export interface Option {
  /** The name, without dashes. */
  readonly name: string;
  /** The word for its value in the help; a switch has no value. */
  readonly value?: string;
  /** What it does, with its default in parentheses. */
  readonly help: string;
  /** The words that its value must be one of, if `value` does not list them. */
  readonly choices?: readonly string[];
  /** Whether it may be given several times. */
  readonly repeatable?: boolean;
}

/** A command of the command line. */
export interface Command {
  /** The name. */
  readonly name: string;
  /** What it does, in a line. */
  readonly summary: string;
  /** The words one of which must be given without a dash. @default {none} */
  readonly operands?: readonly string[];
  /**
   * The commands that it consists of, by the word that follows its name.
   *
   * @default {none}
   */
  readonly parts?: Readonly<Record<string, Command>>;
  /** The options that must be given, as the help shows them. */
  readonly usage: string;
  /** The word for the values without an option in messages, if it takes any. */
  readonly operand?: string;
  /** Its options by heading. */
  readonly options: Readonly<Record<string, readonly Option[]>>;
  /** More text at the end of the help. */
  readonly notes?: string;
  /** The command with the options of one task alone, for its help. */
  forTask?(name: string): Command;
  /** Runs it and gives the exit code. */
  run(args: Arguments): Promise<number>;
  /** The exit code after an error. @default {1} */
  exitCodeOf?(error: unknown): number;
}

/** The option to be silent. */
const QUIET_OPTION: Option = {
  name: "quiet",
  help: "Say nothing on standard error but what goes wrong.",
};

/** The option that names a file of options. */
export const CONFIG_OPTION: Option = {
  name: "config",
  value: "FILE",
  help: 'Options from a JSON file, such as {"epochs": 5, "swag": true}; ' +
    "those of the command line come first.",
};

/** The option that prints the help. */
export const HELP_OPTION: Option = { name: "help", help: "Print this." };

/** The options of every command that does work. */
export const COMMON_OPTIONS: readonly Option[] = [
  QUIET_OPTION,
  CONFIG_OPTION,
  HELP_OPTION,
];

/** Bounds of a number. */
export interface Bounds {
  /** The least value. @default {-Infinity} */
  min?: number;
  /** The largest value. @default {Infinity} */
  max?: number;
  /** Whether the value must be greater than `min`. @default {false} */
  above?: boolean;
}

/** The options that a command was called with. */
export class Arguments {
  /** The words that the command was called with. */
  readonly words: readonly string[];
  /** The values without an option, in order. */
  readonly operands: readonly string[];
  readonly #values = new Map<string, string[]>();

  /** @throws {TypeError} If an option is not one of the command's. */
  constructor(command: Command, args: readonly string[]) {
    this.words = args;
    const options = Object.values(command.options).flat();
    const names = options.map(({ name }) => name);
    const refuse = (what: string, name: string): never => {
      const meant = meantBy(name, names);
      throw new TypeError(
        `Cannot run ${command.name} with ${what}: it is not an option, ` +
          (meant ? `did you mean --${meant}?` : `see ${command.name} --help`),
      );
    };
    const { tokens } = parseArgs({
      args: [...args],
      options: Object.fromEntries(
        options.map(({ name, value }) =>
          [name, { type: value ? "string" : "boolean" }] as const
        ),
      ),
      strict: false,
      tokens: true,
    });
    const operands: string[] = [];
    this.operands = operands;
    for (const token of tokens) {
      if (token.kind === "option-terminator") continue;
      if (token.kind === "positional") {
        if (command.operands && operands.length === 0) {
          operands.push(operandOf(command, token.value));
          continue;
        }
        if (command.operand !== undefined) {
          if (token.value === "") {
            throw new TypeError(`Cannot use an empty ${command.operand}`);
          }
          operands.push(token.value);
          continue;
        }
        if (command.parts) {
          throw notOneOf(command.name, token.value, Object.keys(command.parts));
        }
        throw new TypeError(
          `Cannot run ${command.name} with ${token.value}: it is not an ` +
            (command.operands
              ? "option, and another word was given before"
              : `option, and the option that it belongs to must be named, ` +
                `such as --data ${token.value}`),
        );
      }
      const option = options.find(({ name }) => name === token.name);
      if (!option) return refuse(token.rawName, token.name);
      if (!option.value) {
        if (token.value !== undefined) {
          throw new TypeError(
            `Cannot use ${token.rawName}=${token.value}: it takes no value`,
          );
        }
        this.#values.set(option.name, []);
        continue;
      }
      // A value that starts with a dash is the next option, unless it follows a = or
      // is a number.
      const missing = !token.inlineValue &&
        /^-(?!\.?\d)./.test(token.value ?? "");
      const value = missing ? "" : token.value ?? "";
      const before = option.repeatable ? this.list(option.name) : [];
      this.#values.set(option.name, [...before, given(option.name, value)]);
    }
  }

  /** The first word that is given without a dash. */
  get operand(): string | undefined {
    return this.operands[0];
  }

  /** Whether a switch is set. */
  flag(name: string): boolean {
    return this.#values.has(name);
  }

  /** The values of a repeatable option. */
  list(name: string): string[] {
    return this.#values.get(name) ?? [];
  }

  /** The text of an option, if it was given. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** The text of an option that must be given. */
  needed(name: string): string {
    const value = this.text(name);
    if (value !== undefined) return value;
    throw new TypeError(`Cannot run without --${name}: it must be given`);
  }

  /** The value of an option that must be one of several words, if it was given. */
  choice<const C extends string>(
    name: string,
    choices: readonly C[],
  ): C | undefined {
    const value = this.text(name);
    const found = choices.find((choice) => choice === value);
    if (value === undefined || found !== undefined) return found;
    const meant = nearest(value, choices);
    throw new RangeError(
      `Cannot use --${name} ${value}: expected ${choices.join(", ")}` +
        (meant ? `; did you mean ${meant}?` : ""),
    );
  }

  /** The number of an option, if it was given. */
  number(name: string, bounds: Bounds = {}): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = text.trim() === "" ? NaN : Number(text);
    const { min = -Infinity, max = Infinity, above = false } = bounds;
    if (Number.isFinite(value) && value <= max) {
      if (above ? value > min : value >= min) return value;
    }
    throw new RangeError(
      `Cannot use --${name} ${text}: expected a number${limits(bounds)}`,
    );
  }

  /** The whole number of an option, if it was given. */
  integer(name: string, bounds: Bounds = {}): number | undefined {
    const value = this.number(name, bounds);
    if (value === undefined || Number.isSafeInteger(value)) return value;
    throw new RangeError(
      `Cannot use --${name} ${value}: expected a whole number${limits(bounds)}`,
    );
  }
}

/** Checks a word that is given without a dash. */
function operandOf({ name, operands = [] }: Command, word: string): string {
  if (operands.includes(word)) return word;
  throw notOneOf(name, word, operands);
}

/** The error for a word that may not follow a command's name. */
function notOneOf(
  name: string,
  word: string,
  words: readonly string[],
): RangeError {
  const meant = nearest(word, words);
  return new RangeError(
    `Cannot run ${name} ${word}: expected ${words.join(", ")}` +
      (meant ? `; did you mean ${meant}?` : ""),
  );
}

/** The option that is probably meant by an unknown name. */
function meantBy(
  name: string,
  options: readonly string[],
): string | undefined {
  const plain = name.toLowerCase().replaceAll("_", "-");
  const [other] = Object.entries(OTHER_NAMES)
    .find(([option, others]) =>
      options.includes(option) && others.includes(plain)
    ) ?? [];
  return other ?? nearest(plain, options);
}

/** The value of an option, which must not be empty. */
function given(name: string, value: string): string {
  if (value !== "") return value;
  throw new TypeError(
    `Cannot use --${name} without a value: a value must follow, ` +
      `after = if it starts with a dash`,
  );
}

function limits({ min, max, above }: Bounds): string {
  const low = min === undefined ? "" : `${above ? "above" : "from"} ${min}`;
  const high = max === undefined ? "" : `up to ${max}`;
  return [low, high].filter((part) => part !== "").map((part) => ` ${part}`)
    .join("");
}

/** The characters of a line. */
export const WIDTH = 80;

/** The column in which explanations begin; longer names get a line to themselves. */
const COLUMN = 30;

/** What a command does, in a few words: the start of its summary. */
export function overviewOf({ summary }: Command): string {
  return `${summary.split(/[.:,]/)[0]}.`;
}

/** The help text of a command. */
export function helpOf(command: Command, program: string): string {
  const { name, summary, usage, options, notes, parts = {} } = command;
  const lines = [
    ...wrap(summary, WIDTH),
    "",
    `Usage: ${program} ${name} ${usage}`,
  ];
  const words = Object.entries(parts);
  if (words.length > 0) {
    lines.push("", "Commands, each with a --help of its own:");
    const width = Math.max(...words.map(([word]) => word.length));
    for (const [word, part] of words) {
      lines.push(`  ${word.padEnd(width)}  ${overviewOf(part)}`);
    }
  }
  for (const [heading, list] of Object.entries(options)) {
    lines.push("", `${heading}:`);
    for (const option of list) {
      const label = `  ${labelOf(option)}`;
      const help = wrap(option.help, WIDTH - COLUMN);
      const beside = label.length + 2 <= COLUMN;
      if (!beside) lines.push(label);
      help.forEach((line, i) => {
        const before = i === 0 && beside ? label : "";
        lines.push(before.padEnd(COLUMN) + line);
      });
    }
  }
  if (notes !== undefined) lines.push("", notes);
  return lines.map((line) => line + "\n").join("");
}

function labelOf({ name, value, repeatable }: Option): string {
  return `--${name}${value ? ` ${value}` : ""}${repeatable ? " …" : ""}`;
}

/** Breaks a text between words into lines, which only longer words exceed. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}
