// Copyright 2026 the swagpu authors. MIT license.

/**
 * The options that say where examples are, and reading them.
 *
 * @module
 */

import type { Arguments, Option } from "./arguments.ts";
import { columnOf, type Format, FORMATS, readTable } from "./table.ts";

/** Options of every command that reads a file of texts. */
export const COLUMN_OPTIONS: readonly Option[] = [
  { name: "text-column", value: "NAME", help: "Column of texts (text)." },
  {
    name: "pair-column",
    value: "NAME",
    help: "Column of second texts, for tasks on pairs (none).",
  },
  {
    name: "format",
    value: "csv|tsv|jsonl",
    help: "Format of the files (by their extension). CSV and TSV have a " +
      "header line; TSV has no quoting.",
  },
];

/** The option that names the column of labels. */
export const LABEL_OPTION: Option = {
  name: "label-column",
  value: "NAME",
  help: "Column of labels (label).",
};

/** The texts of a file. */
export interface RawTexts {
  /** The file. */
  path: string;
  /** The texts. */
  texts: string[];
  /** The second texts, if there are any. */
  pairs: string[] | undefined;
}

/** The texts of a file and their labels, as they stand there. */
export interface RawExamples extends RawTexts {
  /** The labels. */
  labels: string[];
}

/** Reads texts, and labels too where they are wanted. */
export async function readTexts(
  path: string,
  args: Arguments,
): Promise<RawTexts & { column: (name: string) => string[] }> {
  const format: Format | undefined = args.choice("format", FORMATS);
  const pairColumn = args.text("pair-column");
  const table = await readTable(path, format);
  return {
    path,
    texts: columnOf(table, args.text("text-column") ?? "text"),
    pairs: pairColumn === undefined ? undefined : columnOf(table, pairColumn),
    column: (name) => columnOf(table, name),
  };
}

/** Reads texts and labels. */
export async function readExamples(
  path: string,
  args: Arguments,
): Promise<RawExamples> {
  const { column, ...texts } = await readTexts(path, args);
  return { ...texts, labels: column(args.text("label-column") ?? "label") };
}
