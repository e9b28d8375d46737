// Copyright 2026 the swagpu authors. MIT license.

// The ground of a chart: its axes, in the look of the project's reports. The title of
// the vertical axis stands above it, and that of the horizontal one at its end.

import { type Child, svg } from "../page/dom.ts";

/** An axis. */
export interface Axis {
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
  readonly title: string;
  /** How a tick is written. @default {as short as can be} */
  readonly format?: (value: number) => string;
}

/** What a chart shows, in words. */
export interface ChartWords {
  /** A few words. */
  readonly title: string;
  /** A sentence or two with the most important numbers. */
  readonly description: string;
}

/** Options of {@linkcode frame}. */
export interface FrameOptions extends ChartWords {
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
  /** The room at the right, for labels. @default {12} */
  readonly right?: number;
}

/** The ground of a chart, to draw on. */
export interface Frame {
  readonly root: SVGSVGElement;
  /** What is drawn here is cut at the axes. */
  readonly plot: SVGGElement;
  /** What is drawn here is not. */
  readonly labels: SVGGElement;
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  /** The edges of the plot. */
  readonly edges: {
    readonly left: number;
    readonly right: number;
    readonly top: number;
    readonly bottom: number;
  };
}

const TOP = 28;
const BOTTOM = 42;
const LEFT = 42;

let count = 0;

/** A name that no other element of the page has. */
export function freshId(prefix: string): string {
  return `${prefix}-${++count}`;
}

/**
 * Makes an SVG element that screen readers read as one image.
 *
 * @param size Its width and height.
 * @param words What it shows.
 * @param children What is drawn.
 */
export function image(
  { width, height }: { readonly width: number; readonly height: number },
  { title, description }: ChartWords,
  ...children: Child[]
): SVGSVGElement {
  const [titleId, descriptionId] = [freshId("title"), freshId("description")];
  return svg(
    "svg",
    {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-labelledby": titleId,
      "aria-describedby": descriptionId,
    },
    svg("title", { id: titleId }, title),
    svg("desc", { id: descriptionId }, description),
    ...children,
  );
}

/**
 * Draws the axes of a chart.
 *
 * @param options Sizes, axes, and what the chart shows.
 * @returns What else is drawn goes in here.
 */
export function frame(options: FrameOptions): Frame {
  const { width, height, x: xAxis, y: yAxis } = options;
  const edges = {
    left: LEFT,
    right: width - (options.right ?? 12),
    top: TOP,
    bottom: height - BOTTOM,
  };
  const x = scale(xAxis.domain, [edges.left, edges.right]);
  const y = scale(yAxis.domain, [edges.bottom, edges.top]);
  const clip = freshId("clip");
  const plot = svg("g", { "clip-path": `url(#${clip})` });
  const labels = svg("g");
  const root = image(
    options,
    options,
    svg(
      "clipPath",
      { id: clip },
      svg("rect", {
        x: edges.left,
        y: edges.top,
        width: Math.max(0, edges.right - edges.left),
        height: Math.max(0, edges.bottom - edges.top),
      }),
    ),
    ...yAxis.ticks.map((tick) => horizontal(y(tick), edges, "grid")),
    ...yAxis.ticks.map((tick) =>
      svg("text", {
        class: "tick",
        x: edges.left - 8,
        y: y(tick) + 4,
        "text-anchor": "end",
      }, written(yAxis, tick))
    ),
    horizontal(edges.bottom, edges, "axis"),
    ...xAxis.ticks.map((tick) =>
      svg("text", {
        class: "tick",
        x: x(tick),
        y: edges.bottom + 18,
        "text-anchor": "middle",
      }, written(xAxis, tick))
    ),
    svg("text", { class: "name", x: 0, y: 12 }, yAxis.title),
    svg("text", {
      class: "name",
      x: edges.right,
      y: edges.bottom + 36,
      "text-anchor": "end",
    }, xAxis.title),
    plot,
    labels,
  );
  return { root, plot, labels, x, y, edges };
}

function written({ format }: Axis, tick: number): string {
  return format ? format(tick) : `${tick}`.replace("-", "−");
}

function horizontal(
  y: number,
  { left, right }: Frame["edges"],
  className: string,
): SVGLineElement {
  return svg("line", { class: className, x1: left, x2: right, y1: y, y2: y });
}

/** Maps a range of numbers to a range of pixels. */
export function scale(
  [from, to]: readonly [number, number],
  [first, last]: readonly [number, number],
): (value: number) => number {
  const span = to - from || 1;
  return (value) =>
    Math.round((first + (value - from) / span * (last - first)) * 100) / 100;
}

/**
 * Chooses round ticks.
 *
 * @param domain The ends of the axis.
 * @param most About how many ticks there may be.
 */
export function ticksOf(
  [from, to]: readonly [number, number],
  most: number,
): number[] {
  const rough = (to - from) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power)
    .find((step) => step >= rough * 0.999) ?? rough;
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from(
    { length: last - first + 1 },
    (_, i) => Number(((first + i) * step).toPrecision(12)),
  );
}

/** The `d` of a path through points. */
export function lineThrough(
  points: readonly (readonly [x: number, y: number])[],
): string {
  return points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x} ${y}`).join("");
}
