// Copyright 2026 the swagpu authors. MIT license.

// The loss of a run as it goes: each step's, and a smooth line through them.

import { svg } from "../page/dom.ts";
import { fixed, whole } from "../page/numbers.ts";
import type { TrainingProgress } from "../protocol.ts";
import type { FigureContent } from "./figure.ts";
import { frame, lineThrough, ticksOf } from "./frame.ts";

const HEIGHT = 280;
/** Rows of the table. */
const ROWS = 24;

type Point = readonly [step: number, loss: number];

/** An average that follows the losses. */
function smooth(losses: readonly Point[], reach: number): Point[] {
  let mean = losses[0]?.[1] ?? 0;
  let weight = 1;
  return losses.map(([step, loss]) => {
    mean += (loss - mean) / weight;
    weight = Math.min(weight + 1, reach);
    return [step, mean];
  });
}

/** Draws the loss. */
export function lossChart(progress: TrainingProgress): FigureContent {
  const { losses, steps, epochs } = progress;
  const line = smooth(losses, Math.max(4, Math.round(steps / epochs)));
  const [, last = NaN] = line.at(-1) ?? [];
  const description = losses.length === 0
    ? "No step has been made yet."
    : `After ${whole(losses.length)} of ${whole(steps)} steps the loss is ` +
      `${
        fixed(last)
      }. Weights were collected ${progress.collected.length} times.`;
  const every = Math.max(1, Math.ceil(line.length / ROWS));
  return {
    draw: (width) => draw(width, progress, line, description),
    table: {
      head: ["step", "loss", "smooth"],
      rows: line
        .map(([step, mean], i) => [
          whole(step),
          fixed(losses[i]?.[1] ?? NaN, 3),
          fixed(mean, 3),
        ])
        .filter((_, i) => i % every === 0 || i === line.length - 1),
    },
  };
}

function draw(
  width: number,
  { losses, steps, collected, turn }: TrainingProgress,
  line: readonly Point[],
  description: string,
): SVGSVGElement {
  const values = losses.map(([, loss]) => loss);
  const least = values.length === 0 ? 0.8 : Math.min(...values);
  const domain = [
    Math.max(0, Math.floor(least * 5 - 0.25) / 5),
    Math.max(1.2, Math.ceil(Math.max(0, ...values) * 5) / 5),
  ] as const;
  const { root, plot, labels, x, y, edges } = frame({
    width,
    height: HEIGHT,
    title: "Loss at each step",
    description,
    x: {
      domain: [0, steps],
      ticks: ticksOf([0, steps], Math.max(2, Math.floor(width / 75))),
      title: "step",
    },
    y: { domain, ticks: ticksOf(domain, 5), title: "loss (nats)" },
    right: 46,
  });
  plot.append(
    svg("path", {
      class: "faint first",
      d: lineThrough(losses.map(([step, loss]) => [x(step), y(loss)])),
    }),
    svg("path", {
      class: "line first",
      d: lineThrough(line.map(([step, loss]) => [x(step), y(loss)])),
    }),
    ...collected.map((step) =>
      svg("line", {
        class: "mark",
        x1: x(step),
        x2: x(step),
        y1: edges.bottom,
        y2: edges.bottom - 9,
      })
    ),
  );
  labels.append(
    svg("line", {
      class: "rule",
      x1: x(turn),
      x2: x(turn),
      y1: edges.top - 4,
      y2: edges.bottom,
    }),
    svg("text", { class: "note", x: x(turn) + 6, y: edges.top + 6 }, "SGD"),
    svg("text", {
      class: "note",
      x: x(turn) - 6,
      y: edges.top + 6,
      "text-anchor": "end",
    }, "AdamW"),
  );
  const [step, loss] = line.at(-1) ?? [];
  if (step !== undefined && loss !== undefined) {
    labels.append(
      svg("circle", { class: "dot first", cx: x(step), cy: y(loss), r: 3.5 }),
      svg("text", {
        class: "value first",
        x: x(step) + 8,
        y: y(loss) + 4,
      }, fixed(loss)),
    );
  }
  const [firstCollected] = collected;
  if (firstCollected !== undefined) {
    labels.append(
      svg(
        "text",
        { class: "note", x: x(firstCollected), y: edges.bottom - 14 },
        "weights collected",
      ),
    );
  }
  return root;
}
