// Copyright 2026 the swagpu authors. MIT license.

// Figure 2: the methods side by side.

import { drawChart } from "../chart.ts";
import {
  COMPARED,
  type Compared,
  type Evaluated,
  type Evaluation,
} from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed, interval } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import {
  briefNames,
  type Figure,
  key,
  labelMargin,
  type Panel,
  rowLabels,
} from "./figure.ts";

const WIDTH = 250;

const HEADINGS: Record<Compared, string> = {
  nll: "NLL",
  calibratedNll: "Calibrated NLL",
  ece: "ECE",
  brier: "Brier score",
};

/** The scores of a method's seeds, or the ends of its interval. */
function spreadOf(
  { bySeed, intervals, scores }: Evaluated,
  score: Compared,
): number[] {
  const seeds = bySeed.map((scores) => scores[score]);
  const ends = seeds.length > 1 ? seeds : intervals[score] ?? [scores[score]];
  return [...ends].filter(Number.isFinite);
}

async function drawPanel(
  sorted: readonly Evaluated[],
  score: Compared,
  oracle: number | undefined,
): Promise<Panel | null> {
  const rows = sorted.map((evaluated, y) => {
    const spread = spreadOf(evaluated, score);
    const value = evaluated.scores[score];
    return {
      y,
      value,
      low: Math.min(value, ...spread),
      high: Math.max(value, ...spread),
      shown: fixed(value),
    };
  });
  const known = rows.filter(({ value }) => Number.isFinite(value));
  if (known.length === 0) return null;
  const ends = known.flatMap(({ low, high }) => [low, high]);
  if (oracle !== undefined) ends.push(oracle);
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const pad = 0.08 * (most - least) || 0.05;
  const seeds = sorted.flatMap(({ bySeed }, y) =>
    bySeed.length > 1
      ? bySeed.map((scores) => ({ y, value: scores[score] }))
      : []
  ).filter(({ value }) => Number.isFinite(value));
  const names = briefNames(sorted.map(({ method }) => method.name));
  const chart = await drawChart({
    width: WIDTH,
    height: 26 * rows.length,
    margins: [20, 52, 28, labelMargin(names)],
    x: { domain: [least - pad, most + pad] },
    y: { domain: [rows.length - 0.5, -0.5], grid: false, labels: false },
    layers: [
      rowLabels(names),
      {
        values: oracle === undefined
          ? []
          : [{ oracle, top: -0.5, bottom: rows.length - 0.5 }],
        mark: { type: "rule", color: PAGE.ink, strokeDash: [4, 4] },
        x: "oracle",
        y: "top",
        y2: "bottom",
      },
      {
        values: oracle === undefined ? [] : [{ oracle, name: "oracle" }],
        mark: {
          type: "text",
          align: "center",
          fontSize: 11,
          color: PAGE.ink,
        },
        x: "oracle",
        y: -5,
        text: "name",
      },
      {
        values: known,
        mark: { type: "rule", color: PAGE.first, strokeWidth: 1.6 },
        x: "low",
        x2: "high",
        y: "y",
      },
      {
        values: seeds,
        mark: {
          type: "point",
          shape: "stroke",
          angle: 90,
          size: 60,
          color: PAGE.first,
        },
        x: "value",
        y: "y",
      },
      {
        values: known,
        mark: {
          type: "point",
          filled: true,
          opacity: 1,
          size: 56,
          color: PAGE.first,
        },
        x: "value",
        y: "y",
      },
      {
        values: rows,
        mark: {
          type: "text",
          align: "right",
          baseline: "middle",
          fontSize: 11,
          color: PAGE.ink,
        },
        x: WIDTH + 48,
        y: "y",
        text: "shown",
      },
    ],
  }, describe(HEADINGS[score], sorted, rows, oracle));
  return { heading: HEADINGS[score], charts: [chart] };
}

function describe(
  heading: string,
  sorted: readonly Evaluated[],
  rows: readonly { value: number; low: number; high: number }[],
  oracle: number | undefined,
): string {
  const listed = rows.map(({ value, low, high }, i) =>
    `${sorted[i]?.method.name} ${fixed(value)} ${
      high > low ? interval([low, high], fixed) : ""
    }`.trimEnd()
  );
  const best = oracle === undefined ? "" : ` Oracle ${fixed(oracle)}.`;
  return `${heading}: ${listed.join("; ")}.${best}`;
}

/** Draws figure 2. */
export async function comparisonFigure(
  { methods, oracle, options, results }: Evaluation,
): Promise<Figure> {
  const sorted = [...methods]
    .sort((a, b) => a.scores.nll - b.scores.nll);
  const panels: Panel[] = [];
  for (const score of COMPARED) {
    const known = score === "calibratedNll" ? undefined : oracle?.[score];
    const panel = await drawPanel(sorted, score, known);
    if (panel) panels.push(panel);
  }
  const bySeeds = methods.some(({ bySeed }) => bySeed.length > 1);
  const ends = bySeeds
    ? markup`dots are means over seeds, ticks the single seeds`
    : results.labels.length > 1 && options.resamples > 1
    ? markup`bars are bootstrap intervals of 95 %`
    : markup`there are too few rows for intervals`;
  return {
    number: 2,
    title: "Methods compared",
    caption: markup`Smaller is better everywhere; ${
      key("first")
    } ${ends}; methods are sorted by NLL.${
      oracle
        ? " The dashed line is the oracle, the distribution that the labels were drawn from."
        : ""
    }`,
    panels,
  };
}
