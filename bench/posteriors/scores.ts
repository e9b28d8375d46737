// Copyright 2026 the swagpu authors. MIT license.

// The scores of a method for one seed.

import {
  accuracy,
  applyTemperature,
  areaUnderRoc,
  brierScore,
  entropy,
  expectedCalibrationError,
  fitTemperature,
  logProbabilities,
  negativeLogLikelihood,
  selectiveMetrics,
  smoothCalibrationError,
  softCrossEntropy,
} from "../../nn/metrics/mod.ts";
import type { Predictions } from "./predictions.ts";
import type { TaskData } from "./tasks.ts";

/** The scores of a method. Likelihoods and entropies are in nats. */
export interface Scores {
  /** The share of test examples whose most probable class is right. */
  readonly accuracy: number;
  /** The negative log-likelihood of the labels. */
  readonly nll: number;
  /** That at the temperature that suits the validation set. */
  readonly calibratedNll: number;
  /** This temperature. */
  readonly temperature: number;
  /** The expected calibration error, with 15 bins of equal width. */
  readonly ece: number;
  /** The smooth calibration error. */
  readonly smoothEce: number;
  /** The Brier score, as a sum over classes. */
  readonly brier: number;
  /** The area under the risk-coverage curve. */
  readonly aurc: number;
  /** The cross-entropy to the true distribution, if it is known. */
  readonly crossEntropy?: number;
  /** The mean mutual information of the test set. */
  readonly mutualInformation: number;
  /** The mean mutual information of foreign texts, divided by that of the test set. */
  readonly foreignRatio?: number;
  /** How well mutual information tells foreign texts from the test set: AUROC. */
  readonly foreignAuroc?: number;
  /** How well the entropy of the mean prediction does. */
  readonly entropyAuroc?: number;
}

/** The least probability that is taken a logarithm of. */
const FLOOR = 1e-38;

/** Scores the predictions of a method. */
export function scoresOf(
  predictions: Predictions,
  { validation, test, truth, classes }: Pick<
    TaskData,
    "validation" | "test" | "truth" | "classes"
  >,
): Scores {
  const { probabilities, mutualInformation } = predictions.test;
  const labels = test.map(({ label }) => label);
  const logs = (values: Float64Array) =>
    logProbabilities(values, { floor: FLOOR });
  const temperature = fitTemperature(
    logs(predictions.validation.probabilities),
    validation.map(({ label }) => label),
  );
  const likelihood = (values: Float64Array) =>
    negativeLogLikelihood(values, labels, { floor: FLOOR });
  const calibrated = applyTemperature(logs(probabilities), temperature, {
    classes,
  });
  return {
    accuracy: accuracy(probabilities, labels),
    nll: likelihood(probabilities),
    calibratedNll: likelihood(calibrated),
    temperature,
    ece: expectedCalibrationError(probabilities, labels),
    smoothEce: smoothCalibrationError(probabilities, labels).error,
    brier: brierScore(probabilities, labels),
    aurc: selectiveMetrics(probabilities, labels).aurc,
    ...truth && {
      crossEntropy: softCrossEntropy(probabilities, truth.flat(), {
        classes,
        floor: FLOOR,
      }),
    },
    mutualInformation: meanOf(mutualInformation),
    ...foreignScores(predictions, classes),
  };
}

/** How well foreign texts can be told from those of the test set. */
function foreignScores(
  { test, foreign }: Predictions,
  classes: number,
): Pick<Scores, "foreignRatio" | "foreignAuroc" | "entropyAuroc"> {
  if (!foreign) return {};
  const entropies = [test, foreign].map(({ probabilities }) =>
    entropy(probabilities, { classes })
  );
  const [inside = [], outside = []] = entropies;
  const entropyAuroc = areaUnderRoc(inside, outside);
  // A single set of weights cannot disagree with itself, up to rounding.
  if (meanOf(test.mutualInformation) < 1e-6) return { entropyAuroc };
  return {
    foreignRatio: meanOf(foreign.mutualInformation) /
      meanOf(test.mutualInformation),
    foreignAuroc: areaUnderRoc(
      test.mutualInformation,
      foreign.mutualInformation,
    ),
    entropyAuroc,
  };
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
