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

function lettersOf(name: string): string[] {
  return [...graphemes.segment(name)].map(({ segment }) => segment);
}

/** A name that is short enough for a chart; tables have the whole name. */
export function brief(name: string, length = 16): string {
  const letters = lettersOf(name);
  return letters.length <= length
    ? name
    : `${letters.slice(0, length - 1).join("").trimEnd()}…`;
}

/**
 * Names that are short enough for a chart. Those that begin alike keep their ends, by
 * which they differ.
 */
export function briefNames(names: readonly string[], length = 16): string[] {
  const short = names.map((name) => brief(name, length));
  return names.map((name, i) => {
    const own = short[i] ?? "";
    if (!names.some((other, j) => other !== name && short[j] === own)) {
      return own;
    }
    const letters = lettersOf(name);
    const end = Math.max(1, Math.floor((length - 1) / 2));
    return `${letters.slice(0, length - 1 - end).join("").trimEnd()}…${
      letters.slice(-end).join("").trimStart()
    }`;
  });
}

// Letters that are as wide as they are high.
const WIDE =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}/u;

/** The left margin that the longest of some names needs, in pixels. */
export function labelMargin(names: readonly string[]): number {
  const widths = names.map((name) =>
    lettersOf(name).reduce((sum, one) => sum + (WIDE.test(one) ? 11.5 : 6.8), 0)
  );
  return Math.ceil(Math.max(...widths, 6.8)) + 16;
}

/** Short names in the left margin, each at the height of its row. */
export function rowLabels(names: readonly string[]): Layer {
  return {
    values: names.map((name, y) => ({ y, name })),
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
