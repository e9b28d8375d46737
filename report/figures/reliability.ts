// Copyright 2026 the swagpu authors. MIT license.

// Figure 1: how often predictions of a given confidence are right.

import {
  expectedCalibrationError,
  proportionConfint,
  type ReliabilityBin,
  reliabilityBins,
  smoothCalibrationError,
  smoothReliability,
} from "../../nn/metrics/mod.ts";
import { type Axis, drawChart, type Layer } from "../chart.ts";
import type { Evaluated, Evaluation } from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed, interval, percent, whole } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import { type Figure, key, type Panel } from "./figure.ts";

const SIZE = 180;
const STRIP = 44;
const TENTHS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const UNIT: Axis = { domain: [0, 1], ticks: TENTHS, format: ".1f" };

/** Predictions to draw, before or after temperature scaling. */
interface Drawn {
  heading: string;
  probabilities: ArrayLike<number>;
  labels: ArrayLike<number>;
  bins: number;
  resamples: number;
}

function gapMarks(
  bins: readonly ReliabilityBin[],
  over: boolean,
  most: number,
): Layer {
  return {
    values: bins
      .filter(({ accuracy, confidence }) => over === confidence > accuracy)
      .map(({ lower, upper, count, accuracy, confidence }) => ({
        lower: lower + 0.06 * (upper - lower),
        upper: upper - 0.06 * (upper - lower),
        accuracy,
        confidence,
        fullness: 0.15 + 0.75 * count / most,
      })),
    mark: { type: "rect", color: over ? PAGE.second : PAGE.first },
    x: "lower",
    x2: "upper",
    y: "accuracy",
    y2: "confidence",
    opacity: "fullness",
  };
}

function accuracyMarks(bins: readonly ReliabilityBin[]): Layer[] {
  const values = bins.map(({ lower, upper, count, accuracy }) => {
    const [low, high] = proportionConfint(Math.round(accuracy * count), count);
    return { lower, upper, accuracy, middle: (lower + upper) / 2, low, high };
  });
  return [
    {
      values,
      mark: { type: "rule", color: PAGE.line, strokeWidth: 1 },
      x: "middle",
      y: "low",
      y2: "high",
    },
    {
      values,
      mark: { type: "rule", color: PAGE.ink, strokeWidth: 2 },
      x: "lower",
      x2: "upper",
      y: "accuracy",
    },
  ];
}

/** The smooth error, and the curve that belongs to it where there are rows. */
interface SmoothCurve {
  error: number;
  /** Without resamples there is none. */
  interval: readonly [number, number] | undefined;
  layers: Layer[];
}

/** The smooth error with its interval, if there is one. */
function smoothText({ error, interval: ends }: SmoothCurve): string {
  return `${fixed(error)} ${interval(ends, fixed)}`.trimEnd();
}

/** The least and the greatest confidence of a row. */
function confidenceRange(
  probabilities: ArrayLike<number>,
  rows: number,
): [least: number, most: number] {
  const classes = probabilities.length / rows;
  let [least, most] = [1, 0];
  for (let row = 0; row < rows; row++) {
    let own = 0;
    for (let k = 0; k < classes; k++) {
      own = Math.max(own, probabilities[row * classes + k] ?? 0);
    }
    least = Math.min(least, own);
    most = Math.max(most, own);
  }
  return [least, most];
}

function smoothCurve(
  { probabilities, labels, resamples }: Drawn,
): SmoothCurve {
  if (resamples < 2) {
    const { error } = smoothCalibrationError(probabilities, labels);
    return { error, interval: undefined, layers: [] };
  }
  const curve = smoothReliability(probabilities, labels, { resamples });
  // A row at a place adds the height of the kernel to the density there: with less,
  // and beyond all rows, the curve says nothing.
  const height = 1 / (Math.sqrt(2 * Math.PI) * curve.bandwidth);
  const [least, most] = confidenceRange(probabilities, labels.length);
  let stretch = 0;
  const values = [...curve.confidence.entries()].flatMap(([i, confidence]) => {
    const density = curve.density[i] ?? 0;
    if (
      confidence < least || confidence > most ||
      density * labels.length < height
    ) {
      stretch++;
      return [];
    }
    return [{
      confidence,
      stretch: `${stretch}`,
      accuracy: curve.accuracy[i] ?? NaN,
      low: curve.lower[i] ?? NaN,
      high: curve.upper[i] ?? NaN,
    }];
  });
  return {
    error: curve.error,
    interval: [curve.errorLower, curve.errorUpper],
    layers: [
      {
        values: values,
        mark: { type: "area", color: PAGE.ink, opacity: 0.12 },
        x: "confidence",
        y: "low",
        y2: "high",
        detail: "stretch",
      },
      {
        values: values,
        mark: { type: "line", color: PAGE.ink, strokeWidth: 1.2 },
        x: "confidence",
        y: "accuracy",
        detail: "stretch",
      },
    ],
  };
}

/** The number of predictions at each confidence, under the diagram. */
function densityStrip(
  { probabilities, labels, bins }: Drawn,
  means: { accuracy: number; confidence: number },
): Promise<string> {
  const fine = reliabilityBins(probabilities, labels, { bins: 2 * bins });
  const top = Math.max(...fine.map(({ count }) => count));
  const line = (at: number, dash: number[]): Layer => ({
    values: [{ at, zero: 0, one: 1 }],
    mark: { type: "rule", color: PAGE.ink, strokeWidth: 1.2, strokeDash: dash },
    x: "at",
    y: "zero",
    y2: "one",
  });
  const filled = fine.filter(({ count }) => count > 0);
  return drawChart(
    {
      width: SIZE,
      height: STRIP,
      margins: [4, 12, 40, 46],
      x: { ...UNIT, title: "confidence", grid: false },
      y: { domain: [0, 1], labels: false, grid: false },
      layers: [
        {
          values: filled.map(({ lower, upper, count }) => ({
            lower,
            upper,
            zero: 0,
            share: count / top,
          })),
          mark: { type: "rect", color: PAGE.line, opacity: 0.55 },
          x: "lower",
          x2: "upper",
          y: "share",
          y2: "zero",
        },
        line(means.accuracy, []),
        line(means.confidence, [2, 2]),
      ],
    },
    `Accuracy ${fixed(means.accuracy)}, mean confidence ${
      fixed(means.confidence)
    }.`,
  );
}

async function drawPanel(drawn: Drawn): Promise<Panel> {
  const { heading, probabilities, labels } = drawn;
  const all = reliabilityBins(probabilities, labels, { bins: drawn.bins });
  const bins = all.filter(({ count }) => count > 0);
  const ece = expectedCalibrationError(probabilities, labels, {
    bins: drawn.bins,
  });
  const smooth = smoothCurve(drawn);
  const most = Math.max(...bins.map(({ count }) => count));
  const mean = (name: "accuracy" | "confidence") =>
    bins.reduce((sum, bin) => sum + bin.count * bin[name], 0) / labels.length;
  const diagram = await drawChart({
    width: SIZE,
    height: SIZE,
    margins: [24, 12, 10, 46],
    x: { ...UNIT, labels: false },
    y: { ...UNIT, title: "accuracy" },
    layers: [
      {
        values: [{ x: 0, y: 0 }, { x: 1, y: 1 }],
        mark: {
          type: "line",
          color: PAGE.line,
          strokeWidth: 1.2,
          strokeDash: [4, 4],
        },
        x: "x",
        y: "y",
      },
      gapMarks(bins, true, most),
      gapMarks(bins, false, most),
      ...smooth.layers,
      ...accuracyMarks(bins),
    ],
  }, describe(heading, bins, { ece, smooth }));
  const strip = await densityStrip(drawn, {
    accuracy: mean("accuracy"),
    confidence: mean("confidence"),
  });
  const notes = [`ECE ${fixed(ece)}`, `smECE ${smoothText(smooth)}`];
  return { heading, notes, charts: [diagram, strip] };
}

function describe(
  heading: string,
  bins: readonly ReliabilityBin[],
  { ece, smooth }: { ece: number; smooth: SmoothCurve },
): string {
  const listed = bins.map(({ lower, upper, count, accuracy, confidence }) =>
    `confidence ${fixed(lower, 2)} to ${fixed(upper, 2)}: ${count} rows, mean ${
      fixed(confidence)
    }, accuracy ${fixed(accuracy)}`
  );
  return `Reliability diagram of ${heading}. Expected calibration error ${
    fixed(ece)
  }, smooth calibration error ${smoothText(smooth)}. ${listed.join("; ")}.`;
}

/** Draws the diagrams of one method, before and after temperature scaling. */
async function panelsOf(
  { method, scaled, bySeed }: Evaluated,
  shared: Pick<Drawn, "labels" | "bins" | "resamples">,
): Promise<Panel[]> {
  const { name, probabilities } = method;
  const before = await drawPanel({
    ...shared,
    heading: name,
    probabilities,
  });
  if (!scaled) return [before];
  const temperature = fixed(bySeed[0]?.temperature, 2);
  return [
    before,
    await drawPanel({
      heading: `${name} at T = ${temperature}`,
      ...shared,
      probabilities: scaled,
    }),
  ];
}

/** Draws figure 1. */
export async function reliabilityFigure(
  { methods, results, options }: Evaluation,
): Promise<Figure> {
  const { bins, resamples } = options;
  const shared = { labels: results.labels, bins, resamples };
  const panels: Panel[] = [];
  for (const method of methods) {
    panels.push(...await panelsOf(method, shared));
  }
  return {
    number: 1,
    title: "Reliability, before and after temperature scaling",
    caption:
      markup`Ticks are the accuracy of predictions of a given confidence, thin lines its interval of ${
        percent(0.95, 0)
      }, the dashed diagonal is perfect calibration. The gap to the mean confidence is ${
        key("second")
      } orange where predictions are too confident and ${
        key("first")
      } blue where they are too modest, and stronger the fuller the bin. Below, the density of confidence, with the accuracy (solid) and the mean confidence (dotted). ECE is the mean of the gaps, weighted by rows; smECE is the same with a smooth curve in place of bins, and does not depend on how they are cut${
        resamples < 2
          ? markup`.`
          : markup`; the curve is drawn with its band of ${
            percent(0.95, 0)
          }, from ${whole(resamples)} draws of the rows, where there are rows.`
      }`,
    panels,
  };
}
