// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `evaluate`, which measures a model on labeled texts.
 *
 * @module
 */

import { dirname } from "node:path";
import type { Table } from "../data/mod.ts";
import { openAdapter } from "./adapter.ts";
import {
  type Arguments,
  type Command,
  CONFIG_OPTION,
  HELP_OPTION,
  QUIET_OPTION,
} from "./arguments.ts";
import {
  isRegression,
  loadClassifier,
  maxLengthOf,
  usableConfig,
} from "./classifier.ts";
import {
  chooseColumns,
  COLUMN_OPTIONS,
  columnsRemark,
  LABEL_OPTION,
  NO_PAIRS_OPTION,
  rememberedColumns,
} from "./columns.ts";
import {
  MODEL_OPTIONS,
  posteriorRemark,
  scoreOptions,
} from "./model_options.ts";
import { type Line, predictionLines } from "./prediction_lines.ts";
import { prepareExamples } from "./prepare_examples.ts";
import { Progress } from "./progress.ts";
import {
  checkInputs,
  examplesOf,
  FILE_OPTIONS,
  readNeeded,
  readOptional,
  SKIP_OPTION,
} from "./read_examples.ts";
import { evaluateAll, f1Class, remarksOn, renderScores } from "./scores.ts";
import { writeTextAtomically } from "../nn/formats/mod.ts";

/** Measures a model on labeled examples. */
export const evaluate: Command = {
  name: "evaluate",
  summary: "Measures a model, and its SWAG posterior, on labeled texts.",
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
      ...COLUMN_OPTIONS,
      NO_PAIRS_OPTION,
      LABEL_OPTION,
      SKIP_OPTION,
      ...FILE_OPTIONS,
    ],
    Model: MODEL_OPTIONS,
    Result: [
      {
        name: "temperature-fit",
        value: "FILE",
        help:
          "Other labeled texts to fit a temperature on; adds scores after " +
          "temperature scaling.",
      },
      {
        name: "predictions",
        value: "FILE",
        help: "Write what is predicted for each row to a JSONL file, for " +
          "compare; with samples of the posterior, if there is one.",
      },
      { name: "json", help: "Print JSON instead of a table." },
      QUIET_OPTION,
      CONFIG_OPTION,
      HELP_OPTION,
    ],
  },
  notes: `Examples:
  swagpu evaluate --model model --data test.csv
  swagpu evaluate --model model --data test.csv --temperature-fit dev.csv
  swagpu evaluate --model model --data test.tsv --swag-samples 100 --json`,
  async run(args) {
    const source = args.needed("model");
    const options = scoreOptions(args);
    const asked = args.integer("max-length", { min: 1 });
    const progress = new Progress({ quiet: args.flag("quiet") });
    checkInputs(args, "data", "temperature-fit");
    const output = args.text("predictions");
    if (output !== undefined) await checkOutputFile(output, args);
    const data = await readNeeded(args, "data");
    const fitData = await readOptional(args, "temperature-fit");
    const known = await progress.during(
      `reading ${source}`,
      usableConfig(source),
    );
    if (fitData && isRegression(known)) {
      throw new TypeError(
        "Cannot use --temperature-fit: the model predicts numbers, not classes",
      );
    }
    const choice = { args, remembered: rememberedColumns(known) };
    const remark = columnsRemark(chooseColumns(data, choice), choice);
    if (remark !== undefined) progress.say(remark);
    const read = (table: Table) =>
      examplesOf(table, chooseColumns(table, choice), { args, progress });
    const examples = read(data);
    const fit = fitData && read(fitData);
    await openAdapter(progress);
    const classifier = await progress.during(
      `loading ${source}`,
      loadClassifier(source, args.text("tokenizer")),
    );
    const idle = posteriorRemark(args, classifier);
    if (idle !== undefined) progress.say(idle);
    const { model: { config }, tokenizer } = classifier;
    const maxLength = maxLengthOf(config, tokenizer, asked);
    const preparation = { config, tokenizer, maxLength, progress };
    const prepared = prepareExamples(examples, preparation);
    let lines: Line[] = [];
    const results = await evaluateAll(classifier, prepared, {
      ...options,
      onScores: (method, scores) => {
        // The last method is the samples', if there are any; SWA is one sample alone.
        if (output === undefined || method === "SWA") return;
        const isSampled = method === "SWAG";
        lines = predictionLines(config, scores, { isSampled });
      },
      fit: fit && prepareExamples(fit, preparation),
      progress,
    });
    for (const remark of remarksOn(results)) progress.say(remark);
    const positive = f1Class(classifier);
    console.log(
      args.flag("json")
        ? JSON.stringify(
          {
            rows: examples.texts.length,
            cut: prepared.texts.cut,
            f1_class: positive ?? null,
            results,
          },
          null,
          2,
        )
        : renderScores(results, positive).trimEnd(),
    );
    if (output !== undefined) {
      const { texts, pairs, labels, numbers } = examples;
      const text = lines.map((line, i) =>
        JSON.stringify({
          row: numbers?.[i] ?? i + 1,
          text: texts[i],
          ...pairs ? { pair: pairs[i] } : {},
          gold: labels[i],
          ...line,
        }) + "\n"
      ).join("");
      await writeTextAtomically(output, text);
    }
    return 0;
  },
};

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
  if (await isFolder(folder)) return;
  throw new Deno.errors.NotFound(
    `Cannot write predictions to ${path}: there is no folder ${folder}`,
  );
}

/** Whether there is a folder of this name. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false; // Writing will say what is wrong, if it is not a missing folder.
  }
}
