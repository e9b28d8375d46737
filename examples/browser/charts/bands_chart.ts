// Copyright 2026 the swagpu authors. MIT license.

// The predictions of some particles along x: their mean, bands of one and two standard
// deviations, and the mean of each particle.

import { svg } from "../page/dom.ts";
import { fixed } from "../page/numbers.ts";
import type { RegressionPanel } from "../protocol.ts";
import type { FigureContent } from "./figure.ts";
import { type Frame, frame, lineThrough } from "./frame.ts";

const HEIGHT = 270;
const X = { domain: [-0.5, 1], ticks: [-0.5, 0, 0.5, 1], title: "x" } as const;
const Y = { domain: [-2, 2], ticks: [-2, -1, 0, 1, 2], title: "y" } as const;
/** The x of the table. */
const PLACES = [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1];

/**
 * Draws a panel of the regression.
 *
 * @param panel What was predicted.
 * @param points The data.
 */
export function bandsChart(
  panel: RegressionPanel,
  points: readonly (readonly number[])[],
): FigureContent {
  const stdAt = (place: number) => {
    const i = panel.x.findIndex((x) => Math.abs(x - place) < 1e-9);
    return [panel.mean[i] ?? NaN, panel.std[i] ?? NaN] as const;
  };
  const description =
    `The standard deviation of the predictions is ${
      fixed(stdAt(0.25)[1])
    } at ` +
    `x = 0.25, among the points, ${fixed(stdAt(-0.5)[1])} at x = −0.5 and ` +
    `${fixed(stdAt(1)[1])} at x = 1, away from them.`;
  return {
    draw: (width) => draw(width, { panel, points, description }),
    table: {
      head: ["x", "mean", "standard deviation"],
      rows: PLACES.map((place) => [
        fixed(place),
        ...stdAt(place).map((value) => fixed(value, 3)),
      ]),
    },
  };
}

interface Drawn {
  readonly panel: RegressionPanel;
  readonly points: readonly (readonly number[])[];
  readonly description: string;
}

function draw(
  width: number,
  { panel: { x: xs, mean, std, curves, title }, points, description }: Drawn,
): SVGSVGElement {
  const { root, plot, labels, x, y, edges } = frame({
    width,
    height: HEIGHT,
    title: `${title}: mean and bands`,
    description,
    x: X,
    y: Y,
    right: 46,
  });
  const along = (factor: number) =>
    xs.map((at, i) =>
      [x(at), y((mean[i] ?? NaN) + factor * (std[i] ?? NaN))] as const
    );
  const band = (factor: number) =>
    svg("path", {
      class: "band first",
      d: `${lineThrough([...along(factor), ...along(-factor).toReversed()])}Z`,
    });
  plot.append(
    band(2),
    band(1),
    ...(curves.length > 1 ? curves : []).map((own) =>
      svg("path", {
        class: "curve first",
        // The more there are, the fainter is each.
        "stroke-opacity": fixed(0.7 / Math.sqrt(curves.length)),
        d: lineThrough(xs.map((at, i) => [x(at), y(own[i] ?? NaN)])),
      })
    ),
    svg("path", { class: "line first", d: lineThrough(along(0)) }),
    ...points.map(([px = 0, py = 0]) =>
      svg("circle", { class: "point", cx: x(px), cy: y(py), r: 1.6 })
    ),
  );
  labels.append(
    svg("text", {
      class: "note",
      x: (x(0) + x(0.5)) / 2,
      y: edges.top + 12,
      "text-anchor": "middle",
    }, "the points"),
    ...endLabels(
      [[0, "mean"], [1, "+1 SD"], [2, "+2 SD"]].map(([factor, text]) => {
        const [, last = NaN] = along(Number(factor)).at(-1) ?? [];
        return [last, `${text}`] as const;
      }),
      edges,
    ),
    ...[0, 0.5].map((at) =>
      svg("line", {
        class: "rule",
        x1: x(at),
        x2: x(at),
        y1: edges.top,
        y2: edges.bottom,
      })
    ),
  );
  return root;
}

/** The least distance of two labels. */
const APART = 13;

/** Names lines where they end, if they end in the plot and far enough apart. */
function endLabels(
  ends: readonly (readonly [y: number, text: string])[],
  { right, top, bottom }: Frame["edges"],
): SVGTextElement[] {
  const labels: SVGTextElement[] = [];
  let before = Infinity;
  for (const [y, text] of ends) {
    if (y < top || y > bottom || Math.abs(y - before) < APART) continue;
    before = y;
    labels.push(svg("text", { class: "note", x: right + 6, y: y + 4 }, text));
  }
  return labels;
}
