// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the files that `report` measures a model on.
 *
 * @module
 */

import type { Table } from "../data/mod.ts";
import type { PretrainedConfig } from "../models/mod.ts";
import type { Arguments, Option } from "./arguments.ts";
import {
  chooseColumns,
  type ColumnChoice,
  columnsRemark,
  rememberedColumns,
} from "./columns.ts";
import { isRegression } from "./classifier.ts";
import { namesOf } from "./labels.ts";
import type { Progress } from "./progress.ts";
import {
  checkInputs,
  examplesOf,
  type RawExamples,
  type RawTexts,
  readNeeded,
  readOptional,
  textsOf,
} from "./read_examples.ts";
import { columnOf, labeledRows } from "./table_columns.ts";
import { linesOf } from "./text_lines.ts";
import { placeOf } from "../data/mod.ts";
import { counted, listOf } from "../data/names.ts";

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
  test: RawExamples;
  /** Labeled texts to fit on. */
  fit: RawExamples | undefined;
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
  const data = await readNeeded(args, "data");
  const fit = await readOptional(args, "temperature-fit");
  const choice = { args, remembered: rememberedColumns(config) };
  const remark = columnsRemark(chooseColumns(data, choice), choice);
  if (remark !== undefined) progress.say(remark);
  const read = (table: Table) =>
    examplesOf(table, chooseColumns(table, choice), { args, progress });
  return {
    test: read(data),
    fit: fit && read(fit),
    ood: await readUnfamiliar(choice),
    softLabels: softLabelsOf(data, choice, namesOf(config)),
  };
}

/** Reads the texts of `--ood`: the lines of a text file, or a column of a table. */
async function readUnfamiliar(
  choice: ColumnChoice,
): Promise<RawTexts | undefined> {
  const { args, remembered } = choice;
  const path = args.text("ood");
  if (path === undefined) return undefined;
  if (!/\.(txt|text)(\.gz)?$/i.test(path)) {
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
  data: Table,
  choice: ColumnChoice,
  classes: readonly string[],
): Float64Array<ArrayBuffer> | undefined {
  const { args } = choice;
  const names = args.text("soft-columns")?.split(",").map((name) =>
    name.trim()
  );
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
  const table = args.flag("skip-unlabelled")
    ? labeledRows(data, chooseColumns(data, choice).label)
    : data;
  const columns = names.map((name) => columnOf(table, name));
  const soft = new Float64Array(table.rows.length * names.length);
  for (let row = 0; row < table.rows.length; row++) {
    const shares = columns.map((column) => Number(column[row]));
    const sum = shares.reduce((a, b) => a + b, 0);
    if (!shares.every((share) => share >= 0) || !(sum > 0 && sum < Infinity)) {
      throw new RangeError(
        `Cannot use ${placeOf(table, row)}: its shares of classes are ` +
          `${shares.join(", ")}, expected numbers of at least 0 that are not ` +
          "all 0",
      );
    }
    soft.set(shares.map((share) => share / sum), row * names.length);
  }
  return soft;
}
