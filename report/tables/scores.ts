// Copyright 2026 the swagpu authors. MIT license.

// Tables 1 and 2: the scores of the methods, and those of single classes.

import {
  classwiseCalibrationError,
  precisionRecallFscoreSupport,
  softCrossEntropy,
} from "../../nn/metrics/mod.ts";
import type { Evaluated, Evaluation, Scores } from "../evaluation.ts";
import { NAMED_CLASSES } from "../figures/confusion.ts";
import { regressionScores } from "../figures/regression.ts";
import { isolated, type Markup, markup } from "../markup.ts";
import {
  duration,
  fixed,
  interval,
  percent,
  short,
  whole,
} from "../numbers.ts";
import type { NamedScore, RegressionResults } from "../run_results.ts";
import { type Column, renderTable } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { head: "method", kind: "name" },
  { head: "accuracy [95 %]" },
  { head: "NLL" },
  { head: "ECE" },
  { head: "Brier" },
  { head: "calibrated NLL" },
  { head: "T" },
];

/** A score; with several seeds, the mean and the standard deviation. */
function shown(
  { scores, bySeed }: Evaluated,
  name: keyof Scores,
  digits = 3,
): string {
  const mean = scores[name];
  const n = bySeed.length;
  if (n < 2 || Number.isNaN(mean)) return fixed(mean, digits);
  const squares = bySeed.reduce((sum, s) => sum + (s[name] - mean) ** 2, 0);
  return `${fixed(mean, digits)} ± ${
    fixed(Math.sqrt(squares / (n - 1)), digits)
  }`;
}

function headlineRow(
  evaluated: Evaluated,
  { results: { softLabels }, classes }: Evaluation,
): (string | Markup)[] {
  const { method, bySeed, accuracyInterval, samples } = evaluated;
  const accuracy = bySeed.length > 1
    ? shown(evaluated, "accuracy")
    : `${shown(evaluated, "accuracy")} ${interval(accuracyInterval, fixed)}`;
  return [
    isolated(method.name),
    accuracy,
    shown(evaluated, "nll"),
    shown(evaluated, "ece"),
    shown(evaluated, "brier"),
    shown(evaluated, "calibratedNll"),
    shown(evaluated, "temperature", 2),
    ...(softLabels
      ? [fixed(softCrossEntropy(method.probabilities, softLabels, { classes }))]
      : []),
    samples === undefined ? "–" : whole(samples),
    method.secondsPerExample === undefined
      ? "–"
      : duration(method.secondsPerExample),
    String(bySeed.length),
  ];
}

/** Table 1: the scores of the methods. */
function headlineTable(evaluation: Evaluation, number: string): Markup {
  const { methods, oracle, classes, results } = evaluation;
  const { softLabels, labels, validationLabels } = results;
  const rows = methods.map((method) => headlineRow(method, evaluation));
  if (oracle && softLabels) {
    rows.push([
      "oracle",
      fixed(oracle.accuracy),
      fixed(oracle.nll),
      fixed(oracle.ece),
      fixed(oracle.brier),
      "–",
      "–",
      fixed(softCrossEntropy(softLabels, softLabels, { classes })),
      "–",
      "–",
      "–",
    ]);
  }
  const severalSeeds = methods.some(({ bySeed }) => bySeed.length > 1);
  return renderTable({
    id: "table-1",
    number,
    title: "Scores",
    note: `${whole(labels.length)} rows, ${whole(classes)} classes. ${
      severalSeeds
        ? "With several seeds, the mean and the standard deviation over them; otherwise the interval"
        : "The interval of the accuracy"
    } is Wilson's. Temperatures are ${
      validationLabels
        ? "fitted on the validation set."
        : "fitted on each half of the test set for the other half."
    }${
      softLabels
        ? " CE to truth is the cross-entropy to the known distribution of labels."
        : ""
    }`,
    columns: [
      ...COLUMNS,
      ...(softLabels ? [{ head: "CE to truth" }] : []),
      { head: "samples" },
      { head: "time per example" },
      { head: "seeds" },
    ],
    rows,
  });
}

function regressionTable(
  results: RegressionResults,
  { id, number }: { id: string; number: string },
): Markup {
  return renderTable({
    id,
    number,
    title: "Scores of predicted numbers",
    note: `${whole(results.targets.length)} rows.`,
    columns: [
      { head: "method", kind: "name" },
      { head: "RMSE" },
      { head: "NLL" },
      { head: "CRPS" },
      { head: "coverage of 90 %" },
      { head: "width of 90 %" },
    ],
    rows: results.targets.length === 0 ? [] : results.methods.map((method) => {
      const scores = regressionScores(results, method);
      return [
        isolated(method.name),
        short(scores.rmse),
        fixed(scores.nll),
        short(scores.crps),
        percent(scores.coverage90),
        short(scores.width90),
      ];
    }),
    empty: "There are no rows.",
  });
}

/** Table 1 of a run: of classes, of numbers, and of other scores. */
export function scoreTables(
  evaluation: Evaluation | null,
  { regression, scores = [] }: {
    regression?: RegressionResults | undefined;
    scores?: readonly NamedScore[] | undefined;
  },
): Markup {
  const others = scores.length > 0 || !(evaluation || regression);
  const count = [evaluation, regression, others].filter(Boolean).length;
  const parts: Markup[] = [];
  // The first is where the table of contents leads.
  const place = () => {
    const letter = "abc"[parts.length] ?? "";
    return {
      id: parts.length === 0 ? "table-1" : `table-1${letter}`,
      number: `Table 1${count > 1 ? letter : ""}`,
    };
  };
  if (evaluation) parts.push(headlineTable(evaluation, place().number));
  if (regression) parts.push(regressionTable(regression, place()));
  if (others) {
    parts.push(renderTable({
      ...place(),
      title: count > 1 ? "Other scores" : "Scores",
      columns: [{ head: "score", kind: "name" }, { head: "value" }],
      rows: scores.map(({ name, value }) => [isolated(name), short(value)]),
      empty: "There are no rows to score.",
    }));
  }
  return markup`${parts}`;
}

/** The scores of one class; NaN where there is nothing to divide by. */
interface ClassScores {
  /** How many rows have it as their label. */
  count: number;
  /** Of the rows predicted as it, the share that is. */
  precision: number;
  /** Of the rows that are it, the share that was found. */
  recall: number;
  /** 2·TP / (2·TP + FP + FN). */
  f1: number;
}

/** The scores of every class. */
export function classScores(
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): ClassScores[] {
  const guessed = new Set(Array.from(predictions));
  const { precision, recall, fscore, support } = precisionRecallFscoreSupport(
    predictions,
    labels,
    { labels: Array.from({ length: classes }, (_, k) => k) },
  );
  // The metrics have 0 for what a table should leave open.
  const unless = (isOpen: boolean, score: number | undefined) =>
    isOpen ? NaN : score ?? NaN;
  return Array.from(support, (count, k) => ({
    count,
    precision: unless(!guessed.has(k), precision[k]),
    recall: unless(count === 0, recall[k]),
    f1: unless(count === 0 && !guessed.has(k), fscore[k]),
  }));
}

/** Table 2: the scores of single classes. */
export function classTable(evaluation: Evaluation | null): Markup {
  const columns: Column[] = [
    { head: "class", kind: "name" },
    { head: "n" },
    { head: "precision" },
    { head: "recall" },
    { head: "F1" },
    { head: "classwise ECE" },
  ];
  const title = "Classes";
  if (!evaluation) {
    return renderTable({
      id: "table-2",
      number: "Table 2",
      title,
      columns,
      rows: [],
      empty: "No predicted classes were given.",
    });
  }
  const { primary, results: { labels }, names, options } = evaluation;
  const { method: { probabilities, name }, predictions } = primary;
  const { perClass } = classwiseCalibrationError(probabilities, labels, {
    bins: options.bins,
  });
  const scores = classScores(predictions, labels, names.length);
  // Figure 9 has their numbers alone.
  const isNumbered = names.length > NAMED_CLASSES;
  return renderTable({
    id: "table-2",
    number: "Table 2",
    title,
    note: `Predictions of ${name}.`,
    columns: isNumbered ? [...columns, { head: "number" }] : columns,
    rows: scores.map((of, k) => [
      isolated(names[k] ?? ""),
      whole(of.count),
      fixed(of.precision),
      fixed(of.recall),
      fixed(of.f1),
      fixed(perClass[k]),
      ...(isNumbered ? [String(k)] : []),
    ]),
  });
}
