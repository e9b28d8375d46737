// Copyright 2026 the swagpu authors. MIT license.

// Figure 8: predicted numbers with their bands, and where the truth lies in them.

import {
  gaussianCrps,
  gaussianNegativeLogLikelihood,
  gaussianPit,
  intervalCoverage,
  rootMeanSquaredError,
} from "../../nn/metrics/mod.ts";
import { drawChart } from "../chart.ts";
import { markup } from "../markup.ts";
import { fixed, percent, short } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import type { RegressionMethod, RegressionResults } from "../run_results.ts";
import { binomialBand } from "../statistics/binomial_band.ts";
import { absent, type Figure, key, type Panel } from "./figure.ts";

const TITLE = "Predicted numbers";
const POINTS = 240;
const BINS = 10;
/** The quantile of 95 % of the standard normal distribution. */
const Z95 = 1.6448536269514722;

/** The ends of the central intervals of 90 %, each [rows]. */
function intervals(
  { mean, deviation }: RegressionMethod,
): { lower: Float64Array; upper: Float64Array } {
  const end = (z: number) =>
    Float64Array.from(mean, (mu, row) => mu + z * (deviation[row] ?? NaN));
  return { lower: end(-Z95), upper: end(Z95) };
}

function bandChart(
  targets: ArrayLike<number>,
  method: RegressionMethod,
  value: string,
): Promise<string> {
  const { name, mean } = method;
  const { lower, upper } = intervals(method);
  const order = Array.from(targets, (_, row) => row)
    .sort((a, b) => (mean[a] ?? 0) - (mean[b] ?? 0));
  const step = Math.max(1, Math.ceil(order.length / POINTS));
  const points = order.filter((_, i) => i % step === 0).map((row, x) => ({
    x,
    y: targets[row] ?? NaN,
    center: mean[row] ?? NaN,
    low: lower[row] ?? NaN,
    high: upper[row] ?? NaN,
  }));
  const least = Math.min(...points.map(({ y, low }) => Math.min(y, low)));
  const most = Math.max(...points.map(({ y, high }) => Math.max(y, high)));
  const outside = points.filter(({ y, low, high }) => y < low || y > high);
  return drawChart(
    {
      width: 260,
      height: 170,
      margins: [24, 12, 40, 50],
      x: {
        domain: [-0.5, points.length - 0.5],
        title: "rows, by predicted mean",
        labels: false,
        grid: false,
      },
      y: { domain: [least, most], title: value },
      layers: [
        {
          values: points,
          mark: { type: "rule", color: PAGE.first, opacity: 0.35 },
          x: "x",
          y: "low",
          y2: "high",
        },
        {
          values: points,
          mark: { type: "line", color: PAGE.first, strokeWidth: 1.8 },
          x: "x",
          y: "center",
        },
        {
          values: points.filter((point) => !outside.includes(point)),
          mark: {
            type: "point",
            filled: true,
            opacity: 1,
            size: 9,
            color: PAGE.ink,
          },
          x: "x",
          y: "y",
        },
        {
          values: outside,
          mark: {
            type: "point",
            filled: true,
            opacity: 1,
            size: 18,
            color: PAGE.second,
          },
          x: "x",
          y: "y",
        },
      ],
    },
    `Predicted means and bands of 90 % of ${name} for ${points.length} rows, from ${
      short(points[0]?.center ?? NaN)
    } to ${
      short(points.at(-1)?.center ?? NaN)
    }; ${outside.length} true values are outside.`,
  );
}

function quantileChart(
  quantiles: Float64Array,
  name: string,
): Promise<string> {
  const shares = new Array<number>(BINS).fill(0);
  for (const quantile of quantiles) {
    const bin = Math.min(Math.floor(quantile * BINS), BINS - 1);
    shares[bin] = (shares[bin] ?? 0) + 100 / quantiles.length;
  }
  const [low, high] = binomialBand(1 / BINS, quantiles.length);
  const most = Math.max(...shares, 100 * high);
  return drawChart(
    {
      width: 260,
      height: 110,
      margins: [24, 12, 40, 50],
      x: { domain: [0, 1], title: "quantile of the truth", grid: false },
      y: { domain: [0, most], title: "rows, %" },
      layers: [
        {
          values: [{ x: 0, x2: 1, y: 100 * low, y2: 100 * high }],
          mark: { type: "rect", color: PAGE.line, opacity: 0.35 },
          x: "x",
          x2: "x2",
          y: "y",
          y2: "y2",
        },
        {
          values: shares.map((share, bin) => ({
            lower: (bin + 0.06) / BINS,
            upper: (bin + 0.94) / BINS,
            share,
            zero: 0,
          })),
          mark: { type: "rect", color: PAGE.first, opacity: 0.75 },
          x: "lower",
          x2: "upper",
          y: "share",
          y2: "zero",
        },
        {
          values: [{ x: 0, x2: 1, y: 100 / BINS }],
          mark: { type: "rule", color: PAGE.ink, strokeDash: [4, 4] },
          x: "x",
          x2: "x2",
          y: "y",
        },
      ],
    },
    `Quantiles of the true values in the predictions of ${name}, in ${BINS} bins: ${
      shares.map((share) => `${fixed(share, 1)} %`).join(", ")
    }. Calibrated predictions have ${100 / BINS} % in each.`,
  );
}

/** Scores of predicted normal distributions. */
export interface RegressionScores {
  /** The root of the mean squared error. */
  rmse: number;
  /** The negative log-likelihood of the targets, in nats per row. */
  nll: number;
  /** The mean continuous ranked probability score. */
  crps: number;
  /** The share of true values in the central interval of 90 %. */
  coverage90: number;
  /** The mean width of that interval. */
  width90: number;
}

/** The scores of a regression method; there must be rows. */
export function regressionScores(
  { targets }: RegressionResults,
  method: RegressionMethod,
): RegressionScores {
  const { mean, deviation } = method;
  const variance = Float64Array.from(deviation, (sigma) => sigma * sigma);
  const { coverage, meanWidth } = intervalCoverage(intervals(method), targets);
  return {
    rmse: rootMeanSquaredError(mean, targets),
    nll: gaussianNegativeLogLikelihood({ mean, variance }, targets).mean,
    crps: gaussianCrps({ mean, standardDeviation: deviation }, targets).mean,
    coverage90: coverage,
    width90: meanWidth,
  };
}

/** Draws figure 8. */
export async function regressionFigure(
  results: RegressionResults | undefined,
): Promise<Figure> {
  if (!results) {
    return absent(8, TITLE, "This run predicts no numbers.");
  }
  const { targets, methods, name: value = "value", note } = results;
  if (targets.length === 0) return absent(8, TITLE, "There are no rows.");
  const panels: Panel[] = [];
  for (const method of methods) {
    const scores = regressionScores(results, method);
    const { name, mean, deviation } = method;
    const pit = gaussianPit({ mean, standardDeviation: deviation }, targets);
    panels.push({
      heading: name,
      notes: [
        `RMSE ${short(scores.rmse)} · NLL ${fixed(scores.nll)} · CRPS ${
          short(scores.crps)
        }`,
        `90 % intervals: coverage ${percent(scores.coverage90)}, width ${
          short(scores.width90)
        }`,
      ],
      charts: [
        await bandChart(targets, method, value),
        await quantileChart(pit, name),
      ],
    });
  }
  return {
    number: 8,
    title: TITLE,
    caption: markup`Above, ${
      key("first")
    } predicted means with their bands of 90 %, and the true values, ${
      key("second")
    } orange where they are outside. Below, where in its predicted distribution each true value lies: calibrated predictions have as many rows in every bin, up to the gray band of 95 %.${
      note === undefined ? "" : ` ${note}`
    }`,
    panels,
  };
}
