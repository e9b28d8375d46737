// Copyright 2026 the swagpu authors. MIT license.

// Classification, ranking, correlation and regression, from scikit-learn, SciPy
// and torch-uncertainty.

import * as metrics from "../../../nn/metrics/mod.ts";
import type { Comparison } from "../compare.ts";
import {
  checkCases,
  checkOptionNames,
  choiceOf,
  itemsOf,
  type MetricCase,
  type Metrics,
  numbersOf,
} from "../metric_cases.ts";
import { rowsOf as rowsOfWidth, toNumber } from "./cases.ts";

/** The predicted classes, the true ones, and all classes. */
function classesOf(
  { inputs }: MetricCase,
): [predicted: number[], labels: number[], classes: number[]] {
  const [predicted, labels] = [
    numbersOf(inputs.y_pred),
    numbersOf(inputs.y_true),
  ];
  const all = inputs.labels === undefined
    ? [...new Set([...predicted, ...labels])].sort((a, b) => a - b)
    : numbersOf(inputs.labels);
  return [predicted, labels, all];
}

/** The scores or probabilities of each class, and the true classes. */
function rowsOf({ inputs }: MetricCase): [number[], number[]] {
  const rows = itemsOf(inputs.probabilities ?? inputs.scores);
  return [rows.flatMap(numbersOf), numbersOf(inputs.y_true)];
}

/** The scores of one class, and the true classes. */
function scoresOf({ inputs }: MetricCase): [number[], number[]] {
  return [numbersOf(inputs.scores), numbersOf(inputs.y_true)];
}

/** Two lists of values. */
function pairOf({ inputs }: MetricCase): [number[], number[]] {
  return [numbersOf(inputs.x), numbersOf(inputs.y)];
}

function confusions(one: MetricCase): number[][] {
  checkOptionNames(one, ["normalize"]);
  const [predicted, labels, { length: classes }] = classesOf(one);
  const normalize = choiceOf(one, "normalize", {
    choices: ["true", "pred", "all", ""],
    otherwise: "",
  });
  const options = normalize === "" ? { classes } : { classes, normalize };
  return rowsOfWidth(
    metrics.confusionMatrix(predicted, labels, options),
    classes,
  );
}

function precisionRecall(one: MetricCase): unknown {
  checkOptionNames(one, ["average", "zeroDivision", "classes", "positive"]);
  const [predicted, labels, all] = classesOf(one);
  const average = choiceOf(one, "average", {
    choices: [
      "none",
      "binary",
      "micro",
      "macro",
      "weighted",
    ],
    otherwise: "none",
  });
  const classes = choiceOf(one, "classes", {
    choices: ["present", "all"],
    otherwise: "present",
  });
  const options = {
    zeroDivision: choiceOf(one, "zeroDivision", {
      choices: [0, 1],
      otherwise: 0,
    }),
    positive: toNumber(one.options.positive ?? 1),
    ...(classes === "all" && average !== "binary" ? { labels: all } : {}),
  } as const;
  const { fscore, ...scores } = average === "none"
    ? metrics.precisionRecallFscoreSupport(predicted, labels, options)
    : metrics.precisionRecallFscoreSupport(predicted, labels, {
      ...options,
      average,
    });
  return { ...scores, f1: fscore };
}

const METRICS: Metrics = {
  accuracy: (one) => {
    checkOptionNames(one, []);
    const [predicted, labels] = classesOf(one);
    return metrics.accuracyScore(predicted, labels);
  },
  confusionMatrix: confusions,
  precisionRecallF1: precisionRecall,
  matthewsCorrelation: (one) => {
    checkOptionNames(one, []);
    const [predicted, labels] = classesOf(one);
    return metrics.matthewsCorrelation(predicted, labels);
  },
  cohenKappa: (one) => {
    checkOptionNames(one, ["weights"]);
    const [predicted, labels, all] = classesOf(one);
    const names = ["none", "linear", "quadratic"] as const;
    const weights = choiceOf(one, "weights", {
      choices: names,
      otherwise: "none",
    });
    return metrics.cohenKappaScore(predicted, labels, {
      weights: weights === "none" ? null : weights,
      labels: all,
    });
  },
  balancedAccuracy: (one) => {
    checkOptionNames(one, []);
    const [predicted, labels] = classesOf(one);
    return metrics.balancedAccuracyScore(predicted, labels);
  },
  logLoss: (one) => {
    checkOptionNames(one, ["clip", "reduction"]);
    const [probabilities, labels] = rowsOf(one);
    return metrics.logLoss(probabilities, labels, {
      eps: toNumber(one.options.clip ?? Number.EPSILON),
      normalize: choiceOf(one, "reduction", {
        choices: ["mean", "sum"],
        otherwise: "mean",
      }) === "mean",
    });
  },
  brierScore: (one) => {
    checkOptionNames(one, ["form", "reduction"]);
    choiceOf(one, "form", {
      choices: ["sum over classes"],
      otherwise: "sum over classes",
    });
    const [probabilities, labels] = rowsOf(one);
    return choiceOf(one, "reduction", {
        choices: ["mean", "none"],
        otherwise: "mean",
      }) === "mean"
      ? metrics.brierScore(probabilities, labels)
      : metrics.brierRows(probabilities, labels);
  },
  brierScoreBinary: (one) => {
    checkOptionNames(one, []);
    return metrics.brierScoreLoss(
      numbersOf(one.inputs.probability_of_1),
      numbersOf(one.inputs.y_true),
    );
  },
  topKAccuracy: (one) => {
    checkOptionNames(one, []);
    const [scores, labels] = rowsOf(one);
    const most = scores.length / labels.length;
    return Object.fromEntries(
      Array.from({ length: most }, (_, i) => [
        i + 1,
        metrics.topKAccuracyScore(scores, labels, { k: i + 1 }),
      ]),
    );
  },
  rocAuc: (one) => {
    checkOptionNames(one, []);
    return metrics.rocAucScore(...scoresOf(one));
  },
  rocAucMulticlass: (one) => {
    checkOptionNames(one, ["multiClass", "average"]);
    return metrics.rocAucScore(...rowsOf(one), {
      multiClass: choiceOf(one, "multiClass", {
        choices: ["ovr", "ovo"],
        otherwise: "ovr",
      }),
      average: choiceOf(one, "average", {
        choices: ["macro", "weighted"],
        otherwise: "macro",
      }),
    });
  },
  averagePrecision: (one) => {
    checkOptionNames(one, []);
    return metrics.averagePrecisionScore(...scoresOf(one));
  },
  fprAtTpr: (one) => {
    checkOptionNames(one, ["tpr", "definition"]);
    const names = ["at-least", "nearest-recall"] as const;
    return metrics.fprAtTpr(...scoresOf(one), {
      tpr: toNumber(one.options.tpr ?? 0.95),
      definition: choiceOf(one, "definition", {
        choices: names,
        otherwise: "at-least",
      }),
    });
  },
  rocCurve: (one) => {
    checkOptionNames(one, []);
    return metrics.rocCurve(...scoresOf(one));
  },
  precisionRecallCurve: (one) => {
    checkOptionNames(one, []);
    return metrics.precisionRecallCurve(...scoresOf(one));
  },
  pearson: (one) => {
    checkOptionNames(one, []);
    return metrics.pearsonr(...pairOf(one)).statistic;
  },
  pearsonPValue: (one) => {
    checkOptionNames(one, []);
    return metrics.pearsonr(...pairOf(one)).pValue;
  },
  spearman: (one) => {
    checkOptionNames(one, []);
    return metrics.spearmanr(...pairOf(one)).statistic;
  },
  kendallTauB: (one) => {
    checkOptionNames(one, []);
    return metrics.kendallTau(...pairOf(one));
  },
  regressionErrors: (one) => {
    checkOptionNames(one, []);
    const pair = [
      numbersOf(one.inputs.y_pred),
      numbersOf(one.inputs.y_true),
    ] as const;
    return {
      mse: metrics.meanSquaredError(...pair),
      rmse: metrics.rootMeanSquaredError(...pair),
      mae: metrics.meanAbsoluteError(...pair),
      r2: metrics.r2Score(...pair),
    };
  },
};

/** The names of the functions that are known here. */
export const FUNCTIONS: readonly string[] = Object.keys(METRICS);

/** Compares every case with what this library computes. */
export function check(cases: readonly MetricCase[]): Comparison[] {
  return checkCases(cases, METRICS);
}
