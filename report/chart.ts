// Copyright 2026 the swagpu authors. MIT license.

// Charts as SVG, drawn by vega-lite. Every chart is one plot with numeric axes in a
// frame of fixed margins, so that charts line up however long their labels are.

import type { TopLevelSpec } from "vega-lite";
import { cleanText, escapeText } from "./markup.ts";
import { FONT, PAGE, type Palette } from "./palette.ts";

/**
 * The style that all charts share, as a configuration of vega-lite.
 *
 * @param palette The colors, such as {@linkcode LIGHT}.
 * @returns The field `config` of a specification.
 *
 * @example A chart in the style of reports
 * ```ts
 * import { chartConfig, drawSpec, LIGHT } from "@swagpu/swagpu/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const svg = await drawSpec({
 *   data: { values: [{ x: 1, y: 2 }, { x: 2, y: 1 }] },
 *   mark: { type: "line", color: LIGHT.first },
 *   encoding: {
 *     x: { field: "x", type: "quantitative" },
 *     y: { field: "y", type: "quantitative" },
 *   },
 *   config: chartConfig(LIGHT),
 * });
 * assertStringIncludes(svg, LIGHT.first);
 * ```
 */
export function chartConfig(palette: Palette): object {
  return {
    aria: false,
    font: FONT,
    view: { stroke: null },
    axis: {
      labelColor: palette.quiet,
      titleColor: palette.ink,
      titleFontWeight: "normal",
      titleFontSize: 12,
      labelFontSize: 11,
      gridColor: palette.grid,
      domainColor: palette.line,
      ticks: false,
      labelPadding: 6,
    },
  };
}

/**
 * Draws a specification of vega-lite.
 *
 * @param spec The specification.
 * @returns A complete SVG document.
 * @throws {Error} If vega-lite cannot compile it.
 *
 * @example A point
 * ```ts
 * import { drawSpec } from "@swagpu/swagpu/report";
 * import { assert } from "@std/assert";
 *
 * const svg = await drawSpec({
 *   data: { values: [{ x: 1 }] },
 *   mark: "point",
 *   encoding: { x: { field: "x", type: "quantitative" } },
 * });
 * assert(svg.startsWith("<svg"));
 * ```
 */
export async function drawSpec(spec: object): Promise<string> {
  // Loading them takes a good part of a second, which only who draws should wait.
  const [{ parse, View }, { compile }] = await Promise.all([
    import("vega"),
    import("vega-lite"),
  ]);
  const view = new View(
    parse(compile(spec as TopLevelSpec).spec),
    { renderer: "none" },
  );
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** An axis: its range, and what is written beside it. */
export interface Axis {
  domain: readonly [number, number];
  /** @default {what vega chooses} */
  ticks?: readonly number[];
  /** About how many ticks vega chooses. @default {5} */
  count?: number;
  /** A number format of d3. @default {",~r"} */
  format?: string;
  title?: string;
  /** Whether the axis is logarithmic. @default {false} */
  log?: boolean;
  /** @default {true} */
  grid?: boolean;
  /** Whether there are labels. @default {true} */
  labels?: boolean;
}

/** Some marks of a chart: a mark for each value, or a line through them. */
export interface Layer {
  /** The values; their fields are named by the channels below. */
  values: readonly object[];
  /** The mark and its look. */
  mark: { type: string; [property: string]: unknown };
  /** The field of a channel, or a fixed number of pixels. */
  x?: string | number;
  x2?: string;
  y?: string | number;
  y2?: string;
  /** The field of opacities in [0, 1]. */
  opacity?: string;
  /** The field of texts. */
  text?: string;
  /** The field that tells lines apart. */
  detail?: string;
}

/** One plot. */
export interface Chart {
  width: number;
  height: number;
  /** The margins: top, right, bottom, left. */
  margins?: readonly [number, number, number, number];
  x: Axis;
  y: Axis;
  layers: readonly Layer[];
}

/** The margins of a chart that does not name its own. */
export const MARGINS = [24, 12, 40, 46] as const;

function axisOf(axis: Axis, place: object): object | null {
  return {
    title: axis.title ?? null,
    grid: axis.grid ?? true,
    labels: axis.labels ?? true,
    // The widths that vega guesses without a screen are too large to go by.
    labelOverlap: false,
    labelFlush: false,
    format: axis.format ?? ",~r",
    ...(axis.ticks ? { values: axis.ticks } : { tickCount: axis.count ?? 5 }),
    ...place,
  };
}

function scaleOf({ domain, log }: Axis): object {
  return { type: log ? "log" : "linear", domain, nice: false, zero: false };
}

function layerSpec(layer: Layer, x: object, y: object): object {
  const position = (field: string | number | undefined, rest: object) =>
    field === undefined
      ? undefined
      : typeof field === "number"
      ? { value: field }
      : { field, type: "quantitative", ...rest };
  const encoding = {
    x: position(layer.x, x),
    x2: layer.x2 && { field: layer.x2 },
    y: position(layer.y, y),
    y2: layer.y2 && { field: layer.y2 },
    opacity: layer.opacity && {
      field: layer.opacity,
      type: "quantitative",
      scale: { domain: [0, 1], range: [0, 1] },
      legend: null,
    },
    text: layer.text && { field: layer.text, type: "nominal" },
    detail: layer.detail && { field: layer.detail, type: "nominal" },
  };
  return { data: { values: layer.values }, mark: layer.mark, encoding };
}

/** The specification of a chart in vega-lite. */
function specOf(chart: Chart): object {
  const [top, right, bottom, left] = chart.margins ?? MARGINS;
  const x = {
    scale: scaleOf(chart.x),
    axis: axisOf(chart.x, {
      titleAnchor: "end",
      titleAlign: "right",
      titleX: chart.width,
      titleY: chart.x.labels === false ? 18 : 34,
      titleBaseline: "alphabetic",
    }),
  };
  const y = {
    scale: scaleOf(chart.y),
    axis: axisOf(chart.y, {
      titleAngle: 0,
      titleAlign: "left",
      titleX: -left,
      titleY: -10,
      titleBaseline: "alphabetic",
    }),
  };
  // Marks without values keep the axes where there is nothing else to draw.
  const ground: Layer = {
    values: [],
    mark: { type: "point" },
    x: "x",
    y: "y",
  };
  return {
    width: chart.width,
    height: chart.height,
    autosize: "none",
    padding: { top, right, bottom, left },
    background: null,
    layer: [ground, ...chart.layers].map((layer) => layerSpec(layer, x, y)),
    config: chartConfig(PAGE),
  };
}

/**
 * Draws a chart in the colors of the page.
 *
 * @param chart What to draw.
 * @param alternative What the chart shows, in words and numbers, for a reader who
 * does not see it.
 * @returns An SVG element for the page.
 */
export async function drawChart(
  chart: Chart,
  alternative: string,
): Promise<string> {
  const svg = cleanText(await drawSpec(specOf(chart)));
  const label = `role="img" aria-label="${escapeText(alternative)}"`;
  return svg.replace(
    /<[^>]*>/g,
    (tag) =>
      tag.startsWith("<svg")
        ? `<svg xmlns="http://www.w3.org/2000/svg" ${label}` +
          tag.slice(tag.indexOf(" width="))
        : tag
          .replace(/ (?:role|class|aria-[a-z]+|pointer-events)="[^"]*"/g, "")
          // Hundredths of a pixel are enough.
          .replace(
            / (?:d|transform)="[^"]*/,
            (path) => path.replace(/(\.\d\d)\d+/g, "$1"),
          ),
  );
}
