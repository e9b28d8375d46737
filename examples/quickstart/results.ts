// Copyright 2026 the swagpu authors. MIT license.

/**
 * Collects the quickstart's runs for the report: the first run with all its methods, and
 * the same methods trained with the other seeds.
 *
 * @module
 */

import type {
  Curve,
  MethodResults,
  Provenance,
  RunResults,
  UncertaintySummary,
} from "@swagpu/swagpu/report";
import { LABELS } from "./grammar.ts";
import type { Prediction, Truth } from "./table.ts";

/** The predictions of a method, and what else is known about them. */
export interface MethodPrediction extends Prediction {
  /** How many samples it averages. */
  samples: number;
  /** The parts of its uncertainty. */
  uncertainty: UncertaintySummary;
}

/** A run with one seed. */
export interface Run {
  /** The methods in the order of the table. */
  predictions: readonly MethodPrediction[];
  /** The truth about the test set. */
  truth: Truth;
  /** The reviews of the test set. */
  texts: readonly string[];
  /** The last method's entropies for reviews of an unknown subject. */
  foreign: ArrayLike<number>;
  /** The mean loss of each epoch, by the step at its end. */
  epochs: readonly { step: number; loss: number; learningRate: number }[];
  /** The steps at which SWAG collected the weights. */
  snapshots: readonly number[];
}

/**
 * Collects runs for the report.
 *
 * @param runs One run for each seed; there is at least one.
 * @param provenance Where the numbers come from.
 * @returns What the report is made from.
 * @throws {RangeError} If there is no run.
 */
export function runResults(
  runs: readonly Run[],
  provenance: Provenance,
): RunResults {
  const [first, ...others] = runs;
  if (first === undefined) {
    throw new RangeError("Cannot report runs: there are none");
  }
  const { predictions, truth, texts, epochs, snapshots } = first;
  const methods = predictions.map((prediction, i): MethodResults => {
    const { method, probabilities, samples, uncertainty } = prediction;
    const isLast = i === predictions.length - 1;
    return {
      name: method,
      probabilities,
      samples,
      otherSeeds: others.map((run) => ({
        probabilities: run.predictions[i]?.probabilities ?? [],
        labels: run.truth.labels,
      })),
      // A single set of weights cannot disagree with itself.
      ...(samples > 1 ? { uncertainty } : {}),
      ...(isLast
        ? {
          outOfDistribution: { scores: first.foreign, name: "unknown subject" },
        }
        : {}),
    };
  });
  const curve = (
    name: string,
    of: (epoch: Run["epochs"][number]) => number,
  ): Curve => ({
    name,
    steps: epochs.map(({ step }) => step),
    values: epochs.map(of),
  });
  return {
    title: "Quickstart: a small BERT on made-up reviews",
    classification: {
      classes: LABELS,
      labels: truth.labels,
      softLabels: truth.distribution,
      texts,
      methods,
    },
    training: {
      losses: [curve("training", ({ loss }) => loss)],
      learningRates: [curve("all weights", ({ learningRate }) => learningRate)],
      snapshots,
    },
    provenance,
  };
}
