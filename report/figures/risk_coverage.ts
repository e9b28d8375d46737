// Copyright 2026 the swagpu authors. MIT license.

// Figure 3: how errors fall when the least confident rows are left out.

import {
  areaUnderRiskCoverage,
  coverageAtRisk,
  riskAtCoverage,
  type RiskCoverageCurve,
  riskCoverageCurve,
} from "../../nn/metrics/mod.ts";
import { drawChart, type Layer } from "../chart.ts";
import type { Evaluated, Evaluation } from "../evaluation.ts";
import { markup } from "../markup.ts";
import { fixed, percent } from "../numbers.ts";
import { PAGE } from "../palette.ts";
import { type Figure, key, type Panel } from "./figure.ts";

const POINTS = 160;

/** About 160 points of a curve, the last one included, at most at the top. */
function thinned(
  { coverage, risk }: RiskCoverageCurve,
  top: number,
): object[] {
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

function line(curve: RiskCoverageCurve, top: number, look: object): Layer {
  return {
    values: thinned(curve, top),
    mark: { type: "line", ...look },
    x: "x",
    y: "y",
  };
}

/** The curve if every error were less certain than whatever is right. */
function optimalCurve(errors: Uint8Array): RiskCoverageCurve {
  return riskCoverageCurve(errors.map((error) => 1 - error), errors);
}

/** The numbers under a curve. */
export function riskNotes(
  { confidence, errors }: Pick<Evaluated, "confidence" | "errors">,
): string[] {
  const curve = riskCoverageCurve(confidence, errors);
  const optimal = areaUnderRiskCoverage(optimalCurve(errors));
  return [
    `AURC ${fixed(areaUnderRiskCoverage(curve))} (optimal ${fixed(optimal)})`,
    `Cov@5 %Risk ${percent(coverageAtRisk(curve, 0.05))}`,
    `Risk@80 %Cov ${percent(riskAtCoverage(curve, 0.8))}`,
  ];
}

/** Draws figure 3. */
export async function riskCoverageFigure(
  { methods }: Evaluation,
): Promise<Figure> {
  const curves = methods.map(({ confidence, errors }) =>
    riskCoverageCurve(confidence, errors)
  );
  // The first few rows may all be wrong: they do not set the scale.
  const highest = curves
    .flatMap(({ risk }) => [...risk.subarray(Math.floor(risk.length / 20))])
    .reduce((most, share) => Math.max(most, 100 * share), 1);
  const top = Math.min(1.05 * highest, 100);
  const panels: Panel[] = [];
  for (const [i, evaluated] of methods.entries()) {
    const curve = curves[i];
    if (!curve) continue;
    const { method, errors } = evaluated;
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
          line(optimalCurve(errors), top, {
            color: PAGE.ink,
            strokeWidth: 1.2,
            strokeDash: [4, 4],
          }),
          line(curve, top, { color: PAGE.first, strokeWidth: 2 }),
        ],
      },
      `Risk–coverage curve of ${method.name}: ${
        [1, 0.8, 0.6, 0.4, 0.2].map((share) =>
          `${percent(riskAtCoverage(curve, share))} errors at ${
            percent(share, 0)
          } coverage`
        ).join(", ")
      }.`,
    );
    panels.push({
      heading: method.name,
      notes: riskNotes(evaluated),
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
