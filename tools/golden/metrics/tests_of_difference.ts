// Copyright 2026 the swagpu authors. MIT license.

// Tests of differences, resampling and intervals, from statsmodels and SciPy.

import * as metrics from "../../../nn/metrics/mod.ts";
import type { Comparison } from "../compare.ts";
import {
  checkCases,
  checkOptionNames,
  choiceOf,
  entriesOf,
  itemsOf,
  type MetricCase,
  type Metrics,
  numbersOf,
} from "../metric_cases.ts";
import { toNumber } from "./cases.ts";

/** The scores of two models. */
function pairOf({ inputs }: MetricCase): [number[], number[]] {
  return [numbersOf(inputs.a), numbersOf(inputs.b)];
}

function tableOf({ inputs }: MetricCase): metrics.ContingencyTable {
  const [[both = NaN, first = NaN] = [], [second = NaN, neither = NaN] = []] =
    itemsOf(inputs.table).map(numbersOf);
  return [[both, first], [second, neither]];
}

function bootstrapPercentile(one: MetricCase): unknown {
  checkOptionNames(one, []);
  const values = numbersOf(one.inputs.values);
  const indices = itemsOf(one.inputs.indices).map(numbersOf);
  const { bootstrapDistribution, standardError } = metrics.bootstrap(values, {
    indices,
  });
  const { intervals } = entriesOf(one.expected);
  return {
    estimates: bootstrapDistribution,
    standardError,
    intervals: Object.fromEntries(
      Object.keys(entriesOf(intervals)).map((level) => {
        const { confidenceInterval: { low, high } } = metrics.bootstrap(
          values,
          { indices, confidenceLevel: Number(level) },
        );
        return [level, [low, high]];
      }),
    ),
  };
}

const METRICS: Metrics = {
  mcnemar: (one) => {
    checkOptionNames(one, []);
    const table = tableOf(one);
    return {
      exact: metrics.mcnemar(table),
      corrected: metrics.mcnemar(table, { exact: false }),
      asymptotic: metrics.mcnemar(table, { exact: false, correction: false }),
      midP: metrics.mcnemar(table, { midP: true }).pValue,
    };
  },
  pairedBootstrap: (one) => {
    checkOptionNames(one, []);
    const result = metrics.pairedBootstrap(...pairOf(one), {
      indices: itemsOf(one.inputs.indices).map(numbersOf),
    });
    return {
      observed: result.observed,
      resampled: result.bootstrapDistribution,
      fractionNotBetter: result.fractionNotBetter,
      sacrebleuPValue: result.pValue,
    };
  },
  bootstrapPercentile,
  pairedTTest: (one) => {
    checkOptionNames(one, []);
    return metrics.ttestRel(...pairOf(one));
  },
  wilcoxonSignedRank: (one) => {
    checkOptionNames(one, ["mode", "correction"]);
    const modes = ["exact", "normal approximation"] as const;
    const mode = choiceOf(one, "mode", { choices: modes, otherwise: "exact" });
    return metrics.wilcoxon(...pairOf(one), {
      method: mode === "exact" ? "exact" : "approx",
      correction: choiceOf(one, "correction", {
        choices: [true, false],
        otherwise: false,
      }),
    });
  },
  signFlipPermutation: (one) => {
    checkOptionNames(one, []);
    const result = metrics.pairedPermutationTest(...pairOf(one), {
      signs: itemsOf(one.inputs.signs).map(numbersOf),
    });
    return {
      observed: result.observed,
      permuted: result.nullDistribution,
      pValue: result.pValue,
    };
  },
  multipleTesting: (one) => {
    checkOptionNames(one, []);
    const pValues = numbersOf(one.inputs.pValues);
    return {
      bonferroni: metrics.multipletests(pValues, { method: "bonferroni" }),
      holm: metrics.multipletests(pValues, { method: "holm" }),
      fdr_bh: metrics.multipletests(pValues, { method: "fdr_bh" }),
    };
  },
  proportionInterval: (one) => {
    checkOptionNames(one, ["level"]);
    const alpha = 1 - toNumber(one.options.level ?? 0.95);
    const count = toNumber(one.inputs.successes);
    const trials = toNumber(one.inputs.trials);
    const of = (method: "wilson" | "beta" | "normal"): number[] =>
      metrics.proportionConfint(count, trials, { alpha, method });
    return { wilson: of("wilson"), beta: of("beta"), normal: of("normal") };
  },
};

/** The names of the functions that are known here. */
export const FUNCTIONS: readonly string[] = Object.keys(METRICS);

/** Compares every case with what this library computes. */
export function check(cases: readonly MetricCase[]): Comparison[] {
  return checkCases(cases, METRICS);
}
