// Copyright 2026 the swagpu authors. MIT license.

// What the figures and tables share: every method's scores, and its rows ranked,
// scaled, and split into the parts of their uncertainty.

import {
  accuracy,
  argmaxRows,
  binaryCalibrationError,
  bootstrap,
  brierRows,
  brierScore,
  entropy,
  expectedCalibrationError,
  negativeLogLikelihood,
  proportionConfint,
  type Resampled,
} from "../nn/metrics/mod.ts";
import { classesOf, type FullOptions } from "./check_results.ts";
import type { ClassificationResults, MethodResults } from "./run_results.ts";
import { type Parts, partsOf } from "./statistics/sample_uncertainty.ts";
import {
  type Fold,
  foldsOf,
  type Labelled,
  scaleFolds,
} from "./temperature_scaling.ts";

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

/**
 * Draws rows again for intervals of the scores. The draws depend only on the number of
 * rows, so methods are compared on the same rows.
 */
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
  const { bins, resamples } = options;
  const { probabilities, labels } = test;
  const rows = labels.length;
  if (rows < 2 || resamples < 2) return {};
  const intervalOf = (sample: Resampled): readonly [number, number] => {
    const { low, high } = bootstrap(sample, { resamples }).confidenceInterval;
    return [low, high];
  };
  return {
    nll: intervalOf(surprises(test, classes)),
    ...(scaled
      ? {
        calibratedNll: intervalOf(
          surprises({ probabilities: scaled, labels }, classes),
        ),
      }
      : {}),
    ece: intervalOf({
      rows,
      statistic: (drawn) => {
        const scores = new Float64Array(rows);
        const outcomes = new Uint8Array(rows);
        for (let i = 0; i < rows; i++) {
          scores[i] = confidence[drawn[i] ?? -1] ?? NaN;
          outcomes[i] = 1 - (errors[drawn[i] ?? -1] ?? NaN);
        }
        return binaryCalibrationError(scores, outcomes, { bins });
      },
    }),
    brier: intervalOf(brierRows(probabilities, labels)),
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
    accuracyInterval: proportionConfint(right, labels.length),
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
