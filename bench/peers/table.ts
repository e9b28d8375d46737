// Copyright 2026 the swagpu authors. MIT license.

// The report as text: tables of fixed width that are Markdown, too.

import { LIMITS } from "./cases.ts";
import type { CaseResult, PeerResult, Report } from "./measure.ts";

/** Three significant figures, without an exponent. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "-";
  const digits = Math.floor(Math.log10(Math.abs(value) || 1));
  return value.toFixed(Math.min(6, Math.max(0, 2 - digits)));
}

function percent(share: number | undefined): string {
  return share === undefined ? "-" : `${(share * 100).toFixed(1)} %`;
}

/** Rows under a head, every column as wide as its widest cell. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] ?? "").length))
  );
  // Names stand left, numbers right.
  const isText = head.map((_, i) =>
    rows.some((row) => /^[a-z]/i.test(row[i] ?? ""))
  );
  const line = (cells: readonly string[]) =>
    `| ${
      widths.map((width, i) => {
        const cell = cells[i] ?? "";
        return isText[i] ? cell.padEnd(width) : cell.padStart(width);
      }).join(" | ")
    } |`;
  const rule = `|${
    widths.map((width, i) =>
      isText[i] ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`
    ).join("|")
  }|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

const HEAD = [
  "case",
  "peer",
  "median ms",
  "min ms",
  "spread",
  "CPU ms",
  "rate",
  "of limit",
  "peak MiB",
  "vs swagpu",
];

/** The ratio, or what stands in its place. */
function verdict({ agreement, ratio }: PeerResult): string {
  if (agreement && !agreement.agrees) return "differs";
  return ratio === undefined ? "-" : `${ratio.toFixed(2)}x`;
}

function caseRows({ name, limit, peers }: CaseResult): string[][] {
  return peers.filter(({ error }) => error === undefined).map((result) => {
    const { peer, ms, cpuMs, rate, share, peakBytes } = result;
    return [
      name,
      peer,
      figure(ms?.median),
      figure(ms?.min),
      ms ? `${(ms.spread * 100).toFixed(0)} %` : "-",
      figure(cpuMs),
      `${figure(rate)} ${LIMITS[limit].unit}`,
      percent(share),
      peakBytes === undefined ? "-" : figure(peakBytes / 2 ** 20),
      verdict(result),
    ];
  });
}

/** What was not measured and why, and how cases were put together. */
function notes(report: Report): string[] {
  const lines = Object.entries(report.missing)
    .map(([peer, reason]) => `- ${peer} is missing: ${reason}`);
  for (const { name, peers } of report.cases) {
    for (const { peer, error, note, agreement } of peers) {
      if (error !== undefined) lines.push(`- ${name}: ${peer} ${error}`);
      else if (agreement && !agreement.agrees) {
        lines.push(
          `- ${name}: ${peer} differs by ${agreement.error.toExponential(1)} ` +
            "of the largest value",
        );
      } else if (note !== undefined) lines.push(`- ${name}: ${peer}: ${note}`);
    }
  }
  return lines;
}

/** The whole report. */
export function renderReport(report: Report): string {
  const { date, deno, adapter, rounds, minMs, versions, adapters } = report;
  const packages = Object.entries(versions).map(([peer, found]) => {
    const parts = Object.entries(found).map(([name, version]) =>
      `${name} ${version}`
    );
    const where = adapters[peer];
    return `- ${peer}: ${parts.join(", ")}${
      where && where !== adapter ? `, on ${where}` : ""
    }`;
  });
  const limits = report.limits.map(({ limit, rate, ms }) => [
    LIMITS[limit].title,
    `${figure(rate.median)} ${LIMITS[limit].unit}`,
    `${figure(rate.max)} ${LIMITS[limit].unit}`,
    figure(ms.median),
  ]);
  return [
    `adapter: ${adapter}, ${date.slice(0, 10)}, Deno ${deno}`,
    `${rounds} rounds of samples of ${minMs} ms or more; a ratio is the ` +
    "median over the rounds of a peer's time by swagpu's",
    ...packages,
    "",
    renderTable(["limit", "median", "best", "median ms"], limits),
    "",
    renderTable(HEAD, report.cases.flatMap(caseRows)),
    "",
    ...notes(report),
  ].join("\n");
}
