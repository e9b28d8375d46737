// Copyright 2026 the swagpu authors. MIT license.

// Figure 6: sets of classes that hold the label with a promised probability.

import {
  conformalQuantile,
  lacScores,
  lacSets,
  proportionConfint,
  setCoverage,
} from "../../nn/metrics/mod.ts";
import { drawChart } from "../chart.ts";
import type { Evaluated, Evaluation } from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed, percent } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import { binomialBand } from "../statistics/binomial_band.ts";
import type { Fold } from "../temperature_scaling.ts";
import {
  absent,
  briefNames,
  type Figure,
  labelMargin,
  LISTED_CLASSES,
  type Panel,
  rowLabels,
} from "./figure.ts";

const TITLE = "Conformal sets";
/** Coverages in percent. */
const TARGETS = [50, 60, 70, 80, 85, 90, 95, 99];
const MOST_BARS = 12;

/**
 * The sets of all rows, over the folds: 1 where the class is in the set, otherwise 0,
 * [rows, classes].
 */
export function setsOf(
  folds: readonly Fold[],
  { rows: count, classes, alpha }: {
    rows: number;
    classes: number;
    /** The share of sets that may miss the label. */
    alpha: number;
  },
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(count * classes);
  for (const { rows, reporting, fitting } of folds) {
    const scores = lacScores(fitting.probabilities, fitting.labels);
    const quantile = conformalQuantile(scores, alpha);
    const sets = lacSets(reporting.probabilities, quantile, { classes });
    rows.forEach((row, i) =>
      all.set(sets.subarray(i * classes, (i + 1) * classes), row * classes)
    );
  }
  return all;
}

/** How many classes each set holds, [rows]. */
function sizesOf(sets: Uint8Array, classes: number): Uint32Array {
  const sizes = new Uint32Array(sets.length / classes);
  sets.forEach((member, i) => {
    const row = Math.floor(i / classes);
    sizes[row] = (sizes[row] ?? 0) + member;
  });
  return sizes;
}

function sizeChart(
  name: string,
  sizes: Uint32Array,
  classes: number,
): Promise<string> {
  const least = Math.min(classes, 3);
  const largest = sizes.reduce((a, b) => Math.max(a, b), least);
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
  const { classes, results: { labels } } = evaluation;
  const points = TARGETS.map((target) => {
    // 1 - 0.9 is less than 0.1, which is what counts where ranks are whole numbers.
    const alpha = (100 - target) / 100;
    const sets = setsOf(evaluated.folds, { rows, classes, alpha });
    const [low, high] = binomialBand(target / 100, rows);
    return {
      target,
      covered: 100 * setCoverage(sets, labels).coverage,
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
  sets: Uint8Array,
  { results: { labels }, names: classes, primary, options }: Evaluation,
): Promise<Panel> {
  const { perClass } = setCoverage(sets, labels);
  const counts = classes.map((name, k) => ({
    name,
    count: 0,
    share: perClass[k] ?? NaN,
  }));
  for (let row = 0; row < labels.length; row++) {
    const of = counts[labels[row] ?? 0];
    if (of) of.count++;
  }
  const rows = counts.filter(({ count }) => count > 0)
    .sort((a, b) => a.share - b.share)
    .slice(0, LISTED_CLASSES)
    .map(({ name, count, share }, y) => {
      const [low, high] = proportionConfint(Math.round(share * count), count);
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
  const names = briefNames(rows.map(({ name }) => name), 20);
  const chart = await drawChart(
    {
      width: 150,
      height: Math.max(18 * rows.length, 36),
      margins: [10, 12, 40, labelMargin(names)],
      x: {
        domain: [Math.floor(Math.min(least, target) / 10) * 10, 100],
        title: "coverage, %",
        count: 4,
      },
      y: { domain: [rows.length - 0.5, -0.5], grid: false, labels: false },
      layers: [
        rowLabels(names),
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
  const { methods, options: { alpha }, primary, classes } = evaluation;
  const { labels } = evaluation.results;
  if (primary.folds.length === 0) {
    return absent(
      6,
      TITLE,
      "There are too few rows to calibrate sets on some and report others.",
    );
  }
  const shape = { rows: labels.length, classes, alpha };
  const panels: Panel[] = [];
  for (const evaluated of methods) {
    const { name } = evaluated.method;
    const sets = setsOf(evaluated.folds, shape);
    const { coverage, meanSize } = setCoverage(sets, labels);
    const sizes = sizesOf(sets, classes);
    panels.push({
      heading: name,
      notes: [
        `coverage ${percent(coverage)}`,
        `mean size ${fixed(meanSize, 2)}`,
      ],
      charts: [
        await sizeChart(name, sizes, classes),
        await coverageChart(evaluated, evaluation),
      ],
    });
  }
  panels.push(await classPanel(setsOf(primary.folds, shape), evaluation));
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
