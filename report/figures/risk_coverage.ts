// Copyright 2026 the swagpu authors. MIT license.

// Figure 3: how errors fall when the least confident rows are left out.

import { drawChart, type Layer } from "../chart.ts";
import type { Evaluation } from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed, percent } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import {
  byConfidence,
  optimalRiskCoverage,
  type RiskCoverage,
  riskCoverage,
} from "../statistics/selective.ts";
import { type Figure, key, type Panel } from "./figure.ts";

const POINTS = 160;

/** About 160 points of a curve, the last one included, at most at the top. */
function thinned({ coverage, risk }: RiskCoverage, top: number): object[] {
  const step = Math.max(1, coverage.length / POINTS);
  const points = [];
  for (let at = coverage.length; at >= 1; at -= step) {
    const i = Math.round(at) - 1;
    points.unshift({
      x: 100 * (coverage[i] ?? 0),
      y: Math.min(100 * (risk[i] ?? 0), top),
    });
  }
  return points;
}

function line(curve: RiskCoverage, top: number, look: object): Layer {
  return {
    values: thinned(curve, top),
    mark: { type: "line", ...look },
    x: "x",
    y: "y",
  };
}

/** The curve of errors in the order of falling confidence. */
export function selectiveCurve(
  { confidence, errors }: {
    confidence: ArrayLike<number>;
    errors: ArrayLike<number>;
  },
): RiskCoverage {
  return riskCoverage(byConfidence(confidence).map((row) => errors[row] ?? 0));
}

/** Draws figure 3. */
export async function riskCoverageFigure(
  { methods }: Evaluation,
): Promise<Figure> {
  const curves = methods.map(selectiveCurve);
  // The first few rows may all be wrong: they do not set the scale.
  const highest = curves
    .flatMap(({ risk }) => [...risk.subarray(Math.floor(risk.length / 20))])
    .reduce((most, share) => Math.max(most, 100 * share), 1);
  const top = Math.min(1.05 * highest, 100);
  const panels: Panel[] = [];
  for (const [i, { method, errors }] of methods.entries()) {
    const curve = curves[i];
    if (!curve) continue;
    const optimal = optimalRiskCoverage(errors);
    const chart = await drawChart(
      {
        width: 180,
        height: 140,
        x: { domain: [0, 100], title: "coverage, %" },
        y: { domain: [0, top], title: "errors, %" },
        layers: [
          ...curves.filter((other) => other !== curve).map((other) =>
            line(other, top, {
              color: PAGE.line,
              strokeWidth: 0.8,
              opacity: 0.6,
            })
          ),
          line(optimal, top, {
            color: PAGE.ink,
            strokeWidth: 1.2,
            strokeDash: [4, 4],
          }),
          line(curve, top, { color: PAGE.first, strokeWidth: 2 }),
        ],
      },
      `Risk–coverage curve of ${method.name}: ${
        [1, 0.8, 0.6, 0.4, 0.2].map((share) => {
          const at = Math.ceil(share * curve.risk.length) - 1;
          return `${percent(curve.risk[at])} errors at ${
            percent(share, 0)
          } coverage`;
        }).join(", ")
      }.`,
    );
    panels.push({
      heading: method.name,
      notes: [
        `AURC ${fixed(curve.aurc)} (optimal ${fixed(optimal.aurc)})`,
        `Cov@5 %Risk ${percent(curve.coverageAt5)}`,
        `Risk@80 %Cov ${percent(curve.riskAt80)}`,
      ],
      charts: [chart],
    });
  }
  return {
    number: 3,
    title: "Risk and coverage",
    caption: markup`The share of errors among the most confident rows, ${
      key("first")
    } for the method and ${
      key("line")
    } for the others. The dashed curve is optimal: all errors of the method ranked last. Cov@5 %Risk is the largest coverage with at most 5 % of errors, Risk@80 %Cov the share of errors among the most confident 80 %.`,
    panels,
  };
}
