// Copyright 2026 the swagpu authors. MIT license.

/**
 * Draws a reliability diagram as SVG: it shows for each method how often predictions of
 * a given confidence are right.
 *
 * There is one panel for each method. Bars show the accuracy in a bin of confidence, a
 * diagonal marks perfect calibration, the gap between bar and diagonal is tinted, and
 * the strip below shows which share of the predictions is in each bin.
 *
 * @module
 */

import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import {
  expectedCalibrationError,
  negativeLogLikelihood,
  reliabilityBins,
} from "../../nn/metrics/mod.ts";
import type { Prediction } from "./table.ts";

/** Options of {@linkcode reliabilityDiagram}. */
export interface ReliabilityOptions {
  /**
   * The number of bins of confidence.
   * @default {15}
   */
  bins?: number;
  /**
   * The heading.
   * @default {"Reliability on the test set"}
   */
  title?: string;
}

const INK = "#2f3640";
const QUIET = "#7b8794";
const GRID = "#e9edf1";
const BAR = "#6c8ebf";
const OVER = "#d98f7f";
const UNDER = "#8dbb9c";
const FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif";
const PANEL = 200;
const STRIP = 46;

/**
 * Draws the diagram.
 *
 * @param predictions The predictions of the methods, from left to right.
 * @param labels The class of each test row, [rows].
 * @param options Bins and heading.
 * @returns A complete SVG document.
 */
export async function reliabilityDiagram(
  predictions: readonly Prediction[],
  labels: ArrayLike<number>,
  options: ReliabilityOptions = {},
): Promise<string> {
  const { bins = 15, title = "Reliability on the test set" } = options;
  const width = 1 / bins;
  const panels = predictions.map(({ method, probabilities }) => {
    const values = reliabilityBins(probabilities, labels, { bins })
      .filter(({ count }) => count > 0)
      .map((bin) => ({
        lower: bin.lower + 0.06 * width,
        upper: bin.upper - 0.06 * width,
        accuracy: bin.accuracy,
        floor: Math.min(bin.accuracy, bin.confidence),
        confidence: bin.confidence,
        share: bin.count / labels.length,
        gap: bin.accuracy < bin.confidence ? "over-confident" : "too modest",
      }));
    const nll = negativeLogLikelihood(probabilities, labels).toFixed(3);
    const ece = expectedCalibrationError(probabilities, labels, { bins })
      .toFixed(3);
    return { method, values, note: `ECE ${ece} · NLL ${nll}` };
  });
  const top = Math.max(
    ...panels.flatMap(({ values }) => values.map(({ share }) => share)),
  );
  const spec = diagram(panels, { title, top });
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg + "\n";
}

/**
 * Draws the diagram into a file. It is first written to a temporary file beside it, so
 * that the file is always complete.
 *
 * @param path The file.
 * @param predictions The predictions of the methods, from left to right.
 * @param options The labels, bins and heading.
 */
export async function writeReliabilityDiagram(
  path: string,
  predictions: readonly Prediction[],
  options: ReliabilityOptions & { labels: ArrayLike<number> },
): Promise<void> {
  const svg = await reliabilityDiagram(predictions, options.labels, options);
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.writeTextFile(temporary, svg);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

interface BinMark {
  lower: number;
  upper: number;
  accuracy: number;
  floor: number;
  confidence: number;
  share: number;
  gap: string;
}

interface Panel {
  method: string;
  values: BinMark[];
  note: string;
}

function diagram(
  panels: readonly Panel[],
  { title, top }: { title: string; top: number },
): TopLevelSpec {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    padding: 18,
    title: {
      text: title,
      anchor: "start",
      fontSize: 17,
      color: INK,
      offset: 18,
      subtitle:
        "Blue: accuracy at a given confidence; dashed line: perfect calibration; strip: share of predictions",
      subtitleColor: QUIET,
      subtitleFontSize: 12,
      subtitlePadding: 6,
    },
    spacing: 18,
    hconcat: panels.map((panel, index) => ({
      spacing: 10,
      vconcat: [
        accuracyPanel(panel, index === 0),
        shareStrip(panel, { first: index === 0, top }),
      ],
    })),
    config: {
      font: FONT,
      view: { stroke: null },
      axis: {
        labelColor: QUIET,
        titleColor: INK,
        titleFontWeight: "normal",
        titleFontSize: 12,
        labelFontSize: 11,
        gridColor: GRID,
        domainColor: "#c4ccd4",
        ticks: false,
        labelPadding: 6,
      },
      legend: {
        labelColor: INK,
        labelFontSize: 12,
        symbolType: "square",
        symbolStrokeWidth: 0,
        orient: "none",
        direction: "horizontal",
        legendX: 0,
        legendY: PANEL + STRIP + 74,
        title: null,
      },
    },
  } as TopLevelSpec;
}

const UNIT = { domain: [0, 1] };
const TENTHS = [0, 0.2, 0.4, 0.6, 0.8, 1];

function accuracyPanel(panel: Panel, first: boolean): object {
  const x = {
    field: "lower",
    type: "quantitative",
    scale: UNIT,
    axis: { values: TENTHS, labels: false, title: null, grid: true },
  };
  const y = {
    type: "quantitative",
    scale: UNIT,
    axis: {
      values: TENTHS,
      format: ".1f",
      // Every panel has axis labels, because panels of the same extent line up.
      title: first ? "accuracy" : null,
    },
  };
  return {
    width: PANEL,
    height: PANEL,
    title: {
      text: panel.method,
      subtitle: panel.note,
      anchor: "start",
      frame: "group",
      fontSize: 14,
      color: INK,
      subtitleColor: QUIET,
      subtitleFontSize: 12,
      subtitlePadding: 3,
      offset: 8,
    },
    data: { values: panel.values },
    layer: [
      {
        mark: { type: "bar", color: BAR, opacity: 0.85 },
        encoding: {
          x,
          x2: { field: "upper" },
          y: { ...y, field: "floor" },
          y2: { datum: 0 },
        },
      },
      {
        mark: { type: "bar", opacity: 0.55 },
        encoding: {
          x,
          x2: { field: "upper" },
          y: { ...y, field: "accuracy" },
          y2: { field: "confidence" },
          color: {
            field: "gap",
            type: "nominal",
            scale: {
              domain: ["over-confident", "too modest"],
              range: [OVER, UNDER],
            },
          },
        },
      },
      {
        data: {
          values: [{ lower: 0, accuracy: 0 }, { lower: 1, accuracy: 1 }],
        },
        mark: {
          type: "line",
          color: INK,
          strokeWidth: 1.2,
          strokeDash: [4, 4],
        },
        encoding: { x, y: { ...y, field: "accuracy" } },
      },
    ],
  };
}

function shareStrip(
  panel: Panel,
  { first, top }: { first: boolean; top: number },
): object {
  const ceiling = Math.ceil(top * 10) / 10;
  return {
    width: PANEL,
    height: STRIP,
    data: { values: panel.values },
    mark: { type: "bar", color: "#b9c3ce" },
    encoding: {
      x: {
        field: "lower",
        type: "quantitative",
        scale: UNIT,
        axis: {
          values: TENTHS,
          format: ".1f",
          title: "confidence",
          grid: true,
        },
      },
      x2: { field: "upper" },
      y: {
        field: "share",
        type: "quantitative",
        scale: { domain: [0, ceiling] },
        axis: {
          values: [0, ceiling],
          format: ".0%",
          title: first ? "share" : null,
        },
      },
      y2: { datum: 0 },
    },
  };
}
