// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `evaluate`, which measures a model on labeled texts.
 *
 * @module
 */

import { disk, isNotFound, NotFound } from "../host/mod.ts";
import { dirname } from "node:path";
import type { PretrainedConfig } from "../models/mod.ts";
import { writeTextAtomically } from "../nn/formats/mod.ts";
import {
  type Arguments,
  type Command,
  COMMON_OPTIONS,
  type Option,
} from "./arguments.ts";
import { maxLengthOf } from "./classifier.ts";
import { columnsRemark, NO_PAIRS_OPTION } from "./columns.ts";
import { checkInputs, readInput, readOptional } from "./input_files.ts";
import { MODEL_OPTIONS, scoreOptions } from "./model_options.ts";
import { type Line, predictionLines } from "./prediction_lines.ts";
import { evaluateAll, remarksOn, renderScores } from "./scores.ts";
import { print } from "./standard_output.ts";
import { goldFields } from "./tasks/gold_fields.ts";
import { chooseLabelColumns, rememberedLabels } from "./tasks/label_columns.ts";
import { labelKind } from "./tasks/label_values.ts";
import { type LabeledTexts, labeledTexts } from "./tasks/labeled_texts.ts";
import { taskOptions } from "./tasks/registry.ts";
import type { TaskContext } from "./tasks/task.ts";
import { textClassification } from "./tasks/text_classification.ts";
import { measuredTexts, type TextRow, textRows } from "./tasks/text_rows.ts";
import { f1Class } from "./tasks/text_scores.ts";
import { thresholdOf } from "./tasks/threshold.ts";
import {
  evaluateTask,
  loadFor,
  refuseOptions,
  type UsedModel,
  usedModel,
} from "./use_task.ts";

/** The options for models of text classification alone. */
const TEXT_RESULT_OPTIONS: readonly Option[] = [
  {
    name: "temperature-fit",
    value: "FILE",
    help: "Other labeled texts to fit a temperature on; adds scores after " +
      "temperature scaling.",
  },
  {
    name: "predictions",
    value: "FILE",
    help: "Write what is predicted for each row to a JSONL file, for " +
      "compare; with samples of the posterior, if there is one.",
  },
];

/** Measures a model on labeled examples. */
export const evaluate: Command = {
  name: "evaluate",
  summary:
    "Measures a model, and its SWAG posterior, on labeled texts. The task is " +
    "that of the model.",
  usage: "--model DIR --data FILE [options]",
  options: {
    Data: [
      {
        name: "data",
        value: "FILE",
        help:
          "Labeled texts: CSV, TSV, JSONL or JSON, also as .gz, or Parquet; - for " +
          "standard input.",
      },
      NO_PAIRS_OPTION,
    ],
    ...taskOptions("dataOptions", "scoreOptions"),
    Model: MODEL_OPTIONS,
    Result: [
      ...TEXT_RESULT_OPTIONS,
      { name: "json", help: "Print JSON instead of a table." },
      ...COMMON_OPTIONS,
    ],
  },
  notes: `Examples:
  swagpu evaluate --model model --data test.csv
  swagpu evaluate --model model --data test.csv --temperature-fit dev.csv
  swagpu evaluate --model model --data test.tsv --swag-samples 100 --json`,
  async run(args) {
    const used = await usedModel(args, "dataOptions", "scoreOptions");
    if (used.task.name === textClassification.name) {
      return await evaluateTexts(used);
    }
    refuseOptions(args, used.task, [...TEXT_RESULT_OPTIONS, NO_PAIRS_OPTION]);
    return await evaluateTask(used);
  },
};

/** Measures a model for text classification, and gives the exit code. */
async function evaluateTexts(
  { config, context: { args, progress } }: UsedModel,
): Promise<number> {
  const options = scoreOptions(args);
  const asked = args.integer("max-length", { min: 1 });
  const threshold = thresholdOf(args, config);
  const output = args.text("predictions");
  if (output !== undefined) await checkOutputFile(output, args);
  const { data, fitData } = await readTexts(config, { args, progress });
  const classifier = await loadFor(textClassification, { args, progress });
  const { tokenizer } = classifier;
  const maxLength = maxLengthOf(config, tokenizer, asked);
  const context = { args, progress, config, tokenizer, maxLength };
  const { rows, cut } = textRows(data, context);
  let lines: Line[] = [];
  const results = await evaluateAll(classifier, measuredTexts(rows, context), {
    ...options,
    threshold,
    onScores: (method, scores) => {
      // The last method is the samples', if there are any; SWA is the mean alone.
      if (output === undefined || method.endsWith("SWA")) return;
      const isSampled = method.endsWith("SWAG");
      lines = predictionLines(config, scores, { isSampled, threshold });
    },
    fit: fitData &&
      measuredTexts(textRows(fitData, context).rows, context),
    progress,
  });
  for (const remark of remarksOn(results)) progress.say(remark);
  await print(
    args.flag("json")
      ? JSON.stringify(
        {
          ...{ rows: rows.length, cut, f1_class: f1Class(config) ?? null },
          results,
        },
        null,
        2,
      )
      : renderScores(results, textClassification.columns?.(config)).trimEnd(),
  );
  if (output !== undefined) {
    await writePredictions(output, { data, rows, lines, config });
  }
  return 0;
}

/** Reads the files that options name. */
async function readTexts(
  config: PretrainedConfig,
  { args, progress }: TaskContext,
): Promise<{ data: LabeledTexts; fitData: LabeledTexts | undefined }> {
  checkInputs(args, "data", "temperature-fit");
  const table = await readInput(args, "data");
  const fitTable = await readOptional(args, "temperature-fit");
  const choice = { args, remembered: rememberedLabels(config) };
  const columns = chooseLabelColumns(table, choice);
  const kind = labelKind(config, columns.isSoft);
  if (fitTable && kind !== "class") {
    throw new TypeError(
      `Cannot use --temperature-fit: ${
        {
          classes: "the model gives several labels to a text, not one class",
          votes: "a temperature is fitted to one class a text, not to votes",
          numbers: "the model predicts numbers, not classes",
        }[kind]
      }`,
    );
  }
  if (
    args.text("classes") !== undefined && kind !== "votes" &&
    !(kind === "classes" && columns.labels.length > 1)
  ) {
    throw new TypeError(
      `Cannot use --classes ${args.text("classes")}: it names the classes of ` +
        "columns or of lists of votes, and the labels are " +
        (kind === "numbers" ? "numbers" : "names of classes"),
    );
  }
  const remark = columnsRemark(columns, choice);
  if (remark !== undefined) progress.say(remark);
  const context = { args, progress };
  return {
    data: labeledTexts(table, columns, context),
    fitData: fitTable &&
      labeledTexts(fitTable, chooseLabelColumns(fitTable, choice), context),
  };
}

/** Writes what is predicted for each row. */
async function writePredictions(
  path: string,
  { data, rows, lines, config }: {
    data: LabeledTexts;
    rows: readonly TextRow[];
    lines: readonly Line[];
    config: PretrainedConfig;
  },
): Promise<void> {
  const text = data.examples.map((example, i) =>
    JSON.stringify({
      row: example.row.number,
      text: example.text,
      ...example.pair === undefined ? {} : { pair: example.pair },
      ...goldFields(example, rows[i]?.label ?? 0, config),
      ...lines[i],
    }) + "\n"
  ).join("");
  await writeTextAtomically(path, text);
}

/** Refuses a file that cannot be written, before the work of hours. */
async function checkOutputFile(path: string, args: Arguments): Promise<void> {
  const inputs = [args.text("data"), args.text("temperature-fit")];
  if (inputs.includes(path)) {
    throw new TypeError(
      `Cannot write predictions to ${path}: it is the file of texts`,
    );
  }
  if (await isFolder(path)) {
    throw new TypeError(
      `Cannot write predictions to ${path}: it is a folder, name a file in it`,
    );
  }
  const folder = dirname(path);
  if (await isFolder(folder) !== false) return;
  throw new NotFound(
    `Cannot write predictions to ${path}: there is no folder ${folder}`,
  );
}

/** Whether there is a folder of this name; `undefined` if one may not look. */
async function isFolder(path: string): Promise<boolean | undefined> {
  try {
    return (await disk(path).stat(path)).isDirectory;
  } catch (error) {
    return isNotFound(error) ? false : undefined; // Writing says what is wrong.
  }
}
