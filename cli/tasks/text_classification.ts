// Copyright 2026 the swagpu authors. MIT license.

/**
 * Text classification: a text, or a pair of texts, gets one class, several classes,
 * a distribution over classes, one number or several.
 *
 * @module
 */

import { AutoModelForSequenceClassification } from "../../models/mod.ts";
import type { Option } from "../arguments.ts";
import {
  isMultiLabel,
  isRegression,
  meanPredictions,
  problemTypeOf,
  scoresOf,
  type TextModel,
} from "../classifier.ts";
import { COLUMN_OPTIONS, SKIP_OPTION } from "../columns.ts";
import { SKIP_ROWS_OPTION, TASK_FILE_OPTIONS } from "../input_files.ts";
import { alikeRemark } from "../labels.ts";
import { namingRows } from "../not_finite.ts";
import { textCollator } from "../tokenized_texts.ts";
import { CLASS_WEIGHTS_OPTION, classWeights } from "./class_weights.ts";
import {
  LABEL_OPTIONS,
  labelColumnFields,
  rememberedLabels,
} from "./label_columns.ts";
import { labelFields, PROBLEMS } from "./label_names.ts";
import {
  type LabeledText,
  readLabeledTexts,
  stratumOf,
} from "./labeled_texts.ts";
import type { Task } from "./task.ts";
import { PREDICT_OPTIONS, predictLabels } from "./text_predictions.ts";
import { placesOf, RowBatches, type TextRow, textRows } from "./text_rows.ts";
import { constantScore, f1Class, f1Head, textScores } from "./text_scores.ts";
import { THRESHOLD_OPTION, thresholdOf } from "./threshold.ts";

/** The option that says what labels are, for training. */
const PROBLEM_OPTION: Option = {
  name: "problem-type",
  value: "TYPE",
  choices: PROBLEMS,
  help: `What labels are: ${
    PROBLEMS.join(", ")
  } (the model's, else the first).`,
};

/** The task of classifying texts. */
export const textClassification: Task<
  LabeledText,
  TextRow,
  Float32Array<ArrayBuffer>,
  TextModel
> = {
  name: "text-classification",
  summary:
    "one class, several classes or numbers for a text or a pair of texts",
  models: /ForSequenceClassification$/,
  auto: AutoModelForSequenceClassification,
  head: ["classifier", "classification_head", "score"],
  metric: "accuracy",
  greaterIsBetter: true,
  dataOptions: [
    ...COLUMN_OPTIONS,
    ...LABEL_OPTIONS,
    SKIP_OPTION,
    SKIP_ROWS_OPTION,
    ...TASK_FILE_OPTIONS,
  ],
  trainOptions: [PROBLEM_OPTION, CLASS_WEIGHTS_OPTION],
  scoreOptions: [THRESHOLD_OPTION],
  predictOptions: PREDICT_OPTIONS,

  metricOf(config) {
    if (isRegression(config)) return { metric: "rmse", greaterIsBetter: false };
    if (isMultiLabel(config)) {
      return { metric: "f1_micro", greaterIsBetter: true };
    }
    return rememberedLabels(config)?.isSoft
      ? { metric: "cross_entropy", greaterIsBetter: false }
      : { metric: "accuracy", greaterIsBetter: true };
  },

  constantScore: (rows, metric, config) =>
    constantScore(rows.map(({ label }) => label), metric, config),

  read: readLabeledTexts,

  stratum: stratumOf,

  configFields(data, context) {
    const { args, config, progress } = context;
    const fields = labelFields(data, context);
    const { columns } = data.examples[0] ?? {};
    const source = args.text("model");
    const wasPaired = rememberedLabels(config)?.pair !== undefined;
    if (source !== undefined && wasPaired && columns?.pair === undefined) {
      progress.say(
        `${source} was trained on pairs of texts, and this training is on ` +
          "single ones: name the column of second texts with --pair-column",
      );
    }
    const alike = fields["problem_type"] === "regression"
      ? undefined
      : alikeRemark(Object.values(fields["id2label"] ?? {}));
    if (alike !== undefined) progress.say(alike);
    return { ...fields, ...columns ? labelColumnFields(columns) : {} };
  },

  prepare(data, context) {
    thresholdOf(context.args, context.config); // Throws before hours of training.
    return textRows(data, context).rows;
  },

  trainerOptions(rows, { args, config }) {
    const labels = rows.map(({ label }) => label);
    const weights = classWeights(args, labels, config);
    const isSoft = !isRegression(config) && !isMultiLabel(config) &&
      labels.some((label) => typeof label !== "number");
    return {
      ...isSoft ? { softTargets: true } : {},
      ...weights ? { classWeights: weights } : {},
    };
  },

  collator({ model, tokenizer, maxLength }) {
    const collator = textCollator(tokenizer, {
      maxLength,
      usesPacking: model.usesPacking,
      fewShapes: true,
      problemType: problemTypeOf(model.config),
    });
    return (rows) => collator.collate(rows);
  },

  outputs: (rows, { model, batchSize, advance, ...context }) =>
    namingRows(
      placesOf(rows),
      () =>
        scoresOf(model, new RowBatches(rows, context), { batchSize, advance }),
    ),

  scores: (members, rows, { args, config }) =>
    textScores(
      {
        predicted: meanPredictions(config, members),
        labels: rows.map(({ label }) => label),
      },
      { config, threshold: thresholdOf(args, config) },
    ),

  columns: (config) => ({ f1: { head: f1Head(f1Class(config)) } }),

  predict: predictLabels,
};
