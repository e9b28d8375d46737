// Copyright 2026 the swagpu authors. MIT license.

// Figure 4: uncertainty about familiar and unfamiliar rows, or about rows that are
// predicted right and wrong.

import { drawChart, type Layer } from "../chart.ts";
import type { Evaluated, Evaluation } from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed, interval, whole } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import { detection, type DetectionIntervals } from "../statistics/detection.ts";
import { brief, type Figure, key, type Panel } from "./figure.ts";

const BINS = 24;

/** Scores of two kinds of rows. */
interface Groups {
  low: ArrayLike<number>;
  high: ArrayLike<number>;
  names: readonly [string, string];
  isEntropy: boolean;
}

function groupsOf(
  { method, entropies, errors }: Evaluated,
  byErrors: boolean,
): Groups | null {
  if (byErrors) {
    return {
      low: entropies.filter((_, row) => errors[row] === 0),
      high: entropies.filter((_, row) => errors[row] === 1),
      names: ["right", "wrong"],
      isEntropy: true,
    };
  }
  const { outOfDistribution } = method;
  if (!outOfDistribution) return null;
  return {
    low: outOfDistribution.familiar ?? entropies,
    high: outOfDistribution.scores,
    names: ["in domain", outOfDistribution.name ?? "out of distribution"],
    isEntropy: outOfDistribution.familiar === undefined,
  };
}

function shares(
  scores: ArrayLike<number>,
  [least, most]: readonly [number, number],
): number[] {
  const counts = new Array<number>(BINS).fill(0);
  const width = (most - least) / BINS || 1;
  for (let i = 0; i < scores.length; i++) {
    const bin = Math.floor(((scores[i] ?? 0) - least) / width);
    const at = Math.min(Math.max(bin, 0), BINS - 1);
    counts[at] = (counts[at] ?? 0) + 1 / scores.length;
  }
  return counts;
}

function histogram(
  heights: readonly number[],
  [least, most]: readonly [number, number],
  color: string,
): Layer {
  const width = (most - least) / BINS;
  return {
    values: heights.map((share, bin) => ({
      lower: least + bin * width,
      upper: least + (bin + 1) * width,
      share: 100 * share,
      zero: 0,
    })).filter(({ share }) => share > 0),
    mark: { type: "rect", color, opacity: 0.55 },
    x: "lower",
    x2: "upper",
    y: "share",
    y2: "zero",
  };
}

function notesOf(found: DetectionIntervals | null): string[] {
  if (!found) return [];
  return (["auroc", "aupr", "fpr95"] as const).map((name) =>
    `${name.toUpperCase()} ${fixed(found[name])} ${
      interval(found.intervals?.[name], fixed)
    }`.trimEnd()
  );
}

async function drawPanel(
  name: string,
  { low, high, names, isEntropy }: Groups,
  resamples: number,
): Promise<Panel> {
  const ends = (pick: (a: number, b: number) => number, start: number) =>
    [low, high].reduce(
      (sum, list) => Array.from(list).reduce(pick, sum),
      start,
    );
  const least = Math.min(0, ends((a, b) => Math.min(a, b), Infinity));
  const most = Math.max(
    ends((a, b) => Math.max(a, b), -Infinity),
    least + 1e-3,
  );
  const range = [least, most] as const;
  const heights = [low, high].map((scores) => shares(scores, range));
  const top = 100 * Math.max(...heights.flat(), 0.01);
  const label = (text: string, row: number): Layer => ({
    values: [{ text }],
    mark: {
      type: "text",
      align: "right",
      fontSize: 11,
      color: row === 0 ? PAGE.first : PAGE.second,
    },
    x: 180,
    y: -24 + 14 * row,
    text: "text",
  });
  const found = detection(low, high, resamples);
  const counts = [low, high].map((scores, i) =>
    `${brief(names[i] ?? "", 18)} (${whole(scores.length)})`
  );
  const means = [low, high].map((scores, i) =>
    `${names[i]}: ${scores.length} rows, mean ${
      fixed(
        Array.from(scores).reduce((sum, x) => sum + x, 0) / scores.length,
      )
    }`
  );
  const chart = await drawChart(
    {
      width: 180,
      height: 120,
      margins: [40, 12, 40, 46],
      x: {
        domain: range,
        title: isEntropy ? "entropy, nats" : "score",
        grid: false,
      },
      y: { domain: [0, 1.05 * top], title: "rows, %" },
      layers: [
        histogram(heights[0] ?? [], range, PAGE.first),
        histogram(heights[1] ?? [], range, PAGE.second),
        ...counts.map(label),
      ],
    },
    `Uncertainty of ${name}. ${means.join("; ")}. ${
      notesOf(found).join(", ")
    }.`,
  );
  return { heading: name, notes: notesOf(found), charts: [chart] };
}

/** Draws figure 4. */
export async function histogramFigure(
  { methods, options }: Evaluation,
): Promise<Figure> {
  const byErrors = methods.every(({ method }) => !method.outOfDistribution);
  const panels: Panel[] = [];
  for (const evaluated of methods) {
    const groups = groupsOf(evaluated, byErrors);
    if (!groups) continue;
    const { name } = evaluated.method;
    panels.push(await drawPanel(name, groups, options.resamples));
  }
  const compared = byErrors
    ? markup`Entropy of ${key("first")} right and ${
      key("second")
    } wrong predictions; no unfamiliar inputs were given.`
    : markup`Uncertainty about ${key("first")} the test set and ${
      key("second")
    } unfamiliar inputs.`;
  return {
    number: 4,
    title: byErrors
      ? "Uncertainty of right and wrong predictions"
      : "Uncertainty in domain and out of distribution",
    caption:
      markup`${compared} Each histogram adds up to 100 %. AUROC and AUPR measure how well uncertainty tells the second kind from the first, FPR95 how many of the first are taken for the second when 95 % of the second are found; brackets are bootstrap intervals of 95 %.`,
    panels,
  };
}
