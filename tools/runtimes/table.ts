// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes the figures of several runtimes as a table.
 *
 * @module
 */

import type { Figures } from "./program.ts";
import { expectedWords } from "./words.ts";

/** What a runtime has computed. */
export interface Row {
  /** The runtime and its version. */
  runtime: string;
  /** What compiles its WGSL. */
  compiler: string;
  /** What it has computed. */
  figures: Figures;
}

const HEAD = [
  "runtime",
  "compiler",
  "adapter",
  "goldens",
  "random words",
  "loss of step 10",
  "size of a SWAG draw",
  "off at most",
  "seconds",
];

/** The root of the mean square of numbers. */
function sizeOf(values: readonly number[]): number {
  const sum = values.reduce((sum, x) => sum + x * x, 0);
  return Math.sqrt(sum / values.length);
}

/** How many random words are not what they must be. */
function wrongWords({ words }: Figures): number {
  const expected = expectedWords();
  return expected.filter((word, i) => word !== words[i]).length;
}

/** The largest difference between two lists of numbers. */
function distance(a: readonly number[], b: readonly number[]): number {
  return a.reduce(
    (most, x, i) => Math.max(most, Math.abs(x - (b[i] ?? NaN))),
    0,
  );
}

function cellsOf(
  { runtime, compiler, figures }: Row,
  draw: number[],
): string[] {
  const { adapter, goldens, losses, seconds } = figures;
  const compared = goldens
    ? `${goldens.passed} of ${goldens.passed + goldens.failed.length}`
    : "–";
  const wrong = wrongWords(figures);
  const off = distance(figures.draw, draw);
  return [
    runtime,
    compiler,
    adapter,
    compared,
    wrong === 0 ? "equal" : `${wrong} differ`,
    losses.at(-1)?.toFixed(7) ?? "–",
    sizeOf(figures.draw).toFixed(7),
    off === 0 ? "0" : off.toExponential(1),
    seconds.toFixed(1),
  ];
}

/**
 * Writes a table of Markdown, a row for each runtime.
 *
 * A draw is described by the root mean square of its weights, and by the largest
 * difference of a weight from the draw of the last row.
 */
export function tableOf(rows: readonly Row[]): string {
  const draw = rows.at(-1)?.figures.draw ?? [];
  const rule = HEAD.map((_, i) => i < 3 ? "---" : "--:");
  return [HEAD, rule, ...rows.map((row) => cellsOf(row, draw))]
    .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** What is wrong with the figures, a line each. */
export function problemsOf(rows: readonly Row[]): string[] {
  return rows.flatMap(({ runtime, figures }) => {
    const { adapter, goldens } = figures;
    const where = `${runtime} on ${adapter}`;
    const wrong = wrongWords(figures);
    return [
      ...(goldens?.failed ?? []).map((name) => `${where}: ${name} is off`),
      ...(wrong > 0 ? [`${where}: ${wrong} random words differ`] : []),
    ];
  });
}
