// Copyright 2026 the swagpu authors. MIT license.

// Table 4: where the numbers come from.

import { type Content, isolated, type Markup, markup } from "../markup.ts";
import { bytes, duration, whole } from "../numbers.ts";
import type { Provenance, RunResults } from "../run_results.ts";
import { renderTable } from "./table.ts";

/** A name and a value of the table. */
export type ProvenanceRow = readonly [name: string, value: string];

/** What is known about a run, in the order of the table. */
export function provenanceRows(
  { date, provenance = {} }: RunResults,
): ProvenanceRow[] {
  const { data, model, settings = {}, versions = {} } = provenance;
  const rows: [string, string | undefined][] = [
    ["date", date],
    ["command", provenance.command],
    ["model", model?.name],
    ["architecture", model?.architecture],
    ["fine-tuned from", model?.base ?? undefined],
    ["data", dataName(data)],
    ...(data?.splits ?? []).map((
      { name, rows, hash },
    ): [string, string] => [
      `split ${name}`,
      `${whole(rows)} rows${hash ? `, ${hash}` : ""}`,
    ]),
    ["seed", provenance.seed?.toString()],
    ["adapter", provenance.adapter],
    ["runtime", provenance.runtime],
    ...Object.entries(versions),
    [
      "wall time",
      provenance.seconds === undefined
        ? undefined
        : duration(provenance.seconds),
    ],
    [
      "peak GPU memory",
      provenance.peakMemory === undefined
        ? undefined
        : bytes(provenance.peakMemory),
    ],
    ["commit", provenance.commit],
    ...Object.entries(settings).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]),
  ];
  return rows.filter((row): row is [string, string] => row[1] !== undefined);
}

function dataName(data: Provenance["data"]): string | undefined {
  if (!data) return undefined;
  const { name, id, config } = data;
  const parts = [id, config].filter((part) =>
    part !== undefined && part !== name
  );
  return parts.length > 0 ? `${name} (${parts.join(", ")})` : name;
}

/** Table 4: the command, the settings, the data and the machine. */
export function provenanceTable(results: RunResults): Markup {
  const rows = provenanceRows(results).map(([name, value]): Content[] => [
    isolated(name),
    name === "command" ? markup`<code>${value}</code>` : isolated(value),
  ]);
  return renderTable({
    id: "table-4",
    number: "Table 4",
    title: "Provenance",
    columns: [{ head: "fact", kind: "name" }, { head: "value", kind: "text" }],
    rows,
    empty: "Nothing was recorded.",
  });
}
