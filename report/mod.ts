// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reports of runs: one page of HTML with nine figures and four tables, a model card for
 * Hugging Face's hub, and the numbers as plain data.
 *
 * The input is numbers and texts, {@linkcode RunResults}: nothing here knows tensors or
 * models. {@linkcode chartConfig} and {@linkcode drawSpec} give other charts the same
 * look.
 *
 * @example A report of one method
 * ```ts
 * import { renderReport } from "@swagpu/swagpu/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const html = await renderReport({
 *   title: "Two reviews",
 *   classification: {
 *     labels: [0, 1],
 *     methods: [{ name: "SWAG", probabilities: [0.9, 0.1, 0.4, 0.6] }],
 *   },
 * });
 * assertStringIncludes(html, "<h1>Two reviews</h1>");
 * ```
 *
 * @module
 */

export { chartConfig, drawSpec } from "./chart.ts";
export { modelCard } from "./model_card.ts";
export { renderReport } from "./page.ts";
export { DARK, LIGHT, type Palette } from "./palette.ts";
export type {
  ClassificationResults,
  Curve,
  DataFacts,
  Fact,
  MethodResults,
  ModelFacts,
  NamedScore,
  OutOfDistribution,
  Provenance,
  RegressionMethod,
  RegressionResults,
  ReportOptions,
  RunResults,
  SeedResults,
  SplitFacts,
  Sweep,
  TrainingResults,
  UncertaintySummary,
} from "./run_results.ts";
export {
  type MethodSummary,
  type RegressionSummary,
  type RunSummary,
  summarizeRun,
} from "./summary.ts";
export {
  seedsFigure,
  type SeedsFigureOptions,
  type SeedsRow,
} from "./seeds_figure.ts";
export { writeReport } from "./write_report.ts";
