// Copyright 2026 the swagpu authors. MIT license.

// Figure 5: which part of the uncertainty comes from the data, and which from the
// model.

import { drawChart, type Layer } from "../chart.ts";
import type { Evaluation } from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import type { Parts } from "../statistics/sample_uncertainty.ts";
import {
  absent,
  briefNames,
  type Figure,
  key,
  labelMargin,
  LISTED_CLASSES,
  type Panel,
  rowLabels,
} from "./figure.ts";

const TITLE = "Uncertainty of the data and of the model";

/** The mean parts of the rows of a class. */
interface ClassParts {
  name: string;
  aleatoric: number;
  /** Disagreement between particles; 0 without particles. */
  between: number;
  /** The rest of the disagreement. */
  within: number;
}

function partsByClass(
  { aleatoric, epistemic, between }: Parts,
  labels: ArrayLike<number>,
  names: readonly string[],
): ClassParts[] {
  const sums = names.map((name) => ({
    name,
    count: 0,
    aleatoric: 0,
    between: 0,
    within: 0,
  }));
  for (let row = 0; row < labels.length; row++) {
    const sum = sums[labels[row] ?? 0];
    if (!sum) continue;
    const apart = between?.[row] ?? 0;
    sum.count++;
    sum.aleatoric += aleatoric[row] ?? NaN;
    sum.between += apart;
    sum.within += Math.max((epistemic[row] ?? NaN) - apart, 0);
  }
  return sums.filter(({ count }) => count > 0)
    .map(({ name, count, aleatoric, between, within }) => ({
      name,
      aleatoric: aleatoric / count,
      between: between / count,
      within: within / count,
    }));
}

function bars(
  rows: readonly ClassParts[],
  ends: (row: ClassParts) => readonly [number, number],
  look: object,
): Layer {
  return {
    values: rows.map((row, y) => {
      const [from, to] = ends(row);
      return { from, to, top: y - 0.36, bottom: y + 0.36 };
    }),
    mark: { type: "rect", ...look },
    x: "from",
    x2: "to",
    y: "top",
    y2: "bottom",
  };
}

const totalOf = ({ aleatoric, between, within }: ClassParts) =>
  aleatoric + between + within;

/** Draws figure 5. */
export async function decompositionFigure(
  { methods, results, names }: Evaluation,
): Promise<Figure> {
  const panels: Panel[] = [];
  let particles = false;
  let left = 0;
  for (const { method, parts } of methods) {
    if (!parts) continue;
    particles ||= parts.between !== undefined;
    const all = partsByClass(parts, results.labels, names)
      .sort((a, b) => totalOf(b) - totalOf(a));
    const rows = all.slice(0, LISTED_CLASSES);
    left = all.length - rows.length;
    const short = briefNames(rows.map(({ name }) => name), 20);
    const most = Math.max(...rows.map(totalOf), 1e-6);
    const chart = await drawChart(
      {
        width: 180,
        height: Math.max(18 * rows.length, 36),
        margins: [10, 12, 40, labelMargin(short)],
        x: { domain: [0, 1.05 * most], title: "nats" },
        y: { domain: [rows.length - 0.5, -0.5], grid: false, labels: false },
        layers: [
          rowLabels(short),
          bars(rows, (row) => [0, row.aleatoric], {
            color: PAGE.first,
            opacity: 0.75,
          }),
          bars(rows, (row) => [row.aleatoric, row.aleatoric + row.within], {
            color: PAGE.second,
            opacity: parts.between ? 0.5 : 0.85,
          }),
          bars(rows, (row) => [row.aleatoric + row.within, totalOf(row)], {
            color: PAGE.second,
          }),
        ],
      },
      `Mean uncertainty of ${method.name} by class: ${
        rows.map((row) =>
          `${row.name} ${fixed(row.aleatoric)} of the data, ${
            fixed(row.between + row.within)
          } of the model${
            parts.between ? ` (${fixed(row.between)} between particles)` : ""
          }`
        ).join("; ")
      }.`,
    );
    panels.push({ heading: method.name, charts: [chart] });
  }
  if (panels.length === 0) {
    return absent(
      5,
      TITLE,
      "No method averages several samples, so there is no disagreement to measure.",
    );
  }
  return {
    number: 5,
    title: TITLE,
    caption:
      markup`The mean entropy of predictions, by true class, is the sum of ${
        key("first")
      } the samples' own mean entropy, which is noise in the data, and ${
        key("second")
      } their disagreement (mutual information), which more data can lower.${
        particles
          ? " The paler part of it is within particles, the stronger between them."
          : ""
      }${
        left > 0
          ? ` The ${LISTED_CLASSES} most uncertain classes are shown; ${left} are not.`
          : ""
      }`,
    panels,
  };
}
