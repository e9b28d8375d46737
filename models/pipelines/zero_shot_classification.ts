// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that classifies texts by labels which its model has never seen.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import type { Tasks } from "../registry.ts";
import { averaged, logitsOf, type RowScores, scoresOf } from "./averages.ts";
import {
  makePipeline,
  type Pipeline,
  type PipelineSetup,
  type TruncatedOptions,
} from "./base.ts";
import { encodeAll, scored, textsOf } from "./batches.ts";
import type { LabelUncertainty } from "./posterior.ts";
import { largest } from "./scores.ts";

/** How well labels fit a text. */
export interface ZeroShotResult {
  /** The text. */
  sequence: string;
  /** The labels, the best first. */
  labels: string[];
  /** The probability of each of the labels. */
  scores: number[];
  /**
   * How unsure the score of each of the labels is, if the pipeline has a
   * posterior. `entropy` and `mutualInformation` describe the choice among all
   * labels, or each label where labels are independent.
   */
  uncertainty?: LabelUncertainty[];
}

/** The names of {@linkcode ZeroShotOptions}, besides the labels. */
const OPTIONS = [
  "hypothesisTemplate",
  "multiLabel",
  "truncation",
  "maxLength",
  "batchSize",
] satisfies (keyof ZeroShotOptions)[];

const LABELED_OPTIONS = [
  "candidateLabels",
  ...OPTIONS,
] satisfies (keyof ZeroShotLabeledOptions)[];

/** Options of {@linkcode ZeroShotClassificationPipeline}. */
export interface ZeroShotOptions extends TruncatedOptions {
  /**
   * The sentence that a label is put into, in place of `{}`. Braces of the
   * sentence itself are doubled, as in Python.
   *
   * @default {"This example is {}."}
   */
  hypothesisTemplate?: string | undefined;
  /**
   * Whether several labels may be true, or none. If so, the score of a label
   * does not depend on the other labels; else the scores of a text sum to 1.
   *
   * @default {false}
   */
  multiLabel?: boolean | undefined;
  /**
   * What is dropped of a row that is too long. `true` is `"only_first"`, which
   * drops the end of the text and keeps the label; `false` makes such a row an
   * error.
   *
   * @default {"only_first"}
   */
  truncation?: TruncatedOptions["truncation"];
}

/** The options with the labels among them. */
export interface ZeroShotLabeledOptions extends ZeroShotOptions {
  /** The labels: a list, a single label, or a text that has them with commas. */
  candidateLabels: string | readonly string[];
}

/**
 * Classifies texts by any labels, with a model of natural language inference,
 * such as `facebook/bart-large-mnli`.
 *
 * Every label becomes a sentence, such as "This example is sports.", and the
 * model says whether the text entails it. The score of a label is the softmax of
 * its logit of entailment over all labels. For independent labels, and for a
 * single one, it is the softmax of entailment against contradiction.
 *
 * Labels are the second argument, or the option `candidateLabels`.
 */
export interface ZeroShotClassificationPipeline
  extends Pipeline<Tasks["sequenceClassification"]> {
  /** Scores the labels for a text. */
  (
    sequence: string,
    candidateLabels: string | readonly string[],
    options?: ZeroShotOptions,
  ): Promise<ZeroShotResult>;
  /** Scores the labels for each text. */
  (
    sequences: readonly string[],
    candidateLabels: string | readonly string[],
    options?: ZeroShotOptions,
  ): Promise<ZeroShotResult[]>;
  /** Scores the labels for a text. */
  (sequence: string, options: ZeroShotLabeledOptions): Promise<ZeroShotResult>;
  /** Scores the labels for each text. */
  (
    sequences: readonly string[],
    options: ZeroShotLabeledOptions,
  ): Promise<ZeroShotResult[]>;
}

type Labels = string | readonly string[];

/**
 * Makes the pipeline from a classifier of pairs.
 *
 * @throws {RangeError} If the classifier has fewer than two classes.
 */
export function zeroShotClassification(
  setup: PipelineSetup<Tasks["sequenceClassification"]>,
): ZeroShotClassificationPipeline {
  const { model, sampled } = setup;
  const { entailment, contradiction } = inferenceIds(model.config);

  async function classify(
    input: string | readonly string[],
    second: Labels | ZeroShotLabeledOptions,
    third: ZeroShotOptions = {},
  ): Promise<ZeroShotResult | ZeroShotResult[]> {
    const { labels, options } = argumentsOf(second, third);
    const {
      hypothesisTemplate = "This example is {}.",
      multiLabel = false,
      truncation = true,
      batchSize = setup.batchSize,
    } = options;
    const hypothesis = sentenceOf(hypothesisTemplate);
    const sequences = textsOf(setup.task, input);
    const blank = sequences.findIndex((text) => text.trim() === "");
    if (blank >= 0) {
      throw new RangeError(`Cannot classify text ${blank + 1}: it is empty`);
    }
    const pairs = sequences.flatMap((text) =>
      labels.map((label): [string, string] => [text, hypothesis(label)])
    );
    const rows = encodeAll(setup, pairs, {
      ...options,
      truncation: truncation === true ? "only_first" : truncation,
    });
    const independent = multiLabel || labels.length === 1;
    const apply = independent ? "sigmoid" : "softmax";
    // For each pair, the logits of all samples of the weights.
    const logits: Float64Array[] = [];
    let classes = 0;
    const results = scored(
      { ...setup, batchSize },
      rows,
      (tokens) => {
        const own = logitsOf(() => model.forward(tokens), sampled);
        classes = own.shape.at(-1) ?? 0;
        return [own];
      },
    );
    for await (const { rows, outputs: [values = []] } of results) {
      const size = values.length / rows.length;
      for (const [i, row] of rows.entries()) {
        logits[row] = Float64Array.from({ length: size / classes }, (_, s) => {
          const at = i * size + s * classes;
          const entailed = values[at + entailment] ?? NaN;
          // The softmax of two logits is the sigmoid of their difference.
          return independent
            ? entailed - (values[at + contradiction] ?? NaN)
            : entailed;
        });
      }
    }
    const all = sequences.map((sequence, text): ZeroShotResult => {
      const own = logits.slice(
        text * labels.length,
        (text + 1) * labels.length,
      );
      const { scores, uncertainty }: RowScores = sampled
        ? averaged(apply, transposed(own), labels.length)
        : { scores: scoresOf(apply, own.map(([logit = NaN]) => logit)) };
      const order = largest(scores, labels.length);
      return {
        sequence,
        labels: order.map((id) => labels[id] ?? ""),
        scores: order.map((id) => scores[id] ?? NaN),
        ...(uncertainty &&
          { uncertainty: order.flatMap((id) => uncertainty[id] ?? []) }),
      };
    });
    const [first] = all;
    return typeof input === "string" && first ? first : all;
  }

  return makePipeline(setup, classify as ZeroShotClassificationPipeline);
}

/** `[labels][samples]` as rows of one sample after the other. */
function transposed(logits: readonly Float64Array[]): Float64Array {
  const samples = logits[0]?.length ?? 0;
  const { length } = logits;
  return Float64Array.from(
    { length: samples * length },
    (_, i) => logits[i % length]?.[Math.floor(i / length)] ?? NaN,
  );
}

/**
 * The classes that mean entailment and contradiction, by transformers' rule: the
 * first name that begins with "entail", else the last class; contradiction is the
 * first class, or the last if the first is entailment.
 */
function inferenceIds(
  { label2id, numLabels }: Tasks["sequenceClassification"]["config"],
): { entailment: number; contradiction: number } {
  const last = numLabels - 1;
  if (last < 1) {
    throw new RangeError(
      "Cannot make a pipeline for zero-shot-classification: the number of " +
        `classes is ${numLabels}; expected a model of natural language ` +
        "inference, with the classes entailment and contradiction",
    );
  }
  const [, found] = Object.entries(label2id)
    .find(([name]) => name.toLowerCase().startsWith("entail")) ?? [];
  if (found === undefined) {
    // deno-lint-ignore no-console -- as transformers does
    console.warn(
      "pipeline: no class of the model has a name that begins with " +
        `"entail", so the last one, ${last}, is taken for entailment; name ` +
        "the classes in label2id of its configuration",
    );
  }
  const entailment = found ?? last;
  if (!(entailment >= 0 && entailment <= last)) {
    throw new RangeError(
      `Cannot find entailment: label2id says class ${entailment}, and the ` +
        `model has ${numLabels}`,
    );
  }
  return { entailment, contradiction: entailment === 0 ? last : 0 };
}

/** The labels and the options of a call, whose order may be either of two. */
function argumentsOf(
  second: Labels | ZeroShotLabeledOptions,
  third: ZeroShotOptions,
): { labels: string[]; options: ZeroShotOptions } {
  const action = "classify";
  if (typeof second === "string" || Array.isArray(second)) {
    checkOptions(third, { action, known: OPTIONS });
    return { labels: labelsOf(second), options: third };
  }
  const options = Object(second) as ZeroShotLabeledOptions;
  checkOptions(options, { action, known: LABELED_OPTIONS });
  const { candidateLabels, ...rest } = options;
  return { labels: labelsOf(candidateLabels), options: rest };
}

/**
 * Labels as a list.
 *
 * @throws {TypeError} If they are neither a text nor a list of texts.
 * @throws {RangeError} If there is none, or one is blank.
 */
function labelsOf(labels: unknown): string[] {
  const list: unknown = typeof labels === "string"
    ? labels.split(",").map((label) => label.trim()).filter(Boolean)
    : labels;
  if (!Array.isArray(list) || list.some((label) => typeof label !== "string")) {
    throw new TypeError(
      `Cannot classify with the labels ${JSON.stringify(labels)}: expected ` +
        "a list of texts, or a text with commas",
    );
  }
  if (list.length > 0 && list.every((label) => label.trim() !== "")) {
    return [...list];
  }
  throw new RangeError(
    `Cannot classify with the labels ${JSON.stringify(labels)}: expected one ` +
      "at least, and none that is empty",
  );
}

/**
 * A function that puts a label into a template, as Python's `format` does.
 *
 * @throws {TypeError} If the template is not a text.
 * @throws {RangeError} If it has no place for the label, or braces that are
 * neither such a place nor doubled.
 */
function sentenceOf(template: unknown): (label: string) => string {
  const kind = typeof template;
  if (typeof template !== "string") {
    throw new TypeError(
      `Cannot use hypothesisTemplate of type ${kind}: expected a text`,
    );
  }
  const parts = template.split(/(\{\{|\}\}|\{0?\})/);
  const isPlace = (part: string) => part === "{}" || part === "{0}";
  const odd = parts.some((part) =>
    /[{}]/.test(part) && !isPlace(part) && part !== "{{" && part !== "}}"
  );
  if (odd || !parts.some(isPlace)) {
    throw new RangeError(
      `Cannot use hypothesisTemplate ${JSON.stringify(template)}: expected a ` +
        "text with {} where the label goes",
    );
  }
  return (label) =>
    parts.map((part) => {
      if (isPlace(part)) return label;
      return part === "{{" ? "{" : part === "}}" ? "}" : part;
    }).join("");
}
