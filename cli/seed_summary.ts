// Copyright 2026 the swagpu authors. MIT license.

/**
 * The scores of runs that differ in their seeds: a table, and a picture.
 *
 * @module
 */

import { writeTextAtomically } from "../nn/formats/mod.ts";
import { type SeedRun, type SeedsSummary, summarizeSeeds } from "../nn/mod.ts";
import { seedsFigure } from "../report/mod.ts";
import { HEADS, renderCells } from "./scores.ts";

/** A run that is done, as the file holds it. */
export interface DoneRun {
  readonly seed: number;
  /** Why it has no scores, such as a loss that was not finite. */
  readonly failure?: string | undefined;
  /** The scores by method. */
  readonly methods: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The file of a series. */
export interface SeriesFile {
  /** The words that all runs share. */
  readonly options: readonly string[];
  /** The score that tells which run is better. */
  readonly metric?: string | undefined;
  /** Whether a greater value of it is better. */
  readonly greater_is_better?: boolean | undefined;
  /** What a run must beat. */
  readonly degenerate?: number | undefined;
  /** The runs that are done. */
  readonly runs: readonly DoneRun[];
}

/** The methods of a series, in order. */
function methodsOf({ runs }: SeriesFile): string[] {
  return [...new Set(runs.flatMap(({ methods }) => Object.keys(methods)))];
}

/** The runs of one method. */
export function runsOf({ runs }: SeriesFile, method: string): SeedRun[] {
  return runs.map(({ seed, failure, methods }) => ({
    seed,
    scores: methods[method] ?? {},
    ...failure === undefined ? {} : { failure },
  }));
}

/** A table of means and deviations, and the share of degenerate runs. */
export function describeSeries(file: SeriesFile): string {
  const { metric, degenerate, greater_is_better: greaterIsBetter } = file;
  const bound = metric === undefined ? undefined : degenerate;
  const rows = methodsOf(file).map((method) => ({
    method,
    summary: summarizeSeeds(runsOf(file, method), {
      metric,
      degenerate: bound,
      greaterIsBetter,
    }),
  }));
  const scores = [
    ...new Set(rows.flatMap(({ summary }) => Object.keys(summary.scores))),
  ];
  const table = renderCells([
    [`${file.runs.length} seeds`, ...scores.map((name) => HEADS[name] ?? name)],
    ...rows.map(({ method, summary }) => [
      method,
      ...scores.map((name) => spread(summary, name)),
    ]),
  ]);
  const lines = [table.trimEnd()];
  const head = metric === undefined ? "" : HEADS[metric] ?? metric;
  for (const { method, summary } of rows) {
    const own = metric === undefined ? undefined : summary.scores[metric];
    if (own) {
      lines.push(
        `${method}: ${head} from ${own.min.toFixed(4)} to ` +
          `${own.max.toFixed(4)}, median ${own.median.toFixed(4)}` +
          degenerateText(summary, file.runs.length, bound),
      );
    }
  }
  const failed = file.runs.filter(({ failure }) => failure !== undefined);
  if (failed.length > 0) {
    lines.push(`failed: seed ${failed.map(({ seed }) => seed).join(", ")}`);
  }
  return lines.join("\n");
}

function degenerateText(
  { degenerate }: SeedsSummary,
  runs: number,
  bound: number | undefined,
): string {
  return degenerate === undefined || bound === undefined
    ? ""
    : `; ${degenerate.length} of ${runs} degenerate (no better than ` +
      `${bound.toFixed(4)})`;
}

function spread({ scores }: SeedsSummary, name: string): string {
  const { mean, sd } = scores[name] ?? { mean: NaN, sd: NaN };
  return Number.isNaN(mean)
    ? ""
    : mean.toFixed(4) + (Number.isNaN(sd) ? "" : ` ± ${sd.toFixed(4)}`);
}

/** Draws the score that tells which run is better, of each method. */
export async function drawSeries(
  file: SeriesFile,
  path: string,
): Promise<void> {
  const { metric, degenerate } = file;
  if (metric === undefined) return;
  const rows = methodsOf(file).map((method) => ({
    name: method,
    values: runsOf(file, method).flatMap(({ scores }) => scores[metric] ?? []),
  }));
  const svg = await seedsFigure(rows, {
    metric: HEADS[metric] ?? metric,
    title: `${file.runs.length} runs that differ in the seed`,
    degenerate,
  });
  await writeTextAtomically(path, svg);
}
