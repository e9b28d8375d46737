// Copyright 2026 the swagpu authors. MIT license.

// Figure 9: which classes are taken for which, and how calibrated each of them is.

import {
  type ClasswiseCalibrationError,
  classwiseCalibrationError,
  confusionMatrix,
} from "../../nn/metrics/mod.ts";
import { drawChart, type Layer } from "../chart.ts";
import type { Evaluation } from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed, percent } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import {
  briefNames,
  type Figure,
  labelMargin,
  LISTED_CLASSES,
  type Panel,
  rowLabels,
} from "./figure.ts";

/** With more classes, cells are too small for counts and names. */
export const NAMED_CLASSES = 12;
/** The largest number of cells that are drawn. */
const MOST_CELLS = 4_000;

/** A pair of classes that occurs. */
interface Cell {
  truth: number;
  guess: number;
  count: number;
  /** The share of the rows of the true class. */
  rate: number;
}

function cellsOf(
  { primary, results, classes }: Evaluation,
): Cell[] {
  const counts = confusionMatrix(primary.predictions, results.labels, {
    classes,
  });
  const totals = new Float64Array(classes);
  counts.forEach((count, i) => {
    const truth = Math.floor(i / classes);
    totals[truth] = (totals[truth] ?? 0) + count;
  });
  return Array.from(counts, (count, i) => {
    const truth = Math.floor(i / classes);
    const rate = count / (totals[truth] || 1);
    return { truth, guess: i % classes, count, rate };
  }).filter(({ count }) => count > 0);
}

/** Names under the columns: aslant, unless all of them fit as they are. */
function columnLabels(names: readonly string[], height: number): Layer {
  const look = labelMargin(names) < 40
    ? { align: "center" }
    : { angle: -40, align: "right", dx: -2 };
  return {
    values: names.map((name, x) => ({ x, name })),
    mark: {
      type: "text",
      baseline: "middle",
      ...look,
      fontSize: 11,
      color: PAGE.ink,
    },
    x: "x",
    y: height + 10,
    text: "name",
  };
}

async function matrixPanel(
  evaluation: Evaluation,
  cells: readonly Cell[],
): Promise<Panel> {
  const { classes, names, primary } = evaluation;
  const named = classes <= NAMED_CLASSES;
  const side = named
    ? Math.max(36, Math.min(64, 280 / classes))
    : 300 / classes;
  const size = Math.round(side * classes);
  const inset = named ? 0.47 : 0.5;
  const shown = [...cells].sort((a, b) => b.count - a.count)
    .slice(0, MOST_CELLS);
  const domain = [-0.5, classes - 0.5] as const;
  const [beside, below] = [briefNames(names, 15), briefNames(names, 13)];
  const labels = (dark: boolean): Layer => ({
    // Numbers on a strong color are written in the color of the paper.
    values: shown.filter(({ rate }) => dark === rate > 0.6),
    mark: {
      type: "text",
      baseline: "middle",
      fontSize: 11,
      color: dark ? PAGE.paper : PAGE.ink,
    },
    x: "guess",
    y: "truth",
    text: "count",
  });
  const chart = await drawChart(
    {
      width: size,
      height: size,
      margins: named
        ? [
          24,
          12,
          14 + Math.ceil(0.7 * labelMargin(below)),
          labelMargin(beside),
        ]
        : [24, 12, 40, 46],
      x: {
        domain,
        labels: !named,
        grid: false,
        ...(named ? {} : { title: "predicted class, by number" }),
      },
      y: {
        domain: [domain[1], domain[0]],
        labels: !named,
        grid: false,
        title: named ? "true class" : "true class, by number",
      },
      layers: [
        ...(named ? [rowLabels(beside), columnLabels(below, size)] : []),
        {
          values: shown.map(({ truth, guess, rate }) => ({
            left: guess - inset,
            right: guess + inset,
            top: truth - inset,
            bottom: truth + inset,
            strength: 0.08 + 0.92 * rate,
          })),
          mark: { type: "rect", color: PAGE.first },
          x: "left",
          x2: "right",
          y: "top",
          y2: "bottom",
          opacity: "strength",
        },
        ...(named ? [labels(false), labels(true)] : []),
      ],
    },
    `Confusion matrix of ${primary.method.name}. ${
      named
        ? cells.map(({ truth, guess, count }) =>
          `${names[truth]} predicted as ${names[guess]}: ${count}`
        ).join("; ")
        : `${classes} classes; the table of confusions and table 2 list the numbers`
    }.`,
  );
  return {
    heading: `${primary.method.name}: counts`,
    notes: [`accuracy ${fixed(primary.bySeed[0]?.accuracy)}`],
    charts: [chart],
  };
}

/** Horizontal bars with short names before and values after them. */
function barChart(
  rows: readonly { name: string; value: number; shown: string }[],
  { title, alternative }: {
    title: string;
    alternative: string;
  },
): Promise<string> {
  const names = rows.map(({ name }) => name);
  const margin = labelMargin(names);
  const most = Math.max(...rows.map(({ value }) => value), 1e-9);
  const right = 12 +
    Math.ceil(6.6 * Math.max(...rows.map(({ shown }) => shown.length), 1));
  return drawChart({
    width: 150,
    height: Math.max(18 * rows.length, 36),
    margins: [10, right, 40, margin],
    x: { domain: [0, most], title, count: 3 },
    y: { domain: [rows.length - 0.5, -0.5], grid: false, labels: false },
    layers: [
      rowLabels(names),
      {
        values: rows.map(({ value }, y) => ({
          value,
          zero: 0,
          top: y - 0.34,
          bottom: y + 0.34,
        })),
        mark: { type: "rect", color: PAGE.first, opacity: 0.75 },
        x: "zero",
        x2: "value",
        y: "top",
        y2: "bottom",
      },
      {
        values: rows.map(({ value, shown }, y) => ({ value, shown, y })),
        mark: {
          type: "text",
          align: "left",
          baseline: "middle",
          dx: 5,
          fontSize: 11,
          color: PAGE.ink,
        },
        x: "value",
        y: "y",
        text: "shown",
      },
    ],
  }, alternative);
}

async function confusionsPanel(
  { names }: Evaluation,
  cells: readonly Cell[],
): Promise<Panel | null> {
  const listed = cells.filter(({ truth, guess }) => truth !== guess)
    .sort((a, b) => b.count - a.count).slice(0, LISTED_CLASSES);
  const ids = [
    ...new Set(listed.flatMap(({ truth, guess }) => [truth, guess])),
  ];
  const short = briefNames(ids.map((id) => names[id] ?? ""), 14);
  const nameOf = (id: number) => short[ids.indexOf(id)];
  const rows = listed.map(({ truth, guess, count, rate }) => ({
    name: `${nameOf(truth)} → ${nameOf(guess)}`,
    value: count,
    shown: `${count} (${percent(rate, 0)})`,
  }));
  if (rows.length === 0) return null;
  return {
    heading: "Most frequent confusions",
    charts: [
      await barChart(rows, {
        title: "rows",
        alternative: `Most frequent confusions, true class first: ${
          rows.map(({ name, shown }) => `${name}: ${shown}`).join("; ")
        }.`,
      }),
    ],
  };
}

async function calibrationPanel(
  names: readonly string[],
  { perClass, mean }: ClasswiseCalibrationError,
): Promise<Panel> {
  const listed = Array.from(perClass, (value, k) => ({ k, value }))
    .sort((a, b) => b.value - a.value).slice(0, LISTED_CLASSES);
  const short = briefNames(listed.map(({ k }) => names[k] ?? ""), 20);
  const rows = listed.map(({ value }, i) => ({
    name: short[i] ?? "",
    value,
    shown: fixed(value),
  }));
  return {
    heading: rows.length < perClass.length
      ? `Classwise ECE, the ${rows.length} largest`
      : "Classwise ECE",
    notes: [`mean ${fixed(mean)}`],
    charts: [
      await barChart(rows, {
        title: "calibration error",
        alternative: `Classwise calibration error: ${
          rows.map(({ name, shown }) => `${name} ${shown}`).join("; ")
        }.`,
      }),
    ],
  };
}

/** Draws figure 9. */
export async function confusionFigure(
  evaluation: Evaluation,
): Promise<Figure> {
  const { primary, results, names, options } = evaluation;
  const cells = cellsOf(evaluation);
  const { probabilities, name } = primary.method;
  const errors = classwiseCalibrationError(probabilities, results.labels, {
    bins: options.bins,
  });
  const panels = [
    await matrixPanel(evaluation, cells),
    await confusionsPanel(evaluation, cells),
    await calibrationPanel(names, errors),
  ].filter((panel) => panel !== null);
  return {
    number: 9,
    title: "Confusions and classwise calibration",
    caption:
      markup`Predictions of ${name}. Rows of the matrix are true classes, columns predicted ones; the stronger the color, the larger the share of the true class. Classwise ECE is the calibration error of a class's own probability.`,
    panels,
  };
}
