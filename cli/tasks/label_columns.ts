// Copyright 2026 the swagpu authors. MIT license.

/**
 * The columns that hold the labels of texts: one, or one for each class or number.
 * The folder of a model remembers those that it was trained on.
 *
 * @module
 */

import { findColumn, type Table } from "../../data/mod.ts";
import { listOf } from "../../data/names.ts";
import type { PretrainedConfig } from "../../models/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import {
  chooseColumns,
  type Columns,
  hasColumn,
  rememberedColumns,
} from "../columns.ts";
import { namesIn } from "../input_files.ts";
import { noteFields, notesOf } from "../notes.ts";

/** The columns of labeled texts, and how their labels are written. */
export interface LabelColumns extends Columns {
  /** The columns of labels; `label` has all of their names. */
  readonly labels: readonly string[];
  /** Whether labels are votes or probabilities of each class. */
  readonly isSoft: boolean;
  /** What separates the labels of a text in a cell. */
  readonly separator: string | undefined;
}

/** The options that say where labels are and how they are written. */
export const LABEL_OPTIONS: readonly Option[] = [
  {
    name: "label-column",
    value: "NAME",
    help:
      "Column of labels (label). Names such as a,b,c, or several options, " +
      "are columns of numbers or of classes.",
    repeatable: true,
  },
  {
    name: "label-separator",
    value: "TEXT",
    help:
      "What is between the labels in a cell, such as |, if a text may have " +
      "several; an empty cell has none.",
  },
  {
    name: "soft-labels",
    help:
      "Labels are votes or probabilities: a column a class, or in one column " +
      "a list or an object.",
  },
  {
    name: "classes",
    value: "NAMES",
    help:
      "Names of the classes, such as yes,no, in the order of their columns " +
      "or lists (those that occur).",
  },
];

/** What the choice of columns depends on. */
export interface LabelChoice {
  /** The options of the command. */
  readonly args: Arguments;
  /** The columns that the model was trained on. */
  readonly remembered?: LabelColumns | undefined;
}

/**
 * Chooses the columns to read: those that options name, else those of the training,
 * else `text` and `label`.
 *
 * @throws {RangeError} If the file lacks the column of texts, or of second texts.
 * @throws {TypeError} If a column of labels is named twice.
 */
export function chooseLabelColumns(
  table: Table,
  { args, remembered }: LabelChoice,
): LabelColumns {
  const columns = chooseColumns(table, { args, remembered });
  const given = args.list("label-column").flatMap((name) =>
    columnsNamed(table, name)
  );
  const twice = given.find((name, i) => given.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new TypeError(
      `Cannot use the column "${twice}" of labels twice: name each once`,
    );
  }
  const known = remembered?.labels ?? [];
  const isTrained = given.length === 0 && known.length > 0 &&
    known.every((name) => hasColumn(table, name));
  const labels = given.length > 0 ? given : isTrained ? known : [columns.label];
  return {
    ...columns,
    label: labels.join(","),
    labels,
    isSoft: args.flag("soft-labels") ||
      (isTrained && remembered?.isSoft === true),
    separator: args.text("label-separator") ?? remembered?.separator,
  };
}

/** The columns that the value of an option names. */
function columnsNamed({ columns }: Table, value: string): string[] {
  if (columns.includes(value) || !value.includes(",")) return [value];
  return value.split(",").map((name) => name.trim());
}

/**
 * The same columns by the names that the file has for them.
 *
 * @throws {RangeError} If there is no such column; the message lists them.
 */
export function foundLabels(
  table: Table,
  columns: LabelColumns,
): LabelColumns {
  const labels = columns.labels.map((name) =>
    findColumn(table, name, "--label-column")
  );
  return { ...columns, labels };
}

/** The fields of config.json that remember the columns of a training. */
export function labelColumnFields(
  columns: LabelColumns,
): Record<string, unknown> {
  const { text, pair, label, labels, isSoft, separator } = columns;
  return noteFields({
    text_column: text,
    pair_column: pair ?? null,
    label_column: labels.length > 1 ? labels : label,
    ...separator === undefined ? {} : { label_separator: separator },
    ...isSoft ? { soft_labels: true } : {},
  });
}

/** The columns that a model was trained on, if its configuration says so. */
export function rememberedLabels(
  config: PretrainedConfig,
): LabelColumns | undefined {
  const columns = rememberedColumns(config);
  const notes = notesOf(config);
  if (!columns || !notes) return undefined;
  const { label_column: names, label_separator: separator } = notes;
  const labels = Array.isArray(names) && names.length > 0 &&
      names.every((name) => typeof name === "string")
    ? names
    : [columns.label];
  return {
    ...columns,
    label: labels.join(","),
    labels,
    isSoft: notes["soft_labels"] === true,
    separator: typeof separator === "string" && separator !== ""
      ? separator
      : undefined,
  };
}

/**
 * The names of classes that an option gives, if it does.
 *
 * @throws {RangeError} If a name is empty or occurs twice.
 */
export function givenClasses(args: Arguments): string[] | undefined {
  const names = namesIn(args, "classes");
  if (!names) return undefined;
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined && !names.includes("")) return names;
  throw new RangeError(
    `Cannot use --classes ${args.text("classes")}: ` +
      (names.includes("")
        ? "a name is empty"
        : `"${twice}" occurs twice; the names are ${listOf(names)}`),
  );
}
