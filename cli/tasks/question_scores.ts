// Copyright 2026 the swagpu authors. MIT license.

/**
 * Chooses the answers to questions from the scores of their windows, and measures how
 * good they are.
 *
 * @module
 */

import {
  postprocessQaPredictions,
  type QaPrediction,
} from "../../models/mod.ts";
import { logSoftmaxRows, squad, squadV2 } from "../../nn/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { averageOutputs, type WindowOutput } from "./question_outputs.ts";
import {
  type Asked,
  featureOf,
  questionsOf,
  type WindowRow,
} from "./question_rows.ts";
import type { ScoreColumns } from "./task.ts";

/** The options that say which answers are chosen. */
export const ANSWER_OPTIONS: readonly Option[] = [
  {
    name: "max-answer-length",
    value: "N",
    help: "Most tokens of an answer (30).",
  },
  {
    name: "null-threshold",
    value: "X",
    help: "By how much the score of no answer must exceed that of the best " +
      "answer to be given (0).",
  },
];

/** How many answers to a question are ranked, unless an option says otherwise. */
export const N_BEST = 20;

/** How answers are chosen. */
export interface AnswerRules {
  /** How many answers are ranked, and how many tokens of a window are tried. */
  readonly nBestSize: number;
  /** The most tokens of an answer. */
  readonly maxAnswerLength: number;
  /** By how much "no answer" must be better. */
  readonly nullScoreDiffThreshold: number;
}

/** Reads the options that say how answers are chosen. */
export function answerRules(args: Arguments): AnswerRules {
  return {
    nBestSize: args.integer("n-best", { min: 1 }) ?? N_BEST,
    maxAnswerLength: args.integer("max-answer-length", { min: 1 }) ?? 30,
    nullScoreDiffThreshold: args.number("null-threshold") ?? 0,
  };
}

/** Whether "no answer" can be right, by an option or because it once is. */
function mayHaveNone(
  examples: readonly { readonly answers: readonly unknown[] }[],
  args: Arguments,
): boolean {
  return args.flag("unanswerable") ||
    examples.some(({ answers }) => answers.length === 0);
}

/** @throws {TypeError} If there is a threshold, but always an answer. */
export function checkThreshold(
  examples: readonly { readonly answers: readonly unknown[] }[],
  args: Arguments,
): void {
  answerRules(args);
  if (args.text("null-threshold") === undefined) return;
  if (mayHaveNone(examples, args)) return;
  throw new TypeError(
    "Cannot use --null-threshold: every question has an answer; say " +
      "--unanswerable if no answer may be given all the same",
  );
}

/** Chooses the answers of all questions of some windows. */
export function answersOf(
  rows: readonly WindowRow[],
  outputs: readonly WindowOutput[],
  options: Partial<AnswerRules> & { readonly version2WithNegative: boolean },
): { readonly asked: Asked; readonly prediction: QaPrediction }[] {
  const questions = questionsOf(rows);
  const predictions = postprocessQaPredictions(
    questions,
    rows.map(featureOf),
    outputs,
    options,
  );
  return questions.flatMap((asked, i) => {
    const prediction = predictions[i];
    return prediction ? [{ asked, prediction }] : [];
  });
}

/**
 * Measures answers as the official scripts of SQuAD do, in percent: exact match and F1.
 * If some questions have no answer, by version 2: also those of questions with an answer
 * and without, and the threshold of "no answer" that would have been best.
 *
 * The negative log-likelihood is the mean over windows of that of the first and of the
 * last token of the first true answer, as in the loss.
 *
 * @param members The scores of each sample of the weights, which are averaged; see
 * {@linkcode averageOutputs}.
 * @param rows The windows, with the true answers.
 * @param options The options of the command.
 */
export function answerScores(
  members: readonly (readonly WindowOutput[])[],
  rows: readonly WindowRow[],
  args: Arguments,
): Record<string, number> {
  const outputs = averageOutputs(members);
  const version2WithNegative = mayHaveNone(
    rows.map(({ asked }) => asked),
    args,
  );
  const rules = answerRules(args);
  const found = answersOf(rows, outputs, { ...rules, version2WithNegative });
  const references = found.map(({ asked: { id, answers } }) => ({
    id,
    answers,
  }));
  const nll = meanLoss(outputs, rows);
  if (!version2WithNegative) {
    const texts = Object.fromEntries(
      found.map(({ prediction }) => [prediction.id, prediction.predictionText]),
    );
    const { exactMatch, f1 } = squad(texts, references);
    return { exact_match: exactMatch, f1, nll };
  }
  // The best answers, of which the threshold then takes some back.
  const best = found.map(({ prediction: { id, nBest } }) => [
    id,
    nBest.find(({ text }) => text !== "")?.text ?? "",
  ]);
  const all = squadV2(Object.fromEntries(best), references, {
    noAnswerProbabilities: Object.fromEntries(
      found.map(({ prediction: { id, scoreDiff = 0 } }) => [id, scoreDiff]),
    ),
    noAnswerThreshold: rules.nullScoreDiffThreshold,
  });
  const { exact, f1, hasAnsExact, hasAnsF1, noAnsExact, noAnsF1 } = all;
  return {
    exact_match: exact,
    f1,
    ...hasAnsExact === undefined || hasAnsF1 === undefined
      ? {}
      : { has_ans_exact: hasAnsExact, has_ans_f1: hasAnsF1 },
    ...noAnsExact === undefined || noAnsF1 === undefined
      ? {}
      : { no_ans_exact: noAnsExact, no_ans_f1: noAnsF1 },
    best_f1: all.bestF1,
    best_f1_threshold: all.bestF1Thresh,
    nll,
  };
}

/** How a table shows these scores: percentages have two decimals. */
export const ANSWER_COLUMNS: ScoreColumns = {
  exact_match: { head: "exact match", decimals: 2 },
  f1: { head: "F1", decimals: 2 },
  has_ans_exact: { head: "exact (answer)", decimals: 2 },
  has_ans_f1: { head: "F1 (answer)", decimals: 2 },
  no_ans_exact: { head: "exact (none)", decimals: 2 },
  no_ans_f1: { head: "F1 (none)", decimals: 2 },
  best_f1: { head: "best F1", decimals: 2 },
  best_f1_threshold: { head: "at threshold" },
};

/** The mean loss of windows. */
function meanLoss(
  outputs: readonly WindowOutput[],
  rows: readonly WindowRow[],
): number {
  const surprise = (scores: Float32Array, place: number) =>
    -(logSoftmaxRows(scores, { classes: scores.length })[place] ?? NaN);
  const losses = rows.map(({ startPositions, endPositions }, i) => {
    const { startLogits, endLogits } = outputs[i] ?? {};
    return startLogits && endLogits
      ? (surprise(startLogits, startPositions) +
        surprise(endLogits, endPositions)) / 2
      : NaN;
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}
