// Copyright 2026 the swagpu authors. MIT license.

// Draws the scaling figures as one SVG, with a panel for each size and logarithmic axes.
// Points are medians, and solid lines are fitted to them. Dashed lines have the expected
// slope, and end where the fitted line ends.

import { chartConfig, drawSpec, LIGHT } from "../report/mod.ts";
import type {
  MeasuredPanel,
  MeasuredSeries,
  ScalingReport,
} from "./scaling_report.ts";

const COLORS = [LIGHT.first, LIGHT.second];
const COLUMNS = 3;
const WIDTH = 240;
const HEIGHT = 190;
const SAMPLES = 32;

/** Draws a report as a complete SVG document. */
export async function scalingFigure(report: ScalingReport): Promise<string> {
  const panels = report.panels.map(panelSpec);
  const rows: object[] = [];
  for (let i = 0; i < panels.length; i += COLUMNS) {
    rows.push({
      spacing: 84,
      bounds: "flush",
      hconcat: panels.slice(i, i + COLUMNS),
    });
  }
  const spec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: LIGHT.paper,
    padding: 20,
    title: {
      text: "How time grows",
      subtitle: [
        "Points: medians of interleaved runs; solid: fitted, constant + factor · x^slope; " +
        "dashed: the slope expected",
        `${report.adapter}, ${report.runtime}, ${report.date}`,
      ],
      anchor: "start",
      fontSize: 17,
      color: LIGHT.ink,
      offset: 20,
      subtitleColor: LIGHT.quiet,
      subtitleFontSize: 12,
      subtitlePadding: 6,
      subtitleLineHeight: 17,
    },
    spacing: HEIGHT + 150,
    bounds: "flush",
    vconcat: rows,
    config: chartConfig(LIGHT),
  };
  return await drawSpec(spec) + "\n";
}

function panelSpec(panel: MeasuredPanel): object {
  const xs = panel.series.flatMap(({ points }) => points.map(({ x }) => x));
  const ys = panel.series.flatMap(({ points }) =>
    points.map(({ milliseconds }) => milliseconds)
  );
  const x = {
    field: "x",
    type: "quantitative",
    scale: { type: "log", domain: around(xs), nice: false },
    axis: { title: panel.x, values: ticksOf(xs), format: formatOf(xs) },
  };
  const y = {
    field: "y",
    type: "quantitative",
    scale: { type: "log", domain: around(ys), nice: false },
    axis: { title: panel.y, values: decades(ys), format: ",~r" },
  };
  return {
    width: WIDTH,
    height: HEIGHT,
    title: {
      text: panel.title,
      subtitle: [panel.note, ...panel.series.map(slopesOf)],
      anchor: "start",
      frame: "group",
      fontSize: 14,
      color: LIGHT.ink,
      subtitleColor: LIGHT.quiet,
      subtitleFontSize: 11,
      subtitleLineHeight: 15,
      subtitlePadding: 4,
      offset: 10,
    },
    layer: panel.series.flatMap((series, i) =>
      marksOf(series, {
        x,
        y,
        color: COLORS[i % COLORS.length] ?? LIGHT.ink,
        several: panel.series.length > 1,
      })
    ),
  };
}

function slopesOf({ name, expected, fit }: MeasuredSeries): string {
  const slopes = typeof expected === "number"
    ? expected
    : expected.join(" to ");
  const slope = fit.slope.toFixed(2).replace("-", "−");
  return `${name}: slope ${slope}, expected ${slopes}`;
}

function marksOf(
  { name, points, fit, expected }: MeasuredSeries,
  { x, y, color, several }: {
    x: object;
    y: object;
    color: string;
    several: boolean;
  },
): object[] {
  const sizes = points.map((point) => point.x);
  const [first, last] = [Math.min(...sizes), Math.max(...sizes)];
  const time = (size: number) => fit.constant + fit.factor * size ** fit.slope;
  const curve = Array.from({ length: SAMPLES }, (_, i) => {
    const size = first * (last / first) ** (i / (SAMPLES - 1));
    return { x: size, y: time(size) };
  });
  const least = Math.min(...points.map(({ milliseconds }) => milliseconds));
  const slopes = typeof expected === "number" ? [expected] : expected;
  const references = slopes.map((slope) => {
    // A steep line may leave the panel at the bottom: it begins at that edge.
    const floor = 0.6 * least / time(last);
    const start = slope > 0
      ? Math.max(first, last * floor ** (1 / slope))
      : first;
    return [start, last].map((size) => ({
      x: size,
      y: time(last) * (size / last) ** slope,
    }));
  });
  return [
    ...references.map((values) => ({
      data: { values },
      mark: {
        type: "line",
        color,
        opacity: 0.65,
        strokeWidth: 1.2,
        strokeDash: [5, 4],
        clip: true,
      },
      encoding: { x, y },
    })),
    {
      data: { values: curve },
      mark: { type: "line", color, strokeWidth: 1.4 },
      encoding: { x, y },
    },
    {
      data: {
        values: points.map((point) => ({ x: point.x, y: point.milliseconds })),
      },
      mark: { type: "point", filled: true, size: 46, color, opacity: 1 },
      encoding: { x, y },
    },
    ...(several
      ? [{
        data: { values: [{ x: last, y: time(last), name }] },
        mark: {
          type: "text",
          color,
          align: "right",
          baseline: "bottom",
          dx: 6,
          dy: -8,
          fontSize: 11,
        },
        encoding: { x, y, text: { field: "name" } },
      }]
      : []),
  ];
}

/** The range of a logarithmic axis, with space beside the outermost points. */
function around(values: readonly number[]): [number, number] {
  return [Math.min(...values) / 1.6, Math.max(...values) * 2];
}

/** The sizes that get a label: all of them, unless there are too many. */
function ticksOf(values: readonly number[]): number[] {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  return sorted.length <= 6 ? sorted : sorted.filter((_, i) => i % 2 === 0);
}

/** The format of sizes: counts in full, thousands and millions with two digits. */
function formatOf(values: readonly number[]): string {
  return Math.max(...values) < 1e4 ? ",d" : ".2~s";
}

/** The ticks of an axis: 1, 2 and 5 of every decade, or only 1 of many decades. */
function decades(values: readonly number[]): number[] {
  const [low, high] = around(values);
  const wide = high / low > 100;
  const ticks: number[] = [];
  for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++) {
    for (const digit of wide ? [1] : [1, 2, 5]) ticks.push(digit * 10 ** e);
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}
