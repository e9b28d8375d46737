// Copyright 2026 the swagpu authors. MIT license.

// The probabilities of each class: a dot for each sample of the weights, their mean with
// one standard deviation to each side, and what the plain model says.

import { svg } from "../page/dom.ts";
import { fixed } from "../page/numbers.ts";
import type { TextAnswer } from "../protocol.ts";
import type { FigureContent } from "./figure.ts";
import { numberCell } from "./table.ts";
import { type ChartWords, image, scale } from "./frame.ts";

const ROW = 74;
const KEY = 30;
const AXIS = 42;
/** The height over which dots are spread, so that they do not hide each other. */
const SPREAD = 22;
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The most classes that are drawn; the table has all. */
const DRAWN = 8;

/** The classes that are drawn: all, or of many the most probable ones. */
function drawn({ mean }: TextAnswer): number[] {
  const all = [...mean.keys()];
  return all.length <= DRAWN ? all : all
    .sort((a, b) => (mean[b] ?? 0) - (mean[a] ?? 0)).slice(0, DRAWN);
}

/** Draws the classes of a text. */
export function spreadChart(answer: TextAnswer): FigureContent {
  const { labels, mean, std, plain, samples } = answer;
  const classes = drawn(answer);
  const isSampled = samples.length > 1;
  const said = classes.map((k) =>
    `${labels[k]} ${fixed(mean[k] ?? NaN)}` +
    (isSampled ? ` ± ${fixed(std[k] ?? NaN)}` : "")
  );
  const words = {
    title: "Probability of each class",
    description: `${said.join("; ")}.`,
  };
  return {
    draw: (width) => draw(width, answer, { classes, words }),
    table: {
      head: ["class", "mean", "SD", "lowest", "highest", "plain model"],
      rows: labels.map((label, k) => {
        const own = samples.map((p) => p[k] ?? NaN);
        const numbers = [
          mean[k] ?? NaN,
          std[k] ?? NaN,
          Math.min(...own),
          Math.max(...own),
          plain[k] ?? NaN,
        ];
        return [label, ...numbers.map((value) => numberCell(value, 3))];
      }),
    },
  };
}

function draw(
  width: number,
  { labels, samples, mean, std, plain }: TextAnswer,
  { classes, words }: { classes: readonly number[]; words: ChartWords },
): SVGSVGElement {
  const height = KEY + classes.length * ROW + AXIS;
  const x = scale([0, 1], [0, width]);
  const bottom = height - AXIS;
  const isSampled = samples.length > 1;
  const rows = classes.map((k, i) => {
    const top = KEY + i * ROW;
    const middle = top + 44;
    const [m, s] = [mean[k] ?? NaN, std[k] ?? NaN];
    const p = plain[k] ?? NaN;
    return svg(
      "g",
      {},
      svg("text", { class: "class", x: 0, y: top + 18 }, labels[k] ?? ""),
      svg("text", {
        class: "value",
        x: width,
        y: top + 18,
        "text-anchor": "end",
      }, fixed(m) + (isSampled ? ` ± ${fixed(s)}` : "")),
      svg("line", {
        class: "grid",
        x1: x(0),
        x2: x(1),
        y1: middle,
        y2: middle,
      }),
      ...(isSampled ? samples : []).map((own, i) =>
        svg("circle", {
          class: "sample first",
          cx: x(own[k] ?? NaN),
          cy: middle + SPREAD * ((i * GOLDEN) % 1 - 0.5),
          r: 3.5,
        })
      ),
      isSampled
        ? svg("line", {
          class: "whisker",
          x1: x(Math.max(0, m - s)),
          x2: x(Math.min(1, m + s)),
          y1: middle,
          y2: middle,
        })
        : null,
      isSampled ? meanMark(x(m), middle) : null,
      plainMark(x(p), middle),
    );
  });
  return image(
    { width, height },
    words,
    ...TICKS.map((tick) =>
      svg("line", {
        class: "grid",
        x1: x(tick),
        x2: x(tick),
        y1: KEY + 26,
        y2: bottom,
      })
    ),
    key(isSampled),
    ...rows,
    svg("line", { class: "axis", x1: x(0), x2: x(1), y1: bottom, y2: bottom }),
    ...TICKS.map((tick) =>
      svg("text", {
        class: "tick",
        x: x(tick),
        y: bottom + 18,
        "text-anchor": tick === 0 ? "start" : tick === 1 ? "end" : "middle",
      }, `${tick}`)
    ),
    svg("text", {
      class: "name",
      x: x(1),
      y: bottom + 36,
      "text-anchor": "end",
    }, "probability"),
  );
}

function meanMark(x: number, y: number): SVGLineElement {
  return svg("line", { class: "mean", x1: x, x2: x, y1: y - 15, y2: y + 15 });
}

function plainMark(x: number, y: number): SVGPathElement {
  return svg("path", {
    class: "plain second",
    d: `M${x} ${y - 7}l7 7l-7 7l-7 -7Z`,
  });
}

/** What the marks mean, beside each of them. */
function key(isSampled: boolean): SVGGElement {
  const text = (x: number, words: string) =>
    svg("text", { class: "note", x, y: 16 }, words);
  return isSampled
    ? svg(
      "g",
      {},
      svg("circle", { class: "sample first", cx: 4, cy: 12, r: 3.5 }),
      text(14, "a sample"),
      svg("line", { class: "mean", x1: 90, x2: 90, y1: 3, y2: 21 }),
      svg("line", { class: "whisker", x1: 81, x2: 99, y1: 12, y2: 12 }),
      text(106, "mean ± SD"),
      plainMark(192, 12),
      text(205, "plain model"),
    )
    : svg("g", {}, plainMark(8, 12), text(21, "plain model"));
}
