// Copyright 2026 the swagpu authors. MIT license.

/**
 * The file run.json in the folder of a model: how it was trained. `finetune` writes
 * it, and `report` tells it to readers.
 *
 * @module
 */

import { exists, readText, writeTextAtomically } from "../nn/formats/mod.ts";
import type { Fact } from "../report/mod.ts";

/** The file, beside those of the model. */
export const RUN_FACTS_NAME = "run.json";

/** A file of examples. */
export interface FileFacts {
  /** Its name. Folders before it are not written. */
  readonly path: string;
  /** The number of its examples that were used. */
  readonly rows: number;
}

/** How a model was trained. */
export interface RunFacts {
  /** The command line; see {@linkcode commandLine}. */
  readonly command: string;
  /** Hugging Face's name of the task, such as `text-classification`. */
  readonly task: string;
  /** What it was trained from: an id of the hub or a folder, if not from nothing. */
  readonly base?: string | undefined;
  /** The settings of the run by name. */
  readonly settings: Readonly<Record<string, Fact>>;
  /** The files that it learned from, and was measured on. */
  readonly data: {
    readonly train: FileFacts;
    readonly validation?: FileFacts | undefined;
  };
  /** The seed. */
  readonly seed: number;
  /** The GPU adapter. */
  readonly adapter: string;
  /** The runtime, such as `Deno 2.9.6`. */
  readonly runtime: string;
  /** The versions of programs and libraries by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** The seconds that the training took. */
  readonly seconds: number;
  /** The largest amount of GPU memory in use, in bytes, if it is known. */
  readonly peakMemory?: number | undefined;
  /** The steps at which SWAG collected the weights. */
  readonly snapshots: readonly number[];
}

/** Words that lead to a place on one machine: `/x`, `~/x`, `./x`, `C:\x`, `\\x`. */
const PLACE = /^(?:file:)?(?:~[\w.-]*|\.{1,2}|[A-Za-z]:)?[\\/]/;

/** The last part of a path, with slashes or backslashes. */
export function baseName(path: string): string {
  return path.split(/[\\/]+/).filter((part) => part !== "").at(-1) ?? path;
}

/**
 * A word without the folders of this machine, which concern nobody who reads a model
 * card: only the last part of a path remains. The id of a model, such as
 * `google-bert/bert-base-uncased`, stays as it is.
 */
function withoutFolder(word: string): string {
  const [, name = "", value = word] = /^(-[\w-]+=)(.*)$/s.exec(word) ?? [];
  return PLACE.test(value) ? name + baseName(value) : word;
}

/**
 * A text without the folders of this machine; see {@linkcode commandLine}. Words may
 * be in quotation marks.
 */
export function withoutFolders(text: string): string {
  if (PLACE.test(text) && !/['"]| -/.test(text)) return baseName(text);
  return text.replace(
    /'[^']*'|"[^"]*"|[^\s'"]+/g,
    (word) => {
      const quote = /^['"]/.exec(word)?.[0];
      return quote === undefined
        ? withoutFolder(word)
        : quote + withoutFolder(word.slice(1, -1)) + quote;
    },
  );
}

/**
 * The line that runs a command again, as a shell reads it. Paths lose their folders.
 *
 * @param program The name of the program and of its command, such as
 * `swagpu finetune`.
 * @param args The words after it.
 */
export function commandLine(program: string, args: readonly string[]): string {
  const quoted = args.map(withoutFolder).map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
  );
  return [program, ...quoted].join(" ");
}

/**
 * Writes run.json. The file is replaced as a whole, or not at all. Folders of this
 * machine are left out, since people upload what is in the folder of a model.
 *
 * @param folder The folder of the model.
 * @throws {Error} If the file cannot be written.
 */
export async function writeRunFacts(
  folder: string,
  facts: RunFacts,
): Promise<void> {
  const file = JSON.stringify(publicFacts(facts), undefined, 2);
  await writeTextAtomically(`${folder}/${RUN_FACTS_NAME}`, `${file}\n`);
}

/** Facts without the folders of this machine. */
function publicFacts(facts: RunFacts): RunFacts {
  const { train, validation } = facts.data;
  const named = ({ path, rows }: FileFacts) => ({ path: baseName(path), rows });
  return {
    ...facts,
    command: withoutFolders(facts.command),
    ...facts.base === undefined ? {} : { base: withoutFolder(facts.base) },
    settings: Object.fromEntries(
      Object.entries(facts.settings).map(([name, value]) => [
        name,
        typeof value === "string" ? withoutFolders(value) : value,
      ]),
    ),
    data: {
      train: named(train),
      ...validation ? { validation: named(validation) } : {},
    },
  };
}

/**
 * Reads run.json.
 *
 * @param folder The folder of the model.
 * @returns The facts; `undefined` if there is no such file.
 * @throws {SyntaxError} If the file holds something else; the message names the field.
 */
export async function readRunFacts(
  folder: string,
): Promise<RunFacts | undefined> {
  const path = `${folder}/${RUN_FACTS_NAME}`;
  if (!await exists(path)) return undefined;
  const refuse = (reason: string): never => {
    throw new SyntaxError(
      `Cannot read ${path}: ${reason}; remove the file to do without it`,
    );
  };
  let file: unknown;
  try {
    file = JSON.parse(await readText(path));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    refuse("it is not JSON");
  }
  if (!isRecord(file)) return refuse("it is not an object");
  return publicFacts(factsOf(file, refuse));
}

type Cells = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Cells {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads the fields of a file; calls `refuse` for one that is of another kind. */
function factsOf(file: Cells, refuse: (reason: string) => never): RunFacts {
  const text = (name: string, of: Cells = file): string => {
    const value = of[name];
    return typeof value === "string"
      ? value
      : refuse(`its "${name}" is not a text`);
  };
  const number = (name: string, of: Cells = file): number => {
    const value = of[name];
    return typeof value === "number"
      ? value
      : refuse(`its "${name}" is not a number`);
  };
  const record = (name: string, of: Cells = file): Cells => {
    const value = of[name];
    return isRecord(value) ? value : refuse(`its "${name}" is not an object`);
  };
  const files = record("data");
  const fileOf = (name: string): FileFacts => {
    const own = record(name, files);
    return { path: text("path", own), rows: number("rows", own) };
  };
  const { base, peakMemory, snapshots } = file;
  const settings = Object.entries(record("settings"));
  if (!settings.every((entry): entry is [string, Fact] => isFact(entry[1]))) {
    return refuse('its "settings" hold more than texts, numbers and booleans');
  }
  if (!Array.isArray(snapshots) || !snapshots.every(Number.isFinite)) {
    return refuse('its "snapshots" are not numbers of steps');
  }
  const versions = record("versions");
  return {
    command: text("command"),
    task: text("task"),
    ...base === undefined ? {} : { base: text("base") },
    settings: Object.fromEntries(settings),
    data: {
      train: fileOf("train"),
      ...files.validation === undefined
        ? {}
        : { validation: fileOf("validation") },
    },
    seed: number("seed"),
    adapter: text("adapter"),
    runtime: text("runtime"),
    versions: Object.fromEntries(
      Object.keys(versions).map((name) => [name, text(name, versions)]),
    ),
    seconds: number("seconds"),
    ...peakMemory === undefined ? {} : { peakMemory: number("peakMemory") },
    snapshots,
  };
}

function isFact(value: unknown): value is Fact {
  return value === null ||
    ["string", "number", "boolean"].includes(typeof value);
}
