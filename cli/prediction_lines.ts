// Copyright 2026 the swagpu authors. MIT license.

/**
 * The fields that say what a model predicts for a text, as `predict` and `evaluate
 * --predictions` write them, one line of JSON for each text.
 *
 * @module
 */

import type { PretrainedConfig } from "../models/mod.ts";
import {
  argmaxRows,
  entropy,
  softmaxRows,
  uncertaintyParts,
} from "../nn/mod.ts";
import {
  isRegression,
  meanOf,
  memberProbabilities,
  standardDeviations,
} from "./classifier.ts";
import { namesOf } from "./labels.ts";

/** The fields of a line of output. */
export type Line = Record<string, unknown>;

/**
 * How sure a prediction is: the entropy of the mean prediction in nats; the samples'
 * mean own entropy; their difference, which is how much the samples disagree; the
 * largest probability; how far it is above the second largest.
 */
export type Measure =
  | "entropy"
  | "expectedEntropy"
  | "mutualInformation"
  | "confidence"
  | "margin";

/** Options of {@linkcode predictionLines}. */
export interface LinesOptions {
  /** Whether the scores are those of samples of a posterior. */
  isSampled: boolean;
  /** A measure to write although there is no posterior. */
  measure?: Measure | undefined;
}

/** The measures that are written wherever there is a posterior. */
const USUAL: readonly Measure[] = [
  "entropy",
  "expectedEntropy",
  "mutualInformation",
  "confidence",
];

/**
 * Makes the fields of the line of each text.
 *
 * @param config The configuration of the model, which names the classes.
 * @param scores The scores of each sample of the weights, or of the weights alone,
 * each `[texts, labels]`.
 * @param options Which measures to write.
 */
export function predictionLines(
  config: PretrainedConfig,
  scores: readonly Float32Array<ArrayBuffer>[],
  { isSampled, measure }: LinesOptions,
): Line[] {
  const names = namesOf(config);
  const classes = names.length;
  const count = (scores[0]?.length ?? 0) / classes;
  const rows = Array.from({ length: count }, (_, row) => row);
  if (isRegression(config)) {
    const mean = meanOf(scores);
    const std = standardDeviations(scores, mean);
    return rows.map((row) => ({
      value: shortest(mean[row] ?? NaN),
      ...isSampled ? { std: shortest(std[row] ?? NaN) } : {},
    }));
  }
  const probabilities = meanOf(
    scores.map((sample) => softmaxRows(sample, { classes })),
  );
  const labels = argmaxRows(probabilities, { classes });
  const written = [
    ...isSampled ? USUAL : [],
    ...measure && !(isSampled && USUAL.includes(measure)) ? [measure] : [],
  ];
  const measures = measuresOf(probabilities, classes, isSampled ? scores : []);
  const columns = written.map((name) => [name, measures[name]()] as const);
  return rows.map((row) => ({
    label: names[labels[row] ?? 0],
    probabilities: Object.fromEntries(
      names.map((name, id) => [
        name,
        shortest(probabilities[row * classes + id] ?? NaN),
      ]),
    ),
    ...Object.fromEntries(
      columns.map(([name, values]) => [name, shortest(values[row] ?? NaN)]),
    ),
  }));
}

/** Functions that compute each measure of all rows. */
function measuresOf(
  probabilities: Float64Array<ArrayBuffer>,
  classes: number,
  samples: readonly Float32Array<ArrayBuffer>[],
): Record<Measure, () => Float64Array<ArrayBuffer>> {
  const parts = samples.length === 0 ? undefined : uncertaintyParts(
    memberProbabilities(samples, classes),
    { members: samples.length, classes },
  );
  const ofRows = (measure: (row: Float64Array<ArrayBuffer>) => number) =>
    Float64Array.from(
      { length: probabilities.length / classes },
      (_, row) =>
        measure(probabilities.slice(row * classes, (row + 1) * classes)),
    );
  const ofSamples = (values: Float64Array<ArrayBuffer> | undefined) => {
    if (values) return values;
    throw new Error("unreachable: only samples have this measure");
  };
  return {
    entropy: () => parts?.total ?? entropy(probabilities, { classes }),
    expectedEntropy: () => ofSamples(parts?.expected),
    mutualInformation: () => ofSamples(parts?.mutualInformation),
    confidence: () => ofRows((row) => Math.max(...row)),
    margin: () =>
      ofRows((row) => {
        const [first = NaN, second = 0] = row.sort().reverse();
        return first - second;
      }),
  };
}

/** The number with the fewest digits that is equal in 32 bits. */
export function shortest(value: number): number {
  const rounded = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(rounded.toPrecision(digits));
    if (Math.fround(short) === rounded) return short;
  }
  return Number(rounded.toPrecision(9));
}
