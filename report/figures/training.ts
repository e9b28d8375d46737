// Copyright 2026 the swagpu authors. MIT license.

// Figure 7: losses, learning rates and snapshots over the steps of the training, and
// the likelihood over what was swept.

import { type Axis, drawChart, type Layer } from "../chart.ts";
import type { Evaluation } from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed, short } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import type { Curve, Sweep, TrainingResults } from "../run_results.ts";
import { nllBySamples } from "../statistics/sample_uncertainty.ts";
import { absent, brief, type Figure, type Panel } from "./figure.ts";

const TITLE = "Training";
const POINTS = 300;
const WIDTH = 250;
const HEIGHT = 150;
const COLORS = [PAGE.first, PAGE.second];

interface Point {
  x: number;
  y: number;
}

/** The finite points of a curve. */
function pointsOf({ steps, values }: Curve): Point[] {
  return Array.from(steps, (x, i) => ({ x, y: values[i] ?? NaN }))
    .filter(({ y }) => Number.isFinite(y));
}

/** Means over equal groups of points, if there are more than a chart can show. */
function smoothed(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / (POINTS / 4));
  if (points.length <= POINTS / 2) return [...points];
  const result: Point[] = [];
  for (let i = 0; i < points.length; i += size) {
    const group = points.slice(i, i + size);
    const mean = (of: (point: Point) => number) =>
      group.reduce((sum, point) => sum + of(point), 0) / group.length;
    result.push({ x: mean(({ x }) => x), y: mean(({ y }) => y) });
  }
  return result;
}

function thinned(points: readonly Point[]): Point[] {
  const step = Math.max(1, Math.ceil(points.length / POINTS));
  return points.filter((_, i) => i % step === 0 || i === points.length - 1);
}

function rangeOf(values: readonly number[]): [number, number] {
  const [least, most] = values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  const pad = 0.05 * (most - least) || Math.abs(most) * 0.05 || 0.5;
  return [least - pad, most + pad];
}

function text(
  { x, y }: Point,
  name: string,
  look: object,
): Layer {
  return {
    values: [{ x, y, name: brief(name, 14) }],
    mark: { type: "text", fontSize: 11, ...look },
    x: "x",
    y: "y",
    text: "name",
  };
}

/** The layers of a curve: its values, and their means. */
function curveLayers(curve: Curve, color: string): Layer[] {
  const points = pointsOf(curve);
  const isSmoothed = points.length > POINTS / 2;
  return [
    {
      values: thinned(points),
      mark: {
        type: "line",
        color,
        strokeWidth: isSmoothed ? 0.8 : 1.8,
        opacity: isSmoothed ? 0.3 : 1,
      },
      x: "x",
      y: "y",
    },
    {
      values: isSmoothed ? smoothed(points) : [],
      mark: { type: "line", color, strokeWidth: 1.8 },
      x: "x",
      y: "y",
    },
  ];
}

/** The names of curves beside their ends, moved apart where they would overlap. */
function nameLayers(
  curves: readonly Curve[],
  [low, high]: readonly [number, number],
): Layer[] {
  const ends = curves.flatMap((curve, i) => {
    const last = smoothed(pointsOf(curve)).at(-1);
    if (!last) return [];
    const y = HEIGHT * (high - last.y) / (high - low);
    return [{ name: brief(curve.name, 12), y, color: COLORS[i] ?? PAGE.quiet }];
  }).sort((a, b) => b.y - a.y);
  let below = Infinity;
  return ends.map(({ name, y, color }) => {
    below = Math.min(y, below - 13);
    return {
      values: [{ name }],
      mark: {
        type: "text",
        fontSize: 11,
        align: "left",
        baseline: "middle",
        color,
      },
      x: WIDTH + 6,
      y: below,
      text: "name",
    };
  });
}

async function curvesPanel(
  heading: string,
  curves: readonly Curve[],
  { snapshots = [], title }: { snapshots?: ArrayLike<number>; title: string },
): Promise<Panel | null> {
  const points = curves.flatMap(pointsOf);
  if (points.length === 0) return null;
  const at = Array.from(snapshots);
  const xs = [...points.map(({ x }) => x), ...at];
  const [low, high] = rangeOf(points.map(({ y }) => y));
  const positive = points.every(({ y }) => y >= 0);
  const range = [positive ? Math.max(0, low) : low, high] as const;
  const y: Axis = {
    domain: range,
    title,
  };
  const chart = await drawChart(
    {
      width: 250,
      height: 150,
      margins: [24, 84, 40, 54],
      x: {
        domain: [
          xs.reduce((a, b) => Math.min(a, b)),
          xs.reduce((a, b) => Math.max(a, b), 1),
        ],
        title: "steps",
        grid: false,
        format: "~s",
      },
      y,
      layers: [
        {
          values: at.map((x) => ({ x })),
          mark: {
            type: "tick",
            orient: "vertical",
            color: PAGE.ink,
            size: 8,
            thickness: 1,
          },
          x: "x",
          y: HEIGHT - 4,
        },
        ...curves.flatMap((curve, i) =>
          curveLayers(curve, COLORS[i] ?? PAGE.line)
        ),
        ...nameLayers(curves, range),
      ],
    },
    `${heading} over steps: ${
      curves.map((curve) => {
        const own = smoothed(pointsOf(curve));
        return `${curve.name} from ${short(own[0]?.y ?? NaN)} to ${
          short(own.at(-1)?.y ?? NaN)
        }`;
      }).join("; ")
    }.${at.length > 0 ? ` ${at.length} snapshots were taken.` : ""}`,
  );
  return { heading, charts: [chart] };
}

async function sweepPanel(
  { setting, at, nll, chosen }: Sweep,
): Promise<Panel | null> {
  const points = Array.from(at, (x, i) => ({ x, y: nll[i] ?? NaN }))
    .filter(({ y }) => Number.isFinite(y))
    .sort((a, b) => a.x - b.x);
  const best = points.reduce<Point | undefined>(
    (least, point) => !least || point.y < least.y ? point : least,
    undefined,
  );
  if (!best) return null;
  const used = points.filter(({ x }) => x === chosen);
  const chart = await drawChart(
    {
      width: 200,
      height: 130,
      margins: [24, 24, 40, 50],
      x: {
        domain: rangeOf(points.map(({ x }) => x)),
        title: setting,
        grid: false,
      },
      y: { domain: rangeOf(points.map(({ y }) => y)), title: "NLL" },
      layers: [
        {
          values: points,
          mark: { type: "line", color: PAGE.first, strokeWidth: 1.6 },
          x: "x",
          y: "y",
        },
        {
          values: points.length <= 30 ? points : [],
          mark: {
            type: "point",
            filled: true,
            opacity: 1,
            size: 28,
            color: PAGE.first,
          },
          x: "x",
          y: "y",
        },
        {
          values: used,
          mark: {
            type: "point",
            filled: true,
            opacity: 1,
            size: 90,
            color: PAGE.second,
          },
          x: "x",
          y: "y",
        },
        ...used.map((point) =>
          text(point, "used", { dy: -10, color: PAGE.second })
        ),
      ],
    },
    `NLL over ${setting}: ${
      points.map(({ x, y }) => `${fixed(y)} at ${short(x)}`).join(", ")
    }.`,
  );
  return {
    heading: `NLL over ${setting}`,
    notes: [`least ${fixed(best.y)} at ${short(best.x)}`],
    charts: [chart],
  };
}

/** How the likelihood of each method depends on the number of samples. */
function sampleSweeps(evaluation: Evaluation | null): Sweep[] {
  return evaluation?.methods.flatMap(({ method }) => {
    const { sampleProbabilities, probabilities, name } = method;
    if (!sampleProbabilities) return [];
    const points = nllBySamples(
      sampleProbabilities,
      evaluation.results.labels,
      probabilities.length,
    );
    if (points.length < 2) return [];
    return [{
      setting: `samples of ${name}`,
      at: points.map(({ samples }) => samples),
      nll: points.map(({ nll }) => nll),
    }];
  }) ?? [];
}

/** Draws figure 7. */
export async function trainingFigure(
  training: TrainingResults | undefined,
  evaluation: Evaluation | null,
): Promise<Figure> {
  const { losses = [], learningRates = [], snapshots } = training ?? {};
  const sweeps = [...training?.sweeps ?? [], ...sampleSweeps(evaluation)];
  const panels: (Panel | null)[] = [
    await curvesPanel("Loss", losses, {
      title: "loss",
      ...(snapshots ? { snapshots } : {}),
    }),
    await curvesPanel("Learning rate", learningRates, {
      title: "learning rate",
      ...(snapshots ? { snapshots } : {}),
    }),
  ];
  for (const sweep of sweeps) panels.push(await sweepPanel(sweep));
  const drawn = panels.filter((panel) => panel !== null);
  if (drawn.length === 0) {
    return absent(7, TITLE, "No losses and no sweeps were given.");
  }
  return {
    number: 7,
    title: TITLE,
    caption: markup`${
      snapshots && snapshots.length > 0
        ? `The ticks above the axis are the ${snapshots.length} steps at which SWAG collected the weights. `
        : ""
    }Long curves are drawn with the mean over neighboring steps. Sweeps show the negative log-likelihood of the test set, in nats per row.`,
    panels: drawn,
  };
}
