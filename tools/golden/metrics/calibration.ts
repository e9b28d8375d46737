// Copyright 2026 the swagpu authors. MIT license.

// Checks of calibration error, scaling and selective prediction.

import {
  applyTemperature,
  applyVectorScaling,
  binaryCalibrationError,
  binarySmoothCalibrationError,
  type BinsOptions,
  classwiseCalibrationError,
  expectedCalibrationError,
  fitTemperature,
  fitVectorScaling,
  maximumCalibrationError,
  negativeLogLikelihood,
  reliabilityBins,
  riskCoverageCurve,
  rootMeanSquaredCalibrationError,
  selectiveMetrics,
  smoothCalibrationError,
  type SmoothCalibrationOptions,
} from "../../../nn/metrics/mod.ts";
import type { Comparison } from "../compare.ts";
import {
  checkCases,
  flat,
  type Metric,
  type MetricCase,
  shapeOf,
  toNumber,
} from "./cases.ts";

const ERRORS = new Map([
  ["l1", expectedCalibrationError],
  ["l2", rootMeanSquaredCalibrationError],
  ["max", maximumCalibrationError],
]);

const METRICS: Record<string, Metric> = {
  calibrationError(one) {
    const measure = ERRORS.get(String(one.options.norm));
    if (!measure || one.options.target !== "top label") {
      throw new RangeError(`no such norm or target`);
    }
    return measure(probabilities(one), labels(one), binsOf(one));
  },
  reliabilityBins(one) {
    const bins = reliabilityBins(probabilities(one), labels(one), binsOf(one));
    return {
      count: bins.map(({ count }) => count),
      confidence: bins.map(({ confidence }) => confidence),
      accuracy: bins.map(({ accuracy }) => accuracy),
    };
  },
  classwiseCalibrationError: (one) =>
    classwiseCalibrationError(probabilities(one), labels(one), {
      ...binsOf(one),
      norm: normOf(one),
    }),
  calibrationErrorBinary: (one) =>
    binaryCalibrationError(flat(one.inputs.scores), labels(one), {
      ...binsOf(one),
      norm: normOf(one),
    }),
  calibrationErrorFromConfidence({ inputs, options }) {
    const bins: BinsOptions = options.edges === "(a,b]"
      ? { bins: toNumber(options.bins) }
      : {
        bins: toNumber(options.bins),
        closed: "left",
        ownBinForOne: options.one === "own bin",
      };
    const error = (norm: "l1" | "l2" | "max") =>
      binaryCalibrationError(flat(inputs.confidence), flat(inputs.correct), {
        ...bins,
        norm,
      });
    return { ece: error("l1"), rmsce: error("l2"), mce: error("max") };
  },
  smoothCalibrationError(one) {
    const { error, bandwidth } = smoothCalibrationError(
      probabilities(one),
      labels(one),
      smoothOf(one),
    );
    return { smece: error, bandwidth };
  },
  smoothCalibrationErrorBinary(one) {
    const { error, bandwidth } = binarySmoothCalibrationError(
      flat(one.inputs.scores),
      labels(one),
      smoothOf(one),
    );
    return { smece: error, bandwidth };
  },
  selectiveMetrics: (one) => selectiveMetrics(probabilities(one), labels(one)),
  riskCoverageCurve(one) {
    const rows = one.inputs.probabilities as number[][];
    const truth = labels(one);
    return riskCoverageCurve(
      rows.map((row) => Math.max(...row)),
      rows.map((row, i) => row.indexOf(Math.max(...row)) === truth[i] ? 0 : 1),
    );
  },
  temperatureScaling({ inputs }) {
    const logits = flat(inputs.logits);
    const truth = flat(inputs.y_true);
    const classes = shapeOf(inputs.logits)[1] ?? 0;
    const temperature = fitTemperature(logits, truth);
    const nll = (t: number) =>
      negativeLogLikelihood(applyTemperature(logits, t, { classes }), truth, {
        floor: 0,
      });
    return { temperature, nll: nll(temperature), nllBefore: nll(1) };
  },
  vectorScaling({ inputs }) {
    const logits = flat(inputs.logits);
    const truth = flat(inputs.y_true);
    const scaling = fitVectorScaling(logits, truth);
    const scaled = applyVectorScaling(logits, scaling);
    return {
      w: scaling.weights,
      b: scaling.bias,
      nll: negativeLogLikelihood(scaled, truth, { floor: 0 }),
    };
  },
};

/** Compares all cases of calibration. */
export function check(cases: readonly MetricCase[]): Comparison[] {
  return checkCases(cases, METRICS);
}

const probabilities = ({ inputs }: MetricCase) => flat(inputs.probabilities);
const labels = ({ inputs }: MetricCase) => flat(inputs.y_true);

function normOf({ options }: MetricCase): "l1" | "l2" | "max" {
  return options.norm as "l1" | "l2" | "max";
}

/** The bins of torchmetrics, which are closed on the left. */
function binsOf({ options }: MetricCase): BinsOptions {
  const bins = toNumber(options.bins);
  return options.binning === "equal-mass"
    ? { bins, binning: "equal-mass" }
    : { bins, closed: "left" };
}

function smoothOf({ options }: MetricCase): SmoothCalibrationOptions {
  const { kernel, bandwidth, epsilon = 0.001, refine = 10 } = options;
  if (epsilon !== 0.001 || refine !== 10) {
    throw new RangeError("the search for the bandwidth has no such options");
  }
  return {
    kernel: kernel as "reflected" | "logit",
    ...(bandwidth === undefined ? {} : { bandwidth: toNumber(bandwidth) }),
  };
}
