// Copyright 2026 the swagpu authors. MIT license.

// Checks that the parts of a run's results fit together.

import type {
  ClassificationResults,
  Curve,
  MethodResults,
  RegressionResults,
  ReportOptions,
  RunResults,
  TrainingResults,
} from "./run_results.ts";

const OPTIONS = ["bins", "alpha", "resamples", "listed"];

/** Options without gaps. */
export type FullOptions = Required<ReportOptions>;

/** Checks options, and fills in defaults. */
export function checkReportOptions(options: ReportOptions): FullOptions {
  const unknown = Object.entries(options)
    .find(([name, value]) => value !== undefined && !OPTIONS.includes(name));
  if (unknown) {
    throw new TypeError(
      `Cannot write a report with option "${unknown[0]}": expected one of ${
        OPTIONS.join(", ")
      }`,
    );
  }
  const { bins = 15, alpha = 0.1, resamples = 200, listed = 20 } = options;
  for (
    const [name, value, least, most] of [
      ["bins", bins, 1, 1_000],
      ["resamples", resamples, 0, 1_000_000],
      ["listed", listed, 0, 1_000_000],
    ] as const
  ) {
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw new RangeError(
        `Cannot write a report: ${name} is ${value}, but must be a whole number from ${least} to ${most}`,
      );
    }
  }
  if (!(alpha > 0 && alpha < 1)) {
    throw new RangeError(
      `Cannot write a report: alpha is ${alpha}, but must be between 0 and 1`,
    );
  }
  return { bins, alpha, resamples, listed };
}

function expectLength(
  what: string,
  list: ArrayLike<unknown> | undefined,
  length: number,
): void {
  if (list === undefined || list.length === length) return;
  throw new RangeError(
    `Cannot write a report: ${what} has ${list.length} values, expected ${length}`,
  );
}

/** Throws unless every row holds probabilities that add up to 1. */
function expectDistributions(
  what: string,
  values: ArrayLike<number>,
  classes: number,
): void {
  for (let start = 0; start < values.length; start += classes) {
    let sum = 0;
    for (let i = start; i < start + classes; i++) {
      const p = values[i] ?? NaN;
      sum += p >= 0 ? p : NaN;
    }
    // 16-bit probabilities are rounded.
    if (!(Math.abs(sum - 1) <= 1e-3)) {
      throw new RangeError(
        `Cannot write a report: row ${
          start / classes
        } of ${what} adds up to ${sum}, but probabilities must be at least 0 and add up to 1`,
      );
    }
  }
}

function expectLabels(
  what: string,
  labels: ArrayLike<number>,
  classes: number,
): void {
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] ?? NaN;
    if (!Number.isSafeInteger(label) || label < 0 || label >= classes) {
      throw new RangeError(
        `Cannot write a report: ${what} ${row} is ${label}, but must be a whole number below ${classes}`,
      );
    }
  }
}

function expectNumbers(what: string, list: ArrayLike<number>): void {
  for (let i = 0; i < list.length; i++) {
    if (Number.isFinite(list[i])) continue;
    throw new RangeError(
      `Cannot write a report: value ${i} of ${what} is ${
        list[i]
      }, but must be a finite number`,
    );
  }
}

/** The number of classes; 0 if there are no rows to tell. */
export function classesOf(results: ClassificationResults): number {
  const { labels, methods, classes } = results;
  if (classes) return classes.length;
  const values = methods[0]?.probabilities.length ?? 0;
  return labels.length === 0 ? 0 : values / labels.length;
}

function expectUniqueNames(
  what: string,
  methods: readonly { name: string }[],
): void {
  const seen = new Set<string>();
  for (const { name } of methods) {
    if (seen.has(name)) {
      throw new RangeError(
        `Cannot write a report: two ${what} are named "${name}", but names must differ`,
      );
    }
    seen.add(name);
  }
}

function checkSeeds(
  name: string,
  { method, labels, classes }: {
    method: MethodResults;
    labels: ArrayLike<number>;
    classes: number;
  },
): void {
  for (const [i, seed] of (method.otherSeeds ?? []).entries()) {
    const truth = seed.labels ?? labels;
    const what = `other seed ${i} of ${name}`;
    expectLength(what, seed.probabilities, truth.length * classes);
    expectDistributions(what, seed.probabilities, classes);
    if (seed.labels) expectLabels(`label of ${what}`, seed.labels, classes);
  }
}

function checkMethod(
  method: MethodResults,
  results: ClassificationResults,
  classes: number,
): void {
  const { labels, validationLabels } = results;
  const rows = labels.length;
  const { name, probabilities, sampleProbabilities, uncertainty } = method;
  expectLength(`probabilities of ${name}`, probabilities, rows * classes);
  expectDistributions(`probabilities of ${name}`, probabilities, classes);
  if (method.validationProbabilities) {
    const what = `validationProbabilities of ${name}`;
    const expected = (validationLabels?.length ?? 0) * classes;
    expectLength(what, method.validationProbabilities, expected);
    expectDistributions(what, method.validationProbabilities, classes);
  }
  if (sampleProbabilities && rows > 0) {
    const what = `sampleProbabilities of ${name}`;
    const samples = sampleProbabilities.length / (rows * classes);
    const { particles = 1 } = method;
    if (!Number.isSafeInteger(samples) || samples < 1) {
      throw new RangeError(
        `Cannot write a report: ${what} has ${sampleProbabilities.length} values, expected a multiple of ${
          rows * classes
        }`,
      );
    }
    if (!(particles >= 1) || samples % particles !== 0) {
      throw new RangeError(
        `Cannot write a report: ${name} has ${samples} samples of ${particles} particles, expected equal groups`,
      );
    }
    expectDistributions(what, sampleProbabilities, classes);
  }
  for (const part of ["expected", "mutualInformation"] as const) {
    expectLength(`${part} of ${name}`, uncertainty?.[part], rows);
    expectNumbers(`${part} of ${name}`, uncertainty?.[part] ?? []);
  }
  const between = uncertainty?.betweenParticles;
  expectLength(`betweenParticles of ${name}`, between, rows);
  expectNumbers(`betweenParticles of ${name}`, between ?? []);
  const { scores, familiar } = method.outOfDistribution ?? {};
  expectNumbers(`outOfDistribution.scores of ${name}`, scores ?? []);
  expectLength(`outOfDistribution.familiar of ${name}`, familiar, rows);
  expectNumbers(`outOfDistribution.familiar of ${name}`, familiar ?? []);
  checkSeeds(name, { method, labels, classes });
}

function checkClassification(results: ClassificationResults): void {
  const { labels, methods, softLabels, texts, validationLabels } = results;
  if (methods.length === 0) {
    throw new RangeError(
      "Cannot write a report: classification has no methods, expected at least one",
    );
  }
  const classes = classesOf(results);
  if (labels.length > 0 && !(Number.isSafeInteger(classes) && classes >= 1)) {
    throw new RangeError(
      `Cannot write a report: ${
        methods[0]?.probabilities.length
      } probabilities for ${labels.length} labels, expected whole rows`,
    );
  }
  expectUniqueNames("methods", methods);
  expectLabels("label", labels, classes);
  expectLabels("validation label", validationLabels ?? [], classes);
  expectLength("softLabels", softLabels, labels.length * classes);
  if (softLabels) expectDistributions("softLabels", softLabels, classes);
  expectLength("texts", texts, labels.length);
  for (const method of methods) checkMethod(method, results, classes);
  const { primary } = results;
  if (
    primary !== undefined && !methods.some(({ name }) => name === primary)
  ) {
    throw new RangeError(
      `Cannot write a report: primary is "${primary}", but no method has that name`,
    );
  }
}

function checkRegression(
  { targets, methods, texts }: RegressionResults,
): void {
  expectNumbers("targets", targets);
  expectLength("texts of regression", texts, targets.length);
  expectUniqueNames("methods of regression", methods);
  for (const { name, mean, deviation } of methods) {
    expectLength(`mean of ${name}`, mean, targets.length);
    expectLength(`deviation of ${name}`, deviation, targets.length);
    expectNumbers(`mean of ${name}`, mean);
    expectNumbers(`deviation of ${name}`, deviation);
    const row = Array.from(deviation).findIndex((value) => value <= 0);
    if (row >= 0) {
      throw new RangeError(
        `Cannot write a report: deviation ${row} of ${name} is ${
          deviation[row]
        }, but must be above 0`,
      );
    }
  }
}

function checkTraining(training: TrainingResults): void {
  const { losses = [], learningRates = [], sweeps = [] } = training;
  for (
    const { name, steps, values } of [...losses, ...learningRates] as Curve[]
  ) {
    expectLength(`the curve ${name}`, values, steps.length);
    expectNumbers(`the steps of ${name}`, steps);
  }
  for (const { setting, at, nll } of sweeps) {
    expectLength(`the sweep over ${setting}`, nll, at.length);
    expectNumbers(`the sweep over ${setting}`, at);
  }
}

/**
 * Throws unless the parts of a run's results fit together.
 *
 * @throws {RangeError} If lists differ in length, or hold what they may not hold.
 */
export function checkResults(results: RunResults): void {
  const { classification, regression, training } = results;
  if (classification) checkClassification(classification);
  if (regression) checkRegression(regression);
  if (training) checkTraining(training);
}
