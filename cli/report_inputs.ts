// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the files that `report` measures a model on.
 *
 * @module
 */

import { cellOf, findColumn, formatOf, type Table } from "../data/mod.ts";
import { counted, listOf } from "../data/names.ts";
import type { PretrainedConfig } from "../models/mod.ts";
import type { Arguments, Option } from "./arguments.ts";
import { isRegression } from "./classifier.ts";
import { chooseColumns, type ColumnChoice, columnsRemark } from "./columns.ts";
import {
  checkInputs,
  namesIn,
  readInput,
  readOptional,
} from "./input_files.ts";
import { namesOf } from "./labels.ts";
import type { Progress } from "./progress.ts";
import { type RawTexts, textsOf } from "./raw_texts.ts";
import { textOfCell } from "./table_columns.ts";
import { chooseLabelColumns, rememberedLabels } from "./tasks/label_columns.ts";
import { type LabeledTexts, labeledTexts } from "./tasks/labeled_texts.ts";
import { nameOfRow } from "./tasks/task_files.ts";
import { linesOf } from "./text_lines.ts";

/** The files to measure on beside `--data`. */
export const MORE_DATA_OPTIONS: readonly Option[] = [
  {
    name: "temperature-fit",
    value: "FILE",
    help: "Other labeled texts to fit temperatures and conformal sets on, or " +
      "the noise of numbers (each half of --data for the other half).",
  },
  {
    name: "ood",
    value: "FILE",
    help:
      "Unfamiliar texts, to see whether the model is less sure of them: a " +
      "text file with a text a line, or a table as --data.",
  },
  {
    name: "soft-columns",
    value: "NAMES",
    help:
      "Columns with the share of each class, in the order of the classes, " +
      "where several people labeled each text.",
  },
];

/** What a model is measured on. */
export interface ReportInputs {
  /** The test set. */
  test: LabeledTexts;
  /** Labeled texts to fit on. */
  fit: LabeledTexts | undefined;
  /** Unfamiliar texts. */
  ood: RawTexts | undefined;
  /** The distribution of labels of each row of the test set, [rows, classes]. */
  softLabels: Float64Array<ArrayBuffer> | undefined;
}

/**
 * Reads all files that options name.
 *
 * @throws {Error} If a file cannot be used; the message names the row.
 */
export async function readReportInputs(
  args: Arguments,
  config: PretrainedConfig,
  progress: Progress,
): Promise<ReportInputs> {
  checkInputs(args, "data", "temperature-fit", "ood");
  for (const name of ["ood", "soft-columns"]) {
    if (args.text(name) === undefined || !isRegression(config)) continue;
    throw new TypeError(
      `Cannot use --${name}: the model predicts numbers, not classes`,
    );
  }
  const data = await readInput(args, "data");
  const fit = await readOptional(args, "temperature-fit");
  const choice = { args, remembered: rememberedLabels(config) };
  const remark = columnsRemark(chooseLabelColumns(data, choice), choice);
  if (remark !== undefined) progress.say(remark);
  const read = (table: Table) =>
    labeledTexts(table, chooseLabelColumns(table, choice), { args, progress });
  const test = read(data);
  return {
    test,
    fit: fit && read(fit),
    ood: await readUnfamiliar(choice),
    softLabels: softLabelsOf(data, test, {
      names: namesIn(args, "soft-columns"),
      classes: namesOf(config),
    }),
  };
}

/** Reads the texts of `--ood`: the lines of a text file, or a column of a table. */
async function readUnfamiliar(
  choice: ColumnChoice,
): Promise<RawTexts | undefined> {
  const { args, remembered } = choice;
  const path = args.text("ood");
  if (path === undefined) return undefined;
  if (formatOf(path) !== "text") {
    const table = await readOptional(args, "ood");
    return table && textsOf(table, chooseColumns(table, choice));
  }
  if (remembered?.pair !== undefined && !args.flag("no-pairs")) {
    throw new TypeError(
      `Cannot use --ood ${path}: the model was trained on pairs of texts, and a ` +
        "text file holds single ones; name a table, or say --no-pairs",
    );
  }
  const texts: string[] = [];
  for await (const line of linesOf(path)) {
    const text = line.replace(/\r?\n$/, "");
    if (text.trim() !== "") texts.push(text);
  }
  if (texts.length > 0) return { path, texts, pairs: undefined };
  throw new RangeError(`Cannot use --ood ${path}: it has no texts`);
}

/** The shares of classes in each row, which add up to 1. */
function softLabelsOf(
  table: Table,
  { examples }: LabeledTexts,
  { names, classes }: {
    names: readonly string[] | undefined;
    classes: readonly string[];
  },
): Float64Array<ArrayBuffer> | undefined {
  if (!names) return undefined;
  if (names.length !== classes.length) {
    throw new RangeError(
      `Cannot use --soft-columns with ${counted(names.length, "name")}: the ` +
        `model has ${
          counted(classes.length, "class")
            .replace("classs", "classes")
        }, ${listOf(classes)}`,
    );
  }
  const columns = names.map((name) => findColumn(table, name));
  return Float64Array.from(examples.flatMap(({ row }) => {
    const shares = columns.map((column) =>
      Number(textOfCell(cellOf(row.cells, column)))
    );
    const sum = shares.reduce((a, b) => a + b, 0);
    if (shares.every((share) => share >= 0) && sum > 0 && sum < Infinity) {
      return shares.map((share) => share / sum);
    }
    throw new RangeError(
      `Cannot use ${nameOfRow(row)}: its shares of classes are ` +
        `${shares.join(", ")}, expected numbers of at least 0 that are not ` +
        "all 0",
    );
  }));
}
