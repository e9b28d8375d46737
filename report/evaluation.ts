// Copyright 2026 the swagpu authors. MIT license.

// What the figures and tables share: every method's scores, and its rows ranked,
// scaled, and split into the parts of their uncertainty.

import {
  accuracy,
  argmaxRows,
  brierScore,
  entropy,
  expectedCalibrationError,
  negativeLogLikelihood,
} from "../nn/metrics/mod.ts";
import { classesOf, type FullOptions } from "./check_results.ts";
import type { ClassificationResults, MethodResults } from "./run_results.ts";
import type { Labelled } from "./statistics/conformal.ts";
import { resampled, wilsonInterval } from "./statistics/intervals.ts";
import { type Parts, partsOf } from "./statistics/sample_uncertainty.ts";
import { type Fold, foldsOf, scaleFolds } from "./temperature_scaling.ts";

/** The scores of predictions. */
export interface Scores {
  /** The share of labels that are the most probable class. */
  accuracy: number;
  /** The negative log-likelihood of the labels, in nats per row. */
  nll: number;
  /** The expected calibration error. */
  ece: number;
  /** The Brier score, summed over classes. */
  brier: number;
  /** The negative log-likelihood after temperature scaling; NaN without one. */
  calibratedNll: number;
  /** The temperature; NaN if none could be fitted. */
  temperature: number;
}

/** The names of the scores that have intervals. */
export const COMPARED = ["nll", "calibratedNll", "ece", "brier"] as const;

/** The scores that have intervals. */
export type Compared = (typeof COMPARED)[number];

/** A method with all that figures need. */
export interface Evaluated {
  method: MethodResults;
  /** The mean over seeds. */
  scores: Scores;
  /** The scores of every seed; the run's own come first. */
  bySeed: readonly Scores[];
  /** Wilson's interval of the accuracy on the test set. */
  accuracyInterval: readonly [number, number];
  /** Bootstrap intervals of the run's own scores, where there are enough rows. */
  intervals: Partial<Record<Compared, readonly [number, number]>>;
  /** The number of samples that a prediction averages, if it is known. */
  samples: number | undefined;
  /** Predicted classes, [rows]. */
  predictions: ArrayLike<number>;
  /** The largest probability of each row. */
  confidence: Float64Array<ArrayBuffer>;
  /** 1 where the prediction is wrong, [rows]. */
  errors: Uint8Array<ArrayBuffer>;
  /** The entropy of each row, in nats. */
  entropies: Float64Array<ArrayBuffer>;
  /** Probabilities after temperature scaling; `null` if none could be fitted. */
  scaled: Float64Array<ArrayBuffer> | null;
  /** The rows with what may be fitted for them. */
  folds: readonly Fold[];
  parts: Parts | null;
}

/** The evaluation of a test set. */
export interface Evaluation {
  results: ClassificationResults;
  options: FullOptions;
  classes: number;
  /** The name of every class. */
  names: readonly string[];
  methods: readonly Evaluated[];
  /** The method that single figures and tables show. */
  primary: Evaluated;
  /** The scores of the known distribution of labels. */
  oracle: Scores | null;
}

function scoresOf(
  { probabilities, labels }: Labelled,
  scaled: { probabilities: ArrayLike<number>; temperature: number } | null,
  bins: number,
): Scores {
  return {
    accuracy: accuracy(probabilities, labels),
    nll: negativeLogLikelihood(probabilities, labels),
    ece: expectedCalibrationError(probabilities, labels, { bins }),
    brier: brierScore(probabilities, labels),
    calibratedNll: scaled
      ? negativeLogLikelihood(scaled.probabilities, labels)
      : NaN,
    temperature: scaled?.temperature ?? NaN,
  };
}

function meanScores(all: readonly Scores[]): Scores {
  const mean = (name: keyof Scores) =>
    all.reduce((sum, scores) => sum + scores[name], 0) / all.length;
  return {
    accuracy: mean("accuracy"),
    nll: mean("nll"),
    ece: mean("ece"),
    brier: mean("brier"),
    calibratedNll: mean("calibratedNll"),
    temperature: mean("temperature"),
  };
}

/** The negative log-probability of each label, with the floor of the metrics. */
function surprises(
  { probabilities, labels }: Labelled,
  classes: number,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(labels, (label, row) => {
    const p = probabilities[row * classes + label] ?? NaN;
    return -Math.log(Math.min(Math.max(p, 1e-12), 1));
  });
}

/** Draws rows again for intervals of the scores. */
function scoreIntervals(
  test: Labelled,
  { scaled, confidence, errors, classes, options }: {
    scaled: ArrayLike<number> | null;
    confidence: Float64Array;
    errors: Uint8Array;
    classes: number;
    options: FullOptions;
  },
): Evaluated["intervals"] {
  const rows = test.labels.length;
  const { bins, resamples } = options;
  const own = surprises(test, classes);
  const after = scaled &&
    surprises({ probabilities: scaled, labels: test.labels }, classes);
  const squares = Float64Array.from(test.labels, (label, row) => {
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      const p = test.probabilities[row * classes + k] ?? NaN;
      sum += (p - (k === label ? 1 : 0)) ** 2;
    }
    return sum;
  });
  const gaps = new Float64Array(bins);
  const binOf = Uint32Array.from(
    confidence,
    (c) => Math.min(Math.max(Math.ceil(c * bins) - 1, 0), bins - 1),
  );
  const [nll, calibratedNll, ece, brier] = resampled(
    rows,
    resamples,
    (weights) => {
      const sums = [0, 0, 0, 0];
      gaps.fill(0);
      for (let row = 0; row < rows; row++) {
        const weight = weights[row] ?? 0;
        if (weight === 0) continue;
        sums[0] = (sums[0] ?? 0) + weight * (own[row] ?? NaN);
        sums[1] = (sums[1] ?? 0) + weight * (after?.[row] ?? 0);
        sums[3] = (sums[3] ?? 0) + weight * (squares[row] ?? NaN);
        const bin = binOf[row] ?? 0;
        const gap = 1 - (errors[row] ?? 0) - (confidence[row] ?? NaN);
        gaps[bin] = (gaps[bin] ?? 0) + weight * gap;
      }
      sums[2] = gaps.reduce((sum, gap) => sum + Math.abs(gap), 0);
      return sums.map((sum) => sum / rows);
    },
  );
  return {
    ...(nll ? { nll } : {}),
    ...(calibratedNll && after ? { calibratedNll } : {}),
    ...(ece ? { ece } : {}),
    ...(brier ? { brier } : {}),
  };
}

function evaluateMethod(
  method: MethodResults,
  results: ClassificationResults,
  options: FullOptions,
): Evaluated {
  const classes = classesOf(results);
  const { probabilities, validationProbabilities } = method;
  const { labels, validationLabels } = results;
  const test = { probabilities, labels };
  const validation = validationProbabilities && validationLabels
    ? { probabilities: validationProbabilities, labels: validationLabels }
    : undefined;
  const folds = foldsOf(test, validation, classes);
  const scaled = scaleFolds(test, folds, classes);
  const bySeed = [
    scoresOf(test, scaled, options.bins),
    ...(method.otherSeeds ?? []).map((seed) => {
      const other = { labels, ...seed };
      const halves = foldsOf(other, undefined, classes);
      const own = scaleFolds(other, halves, classes);
      return scoresOf(other, own, options.bins);
    }),
  ];
  const predictions = argmaxRows(probabilities, { classes });
  const confidence = Float64Array.from(
    predictions,
    (k, row) => Math.min(probabilities[row * classes + k] ?? NaN, 1),
  );
  const errors = Uint8Array.from(
    predictions,
    (k, row) => k === labels[row] ? 0 : 1,
  );
  const right = errors.reduce((sum, error) => sum + 1 - error, 0);
  const samples = method.samples ??
    (method.sampleProbabilities &&
      method.sampleProbabilities.length / probabilities.length);
  return {
    method,
    scores: meanScores(bySeed),
    bySeed,
    accuracyInterval: wilsonInterval(right, labels.length),
    intervals: scoreIntervals(test, {
      scaled: scaled?.probabilities ?? null,
      confidence,
      errors,
      classes,
      options,
    }),
    samples,
    predictions,
    confidence,
    errors,
    entropies: entropy(probabilities, { classes }),
    scaled: scaled?.probabilities ?? null,
    folds,
    parts: partsOf(method, classes),
  };
}

/** Evaluates a test set; `null` if it has no rows. */
export function evaluate(
  results: ClassificationResults | undefined,
  options: FullOptions,
): Evaluation | null {
  if (!results || results.labels.length === 0) return null;
  const classes = classesOf(results);
  const methods = results.methods
    .map((method) => evaluateMethod(method, results, options));
  const primary =
    methods.find(({ method }) => method.name === results.primary) ??
      methods.at(-1);
  if (!primary) return null;
  const { softLabels, labels } = results;
  return {
    results,
    options,
    classes,
    names: results.classes ?? Array.from({ length: classes }, (_, k) => `${k}`),
    methods,
    primary,
    oracle: softLabels
      ? scoresOf({ probabilities: softLabels, labels }, null, options.bins)
      : null,
  };
}
