// Copyright 2026 the swagpu authors. MIT license.

/**
 * Options that stand in a JSON file, so that a run can be written down and repeated.
 *
 * @module
 */

import { NotFound, readText } from "../host/mod.ts";
import { type Command, CONFIG_OPTION, type Option } from "./arguments.ts";

/**
 * Puts the options of the file that `--config` names in its place.
 *
 * @param command The command, whose options the file may hold.
 * @param args The words of the command line.
 * @returns The words, with an option of the file unless the command line has it.
 * @throws {Error} If the file cannot be read; the message names it.
 * @throws {SyntaxError} If it is not JSON.
 * @throws {TypeError} If it holds something else than options and their values.
 */
export async function withConfigFile(
  command: Command,
  args: readonly string[],
): Promise<readonly string[]> {
  const at = args.findIndex((word) => /^--config(=|$)/.test(word));
  const takesOne = Object.values(command.options).flat().includes(
    CONFIG_OPTION,
  );
  if (at < 0 || !takesOne) return args;
  const word = args[at] ?? "";
  const inline = word.startsWith("--config=");
  const path = inline ? word.slice("--config=".length) : args[at + 1] ?? "";
  if (path === "" || (!inline && path.startsWith("--"))) {
    throw new TypeError(
      "Cannot use --config without a value: name a JSON file",
    );
  }
  const rest = [...args.slice(0, at), ...args.slice(at + (inline ? 1 : 2))];
  const given = new Set(
    rest.filter((word) => word.startsWith("--"))
      .map((word) => word.slice(2).split("=", 1)[0] ?? ""),
  );
  const own: string[] = [];
  for (const [name, value] of Object.entries(await readObject(path))) {
    const option = optionOf(command, name, path);
    if (!given.has(option.name)) own.push(...wordsOf(option, value, path));
  }
  return [...own, ...rest];
}

async function readObject(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    const why = error instanceof NotFound
      ? "there is no such file"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new Error(`Cannot read --config ${path}: ${why}`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(
      `Cannot read --config ${path}: it is not JSON (${
        error instanceof Error ? error.message : String(error)
      })`,
      { cause: error },
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new TypeError(
    `Cannot use --config ${path}: expected an object, such as {"epochs": 5}`,
  );
}

/** The option of a name, which may also be written as `batch_size` or `batchSize`. */
function optionOf(
  { name, options }: Command,
  key: string,
  path: string,
): Option {
  const plain = key.replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase()
    .replaceAll("_", "-");
  const option = Object.values(options).flat()
    .find((option) => option.name === plain);
  if (option) return option;
  throw new TypeError(
    `Cannot use --config ${path}: "${key}" is not an option of ${name}` +
      (key === "model_type" ? "; for a model's configuration say --init" : ""),
  );
}

/** The words of the command line that give an option a value. */
function wordsOf(
  { name, value: takesValue, repeatable }: Option,
  value: unknown,
  path: string,
): string[] {
  const refuse = (wish: string): never => {
    throw new TypeError(
      `Cannot use --config ${path}: "${name}" is ${
        JSON.stringify(value)
      }, expected ${wish}`,
    );
  };
  if (takesValue === undefined) {
    if (typeof value !== "boolean") return refuse("true or false");
    return value ? [`--${name}`] : [];
  }
  if (value === null) return [];
  const list = repeatable && Array.isArray(value) ? value : [value];
  return list.map((one: unknown) => {
    if (typeof one !== "string" && typeof one !== "number") {
      return refuse(`a text or a number${repeatable ? ", or a list" : ""}`);
    }
    return `--${name}=${one}`;
  });
}
