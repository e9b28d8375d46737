// Copyright 2026 the swagpu authors. MIT license.

/**
 * Commands with their options: help text, and values that are checked where
 * they are read.
 *
 * @module
 */

// Node's own, which Deno has built in: what is published needs no package.
import { parseArgs } from "node:util";
import { nearest } from "./names.ts";

/** What other programs call an option of ours. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
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
  "data": ["train", "train-file", "train-data", "input", "i", "file", "test"],
  "epochs": ["num-epochs", "num-train-epochs", "e", "n-epochs"],
  "gradient-accumulation": ["gradient-accumulation-steps", "accumulation"],
  "init": ["config", "config-name"],
  "keep-columns": ["keep", "columns-to-keep"],
  "label-column": ["label", "labels", "target", "y"],
  "learning-rate": ["lr", "rate"],
  "log-every": ["logging-steps", "log-interval"],
  "max-grad-norm": ["clip", "grad-clip", "gradient-clip"],
  "max-length": ["max-len", "max-seq-length", "max-seq-len", "seq-length"],
  "model": ["m", "model-name-or-path", "model-name", "checkpoint"],
  "max-num-models": ["rank", "swag-rank"],
  "output": ["o", "out", "output-dir", "save", "save-dir"],
  "overwrite": ["f", "force", "overwrite-output-dir"],
  "pair-column": ["text-pair-column", "second-column"],
  "quiet": ["q", "silent"],
  "schedule": ["lr-scheduler-type", "scheduler"],
  "swag-samples": ["samples", "num-samples", "num-predictions"],
  "text-column": ["column", "sentence-column", "x"],
  "tokenizer": ["tokenizer-name"],
  "warmup-ratio": ["warmup"],
  "weight-decay": ["wd", "decay"],
};

/** An option of a command. */
export interface Option {
  /** The name, without dashes. */
  readonly name: string;
  /** What its value is called in the help; none for a switch. */
  readonly value?: string;
  /** What it does, and its default. */
  readonly help: string;
  /** Whether it may be given several times. */
  readonly repeatable?: boolean;
}

/** A command of the command line. */
export interface Command {
  /** The name. */
  readonly name: string;
  /** What it does, in a line. */
  readonly summary: string;
  /** How it is called: the options that are needed. */
  readonly usage: string;
  /** Its options by heading. */
  readonly options: Readonly<Record<string, readonly Option[]>>;
  /** What else the help says, at its end. */
  readonly notes?: string;
  /** Runs it and gives the exit code. */
  run(args: Arguments): Promise<number>;
}

/** Bounds of a number. */
export interface Bounds {
  /** The least value. @default {-Infinity} */
  min?: number;
  /** The largest value. @default {Infinity} */
  max?: number;
  /** Whether the least value itself is refused. @default {false} */
  above?: boolean;
}

/** The options that were given. */
export class Arguments {
  readonly #values = new Map<string, string[]>();

  /** @throws {TypeError} If an option is not one of the command's. */
  constructor(command: Command, args: readonly string[]) {
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
    for (const token of tokens) {
      if (token.kind === "option-terminator") continue;
      if (token.kind === "positional") {
        throw new TypeError(
          `Cannot run ${command.name} with ${token.value}: it is not an ` +
            `option, and what it belongs to must be named, ` +
            `such as --data ${token.value}`,
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
      // What starts with a dash is the next option, unless it follows a = or is
      // a number.
      const missing = !token.inlineValue &&
        /^-(?!\.?\d)./.test(token.value ?? "");
      const value = missing ? "" : token.value ?? "";
      const before = option.repeatable ? this.list(option.name) : [];
      this.#values.set(option.name, [...before, given(option.name, value)]);
    }
  }

  /** Whether a switch is set. */
  flag(name: string): boolean {
    return this.#values.has(name);
  }

  /** The values of an option that may be repeated. */
  list(name: string): string[] {
    return this.#values.get(name) ?? [];
  }

  /** A text, if given. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** A text that must be given. */
  needed(name: string): string {
    const value = this.text(name);
    if (value !== undefined) return value;
    throw new TypeError(`Cannot run without --${name}: it must be given`);
  }

  /** One of several words, if given. */
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

  /** A number, if given. */
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

  /** A whole number, if given. */
  integer(name: string, bounds: Bounds = {}): number | undefined {
    const value = this.number(name, bounds);
    if (value === undefined || Number.isSafeInteger(value)) return value;
    throw new RangeError(
      `Cannot use --${name} ${value}: expected a whole number${limits(bounds)}`,
    );
  }
}

/** The option that somebody means by a name that none has. */
function meantBy(
  name: string,
  options: readonly string[],
): string | undefined {
  const wanted = name.toLowerCase().replaceAll("_", "-");
  const [other] = Object.entries(OTHER_NAMES)
    .find(([option, others]) =>
      options.includes(option) && others.includes(wanted)
    ) ?? [];
  return other ?? nearest(wanted, options);
}

function given(name: string, value: string): string {
  if (value !== "") return value;
  throw new TypeError(
    `Cannot use --${name} without a value: one must follow, ` +
      `after = if it starts with a dash`,
  );
}

function limits({ min, max, above }: Bounds): string {
  const low = min === undefined ? "" : `${above ? "above" : "from"} ${min}`;
  const high = max === undefined ? "" : `up to ${max}`;
  return [low, high].filter((part) => part !== "").map((part) => ` ${part}`)
    .join("");
}

const WIDTH = 80;

/** Where explanations begin, and how much a name may take beside them. */
const COLUMN = 30;

/** The help text of a command. */
export function helpOf(command: Command, program: string): string {
  const { name, summary, usage, options, notes } = command;
  const lines = [
    ...wrap(summary, WIDTH),
    "",
    `Usage: ${program} ${name} ${usage}`,
  ];
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

function wrap(text: string, width: number): string[] {
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
