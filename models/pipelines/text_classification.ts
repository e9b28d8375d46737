// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that classifies texts.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import type { Tasks } from "../registry.ts";
import type { TokenizerInput } from "../tokenizer/mod.ts";
import { averaged, logitsOf, type RowScores, scoresOf } from "./averages.ts";
import {
  makePipeline,
  type Pipeline,
  type PipelineSetup,
  type TruncatedOptions,
} from "./base.ts";
import { encodeAll, scored } from "./batches.ts";
import { checkChoice, checkCount, largest } from "./scores.ts";
import type { LabelUncertainty, ScoreFunction } from "./posterior.ts";

/** Two texts that are classified together. */
export interface TextPair {
  /** The first text. */
  text: string;
  /** The second text. */
  textPair: string;
}

/**
 * A label of a text. Where the pipeline has a posterior, it also holds the
 * label's uncertainty: `std` of the score over the samples and, for
 * probabilities, `entropy` and `mutualInformation`. These two describe the choice
 * among all labels, or each label where labels are independent.
 */
export interface TextLabel extends Partial<LabelUncertainty> {
  /** The label, as the model's configuration names it. */
  label: string;
  /** The label's score after {@linkcode ScoreFunction}: usually a probability. */
  score: number;
}

/** Options of {@linkcode TextClassificationPipeline}. */
export interface TextClassificationOptions extends TruncatedOptions {
  /**
   * The number of labels for each text, the best first; `null` for all. Where it
   * is given, every text has a list of labels.
   *
   * @default {the best label}
   */
  topK?: number | null | undefined;
  /**
   * The function that turns the model's logits into scores.
   *
   * @default {"none" for regression, "sigmoid" for one label or independent
   * labels, else "softmax"}
   */
  functionToApply?: ScoreFunction | undefined;
}

/** The names of {@linkcode TextClassificationOptions}. */
const OPTIONS = [
  "topK",
  "functionToApply",
  "truncation",
  "maxLength",
  "batchSize",
] satisfies (keyof TextClassificationOptions)[];

const FUNCTIONS: readonly ScoreFunction[] = ["sigmoid", "softmax", "none"];

type Input = string | TextPair;

/**
 * Classifies texts.
 *
 * A single text gives a list of labels. A list of texts gives one label for each
 * text, or with `topK` a list of labels for each.
 */
export interface TextClassificationPipeline
  extends Pipeline<Tasks["sequenceClassification"]> {
  /** Finds the best label of a text, or the `topK` best. */
  (text: string, options?: TextClassificationOptions): Promise<TextLabel[]>;
  /** Finds the best label of a pair of texts. */
  (
    pair: TextPair,
    options?: TextClassificationOptions & { topK?: undefined },
  ): Promise<TextLabel>;
  /** Finds the best label of each text. */
  (
    texts: readonly (string | TextPair)[],
    options?: TextClassificationOptions & { topK?: undefined },
  ): Promise<TextLabel[]>;
  /** Finds the best labels of a pair of texts. */
  (
    pair: TextPair,
    options: TextClassificationOptions & { topK: number | null },
  ): Promise<TextLabel[]>;
  /** Finds the best labels of each text. */
  (
    texts: readonly (string | TextPair)[],
    options: TextClassificationOptions & { topK: number | null },
  ): Promise<TextLabel[][]>;
}

/** Makes the pipeline from a classifier. */
export function textClassification(
  setup: PipelineSetup<Tasks["sequenceClassification"]>,
): TextClassificationPipeline {
  const { model, sampled } = setup;

  async function classify(
    input: Input | readonly Input[],
    options: TextClassificationOptions = {},
  ): Promise<TextLabel | TextLabel[] | TextLabel[][]> {
    checkOptions(options, { action: "classify", known: OPTIONS });
    const { topK, batchSize = setup.batchSize } = options;
    if (typeof topK === "number") checkCount("topK", topK);
    checkChoice("functionToApply", options.functionToApply, FUNCTIONS);
    const inputs = isList(input) ? input : [input];
    const rows = encodeAll(setup, inputs.map(together), options);
    const apply = options.functionToApply ?? defaultFunction(model.config);
    const { id2label } = model.config;
    const labels: TextLabel[][] = [];
    const batched = { ...setup, batchSize };
    let width = 0;
    let samples = 1;
    const results = scored(
      batched,
      rows,
      (tokens, batch) => {
        const logits = logitsOf(() => model.forward(tokens), sampled);
        width = logits.shape.at(-1) ?? 0;
        samples = logits.size / (width * batch.rows.length);
        return [logits];
      },
    );
    for await (const { rows, outputs: [logits] } of results) {
      const size = width * samples;
      for (const [i, row] of rows.entries()) {
        const own = logits?.subarray(i * size, (i + 1) * size) ??
          new Float32Array();
        const { scores, uncertainty }: RowScores = sampled
          ? averaged(apply, own, width)
          : { scores: scoresOf(apply, own) };
        const count = topK === null ? width : topK ?? 1;
        labels[row] = largest(scores, count).map((id) => ({
          label: id2label[id] ?? `LABEL_${id}`,
          score: scores[id] ?? NaN,
          ...uncertainty?.[id],
        }));
      }
    }
    const single = typeof input === "string" ||
      (topK !== undefined && !isList(input));
    if (single) return labels[0] ?? [];
    if (topK !== undefined) return labels;
    const best = labels.flat();
    return isList(input) ? best : best[0] ?? [];
  }

  return makePipeline(setup, classify as TextClassificationPipeline);
}

function isList(input: Input | readonly Input[]): input is readonly Input[] {
  return Array.isArray(input);
}

/**
 * Turns an input into the tokenizer's form.
 *
 * @throws {TypeError} If it is neither a text nor a pair.
 */
function together(input: Input): TokenizerInput {
  if (typeof input === "string") return input;
  const { text, textPair } = Object(input) as Partial<TextPair>;
  if (typeof text === "string") {
    if (textPair === undefined || textPair === null) return text;
    if (typeof textPair === "string") return [text, textPair];
  }
  throw new TypeError(
    `Cannot classify ${JSON.stringify(input)}: expected a text, or a pair ` +
      'like { text: "…", textPair: "…" }',
  );
}

/** The function that turns the logits of a kind of problem into scores. */
function defaultFunction(
  { problemType, numLabels }: Tasks["sequenceClassification"]["config"],
): ScoreFunction {
  if (problemType === "regression") return "none";
  return problemType === "multi_label_classification" || numLabels === 1
    ? "sigmoid"
    : "softmax";
}
