// Copyright 2026 the swagpu authors. MIT license.

// What figures are made of: panels of charts under a heading, and a caption.

import type { Layer } from "../chart.ts";
import { isolated, Markup, markup } from "../markup.ts";
import { PAGE } from "../palette.ts";

/** Charts of the same thing, one above the other. */
export interface Panel {
  /** What it shows, such as the name of a method. */
  heading: string;
  /** The numbers that belong to it, each on a line. */
  notes?: readonly string[];
  /** The charts, as SVG. */
  charts: readonly string[];
}

/** A figure; without panels, its caption says why it has none. */
export interface Figure {
  number: number;
  title: string;
  caption: Markup;
  panels: readonly Panel[];
}

/** A colored key for a caption. */
export function key(color: "first" | "second" | "line" | "ink"): Markup {
  return new Markup(`<span class="key ${color}" aria-hidden="true"></span>`);
}

/** A figure that cannot be drawn, and the reason. */
export function absent(
  number: number,
  title: string,
  reason: string,
): Figure {
  return { number, title, caption: markup`${reason}`, panels: [] };
}

/** The figure as an element of the page. */
export function renderFigure(
  { number, title, caption, panels }: Figure,
): Markup {
  const id = `figure-${number}`;
  return markup`<figure id="${id}" aria-labelledby="${id}-title">
<figcaption><h3 id="${id}-title"><span class="label">Figure ${number}</span> ${title}</h3><p>${caption}</p></figcaption>
${
    panels.length > 0
      ? markup`<div class="panels">${panels.map(renderPanel)}</div>\n`
      : null
  }</figure>
`;
}

function renderPanel({ heading, notes = [], charts }: Panel): Markup {
  // A long heading or note is broken at the width of the widest chart.
  const width = Math.max(
    0,
    ...charts.map((chart) => Number(/ width="(\d+)"/.exec(chart)?.[1] ?? 0)),
  );
  return markup`<div class="panel" style="width:${width}px"><h4>${
    isolated(heading)
  }</h4>${notes.map((note) => markup`<p class="note">${note}</p>`)}${
    charts.map((chart) => new Markup(chart))
  }</div>
`;
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** A name that is short enough for a chart; tables have the whole name. */
export function brief(name: string, length = 16): string {
  const letters = [...graphemes.segment(name)].map(({ segment }) => segment);
  return letters.length <= length
    ? name
    : `${letters.slice(0, length - 1).join("").trimEnd()}…`;
}

/** The left margin that the longest of some names needs. */
export function labelMargin(names: readonly string[], most = 106): number {
  const longest = Math.max(
    ...names.map((name) => [...graphemes.segment(name)].length),
    1,
  );
  return Math.min(Math.ceil(6.8 * longest) + 16, most);
}

/** Lines of text in the left margin, each at the height of its row. */
export function rowLabels(
  names: readonly string[],
  length?: number,
): Layer {
  return {
    values: names.map((name, y) => ({ y, name: brief(name, length) })),
    mark: {
      type: "text",
      align: "right",
      baseline: "middle",
      fontSize: 11,
      color: PAGE.ink,
    },
    x: -8,
    y: "y",
    text: "name",
  };
}

/** The largest number of classes that a chart lists. */
export const LISTED_CLASSES = 20;
