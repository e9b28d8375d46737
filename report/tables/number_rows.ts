// Copyright 2026 the swagpu authors. MIT license.

// Table 3 of predicted numbers: single rows that are worth reading.

import { type Markup, markup } from "../markup.ts";
import { short } from "../numbers.ts";
import type { RegressionMethod, RegressionResults } from "../run_results.ts";
import { quoted, renderTable } from "./table.ts";

/** Rows of the test set in an order, and why they are listed. */
interface List {
  id: string;
  title: string;
  note: string;
  rows: readonly number[];
}

function listsOf(
  targets: ArrayLike<number>,
  { mean, deviation }: RegressionMethod,
  listed: number,
): List[] {
  const all = Array.from(targets, (_, row) => row);
  const first = (score: (row: number) => number) =>
    [...all].sort((a, b) => score(b) - score(a)).slice(0, listed);
  const deviationOf = (row: number) => deviation[row] ?? 0;
  // Without spread, all rows are equally uncertain, or those of each half are.
  const isSpread = new Set(all.map(deviationOf)).size > 2;
  return [
    ...isSpread
      ? [{
        id: "table-3-uncertain",
        title: "Most uncertain",
        note: "The largest standard deviations.",
        rows: first(deviationOf),
      }]
      : [],
    {
      id: "table-3-wrong",
      title: "Largest errors",
      note: "The largest distances of the prediction from the truth.",
      rows: first((row) => Math.abs((targets[row] ?? 0) - (mean[row] ?? 0))),
    },
  ];
}

/** Table 3: the most uncertain rows and the largest errors of predicted numbers. */
export function numberRowTables(
  { targets, methods, texts }: RegressionResults,
  listed: number,
): Markup {
  const method = methods.at(-1);
  if (!method || targets.length === 0) {
    return renderTable({
      id: "table-3",
      number: "Table 3",
      title: "Rows worth reading",
      columns: [],
      rows: [],
      empty: "There are no rows.",
    });
  }
  const lists = listsOf(targets, method, listed);
  const tables = lists.map(({ id, title, note, rows }, i) =>
    renderTable({
      id,
      number: lists.length > 1 ? `Table 3${"ab"[i]}` : "Table 3",
      title,
      note: `${note} Predictions of ${method.name}.`,
      columns: [
        { head: "row" },
        ...(texts ? [{ head: "text", kind: "text" as const }] : []),
        { head: "truth" },
        { head: "prediction" },
        { head: "standard deviation" },
      ],
      rows: rows.map((row) => [
        String(row),
        ...(texts ? [quoted(texts[row] ?? "")] : []),
        short(targets[row] ?? NaN),
        short(method.mean[row] ?? NaN),
        short(method.deviation[row] ?? NaN),
      ]),
    })
  );
  return markup`<div id="table-3">${tables}</div>`;
}
