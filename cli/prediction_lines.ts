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
  interleaved,
  isMultiLabel,
  isRegression,
  meanOf,
  meanPredictions,
  sigmoids,
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
  /** The least probability of a class that is predicted, of several. @default {0.5} */
  threshold?: number | undefined;
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
  options: LinesOptions,
): Line[] {
  const { isSampled, measure } = options;
  const names = namesOf(config);
  const classes = names.length;
  const count = (scores[0]?.length ?? 0) / classes;
  const rows = Array.from({ length: count }, (_, row) => row);
  if (isRegression(config)) return numberLines(names, scores, isSampled);
  if (isMultiLabel(config)) return multiLabelLines(names, scores, options);
  const probabilities = meanPredictions(config, scores);
  const labels = argmaxRows(probabilities, { classes });
  const written = writtenOf(isSampled, measure);
  const measures = measuresOf(
    probabilities,
    classes,
    isSampled ? scores.map((own) => softmaxRows(own, { classes })) : [],
  );
  const columns = written.map((name) => [name, measures[name]()] as const);
  return rows.map((row) => ({
    label: names[labels[row] ?? 0],
    probabilities: byName(names, probabilities, row),
    ...Object.fromEntries(
      columns.map(([name, values]) => [name, shortest(values[row] ?? NaN)]),
    ),
  }));
}

/** The measures that are written. */
function writtenOf(
  isSampled: boolean,
  measure: Measure | undefined,
): readonly Measure[] {
  return [
    ...isSampled ? USUAL : [],
    ...measure && !(isSampled && USUAL.includes(measure)) ? [measure] : [],
  ];
}

/** The values of a row by the name of the class or number. */
function byName(
  names: readonly string[],
  values: Float64Array<ArrayBuffer>,
  row: number,
): Record<string, number> {
  const start = row * names.length;
  return Object.fromEntries(
    names.map((name, id) => [name, shortest(values[start + id] ?? NaN)]),
  );
}

/** The lines of a model of one number, or of several. */
function numberLines(
  names: readonly string[],
  scores: readonly Float32Array<ArrayBuffer>[],
  isSampled: boolean,
): Line[] {
  const mean = meanOf(scores);
  const std = standardDeviations(scores, mean);
  const rows = Array.from({ length: mean.length / names.length }, (_, i) => i);
  if (names.length > 1) {
    return rows.map((row) => ({
      values: byName(names, mean, row),
      ...isSampled ? { std: byName(names, std, row) } : {},
    }));
  }
  return rows.map((row) => ({
    value: shortest(mean[row] ?? NaN),
    ...isSampled ? { std: shortest(std[row] ?? NaN) } : {},
  }));
}

/**
 * The lines of a model of several classes a text. Each class is a choice of its own, so
 * each has an uncertainty. The entropies of a row are the sums over its classes, and its
 * confidence and margin are those of the class that is least sure.
 */
function multiLabelLines(
  names: readonly string[],
  scores: readonly Float32Array<ArrayBuffer>[],
  { isSampled, measure, threshold = 0.5 }: LinesOptions,
): Line[] {
  const members = scores.map(sigmoids);
  const mean = meanOf(members);
  const std = standardDeviations(members, mean);
  const width = names.length;
  // Whether a class applies, or does not, is a choice between two.
  const choices = (own: Float64Array<ArrayBuffer>) =>
    Float64Array.from(
      { length: 2 * own.length },
      (_, i) => i % 2 === 0 ? own[i >> 1] ?? NaN : 1 - (own[i >> 1] ?? NaN),
    );
  const pairs = choices(mean);
  const measures = measuresOf(pairs, 2, isSampled ? members.map(choices) : []);
  const written = writtenOf(isSampled, measure);
  const columns = written.map((name) => [name, measures[name]()] as const);
  return Array.from({ length: mean.length / width }, (_, row) => {
    const ofRow = (values: Float64Array<ArrayBuffer>) =>
      values.subarray(row * width, (row + 1) * width);
    const own = ofRow(mean);
    const uncertainty = names.map((name, id) => [name, {
      std: shortest(ofRow(std)[id] ?? NaN),
      ...Object.fromEntries(
        columns.filter(([name]) => !BY_LEAST.includes(name)).map((
          [name, values],
        ) => [name, shortest(ofRow(values)[id] ?? NaN)]),
      ),
    }]);
    return {
      labels: names.filter((_, id) => (own[id] ?? 0) >= threshold),
      probabilities: byName(names, mean, row),
      ...isSampled ? { uncertainty: Object.fromEntries(uncertainty) } : {},
      ...Object.fromEntries(columns.map(([name, values]) => [
        name,
        shortest(
          BY_LEAST.includes(name)
            ? Math.min(...ofRow(values))
            : ofRow(values).reduce((sum, x) => sum + x, 0),
        ),
      ])),
    };
  });
}

/** The measures of several classes that are those of the least sure one. */
const BY_LEAST: readonly Measure[] = ["confidence", "margin"];

/**
 * Functions that compute each measure of all rows.
 *
 * @param probabilities The mean prediction, `[rows, classes]`.
 * @param classes The number of classes.
 * @param members The predictions of each sample, in the same form; none without a
 * posterior.
 */
function measuresOf(
  probabilities: Float64Array<ArrayBuffer>,
  classes: number,
  members: readonly Float64Array<ArrayBuffer>[],
): Record<Measure, () => Float64Array<ArrayBuffer>> {
  const parts = members.length === 0
    ? undefined
    : uncertaintyParts(interleaved(members, classes), {
      members: members.length,
      classes,
    });
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
