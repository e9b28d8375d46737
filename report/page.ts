// Copyright 2026 the swagpu authors. MIT license.

// The report: one page of HTML that needs nothing else.

import { checkReportOptions, checkResults } from "./check_results.ts";
import { evaluate, type Evaluation } from "./evaluation.ts";
import { comparisonFigure } from "./figures/comparison.ts";
import { conformalFigure } from "./figures/conformal.ts";
import { confusionFigure } from "./figures/confusion.ts";
import { decompositionFigure } from "./figures/decomposition.ts";
import { absent, type Figure, renderFigure } from "./figures/figure.ts";
import { histogramFigure } from "./figures/histograms.ts";
import { regressionFigure, regressionScores } from "./figures/regression.ts";
import { reliabilityFigure } from "./figures/reliability.ts";
import { riskCoverageFigure } from "./figures/risk_coverage.ts";
import { trainingFigure } from "./figures/training.ts";
import { Markup, markup } from "./markup.ts";
import { fixed, percent, short, whole } from "./numbers.ts";
import type { ReportOptions, RunResults } from "./run_results.ts";
import { STYLE } from "./style.ts";
import { numberRowTables } from "./tables/number_rows.ts";
import { provenanceTable } from "./tables/provenance.ts";
import { rowTables } from "./tables/rows.ts";
import { classTable, scoreTables } from "./tables/scores.ts";

/** The figures of predicted classes, with the titles that they have without data. */
const CLASS_FIGURES: readonly {
  number: number;
  title: string;
  draw: (evaluation: Evaluation) => Promise<Figure>;
}[] = [
  { number: 1, title: "Reliability", draw: reliabilityFigure },
  { number: 2, title: "Methods compared", draw: comparisonFigure },
  { number: 3, title: "Risk and coverage", draw: riskCoverageFigure },
  { number: 4, title: "Uncertainty", draw: histogramFigure },
  {
    number: 5,
    title: "Uncertainty of the data and of the model",
    draw: decompositionFigure,
  },
  { number: 6, title: "Conformal sets", draw: conformalFigure },
  {
    number: 9,
    title: "Confusions and classwise calibration",
    draw: confusionFigure,
  },
];

async function drawFigures(
  results: RunResults,
  evaluation: Evaluation | null,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  const reason = results.classification
    ? "There are no rows."
    : "No predicted classes were given.";
  for (const { number, title, draw } of CLASS_FIGURES) {
    figures.push(
      evaluation ? await draw(evaluation) : absent(number, title, reason),
    );
  }
  figures.push(await trainingFigure(results.training, evaluation));
  figures.push(await regressionFigure(results.regression));
  return figures.sort((a, b) => a.number - b.number);
}

/** The result in a sentence or two. */
function leadOf(
  { date, provenance, regression }: RunResults,
  evaluation: Evaluation | null,
): string {
  const parts: string[] = [];
  const data = provenance?.data?.name;
  const numbers = regression && regression.targets.length > 0
    ? regression.methods.at(-1)
    : undefined;
  if (evaluation) {
    const { primary: { method, scores }, results } = evaluation;
    parts.push(
      `On ${whole(results.labels.length)} rows${
        data ? ` of ${data}` : ""
      }, ${method.name} has an accuracy of ${
        fixed(scores.accuracy)
      }, a negative log-likelihood of ${
        fixed(scores.nll)
      } nats and an expected calibration error of ${fixed(scores.ece)}.`,
    );
  } else if (numbers && regression) {
    const { rmse, coverage90 } = regressionScores(regression, numbers);
    parts.push(
      `On ${whole(regression.targets.length)} rows${
        data ? ` of ${data}` : ""
      }, ${numbers.name} has a root mean squared error of ${
        short(rmse)
      }, and its intervals of 90 % hold ${percent(coverage90)} of the values.`,
    );
  } else if (data) {
    parts.push(`Results on ${data}.`);
  }
  if (date !== undefined) parts.push(`Made on ${date}.`);
  return parts.join(" ");
}

const TABLES = [
  ["table-1", "Table 1", "Scores"],
  ["table-2", "Table 2", "Classes"],
  ["table-3", "Table 3", "Rows worth reading"],
  ["table-4", "Table 4", "Provenance"],
] as const;

function contents(figures: readonly Figure[]): Markup {
  const link = (id: string, number: string, title: string) =>
    markup`<li><a href="#${id}"><span class="label">${number}</span>${title}</a></li>\n`;
  return markup`<nav aria-label="Contents"><ul>
${
    figures.map(({ number, title }) =>
      link(`figure-${number}`, `Figure ${number}`, title)
    )
  }${TABLES.map(([id, number, title]) => link(id, number, title))}</ul></nav>`;
}

/**
 * Writes the report of a run: nine figures and four tables on one page of HTML.
 *
 * The page holds all that it needs: charts are SVG, there is no script, and nothing is
 * fetched. It follows the reader's color scheme, can be printed, and every chart has a
 * text with its numbers for readers who cannot see it. What a run has no data for says
 * so. Intervals come from a fixed sequence of draws, so the same results give the same
 * page.
 *
 * @param results The results of the run.
 * @param options Bins, intervals, conformal sets and lists.
 * @returns The page. It is well-formed as XML too.
 * @throws {RangeError} If parts of the results do not fit together, or an option is
 * out of range.
 * @throws {TypeError} If there is an option that is not known.
 *
 * @example Two methods on four rows
 * ```ts
 * import { renderReport } from "@swagpu/swagpu/report";
 * import { assert } from "@std/assert";
 *
 * const html = await renderReport({
 *   title: "Four reviews",
 *   classification: {
 *     classes: ["bad", "good"],
 *     labels: [0, 1, 1, 0],
 *     methods: [
 *       { name: "one model", probabilities: [0.9, 0.1, 0.2, 0.8, 0.9, 0.1, 0.7, 0.3] },
 *       { name: "SWAG", probabilities: [0.8, 0.2, 0.3, 0.7, 0.6, 0.4, 0.6, 0.4] },
 *     ],
 *   },
 * });
 * assert(html.startsWith("<!DOCTYPE html>"));
 * assert(html.includes("Four reviews"));
 * ```
 */
export async function renderReport(
  results: RunResults,
  options: ReportOptions = {},
): Promise<string> {
  const checked = checkReportOptions(options);
  checkResults(results);
  const { classification, regression, scores, title } = results;
  const evaluation = evaluate(classification, checked);
  const figures = await drawFigures(results, evaluation);
  const page = markup`<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="generator" content="swagpu"/>
<meta name="color-scheme" content="light dark"/>
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p>${leadOf(results, evaluation)}</p>
${contents(figures)}
</header>
<main>
<h2>Scores</h2>
${scoreTables(evaluation, { regression, scores })}
<h2>Figures</h2>
${figures.map(renderFigure)}
<h2>Details</h2>
${classTable(evaluation)}
${
    regression && !evaluation
      ? numberRowTables(regression, checked.listed)
      : rowTables(evaluation)
  }
${provenanceTable(results)}
</main>
<footer><p>NLL is the mean negative log-likelihood of the labels in nats, ECE the expected calibration error in ${checked.bins} bins, Brier the squared distance to the label summed over classes; calibrated NLL is the NLL after temperature scaling at T. Written by swagpu.</p></footer>
</body>
</html>
`;
  return `<!DOCTYPE html>\n${page.text}`;
}
