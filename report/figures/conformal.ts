// Copyright 2026 the swagpu authors. MIT license.

// Figure 6: sets of classes that hold the label with a promised probability.

import { drawChart } from "../chart.ts";
import type { Evaluated, Evaluation } from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed, percent } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import { conformalSets } from "../statistics/conformal.ts";
import { binomialBand, wilsonInterval } from "../statistics/intervals.ts";
import {
  absent,
  type Figure,
  labelMargin,
  LISTED_CLASSES,
  type Panel,
  rowLabels,
} from "./figure.ts";

const TITLE = "Conformal sets";
const TARGETS = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99];
const MOST_BARS = 12;

/** The sizes and hits of the sets of all rows, over the folds. */
function setsOf(
  { folds }: Evaluated,
  { results: { labels }, classes }: Evaluation,
  alpha: number,
): { sizes: Uint32Array; covered: Uint8Array } {
  const sizes = new Uint32Array(labels.length);
  const covered = new Uint8Array(labels.length);
  for (const { rows, reporting, fitting } of folds) {
    const sets = conformalSets(reporting, fitting, { alpha, classes });
    rows.forEach((row, i) => {
      sizes[row] = sets.sizes[i] ?? 0;
      covered[row] = sets.covered[i] ?? 0;
    });
  }
  return { sizes, covered };
}

const shareOf = (hits: Uint8Array) =>
  hits.reduce((sum, hit) => sum + hit, 0) / hits.length;

function sizeChart(name: string, sizes: Uint32Array): Promise<string> {
  const largest = sizes.reduce((a, b) => Math.max(a, b), 3);
  // With many sizes, a bar stands for several.
  const width = Math.ceil(largest / MOST_BARS);
  const bars = Array.from(
    { length: Math.floor(largest / width) + 1 },
    (_, i) => ({ first: i * width, last: (i + 1) * width - 1, share: 0 }),
  );
  for (const size of sizes) {
    const bar = bars[Math.floor(size / width)];
    if (bar) bar.share += 100 / sizes.length;
  }
  const inset = 0.12 * width;
  return drawChart(
    {
      width: 180,
      height: 90,
      x: {
        domain: [-0.5, bars.length * width - 0.5],
        title: "classes in the set",
        grid: false,
        ...(width === 1 ? { ticks: bars.map(({ first }) => first) } : {}),
      },
      y: {
        domain: [0, 1.05 * Math.max(...bars.map(({ share }) => share))],
        title: "rows, %",
      },
      layers: [{
        values: bars.filter(({ share }) => share > 0)
          .map(({ first, last, share }) => ({
            left: first - 0.5 + inset,
            right: last + 0.5 - inset,
            share,
            zero: 0,
          })),
        mark: { type: "rect", color: PAGE.first, opacity: 0.75 },
        x: "left",
        x2: "right",
        y: "share",
        y2: "zero",
      }],
    },
    `Sizes of the conformal sets of ${name}: ${
      bars.filter(({ share }) => share > 0).map(({ first, last, share }) =>
        `${fixed(share, 1)} % of rows have ${
          first === last ? first : `${first} to ${last}`
        }`
      ).join(", ")
    }.`,
  );
}

function coverageChart(
  evaluated: Evaluated,
  evaluation: Evaluation,
): Promise<string> {
  const rows = evaluation.results.labels.length;
  const points = TARGETS.map((target) => {
    const { covered } = setsOf(evaluated, evaluation, 1 - target);
    const [low, high] = binomialBand(target, rows);
    return {
      target: 100 * target,
      covered: 100 * shareOf(covered),
      low: 100 * low,
      high: 100 * high,
    };
  });
  const least = Math.min(
    ...points.map(({ covered, low }) => Math.min(covered, low)),
  );
  return drawChart(
    {
      width: 180,
      height: 140,
      x: { domain: [49, 100], title: "target, %" },
      y: {
        domain: [Math.floor(least / 10) * 10, 100],
        title: "rows whose set holds the label, %",
      },
      layers: [
        {
          values: points,
          mark: { type: "area", color: PAGE.line, opacity: 0.35 },
          x: "target",
          y: "low",
          y2: "high",
        },
        {
          values: [{ x: 50, y: 50 }, { x: 100, y: 100 }],
          mark: {
            type: "line",
            color: PAGE.line,
            strokeDash: [4, 4],
            strokeWidth: 1.2,
          },
          x: "x",
          y: "y",
        },
        {
          values: points,
          mark: { type: "line", color: PAGE.first, strokeWidth: 1.6 },
          x: "target",
          y: "covered",
        },
        {
          values: points,
          mark: {
            type: "point",
            filled: true,
            opacity: 1,
            size: 32,
            color: PAGE.first,
          },
          x: "target",
          y: "covered",
        },
      ],
    },
    `Coverage of ${evaluated.method.name} against its target: ${
      points.map(({ target, covered, low, high }) =>
        `${fixed(covered, 1)} % at ${fixed(target, 0)} % (band ${
          fixed(low, 1)
        } to ${fixed(high, 1)})`
      ).join("; ")
    }.`,
  );
}

/** The coverage of single classes, the least covered first. */
async function classPanel(
  covered: Uint8Array,
  { results: { labels }, names, primary, options }: Evaluation,
): Promise<Panel> {
  const counts = names.map((name) => ({ name, count: 0, hits: 0 }));
  for (let row = 0; row < labels.length; row++) {
    const of = counts[labels[row] ?? 0];
    if (!of) continue;
    of.count++;
    of.hits += covered[row] ?? 0;
  }
  const rows = counts.filter(({ count }) => count > 0)
    .sort((a, b) => a.hits / a.count - b.hits / b.count)
    .slice(0, LISTED_CLASSES)
    .map(({ name, count, hits }, y) => {
      const [low, high] = wilsonInterval(hits, count);
      const share = hits / count;
      return {
        name,
        count,
        y,
        share: 100 * share,
        low: 100 * low,
        high: 100 * high,
      };
    });
  const least = Math.min(...rows.map(({ low }) => low));
  const target = 100 * (1 - options.alpha);
  const chart = await drawChart(
    {
      width: 150,
      height: Math.max(18 * rows.length, 36),
      margins: [10, 12, 40, labelMargin(rows.map(({ name }) => name), 150)],
      x: {
        domain: [Math.floor(Math.min(least, target) / 10) * 10, 100],
        title: "coverage, %",
        count: 4,
      },
      y: { domain: [rows.length - 0.5, -0.5], grid: false, labels: false },
      layers: [
        rowLabels(rows.map(({ name }) => name), 20),
        {
          values: [{ target, top: -0.5, bottom: rows.length - 0.5 }],
          mark: { type: "rule", color: PAGE.ink, strokeDash: [4, 4] },
          x: "target",
          y: "top",
          y2: "bottom",
        },
        {
          values: rows,
          mark: { type: "rule", color: PAGE.first, strokeWidth: 1.6 },
          x: "low",
          x2: "high",
          y: "y",
        },
        {
          values: rows,
          mark: {
            type: "point",
            filled: true,
            opacity: 1,
            size: 40,
            color: PAGE.first,
          },
          x: "share",
          y: "y",
        },
      ],
    },
    `Coverage by class: ${
      rows.map(({ name, count, share }) =>
        `${name} ${fixed(share, 1)} % of ${count}`
      ).join("; ")
    }.`,
  );
  const kept = rows.length < counts.length
    ? `the ${rows.length} least covered classes`
    : "by class";
  return { heading: `${primary.method.name}, ${kept}`, charts: [chart] };
}

/** Draws figure 6. */
export async function conformalFigure(
  evaluation: Evaluation,
): Promise<Figure> {
  const { methods, options: { alpha }, primary } = evaluation;
  if (primary.folds.length === 0) {
    return absent(
      6,
      TITLE,
      "There are too few rows to calibrate sets on some and report others.",
    );
  }
  const panels: Panel[] = [];
  for (const evaluated of methods) {
    const { name } = evaluated.method;
    const { sizes, covered } = setsOf(evaluated, evaluation, alpha);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    panels.push({
      heading: name,
      notes: [
        `coverage ${percent(shareOf(covered))}`,
        `mean size ${fixed(mean, 2)}`,
      ],
      charts: [
        await sizeChart(name, sizes),
        await coverageChart(evaluated, evaluation),
      ],
    });
  }
  const { covered } = setsOf(primary, evaluation, alpha);
  panels.push(await classPanel(covered, evaluation));
  const target = percent(1 - alpha, 0);
  return {
    number: 6,
    title: TITLE,
    caption:
      markup`Sets of all classes above a threshold of probability, calibrated so that ${target} of them hold the label (score 1 − p, exact order statistic; ${
        evaluation.results.validationLabels
          ? "calibrated on the validation set"
          : "each half of the test set is calibrated on the other"
      }). Above, the sizes of the sets; below, coverage against its target, with the band that holds 95 % of binomial shares. The promise is for all rows together: single classes, with intervals of 95 %, may get less.`,
    panels,
  };
}
