// Copyright 2026 the swagpu authors. MIT license.

// The two panels of Push's notebook for each number of particles: the mean prediction
// with its standard deviation, and the mean of each particle.

import { chartConfig, drawSpec, LIGHT } from "@swagpu/swagpu/report";
import type { BandsPanel } from "./bands_panel.ts";

const WIDTH = 330;
const HEIGHT = 210;
const X = {
  field: "x",
  type: "quantitative",
  title: "x",
  scale: { domain: [-0.5, 1], nice: false },
  axis: { values: [-0.5, 0, 0.5, 1] },
} as const;
const Y = {
  field: "y",
  type: "quantitative",
  title: "y",
  scale: { domain: [-2, 2] },
  axis: { values: [-2, -1, 0, 1, 2] },
} as const;

/**
 * Draws rows of two panels.
 *
 * @param panels The rows.
 * @param points The data, as pairs of x and y.
 * @returns A complete SVG document.
 */
export async function bandsFigure(
  panels: readonly BandsPanel[],
  points: readonly (readonly number[])[],
): Promise<string> {
  const data = {
    data: { values: points.map(([x, y]) => ({ x, y })) },
    mark: {
      type: "point",
      filled: true,
      size: 8,
      color: LIGHT.ink,
      clip: true,
    },
    encoding: {
      x: X,
      y: Y,
    },
  };
  const spec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: LIGHT.paper,
    padding: 16,
    vconcat: panels.map((panel) => ({
      hconcat: [
        {
          title: `${panel.title}: mean, and one and two standard deviations`,
          width: WIDTH,
          height: HEIGHT,
          layer: [band(panel, 2), band(panel, 1), mean(panel), data],
        },
        {
          title: `${panel.title}: the mean of each`,
          width: WIDTH,
          height: HEIGHT,
          layer: [curves(panel), data],
        },
      ],
    })),
    config: {
      ...chartConfig(LIGHT),
      title: { fontSize: 12, fontWeight: "normal", color: LIGHT.ink },
    },
  };
  return await drawSpec(spec) + "\n";
}

function band({ x, mean, std }: BandsPanel, factor: number): object {
  return {
    data: {
      values: x.map((x, i) => ({
        x,
        low: (mean[i] ?? NaN) - factor * (std[i] ?? NaN),
        high: (mean[i] ?? NaN) + factor * (std[i] ?? NaN),
      })),
    },
    mark: { type: "area", color: LIGHT.first, opacity: 0.22, clip: true },
    encoding: {
      x: X,
      y: { ...Y, field: "low" },
      y2: { field: "high" },
    },
  };
}

function mean({ x, mean }: BandsPanel): object {
  return {
    data: { values: x.map((x, i) => ({ x, y: mean[i] })) },
    mark: { type: "line", color: LIGHT.first, strokeWidth: 1.8, clip: true },
    encoding: { x: X, y: Y },
  };
}

function curves({ x, curves }: BandsPanel): object {
  return {
    data: {
      values: curves.flatMap((ys, particle) =>
        x.map((x, i) => ({ x, y: ys[i], particle }))
      ),
    },
    mark: {
      type: "line",
      color: LIGHT.first,
      opacity: 0.5,
      strokeWidth: 1,
      clip: true,
    },
    encoding: {
      x: X,
      y: Y,
      detail: { field: "particle" },
    },
  };
}
