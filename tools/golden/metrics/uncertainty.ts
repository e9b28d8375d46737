// Copyright 2026 the swagpu authors. MIT license.

// Checks of the uncertainty of ensembles, and of predicted distributions.

import {
  argmaxRows,
  centralIntervalCalibration,
  disagreement,
  ensembleCrps,
  gaussianCrps,
  gaussianNegativeLogLikelihood,
  gaussianPit,
  intervalCoverage,
  intervalScore,
  logSoftmaxRows,
  memberMoments,
  mixtureNegativeLogLikelihood,
  pairwiseDivergence,
  pinballLoss,
  quantileCalibration,
  softmaxRows,
  uncertaintyParts,
  varianceParts,
  variationRatio,
} from "../../../nn/metrics/mod.ts";
import type { Comparison } from "../compare.ts";
import {
  checkCases,
  flat,
  type Metric,
  type MetricCase,
  rowsOf,
  shapeOf,
  toNumber,
} from "./cases.ts";

const METRICS: Record<string, Metric> = {
  ensembleUncertainty(one) {
    const { probabilities, members, classes } = ensembleOf(one);
    const shape = { members, classes };
    const parts = uncertaintyParts(probabilities, shape);
    const population = memberMoments(probabilities, shape);
    const rows = rowsOf(population.mean, classes);
    const result: Record<string, unknown> = {
      predictiveEntropy: parts.total,
      expectedEntropy: parts.expected,
      mutualInformation: parts.mutualInformation,
      meanProbability: rows,
      stdProbabilityPopulation: rowsOf(population.standardDeviation, classes),
      maxProbability: rows.map((row) => Math.max(...row)),
      prediction: argmaxRows(population.mean, { classes }),
    };
    if (members > 1) {
      const sample = memberMoments(probabilities, { ...shape, correction: 1 });
      result.stdProbabilitySample = rowsOf(sample.standardDeviation, classes);
    }
    return result;
  },
  variationRatio(one) {
    const { probabilities, members, classes } = ensembleOf(one);
    const ratio = (definition: "mode" | "mean-class" | "probabilistic") =>
      variationRatio(probabilities, { members, classes, definition });
    return {
      mode: ratio("mode"),
      meanProbabilityClass: ratio("mean-class"),
      probabilistic: ratio("probabilistic"),
    };
  },
  disagreement(one) {
    const { probabilities, members, classes } = ensembleOf(one);
    return disagreement(probabilities, { members, classes });
  },
  expectedPairwiseKL(one) {
    const { logits, members, classes } = ensembleOf(one);
    const logs = logSoftmaxRows(logits, { classes });
    const shape = { members, classes };
    return {
      overAllPairs: pairwiseDivergence(logs, { ...shape, pairs: "all" }),
      overDistinctPairs: pairwiseDivergence(logs, shape),
    };
  },
  totalVariance(one) {
    const { members, ...prediction } = mixtureOf(one);
    return varianceParts(prediction, { members });
  },
  mixtureNll(one) {
    const { members, ...prediction } = mixtureOf(one);
    return mixtureNegativeLogLikelihood(prediction, targets(one), { members })
      .perRow;
  },
  gaussianNll: (one) =>
    gaussianNegativeLogLikelihood(
      { mean: flat(one.inputs.mean), variance: flat(one.inputs.variance) },
      targets(one),
      { constant: one.options.constant !== false },
    ),
  crpsGaussian: (one) => gaussianCrps(normalOf(one), targets(one)),
  crpsEnsemble(one) {
    const { values, members } = membersLast(one.inputs.samples);
    const { perRow, mean } = ensembleCrps(values, targets(one), { members });
    if (members < 2) return { perRow, mean };
    const fair = ensembleCrps(values, targets(one), { members, fair: true });
    return { perRow, mean, fair: fair.perRow };
  },
  intervalCoverage(one) {
    const { lower, upper } = one.inputs;
    const interval = { lower: flat(lower), upper: flat(upper) };
    const alpha = toNumber(one.options.alpha);
    return {
      ...intervalCoverage(interval, targets(one)),
      intervalScore: intervalScore(interval, targets(one), alpha),
    };
  },
  pinballLoss(one) {
    const predicted = one.inputs.y_pred as unknown[];
    return flat(one.inputs.quantile).map((quantile, i) =>
      pinballLoss(flat(predicted[i]), targets(one), quantile)
    );
  },
  quantileCalibration(one) {
    const pit = gaussianPit(normalOf(one), targets(one));
    const levels = flat(one.inputs.levels);
    return { pit, ...quantileCalibration(pit, { levels }) };
  },
  centralIntervalCalibration(one) {
    const pit = gaussianPit(normalOf(one), targets(one));
    return centralIntervalCalibration(pit, { levels: flat(one.inputs.levels) });
  },
};

/** Compares all cases of uncertainty. */
export function check(cases: readonly MetricCase[]): Comparison[] {
  return checkCases(cases, METRICS);
}

const targets = ({ inputs }: MetricCase) => flat(inputs.y_true);

/** Moves the members from the first place of [members, rows, …] to the second. */
function membersLast(
  value: unknown,
): { values: number[]; members: number; rows: number } {
  const [members = 0, rows = 0] = shapeOf(value);
  const list = value as unknown[][];
  const values = Array.from(
    { length: rows },
    (_, row) => list.map((own) => flat(own[row])),
  );
  return { values: flat(values), members, rows };
}

function ensembleOf({ inputs }: MetricCase) {
  const { values: logits, members } = membersLast(inputs.logits);
  const classes = shapeOf(inputs.logits)[2] ?? 0;
  return {
    logits,
    probabilities: softmaxRows(logits, { classes }),
    members,
    classes,
  };
}

function mixtureOf({ inputs }: MetricCase) {
  const { values: mean, members } = membersLast(inputs.mean);
  return { mean, variance: membersLast(inputs.variance).values, members };
}

function normalOf({ inputs }: MetricCase) {
  return { mean: flat(inputs.mean), standardDeviation: flat(inputs.std) };
}
