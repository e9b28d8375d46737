// Copyright 2026 the swagpu authors. MIT license.

// How often predictions of a given confidence are right: ticks are the accuracy, and a
// bar leads from each to the mean confidence, which lies on the diagonal.

import { svg } from "../page/dom.ts";
import { fixed } from "../page/numbers.ts";
import type { Reliability } from "../protocol.ts";
import type { FigureContent } from "./figure.ts";
import { frame } from "./frame.ts";

const UNIT = { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1] } as const;
const WIDEST = 340;

/**
 * Draws a reliability diagram.
 *
 * @param title Whose predictions they are.
 * @param reliability The bins; absent before the first pass.
 */
export function reliabilityChart(
  title: string,
  reliability: Reliability | null,
): FigureContent {
  const bins = (reliability?.bins ?? []).filter(({ count }) => count > 0);
  const description = reliability === null
    ? "There are no predictions yet."
    : `The accuracy is ${
      fixed(reliability.accuracy)
    } and the expected calibration ` +
      `error ${fixed(reliability.error, 3)}.`;
  return {
    draw(width) {
      const size = Math.min(width, WIDEST);
      const { root, plot, labels, x, y, edges } = frame({
        width: size,
        height: size,
        title: `Reliability of ${title}`,
        description,
        x: { ...UNIT, title: "confidence" },
        y: { ...UNIT, title: "accuracy" },
      });
      const most = Math.max(1, ...bins.map(({ count }) => count));
      plot.append(
        svg("line", {
          class: "diagonal",
          x1: x(0),
          y1: y(0),
          x2: x(1),
          y2: y(1),
        }),
        ...bins.flatMap(({ lower, upper, accuracy, confidence, count }) => {
          const [left, right] = [x(lower) + 2, x(upper) - 2];
          const [above, below] = [accuracy, confidence].map(y).sort((a, b) =>
            a - b
          );
          return [
            svg("rect", {
              class: confidence > accuracy ? "gap second" : "gap first",
              "fill-opacity": fixed(0.2 + 0.7 * count / most),
              x: left,
              width: Math.max(1, right - left),
              y: above ?? 0,
              height: (below ?? 0) - (above ?? 0),
            }),
            svg("line", {
              class: "mark",
              x1: left,
              x2: right,
              y1: y(accuracy),
              y2: y(accuracy),
            }),
          ];
        }),
      );
      labels.append(
        svg("text", {
          class: "note",
          x: x(0.04),
          y: y(0.9),
        }, "too modest ↑"),
        svg("text", {
          class: "note",
          x: edges.right - 6,
          y: y(0.06),
          "text-anchor": "end",
        }, "↓ too confident"),
      );
      return root;
    },
    table: {
      head: ["confidence", "reviews", "mean", "accuracy"],
      rows: bins.map(({ lower, upper, count, confidence, accuracy }) => [
        `${fixed(lower, 1)} to ${fixed(upper, 1)}`,
        `${count}`,
        fixed(confidence),
        fixed(accuracy),
      ]),
    },
  };
}
