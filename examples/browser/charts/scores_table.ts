// Copyright 2026 the swagpu authors. MIT license.

// The table at the end of a run, which is that of the quickstart.

import { ORACLE, type Scores } from "../../quickstart/table.ts";
import { html } from "../page/dom.ts";
import { fixed, whole } from "../page/numbers.ts";
import { table } from "./table.ts";

type Column = readonly [
  head: string,
  key: Exclude<keyof Scores, "method">,
  digits: number,
];

const COLUMNS: readonly Column[] = [
  ["accuracy ↑", "accuracy", 3],
  ["NLL ↓", "nll", 3],
  ["ECE ↓", "ece", 3],
  ["Brier ↓", "brier", 3],
  ["CE to truth ↓", "crossEntropy", 3],
  ["scaled NLL ↓", "scaledNll", 3],
  ["scaled ECE ↓", "scaledEce", 3],
  ["at T", "temperature", 2],
];

/**
 * Makes the table.
 *
 * @param scores A row for each method.
 * @param reviews The number of reviews that they were measured on.
 */
export function scoresTable(
  scores: readonly Scores[],
  reviews: number,
): HTMLElement {
  const made = table({
    caption: `${whole(reviews)} test reviews`,
    head: ["method", ...COLUMNS.map(([head]) => head)],
    rows: scores.map((row) => [
      row.method,
      ...COLUMNS.map(([, key, digits]) => {
        const value = row[key];
        return value === undefined ? "–" : fixed(value, digits);
      }),
    ]),
  });
  const oracle = scores.findIndex(({ method }) => method === ORACLE);
  made.tBodies[0]?.rows[oracle]?.classList.add("oracle");
  return html(
    "div",
    {},
    html(
      "div",
      {
        class: "scroll",
        tabindex: 0,
        role: "region",
        "aria-label": "Results",
      },
      made,
    ),
    html(
      "p",
      { class: "status" },
      "NLL is the negative log-likelihood, ECE the expected calibration error, CE " +
        "to truth the cross-entropy with the distribution that labels were drawn " +
        "from; scaled is after temperature scaling, fitted on one half and " +
        "measured on the other. ↑ higher is better, ↓ lower is.",
    ),
  );
}
