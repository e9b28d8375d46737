// Copyright 2026 the swagpu authors. MIT license.

// The scores of runs that differ in their seeds alone, as a picture of its own.

import { chartConfig, drawSpec } from "./chart.ts";
import { LIGHT } from "./palette.ts";

/** The runs of one way of training. */
export interface SeedsRow {
  /** The way of training. */
  readonly name: string;
  /** A score of each run that has one. */
  readonly values: readonly number[];
}

/** Options of {@linkcode seedsFigure}. */
export interface SeedsFigureOptions {
  /** What the scores are, for the axis. */
  readonly metric: string;
  /** The heading. @default {none} */
  readonly title?: string | undefined;
  /** What a run must beat, drawn as a dashed line. @default {none} */
  readonly degenerate?: number | undefined;
}

/** The height of a row in pixels. */
const ROW = 30;

/**
 * Draws the distribution of a score over seeds: a ring for each run, and a dot
 * with a bar for mean and standard deviation, a row for each way of training.
 *
 * @param rows The ways of training, from the top down.
 * @param options What the scores are.
 * @returns A complete SVG document, on a light ground.
 *
 * @example Usage
 * ```ts
 * import { seedsFigure } from "@swagpu/swagpu/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const svg = await seedsFigure(
 *   [
 *     { name: "standard", values: [0.61, 0.7, 0.5] },
 *     { name: "mixout", values: [0.68, 0.71, 0.66] },
 *   ],
 *   { metric: "accuracy", degenerate: 0.5 },
 * );
 * assertStringIncludes(svg, "mixout");
 * ```
 */
export async function seedsFigure(
  rows: readonly SeedsRow[],
  { metric, title, degenerate }: SeedsFigureOptions,
): Promise<string> {
  const order = rows.map(({ name }) => name);
  const points = rows.flatMap(({ name, values }) =>
    values.filter(Number.isFinite).map((value) => ({ name, value }))
  );
  const y = {
    field: "name",
    type: "nominal",
    sort: order,
    title: null,
    axis: { grid: false, domain: false, labelLimit: 320, labelFontSize: 12 },
    scale: { domain: order },
  };
  const x = {
    field: "value",
    type: "quantitative",
    title: metric,
    scale: { zero: false, nice: true, padding: 10 },
  };
  const spread = {
    mark: {
      type: "errorbar",
      extent: "stdev",
      color: LIGHT.first,
      thickness: 2,
    },
    encoding: { x: { ...x, title: metric }, y },
  };
  const layer = [
    ...degenerate === undefined ? [] : [{
      data: { values: [{ value: degenerate }] },
      mark: { type: "rule", color: LIGHT.ink, strokeDash: [4, 4] },
      encoding: { x },
    }],
    {
      mark: {
        type: "point",
        color: LIGHT.quiet,
        opacity: 0.8,
        size: 36,
        strokeWidth: 1.2,
      },
      encoding: { x, y },
    },
    ...points.length > 1 ? [spread] : [],
    {
      mark: {
        type: "point",
        filled: true,
        opacity: 1,
        size: 70,
        color: LIGHT.first,
      },
      encoding: { x: { ...x, aggregate: "mean" }, y },
    },
  ];
  return await drawSpec({
    ...title === undefined ? {} : {
      title: { text: title, anchor: "start", color: LIGHT.ink, fontSize: 14 },
    },
    data: { values: points },
    width: 460,
    height: ROW * rows.length,
    background: LIGHT.paper,
    padding: 12,
    layer,
    config: chartConfig(LIGHT),
  });
}
