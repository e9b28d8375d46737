// Copyright 2026 the swagpu authors. MIT license.

/**
 * What the `config.json` of a model keeps of its training for the commands that use the
 * model: its task, the columns that it was trained on, and what else a task notes.
 *
 * @module
 */

import type { PretrainedConfig } from "../models/mod.ts";
import type { Arguments } from "./arguments.ts";

/** Python's transformers keeps keys that it does not know when it saves a configuration. */
const KEY = "swagpu";

/** What is noted. */
export type Notes = Readonly<Record<string, unknown>>;

/** The fields of `config.json` that hold notes. */
export function noteFields(notes: Notes): Record<string, unknown> {
  return { [KEY]: notes };
}

/** Puts notes before those that fields of `config.json` hold. */
export function withNotes(
  fields: Notes,
  notes: Notes,
): Record<string, unknown> {
  return { ...fields, ...noteFields({ ...notes, ...ownNotes(fields) }) };
}

/** What is noted of a training, if something is. */
export function notesOf(config: PretrainedConfig): Notes | undefined {
  return ownNotes(config.toJSON());
}

function ownNotes(fields: Notes): Notes | undefined {
  const noted = fields[KEY];
  return typeof noted === "object" && noted !== null ? { ...noted } : undefined;
}

/** What tells which columns to read. */
export interface NamingChoice {
  /** The options of the command. */
  readonly args: Arguments;
  /** The configuration of a model that was trained before. */
  readonly config?: PretrainedConfig | undefined;
}

/** The key of the column that an option such as `--text-column` names. */
function keyOf(name: string): string {
  return `${name.replaceAll("-", "_")}_column`;
}

/** The column that a model was trained on, if it is noted. */
export function notedColumn(
  config: PretrainedConfig | undefined,
  name: string,
): string | undefined {
  const column = config && notesOf(config)?.[keyOf(name)];
  return typeof column === "string" ? column : undefined;
}

/** Notes of the columns that options such as `--text-column` name. */
export function columnNotes(
  names: readonly string[],
  args: Arguments,
): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const column = args.text(`${name}-column`);
    return column === undefined ? [] : [[keyOf(name), column]];
  }));
}
