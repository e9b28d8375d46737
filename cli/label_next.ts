// Copyright 2026 the swagpu authors. MIT license.

/**
 * Ranks the rows whose labels a model would learn most from: those that it is least
 * sure of. People call this active learning.
 *
 * @module
 */

import type { PretrainedConfig } from "../models/mod.ts";
import type { Arguments, Option } from "./arguments.ts";
import { type Classifier, isRegression } from "./classifier.ts";
import type { Line, Measure } from "./prediction_lines.ts";

/** The measures by name, with the field of a line that holds each. */
const MEASURES = {
  "entropy": { field: "entropy", isCertainty: false },
  "mutual-information": { field: "mutualInformation", isCertainty: false },
  "confidence": { field: "confidence", isCertainty: true },
  "margin": { field: "margin", isCertainty: true },
} as const satisfies Record<string, { field: Measure; isCertainty: boolean }>;

const NAMES = Object.keys(MEASURES) as (keyof typeof MEASURES)[];

/** The options that ask for a ranking. */
export const RANK_OPTIONS: readonly Option[] = [
  {
    name: "top",
    value: "N",
    help: "Print only the N rows that the model is least sure of, which are " +
      "those to label next, from the least sure on.",
  },
  {
    name: "by",
    value: NAMES.join("|"),
    help:
      "What --top ranks by: the highest entropy or mutual information, or " +
      "the lowest confidence or margin (entropy).",
  },
];

/** How rows are ranked. */
export interface Ranking {
  /** How many rows are printed. */
  readonly top: number;
  /** The name of the measure. */
  readonly by: keyof typeof MEASURES;
  /** The field of a line that holds the measure. */
  readonly field: Measure;
  /** Gives the score of a line: higher where the model is less sure. */
  scoreOf(line: Line): number;
}

/**
 * Reads the options of a ranking.
 *
 * Rows are ranked by the number that is printed, so that rows that look equal are
 * equal, and keep their order.
 *
 * @param args The options of the command.
 * @param samples How many samples of a posterior are drawn.
 * @param scale The factor on the posterior's covariance.
 * @throws {TypeError} If there is a measure without `--top`.
 * @throws {RangeError} If mutual information is asked for and all samples are alike.
 */
export function rankingOf(
  args: Arguments,
  { samples, scale }: { samples: number; scale: number },
): Ranking | undefined {
  const top = args.integer("top", { min: 1 });
  const asked = args.choice("by", NAMES);
  if (top === undefined) {
    if (asked === undefined) return undefined;
    throw new TypeError(
      `Cannot use --by ${asked} without --top: say how many rows to print`,
    );
  }
  const by = asked ?? "entropy";
  const { field, isCertainty } = MEASURES[by];
  if (by === "mutual-information" && (samples < 2 || scale === 0)) {
    throw new RangeError(
      `Cannot use --by ${by} with --${
        samples < 2 ? `swag-samples ${samples}` : "scale 0"
      }: it says how much samples disagree, so there must be at least two, ` +
        "which differ",
    );
  }
  const sign = isCertainty ? -1 : 1;
  return {
    top,
    by,
    field,
    scoreOf: (line) => sign * Number(line[field] ?? NaN),
  };
}

/** Refuses to rank the predictions of a model of numbers. */
export function checkRankable(
  ranking: Ranking | undefined,
  config: PretrainedConfig,
): void {
  if (!ranking || !isRegression(config)) return;
  throw new TypeError(
    `Cannot rank by ${ranking.by}: the model predicts numbers, not classes`,
  );
}

/** Refuses to rank by mutual information if the model has no posterior. */
export function checkPosterior(
  ranking: Ranking | undefined,
  { swag }: Classifier,
): void {
  if (swag || ranking?.by !== "mutual-information") return;
  throw new TypeError(
    "Cannot rank by mutual-information: it needs a posterior, and the model " +
      "has none; train with finetune --swag, or use --by entropy",
  );
}
