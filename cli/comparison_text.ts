// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes a comparison of runs as text: a table of their scores, and one for each pair.
 *
 * @module
 */

import type { Comparison, Interval } from "./comparison.ts";
import { count, counted } from "../data/names.ts";
import { HEADS, renderCells } from "./scores.ts";
import { f1Head } from "./tasks/text_scores.ts";

/** Writes a comparison as tables. */
export function renderComparison(comparison: Comparison): string {
  const { rows, resamples, confidenceLevel, runs, pairs } = comparison;
  const nameOf = shortNames(runs.map(({ run }) => run));
  const heads = Object.keys(runs[0]?.scores ?? {});
  const headOf = (name: string) =>
    name === "f1" ? f1Head(comparison.f1Class) : HEADS[name] ?? name;
  const level = `${Math.round(100 * confidenceLevel)} % intervals`;
  const scores = renderCells([
    ["", ...heads.map(headOf)],
    ...runs.map(({ run, scores }) => [
      nameOf(run),
      ...heads.map((name) => {
        const score = scores[name];
        return score ? `${score.value.toFixed(4)} ${rangeOf(score)}` : "";
      }),
    ]),
  ]);
  const differences = pairs.map(({ a, b, differences, mcnemar }) => {
    const names = `${nameOf(a)} - ${nameOf(b)}`;
    const table = renderCells([
      [names, "difference", "interval", "p"],
      ...Object.entries(differences).map(([name, difference]) => [
        `  ${headOf(name)}`,
        signed(difference.value),
        rangeOf(difference),
        probability(difference.pValue),
      ]),
    ]);
    const test = mcnemar &&
      `  McNemar: ${counted(mcnemar.onlyA, "row")} right only in ${
          nameOf(a)
        }, ` +
        `${count(mcnemar.onlyB)} only in ${nameOf(b)}, p ${
          probability(mcnemar.pValue).replace(/^(?=\d)/, "= ")
        }\n`;
    return table + (test ?? "");
  });
  return [
    `${counted(rows, "row")}, ${level} from ${
      counted(resamples, "resample")
    }\n`,
    scores,
    ...differences,
  ].join("\n");
}

function rangeOf({ low, high }: Interval): string {
  return `[${low.toFixed(4)}, ${high.toFixed(4)}]`;
}

/** A p-value. One that would be written as 0 is not 0. */
function probability(p: number): string {
  return p < 0.00005 ? "< 0.0001" : p.toFixed(4);
}

function signed(value: number): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
}

/** The last part of each path, or the whole path where two have the same last part. */
function shortNames(paths: readonly string[]): (path: string) => string {
  const last = (path: string) => path.replace(/\/+$/, "").split("/").at(-1);
  return (path) => {
    const short = last(path);
    const isUnique = paths.filter((own) => last(own) === short).length === 1;
    return isUnique && short !== undefined ? short : path;
  };
}
