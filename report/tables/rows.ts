// Copyright 2026 the swagpu authors. MIT license.

// Table 3: single rows that are worth reading.

import type { Evaluation } from "../evaluation.ts";
import { isolated, type Markup, markup } from "../markup.ts";
import { fixed } from "../numbers.ts";
import { quoted, renderTable } from "./table.ts";

/** Rows of the test set in an order, and why they are listed. */
interface List {
  id: string;
  title: string;
  note: string;
  rows: readonly number[];
}

/**
 * Rows whose label is probably wrong, by confident learning (Northcutt et al., 2021):
 * another class j has a probability of at least tⱼ, the mean probability of j among
 * rows labelled j. They are in the order of p(label) − max p, the smallest first.
 */
function suspects(
  { primary, results, classes }: Evaluation,
): number[] {
  const { probabilities } = primary.method;
  const { labels } = results;
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  const own = (row: number) =>
    probabilities[row * classes + (labels[row] ?? 0)] ?? NaN;
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] ?? 0;
    sums[label] = (sums[label] ?? 0) + own(row);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  const margin = (row: number) => own(row) - (primary.confidence[row] ?? NaN);
  return Array.from(labels, (_, row) => row).filter((row) => {
    if (primary.errors[row] === 0) return false;
    const guess = primary.predictions[row] ?? 0;
    const threshold = (sums[guess] ?? 0) / (counts[guess] || 1);
    return (primary.confidence[row] ?? 0) >= threshold;
  }).sort((a, b) => margin(a) - margin(b));
}

function listsOf(evaluation: Evaluation): List[] {
  const { primary, results, options: { listed } } = evaluation;
  const all = Array.from(results.labels, (_, row) => row);
  const falling = (values: ArrayLike<number>) => (a: number, b: number) =>
    (values[b] ?? 0) - (values[a] ?? 0);
  const { entropies, confidence, errors } = primary;
  return [
    {
      id: "table-3-uncertain",
      title: "Most uncertain",
      note: "The largest entropies.",
      rows: [...all].sort(falling(entropies)),
    },
    {
      id: "table-3-wrong",
      title: "Most confidently wrong",
      note: "Wrong predictions with the largest probabilities.",
      rows: all.filter((row) => errors[row] === 1).sort(falling(confidence)),
    },
    {
      id: "table-3-suspects",
      title: "Labels that may be wrong",
      note:
        "Another class is at least as probable as it is, on average, in rows with its label (confident learning); the largest margin comes first.",
      rows: suspects(evaluation),
    },
  ].map((list) => ({ ...list, rows: list.rows.slice(0, listed) }));
}

/** Table 3: the most uncertain rows, the worst errors, and suspect labels. */
export function rowTables(evaluation: Evaluation | null): Markup {
  if (!evaluation) {
    return renderTable({
      id: "table-3",
      number: "Table 3",
      title: "Rows worth reading",
      columns: [],
      rows: [],
      empty: "No predicted classes were given.",
    });
  }
  const { primary, results, names } = evaluation;
  const { texts, labels } = results;
  const { predictions, confidence, parts, entropies, method } = primary;
  const lists = listsOf(evaluation).map(({ id, title, note, rows }, i) =>
    renderTable({
      id,
      number: `Table 3${"abc"[i]}`,
      title,
      note: `${note} Predictions of ${method.name}.`,
      columns: [
        { head: "row" },
        ...(texts ? [{ head: "text", kind: "text" as const }] : []),
        { head: "label", kind: "name" },
        { head: "prediction", kind: "name" },
        { head: "confidence" },
        { head: "mutual information" },
        { head: "entropy" },
      ],
      rows: rows.map((row) => [
        String(row),
        ...(texts ? [quoted(texts[row] ?? "")] : []),
        isolated(names[labels[row] ?? 0] ?? ""),
        isolated(names[predictions[row] ?? 0] ?? ""),
        fixed(confidence[row]),
        fixed(parts?.epistemic[row]),
        fixed(entropies[row]),
      ]),
    })
  );
  return markup`<div id="table-3">${lists}</div>`;
}
