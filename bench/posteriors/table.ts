// Copyright 2026 the swagpu authors. MIT license.

// A task as a table in Markdown: a row for each method, a column for each score.

import type { Scores } from "./scores.ts";
import type { MethodSummary, Spread } from "./summary.ts";

interface Column {
  readonly name: keyof Scores;
  readonly head: string;
  readonly digits: number;
}

const COLUMNS: readonly Column[] = [
  { name: "accuracy", head: "accuracy", digits: 3 },
  { name: "nll", head: "NLL", digits: 3 },
  { name: "calibratedNll", head: "calibrated NLL", digits: 3 },
  { name: "temperature", head: "at T", digits: 2 },
  { name: "ece", head: "ECE", digits: 3 },
  { name: "smoothEce", head: "smooth ECE", digits: 3 },
  { name: "brier", head: "Brier", digits: 3 },
  { name: "aurc", head: "AURC", digits: 3 },
  { name: "crossEntropy", head: "CE to truth", digits: 3 },
  { name: "foreignRatio", head: "MI out/in", digits: 2 },
  { name: "foreignAuroc", head: "AUROC of MI", digits: 3 },
  { name: "entropyAuroc", head: "AUROC of entropy", digits: 3 },
];

/** What a cell without a number says. */
const NONE = "–";

/**
 * Draws the table of a task. Columns that no method has are left out.
 *
 * @param title The heading.
 * @param methods The rows.
 * @returns Lines of Markdown.
 */
export function tableOf(
  title: string,
  methods: readonly MethodSummary[],
): string {
  const columns = COLUMNS.filter(({ name }) =>
    methods.some(({ scores }) => scores[name])
  );
  const sizes = methods.some(({ equivalent }) => equivalent !== undefined);
  const head = [
    ...["", "runs"],
    ...columns.map(({ head }) => head),
    ...sizes ? ["DEE"] : [],
  ];
  const rows = methods.map(({ title, runs, scores, equivalent }) => [
    title,
    runs === 0 ? NONE : `${runs}`,
    ...columns.map(({ name, digits }) => cellOf(scores[name], digits)),
    ...sizes ? [equivalent?.toFixed(1) ?? NONE] : [],
  ]);
  const rule = head.map((_, i) => i === 0 ? "---" : "--:");
  const lines = [head, rule, ...rows].map((row) => `| ${row.join(" | ")} |`);
  const seeds = Math.max(...methods.map(({ seeds }) => seeds));
  return [
    `## ${title}`,
    "",
    seeds > 1 ? `Mean ± standard deviation over ${seeds} seeds.` : "One seed.",
    "",
    ...lines,
    "",
  ].join("\n");
}

function cellOf(spread: Spread | undefined, digits: number): string {
  if (!spread) return NONE;
  const { mean, sd } = spread;
  return sd > 0
    ? `${mean.toFixed(digits)} ± ${sd.toFixed(digits)}`
    : mean.toFixed(digits);
}
