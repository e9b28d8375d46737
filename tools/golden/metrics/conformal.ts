// Copyright 2026 the swagpu authors. MIT license.

// Checks of conformal scores, quantiles, sets and intervals.

import {
  apsScores,
  apsSets,
  conformalIntervals,
  conformalizedQuantiles,
  conformalQuantile,
  conformalRank,
  lacScores,
  lacSets,
  rapsScores,
  rapsSets,
  setCoverage,
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
  conformalQuantile({ inputs, options }) {
    const scores = flat(inputs.scores);
    const alpha = toNumber(options.alpha);
    return {
      rank: conformalRank(scores.length, alpha),
      quantile: conformalQuantile(scores, alpha),
    };
  },
  conformalLac(one) {
    const { probabilities, classes } = rowsIn(one);
    const scores = lacScores(...calibrationOf(one));
    const quantile = conformalQuantile(scores, toNumber(one.options.alpha));
    const sets = lacSets(probabilities, quantile, { classes });
    return { scores, quantile, sets: rowsOf(sets, classes) };
  },
  conformalLacSets(one) {
    const { probabilities, classes } = rowsIn(one);
    const quantile = toNumber(one.inputs.quantile);
    const sets = lacSets(probabilities, quantile, { classes });
    return { sets: rowsOf(sets, classes) };
  },
  conformalApsScores(one) {
    const scores = apsScores(...calibrationOf(one), { u: flat(one.inputs.u) });
    const quantile = conformalQuantile(scores, toNumber(one.options.alpha));
    return { scores, quantile };
  },
  conformalApsSets(one) {
    const { probabilities, classes } = rowsIn(one);
    const quantile = toNumber(one.inputs.quantile);
    const includeLast = one.options.includeLast as boolean | "randomized";
    const sets = apsSets(probabilities, quantile, {
      classes,
      includeLast,
      ...(includeLast === "randomized" ? { u: flat(one.inputs.u) } : {}),
    });
    return { sets: rowsOf(sets, classes) };
  },
  conformalRaps(one) {
    const { probabilities, classes } = rowsIn(one);
    const { alpha, lambda, kReg } = one.options;
    const penalty = { lambda: toNumber(lambda), kReg: toNumber(kReg) };
    const scores = rapsScores(...calibrationOf(one), {
      ...penalty,
      u: flat(one.inputs.u),
    });
    const quantile = conformalQuantile(scores, toNumber(alpha));
    const options = { classes, ...penalty };
    const sets = (more: { includeLast?: boolean; u?: number[] }) =>
      rowsOf(
        rapsSets(probabilities, quantile, { ...options, ...more }),
        classes,
      );
    return {
      scores,
      quantile,
      setsIncludeLast: sets({ includeLast: true }),
      setsExcludeLast: sets({ includeLast: false }),
      setsRandomized: sets({ u: flat(one.inputs.u_test) }),
    };
  },
  conformalCoverage: ({ inputs }) =>
    setCoverage(flat(inputs.sets), flat(inputs.y_true)),
  conformalRegression({ inputs, options }) {
    const alpha = toNumber(options.alpha);
    const targets = flat(inputs.calibration_targets);
    const own = (name: string) => flat(inputs[name]);
    if (options.score === "cqr") {
      return conformalizedQuantiles(
        {
          lower: own("calibration_lower"),
          upper: own("calibration_upper"),
          targets,
        },
        { lower: own("lower"), upper: own("upper") },
        alpha,
      );
    }
    const isScaled = options.score === "normalised";
    if (!isScaled && options.score !== "absolute") {
      throw new RangeError(`there is no score ${options.score}`);
    }
    return conformalIntervals(
      {
        predictions: own("calibration_predictions"),
        targets,
        ...(isScaled ? { scale: own("calibration_scale") } : {}),
      },
      {
        predictions: own("predictions"),
        ...(isScaled ? { scale: own("scale") } : {}),
      },
      alpha,
    );
  },
};

/** Compares all cases of conformal prediction. */
export function check(cases: readonly MetricCase[]): Comparison[] {
  return checkCases(cases, METRICS);
}

function rowsIn({ inputs }: MetricCase) {
  return {
    probabilities: flat(inputs.probabilities),
    classes: shapeOf(inputs.probabilities)[1] ?? 0,
  };
}

function calibrationOf({ inputs }: MetricCase): [number[], number[]] {
  return [
    flat(inputs.calibration_probabilities),
    flat(inputs.calibration_labels),
  ];
}
