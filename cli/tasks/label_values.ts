// Copyright 2026 the swagpu authors. MIT license.

/**
 * Turns the labels of texts into what a model learns: the id of a class, a list with
 * 0 or 1 for each class, a distribution over classes, or numbers.
 *
 * @module
 */

import {
  cellOf,
  classNames as sortedNames,
  kindOf,
  multiLabelExamples,
  numberExamples,
  placeOf,
  softLabelExamples,
} from "../../data/mod.ts";
import { listOf } from "../../data/names.ts";
import { multiHot, type PretrainedConfig } from "../../models/mod.ts";
import type { Arguments } from "../arguments.ts";
import { isRegression } from "../classifier.ts";
import { classIds, finder, namesOf, numbersOf } from "../labels.ts";
import { givenClasses, type LabelColumns } from "./label_columns.ts";
import { type LabeledTexts, sourceOf } from "./labeled_texts.ts";
import { textOfCell } from "../table_columns.ts";

/** The id of a class or a number; or one number for each class or number. */
export type LabelValue = number | readonly number[];

/** What labels are. */
export type LabelKind = "class" | "classes" | "votes" | "numbers";

/** What the labels of a file are for a model: it decides, and whether they are votes. */
export function labelKind(
  config: PretrainedConfig,
  isSoft: boolean,
): LabelKind {
  return isRegression(config)
    ? "numbers"
    : config.problemType === "multi_label_classification"
    ? "classes"
    : isSoft
    ? "votes"
    : "class";
}

/**
 * What the labels of examples are for a model, of which the problem is known.
 *
 * @throws {TypeError} If a row has no such label.
 * @throws {RangeError} If a label is not one of the classes.
 */
export function labelValues(
  data: LabeledTexts,
  { args, config }: {
    readonly args: Arguments;
    readonly config: PretrainedConfig;
  },
): LabelValue[] {
  const columns = columnsOf(data);
  const kind = labelKind(config, columns.isSoft);
  checkFit(columns, kind, config);
  switch (kind) {
    case "class":
      return [...classIds(labelTexts(data), namesOf(config), sourceOf(data))];
    case "classes":
      return multiHots(data, args, namesOf(config));
    case "votes":
      return distributions(data, args, namesOf(config));
    case "numbers":
      return config.numLabels === 1
        ? [...numbersOf(labelTexts(data), sourceOf(data))]
        : numberLists(data, namesOf(config));
  }
}

/** Refuses columns and options that do not belong to labels of a kind. */
function checkFit(
  { labels, isSoft, separator }: LabelColumns,
  kind: LabelKind,
  { numLabels }: PretrainedConfig,
): void {
  const gives = {
    class: "one class to each text",
    classes: "several classes to a text",
    votes: "one class to each text",
    numbers: numLabels === 1
      ? "one number to each text"
      : `${numLabels} numbers to each text`,
  }[kind];
  const refuse = (what: string, wish = ""): never => {
    throw new TypeError(`Cannot use ${what}: the model gives ${gives}${wish}`);
  };
  if (isSoft && kind !== "votes") refuse("--soft-labels");
  if (separator !== undefined && kind !== "classes") {
    refuse("--label-separator");
  }
  if (kind === "class" && labels.length > 1) {
    refuse(
      `${labels.length} columns of labels`,
      "; say --soft-labels if they are votes or probabilities",
    );
  }
  if (kind === "numbers" && labels.length !== numLabels) {
    refuse(
      `${labels.length} column${labels.length === 1 ? "" : "s"} of labels`,
      "; name their columns with --label-column a,b,c",
    );
  }
}

/** The columns of examples, which are all of one file. */
function columnsOf({ path, examples: [first] }: LabeledTexts): LabelColumns {
  if (first) return first.columns;
  throw new RangeError(`Cannot use ${path}: it has no rows`);
}

/**
 * The labels as texts, where each row has one.
 *
 * @throws {TypeError} If a label is no text, number, true or false.
 */
export function labelTexts(data: LabeledTexts): string[] {
  const { labels: [name = ""] } = columnsOf(data);
  const source = sourceOf(data);
  return data.examples.map(({ row }, i) => {
    const cell = cellOf(row.cells, name);
    const text = textOfCell(cell);
    if (text !== undefined) return text;
    throw new TypeError(
      `Cannot use ${placeOf(source, i)}: its "${name}" is ` +
        `${JSON.stringify(cell).slice(0, 80)}, expected a text or a number` +
        (Array.isArray(cell)
          ? "; lists are for several labels, or for --soft-labels"
          : kindOf(cell) === "an object"
          ? "; say --soft-labels if these are votes or probabilities"
          : ""),
    );
  });
}

/**
 * The names of the classes that each text belongs to.
 *
 * @throws {TypeError} If a row has no labels, or one twice.
 */
export function labelNames(data: LabeledTexts, args: Arguments): string[][] {
  const columns = columnsOf(data);
  const { labels, separator } = columns;
  const [name = ""] = labels;
  if (labels.length === 1) {
    if (separator === undefined) checkLists(data, name);
    const read = multiLabelExamples({
      ...textColumns(columns),
      labels: name,
      separator,
    });
    return data.examples.map(({ row }) => read(row).labels);
  }
  const names = wideClasses(columns, args);
  const read = multiLabelExamples({ ...textColumns(columns), classes: labels });
  return data.examples.map(({ row }) =>
    read(row).labels.map((label) => names[labels.indexOf(label)] ?? label)
  );
}

/** Refuses texts where lists are expected, in the words of the command line. */
function checkLists(data: LabeledTexts, name: string): void {
  const source = sourceOf(data);
  for (const [i, { row }] of data.examples.entries()) {
    const cell = cellOf(row.cells, name);
    if (Array.isArray(cell)) continue;
    throw new TypeError(
      `Cannot use ${placeOf(source, i)}: its "${name}" is ` +
        `${JSON.stringify(cell).slice(0, 80)}, expected a list of labels; ` +
        "where labels are in a text, say what is between them with " +
        "--label-separator",
    );
  }
}

function multiHots(
  data: LabeledTexts,
  args: Arguments,
  names: readonly string[],
): number[][] {
  const source = sourceOf(data);
  const find = finder(names);
  return labelNames(data, args).map((labels, i) => {
    const ids = labels.map((label) => {
      const id = find(label);
      if (id !== undefined) return id;
      throw new RangeError(
        `Cannot use the label "${label}" in ${placeOf(source, i)}: ` +
          `the classes are ${listOf(names)}`,
      );
    });
    return multiHot(ids, names.length);
  });
}

/**
 * The classes that votes are for: their names, or their number if lists do not say
 * them.
 *
 * @throws {TypeError} If the votes are neither in lists nor in objects nor in columns.
 */
export function voteClasses(
  data: LabeledTexts,
  args: Arguments,
): string[] | number {
  const columns = columnsOf(data);
  const [name = ""] = columns.labels;
  if (columns.labels.length > 1) return wideClasses(columns, args);
  const given = givenClasses(args);
  if (given) return given;
  const cells = data.examples.map(({ row }) => cellOf(row.cells, name));
  const [first] = cells;
  if (Array.isArray(first)) return first.length;
  if (kindOf(first) === "an object") {
    return sortedNames(
      cells.flatMap((cell) =>
        kindOf(cell) === "an object" ? Object.keys(cell as object) : []
      ),
    );
  }
  throw new TypeError(
    `Cannot use ${placeOf(sourceOf(data), 0)}: its "${name}" is ` +
      `${JSON.stringify(first)?.slice(0, 80)}, expected votes or ` +
      "probabilities in a list or an object; where each class has a column, " +
      "name them with --label-column a,b,c",
  );
}

/** The names of classes that have a column each. */
function wideClasses({ labels }: LabelColumns, args: Arguments): string[] {
  const given = givenClasses(args);
  if (!given || given.length === labels.length) return given ?? [...labels];
  throw new RangeError(
    `Cannot use --classes ${
      args.text("classes")
    }: there are ${labels.length} ` +
      "columns of labels",
  );
}

function distributions(
  data: LabeledTexts,
  args: Arguments,
  names: readonly string[],
): number[][] {
  const columns = columnsOf(data);
  const { labels } = columns;
  const isWide = labels.length > 1;
  const known = voteClasses(data, args);
  const classes = typeof known === "number" ? names : known;
  const find = finder(names);
  const ids = classes.map((name) => {
    const id = find(name);
    if (id !== undefined) return id;
    throw new RangeError(
      `Cannot use the class "${name}" of ${data.path}: the classes are ` +
        listOf(names),
    );
  });
  const read = softLabelExamples({
    ...textColumns(columns),
    classes: isWide ? labels : classes,
    ...isWide ? {} : { column: labels[0] },
  });
  return data.examples.map(({ row }) => {
    const list = names.map(() => 0);
    read(row).probabilities.forEach((p, i) => {
      const id = ids[i] ?? 0;
      list[id] = (list[id] ?? 0) + p;
    });
    return list;
  });
}

function numberLists(
  data: LabeledTexts,
  names: readonly string[],
): number[][] {
  const columns = columnsOf(data);
  const { labels } = columns;
  // Columns may have another order than in training, or other names.
  const isNamed = names.every((name) => labels.includes(name));
  const read = numberExamples({
    ...textColumns(columns),
    labels: isNamed ? names : labels,
  });
  return data.examples.map(({ row }) => read(row).labels);
}

function textColumns(
  { text, pair }: LabelColumns,
): { text: string; textPair: string | undefined } {
  return { text, textPair: pair };
}
