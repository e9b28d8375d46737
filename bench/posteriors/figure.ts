// Copyright 2026 the swagpu authors. MIT license.

// All tasks as one SVG: a row of panels for each task, a panel for each of three
// scores, and in it a dot for each method, with a bar of one standard deviation over
// seeds on both sides. Methods are grouped by their number of training runs.

import { chartConfig, drawSpec, LIGHT } from "../../report/mod.ts";
import type { Scores } from "./scores.ts";
import type { MethodSummary } from "./summary.ts";

/** A task in the figure. */
export interface TaskSummary {
  readonly title: string;
  readonly methods: readonly MethodSummary[];
}

const PANELS: readonly { name: keyof Scores; title: string }[] = [
  { name: "nll", title: "NLL" },
  { name: "calibratedNll", title: "NLL at the fitted temperature" },
  { name: "ece", title: "ECE" },
];

const WIDTH = 225;

/** The height of a row in pixels. */
const ROW = 17;

/** What the rows that name a group begin with; no method does. */
const GROUP = "\u2003";

/** Draws the tasks as a complete SVG document, on a light ground. */
export async function posteriorsFigure(
  tasks: readonly TaskSummary[],
): Promise<string> {
  const spec = {
    background: LIGHT.paper,
    padding: 14,
    title: {
      text: "Posteriors at equal training cost",
      subtitle: [
        "Dots are means, and bars one standard deviation over seeds on both sides.",
        "Truth, dashed where it is near: the true distribution of the labels.",
        "Less is better.",
      ],
      anchor: "start",
      fontSize: 16,
      color: LIGHT.ink,
      subtitleColor: LIGHT.quiet,
      subtitleFontSize: 12,
      subtitlePadding: 6,
      subtitleLineHeight: 16,
      offset: 14,
    },
    spacing: 26,
    vconcat: tasks.map(taskSpec),
    config: chartConfig(LIGHT),
  };
  return await drawSpec(spec) + "\n";
}

function taskSpec({ title, methods }: TaskSummary): object {
  return {
    title: {
      text: title,
      anchor: "start",
      fontSize: 13,
      color: LIGHT.ink,
      offset: 8,
    },
    spacing: 18,
    hconcat: PANELS.map((panel, i) => panelSpec(methods, panel, i === 0)),
  };
}

function panelSpec(
  methods: readonly MethodSummary[],
  { name, title }: (typeof PANELS)[number],
  isFirst: boolean,
): object {
  const rows = rowsOf(methods);
  const points = methods.flatMap(({ title, family, scores }) => {
    const spread = scores[name];
    if (!spread || family === "truth") return [];
    const { mean, sd } = spread;
    return [{ row: title, family, mean, low: mean - sd, high: mean + sd }];
  });
  const truth = name === "nll"
    ? methods.find(({ family }) => family === "truth")?.scores.nll?.mean
    : undefined;
  // A truth that is far from all methods would squeeze them into one corner, so it
  // is named below the axis instead.
  const lows = points.map(({ low }) => low);
  const highs = points.map(({ high }) => high);
  const [least, most] = [Math.min(...lows), Math.max(...highs)];
  const isNear = truth !== undefined &&
    Math.max(least - truth, truth - most) <= most - least;
  const far = truth === undefined || isNear
    ? ""
    : ` (truth: ${truth.toFixed(3)})`;
  const y = {
    field: "row",
    type: "nominal",
    scale: { domain: rows },
    title: null,
    axis: {
      domain: false,
      grid: true,
      labels: isFirst,
      labelLimit: 200,
      labelFontSize: 11.5,
      labelColor: {
        condition: { test: IS_GROUP, value: LIGHT.quiet },
        value: LIGHT.ink,
      },
      gridColor: {
        condition: { test: IS_GROUP, value: LIGHT.paper },
        value: LIGHT.grid,
      },
    },
  };
  const x = {
    type: "quantitative",
    title: title + far,
    scale: { zero: name === "ece", nice: true, padding: 6 },
    axis: { tickCount: 4, grid: true, format: ",~r" },
  };
  const color = {
    field: "family",
    type: "nominal",
    legend: null,
    scale: {
      domain: ["single", "rival", "ensemble", "swag"],
      range: [LIGHT.ink, LIGHT.line, LIGHT.second, LIGHT.first],
    },
  };
  return {
    width: WIDTH,
    height: ROW * rows.length,
    data: { values: points },
    layer: [
      // Rules of the truth and bars take part in the range of the axis.
      ...isNear
        ? [{
          data: { values: [{ truth }] },
          mark: { type: "rule", color: LIGHT.quiet, strokeDash: [4, 4] },
          encoding: { x: { ...x, field: "truth" } },
        }]
        : [],
      {
        mark: { type: "rule", strokeWidth: 2 },
        encoding: {
          x: { ...x, field: "low" },
          x2: { field: "high" },
          y,
          color,
        },
      },
      {
        mark: { type: "point", filled: true, opacity: 1, size: 46 },
        encoding: { x: { ...x, field: "mean" }, y, color },
      },
    ],
  };
}

const IS_GROUP = `substring(datum.value, 0, 1) === "${GROUP}"`;

/** The names of the rows: before each group of methods one that names it. */
function rowsOf(methods: readonly MethodSummary[]): string[] {
  const rows: string[] = [];
  let before = 0;
  for (const { title, family, runs } of methods) {
    if (family === "truth") continue;
    if (runs !== before) {
      rows.push(`${GROUP}${runs} training ${runs === 1 ? "run" : "runs"}`);
    }
    before = runs;
    rows.push(title);
  }
  return rows;
}
