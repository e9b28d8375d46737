// Copyright 2026 the swagpu authors. MIT license.

// Metrics compared with the values of scikit-learn, SciPy, torchmetrics and
// torch-uncertainty. Each case names the source of its value.

import { assert, assertEquals } from "@std/assert";
import {
  accuracy,
  applyTemperature,
  areaUnderRoc,
  brierScore,
  expectedCalibrationError,
  f1Score,
  falsePositiveRate95,
  fitTemperature,
  matthewsCorrelation,
  meanSquaredError,
  negativeLogLikelihood,
  pearsonCorrelation,
  reliabilityBins,
  spearmanCorrelation,
} from "../../../nn/metrics/mod.ts";

const CASES: Case[] = JSON.parse(
  await Deno.readTextFile(
    new URL("../../fixtures/metrics/cases.json", import.meta.url),
  ),
);

interface Case {
  id: string;
  function: string;
  inputs: Record<string, number[]> & {
    probabilities: number[][];
    logits: number[][];
  };
  options: Record<string, unknown>;
  expected: unknown;
  tolerance: number;
}

/** This library's result for a case, in the structure of the expected value. */
function found({ function: name, inputs, options }: Case): unknown {
  const { y_true = [], y_pred = [], x = [], y = [], scores = [] } = inputs;
  const labels = inputs.labels ?? y_true;
  const probabilities = (inputs.probabilities ?? []).flat();
  switch (name) {
    case "accuracy":
      return accuracy(oneHot(y_pred, y_true), y_true);
    case "precisionRecallF1":
      return {
        f1: f1Score(y_pred, y_true, {
          average: options.average === "macro" ? "macro" : "binary",
          positive: Number(options.positive ?? 1),
        }),
      };
    case "matthewsCorrelation":
      return matthewsCorrelation(y_pred, y_true);
    case "pearson":
      return pearsonCorrelation(x, y);
    case "spearman":
      return spearmanCorrelation(x, y);
    case "regressionErrors":
      return { mse: meanSquaredError(y_pred, y_true) };
    case "logLoss":
      return negativeLogLikelihood(probabilities, y_true, { floor: 2 ** -52 });
    case "brierScore":
      return brierScore(probabilities, y_true);
    case "rocAuc":
      return areaUnderRoc(of(scores, y_true, 0), of(scores, y_true, 1));
    case "fprAtTpr":
      return falsePositiveRate95(of(scores, y_true, 0), of(scores, y_true, 1));
    case "calibrationError":
      return expectedCalibrationError(probabilities, labels, {
        bins: Number(options.bins),
      });
    case "reliabilityBins": {
      const bins = reliabilityBins(probabilities, labels, {
        bins: Number(options.bins),
      });
      return {
        count: bins.map(({ count }) => count),
        confidence: bins.map(({ confidence }) => confidence),
        accuracy: bins.map(({ accuracy }) => accuracy),
      };
    }
    case "temperatureScaling": {
      const logits = inputs.logits.flat();
      const classes = inputs.logits[0]?.length ?? 0;
      const temperature = fitTemperature(logits, labels);
      const nll = (t: number) =>
        negativeLogLikelihood(applyTemperature(logits, t, { classes }), labels);
      return { temperature, nll: nll(temperature), nllBefore: nll(1) };
    }
  }
  throw new Error(`There is no metric for ${name}`);
}

function oneHot(classes: number[], others: number[]): number[] {
  const count = Math.max(...classes, ...others) + 1;
  return classes.flatMap((own) =>
    Array.from({ length: count }, (_, k) => Number(k === own))
  );
}

function of(scores: number[], labels: number[], label: number): number[] {
  return scores.filter((_, i) => labels[i] === label);
}

/** Throws unless each part of a value is near the expected one. */
function near(got: unknown, expected: unknown, tolerance: number, id: string) {
  if (typeof expected === "object" && expected !== null) {
    for (const [key, part] of Object.entries(expected)) {
      const own = (got as Record<string, unknown>)[key];
      if (own !== undefined) near(own, part, tolerance, `${id} ${key}`);
    }
    return;
  }
  const [a, b] = [Number(got), Number(expected)];
  const limit = tolerance * Math.max(1, Math.abs(b));
  assert(Math.abs(a - b) <= limit, `${id}: ${a}, expected ${b}`);
}

Deno.test("metrics have the values of scikit-learn, SciPy and torchmetrics", () => {
  const names = new Set<string>();
  for (const one of CASES) {
    names.add(one.function);
    // SciPy does not define the correlation of a constant list; here it is 0.
    const expected = one.expected === "NaN" ? 0 : one.expected;
    near(found(one), expected, one.tolerance, one.id);
  }
  assertEquals(names.size, 13);
});
