// Copyright 2026 the swagpu authors. MIT license.

/**
 * What a model predicts for the rows of a report, by each of its methods: with its own
 * weights, with the mean of its posterior, and with samples of it.
 *
 * @module
 */

import { entropy, softmaxRows } from "../nn/mod.ts";
import type {
  ClassificationResults,
  MethodResults,
  NamedScore,
} from "../report/mod.ts";
import {
  type Classifier,
  meanOf,
  type PosteriorOptions,
  scoresOf,
} from "./classifier.ts";
import { namesOf } from "./labels.ts";
import { namingRows } from "./not_finite.ts";
import { methodsOf, ofMembers, passesOf } from "./posterior.ts";
import type { Progress } from "./progress.ts";
import { classScores } from "./tasks/text_scores.ts";
import type { RowSource } from "../data/mod.ts";
import type { TextBatches } from "./tokenized_texts.ts";

/** Rows as a model reads them. */
export interface PreparedTexts {
  /** The texts. */
  texts: TextBatches;
  /** The file that they come from. */
  source: RowSource;
}

/** Rows with their labels: the ids of classes, or numbers. */
export interface PreparedRows extends PreparedTexts {
  /** The labels. */
  labels: ArrayLike<number>;
}

/** The rows of a report. */
export interface ReportRows {
  /** The test set. */
  test: PreparedRows;
  /** Labeled rows to fit on. */
  fit: PreparedRows | undefined;
  /** Unfamiliar rows. */
  ood: PreparedTexts | undefined;
}

/** What a method says of all rows: a list of scores for each sample of the weights. */
export interface MethodScores {
  /** The method, such as "SWAG". */
  name: string;
  /** The scores of the test set. */
  test: Float32Array<ArrayBuffer>[];
  /** The scores of the rows to fit on. */
  fit: Float32Array<ArrayBuffer>[] | undefined;
  /** The scores of unfamiliar rows. */
  ood: Float32Array<ArrayBuffer>[] | undefined;
  /** The seconds that a row of the test set took, with all samples. */
  secondsPerExample: number;
}

/** Options of {@linkcode scoreRows}. */
export interface ScoreRowsOptions extends PosteriorOptions {
  /** Where progress is shown. */
  progress: Progress;
}

/** Scores all rows with each method, and measures how long it takes. */
export async function scoreRows(
  classifier: Classifier,
  { test, fit, ood }: ReportRows,
  { progress, ...options }: ScoreRowsOptions,
): Promise<MethodScores[]> {
  const { model } = classifier;
  const { batchSize } = options;
  const methods = methodsOf(classifier, options);
  const passes = passesOf(methods);
  const count = [test, fit, ood]
    .reduce((sum, own) => sum + (own?.texts.count ?? 0), 0);
  using stage = progress.stage(
    "evaluating",
    count * passes,
    passes > 1 ? "passes" : "texts",
  );
  const advance = (more: number) => stage.advance(more);
  // The first batch compiles the kernels, which is nobody's time.
  const rows = Math.min(batchSize, test.texts.count);
  const mean = { samples: 1, scale: 0, seed: 0 };
  await namingRows(
    test.source,
    () =>
      ofMembers(
        classifier,
        mean,
        () => scoresOf(model, test.texts, { batchSize, rows }),
      ),
  );
  const results: MethodScores[] = [];
  for (const { method, over } of methods) {
    const of = ({ source, texts }: PreparedTexts) =>
      namingRows(
        source,
        () => over(() => scoresOf(model, texts, { ...options, advance })),
      );
    const start = performance.now();
    const tested = await of(test);
    const seconds = (performance.now() - start) / 1000;
    results.push({
      name: method,
      test: tested,
      fit: fit && await of(fit),
      ood: ood && await of(ood),
      secondsPerExample: seconds / test.texts.count,
    });
  }
  return results;
}

/** Options of {@linkcode classificationResults}. */
interface ClassificationOptions {
  classifier: Classifier;
  rows: ReportRows;
  /** What is shown of each row. */
  texts: readonly string[];
  softLabels: ArrayLike<number> | undefined;
  /** What unfamiliar texts are called. */
  oodName: string | undefined;
}

/** Turns scores into the probabilities that a report is made of. */
export function classificationResults(
  methods: readonly MethodScores[],
  { classifier, rows, texts, softLabels, oodName }: ClassificationOptions,
): ClassificationResults {
  const { config } = classifier.model;
  const { numLabels: classes } = config;
  const probabilitiesOf = (members: readonly Float32Array<ArrayBuffer>[]) =>
    meanOf(members.map((own) => softmaxRows(own, { classes })));
  return {
    labels: rows.test.labels,
    classes: namesOf(config),
    texts,
    ...softLabels ? { softLabels } : {},
    ...rows.fit ? { validationLabels: rows.fit.labels } : {},
    methods: methods.map((scores): MethodResults => {
      const { name, test, fit, ood, secondsPerExample } = scores;
      return {
        name,
        probabilities: probabilitiesOf(test),
        samples: test.length,
        secondsPerExample,
        ...test.length > 1 ? { sampleProbabilities: allOf(test, classes) } : {},
        ...fit ? { validationProbabilities: probabilitiesOf(fit) } : {},
        ...ood
          ? {
            outOfDistribution: {
              scores: entropy(probabilitiesOf(ood), { classes }),
              ...oodName === undefined ? {} : { name: oodName },
            },
          }
          : {},
      };
    }),
  };
}

/**
 * The probabilities of each sample, [samples, rows, classes], with 32 bits: there may
 * be very many.
 */
function allOf(
  members: readonly Float32Array<ArrayBuffer>[],
  classes: number,
): Float32Array<ArrayBuffer> {
  const size = members[0]?.length ?? 0;
  const all = new Float32Array(members.length * size);
  members.forEach((own, i) => all.set(softmaxRows(own, { classes }), i * size));
  return all;
}

/** The scores of a report that its tables do not hold by themselves. */
export function classNamedScores(
  { methods, labels, classes = [] }: ClassificationResults,
  f1Of: string,
): NamedScore[] {
  const best = methods.at(-1);
  if (!best) return [];
  const { f1 = NaN, mcc = NaN } = classScores(
    Float64Array.from(best.probabilities),
    Array.from(labels),
    undefined,
  );
  return [
    { name: `F1 (${f1Of}) of ${best.name}`, type: "f1", value: f1 },
    {
      name: `Matthews correlation of ${best.name}`,
      type: "matthews_correlation",
      value: mcc,
    },
  ].filter(({ value }) => classes.length > 1 && Number.isFinite(value));
}
