// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `report`, which writes a page and a model card about a model.
 *
 * @module
 */

import { type Arguments, type Command, COMMON_OPTIONS } from "./arguments.ts";
import {
  type Classifier,
  exists,
  isRegression,
  maxLengthOf,
} from "./classifier.ts";
import { MODEL_OPTIONS, scoreOptions } from "./model_options.ts";
import { OutputFolder } from "./output_folder.ts";
import { Progress } from "./progress.ts";
import type { RawTexts } from "./raw_texts.ts";
import { dataNameOf, modelNameOf, provenanceOf } from "./report_facts.ts";
import {
  MORE_DATA_OPTIONS,
  readReportInputs,
  type ReportInputs,
} from "./report_inputs.ts";
import {
  checkReportOutputs,
  type ReportOutputs,
  writeReportOutputs,
} from "./report_outputs.ts";
import {
  classificationResults,
  classNamedScores,
  type MethodScores,
  type PreparedRows,
  type ReportRows,
  scoreRows,
} from "./report_predictions.ts";
import { numberNamedScores, regressionResults } from "./report_regression.ts";
import { readTraining } from "./report_training.ts";
import { baseName, readRunFacts } from "./run_facts.ts";
import { prepareOutput } from "./save.ts";
import { LABELED_FILE_OPTIONS, singleAnswerConfig } from "./single_answers.ts";
import { print } from "./standard_output.ts";
import type { LabeledTexts } from "./tasks/labeled_texts.ts";
import type { TaskContext } from "./tasks/task.ts";
import { textClassification } from "./tasks/text_classification.ts";
import { measuredTexts, textRows } from "./tasks/text_rows.ts";
import { f1Class } from "./tasks/text_scores.ts";
import { cutRemark, TokenizedTexts } from "./tokenized_texts.ts";
import { loadFor } from "./use_task.ts";
import { currentDevice } from "../engine/mod.ts";
import type { RunResults } from "../report/mod.ts";

/** Writes a report of a model. */
export const report: Command = {
  name: "report",
  summary:
    "Writes a report of a model, and a model card: one page of HTML with figures " +
    "of calibration, uncertainty and training, and a README.md that Hugging " +
    "Face's hub reads.",
  usage: "--model DIR --data FILE [options]",
  options: {
    Data: [
      {
        name: "data",
        value: "FILE",
        help: "Labeled texts to measure on: CSV, TSV, JSONL or JSON, also as " +
          ".gz, or Parquet; - for standard input.",
      },
      ...MORE_DATA_OPTIONS,
      ...LABELED_FILE_OPTIONS,
    ],
    Model: MODEL_OPTIONS,
    Result: [
      {
        name: "output",
        value: "DIR",
        help: "Folder to write report.html and README.md to (the model's).",
      },
      { name: "no-card", help: "Write no README.md." },
      {
        name: "overwrite",
        help:
          "Replace a README.md or report.html that report did not write, or " +
          "that was changed since.",
      },
      {
        name: "data-name",
        value: "NAME",
        help: "What the data are called, such as SST-2 (the name of the file).",
      },
      {
        name: "eval-split",
        value: "NAME",
        help: "Which split of the data it is, such as validation (test).",
      },
      ...COMMON_OPTIONS,
    ],
  },
  notes: `Examples:
  swagpu report --model model --data test.csv
  swagpu report --model model --data test.csv --temperature-fit dev.csv \\
    --ood headlines.txt
  swagpu report --model model --data test.csv --output out --no-card

How the model was trained comes from run.json, and log.jsonl or
trainer_state.json, in its folder, if they are there.`,
  async run(args) {
    const source = args.needed("model");
    args.needed("data");
    const options = scoreOptions(args);
    const asked = args.integer("max-length", { min: 1 });
    const progress = new Progress({ quiet: args.flag("quiet") });
    const outputs: ReportOutputs = {
      folder: await outputFolder(args, source),
      withCard: !args.flag("no-card"),
    };
    if (!args.flag("overwrite")) await checkReportOutputs(outputs);
    const config = await progress.during(
      `reading ${source}`,
      singleAnswerConfig(source, "report", args),
    );
    const run = await readRunFacts(source);
    const training = await readTraining(source, run?.snapshots);
    const inputs = await readReportInputs(args, config, progress);
    await using _folder = await OutputFolder.make(
      outputs.folder,
      () => prepareOutput(outputs.folder, true),
    );
    const classifier = await loadFor(textClassification, { args, progress });
    const maxLength = maxLengthOf(config, classifier.tokenizer, asked);
    const rows = prepareRows(inputs, { args, classifier, maxLength, progress });
    const methods = await scoreRows(classifier, rows, { ...options, progress });
    const provenance = await provenanceOf({
      ...{ args, config, model: source, run },
      device: currentDevice(),
      rows: rows.test.texts.count,
      posterior: classifier.swag && options,
    });
    const title = `${await modelNameOf(source)} on ${dataNameOf(args)}`;
    const written = await progress.during(
      "drawing the report",
      writeReportOutputs({
        title,
        date: new Date().toISOString().slice(0, 10),
        ...measured(methods, { inputs, rows, classifier }),
        ...training ? { training } : {},
        provenance,
      }, outputs),
    );
    for (const path of written) await print(`Wrote ${path}`);
    return 0;
  },
};

/** The folder to write to. */
async function outputFolder(args: Arguments, source: string): Promise<string> {
  const output = args.text("output");
  if (output !== undefined) return output;
  if (await exists(source)) return source;
  throw new TypeError(
    `Cannot write a report of ${source} without --output: it is not a folder`,
  );
}

/** Splits the texts of all files into tokens. */
function prepareRows(
  { test, fit, ood }: ReportInputs,
  { args, classifier, maxLength, progress }: TaskContext & {
    readonly classifier: Classifier;
    readonly maxLength: number;
  },
): ReportRows {
  const { model: { config }, tokenizer } = classifier;
  const context = { args, progress, config, tokenizer, maxLength };
  const labeled = (data: LabeledTexts): PreparedRows => {
    const { rows } = textRows(data, context);
    const { labels, ...own } = measuredTexts(rows, context);
    return { ...own, labels: Float64Array.from(labels, Number) };
  };
  const tokenized = ({ path, texts, pairs }: RawTexts) => {
    const own = new TokenizedTexts(tokenizer, texts, { pairs, maxLength });
    const { cut, count: rows } = own;
    const remark = cutRemark({ cut, rows, path, maxLength });
    if (remark !== undefined) progress.say(remark);
    return own;
  };
  return {
    test: labeled(test),
    fit: fit && labeled(fit),
    ood: ood && { source: ood, texts: tokenized(ood) },
  };
}

/** The parts of a report that were measured. */
function measured(
  methods: readonly MethodScores[],
  { inputs, rows, classifier }: {
    inputs: ReportInputs;
    rows: ReportRows;
    classifier: Classifier;
  },
): Partial<RunResults> {
  const texts = inputs.test.examples.map(({ text, pair }) =>
    pair === undefined ? text : `${text} / ${pair}`
  );
  if (isRegression(classifier.model.config)) {
    const regression = regressionResults(methods, rows, texts);
    return { regression, scores: numberNamedScores(regression) };
  }
  const { softLabels, ood } = inputs;
  const classification = classificationResults(methods, {
    ...{ classifier, rows, texts, softLabels },
    oodName: ood && baseName(ood.path),
  });
  const scores = classNamedScores(
    classification,
    f1Class(classifier.model.config) ?? "macro",
  );
  return { classification, scores };
}
