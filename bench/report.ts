// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// `deno task bench [--json]` runs `deno bench`, and turns its times into GFLOP/s, GB/s
// and shares of the adapter's limits, which are measured in the same run. Then it
// measures the host's cost of a dispatch, the bind groups of a training step, and the
// cost of generated tokens.

import { type Device, initialize } from "../engine/mod.ts";
import { type Amount, CASES, COPY_LIMIT, FMA_LIMIT } from "./cases.ts";
import { type GenerationCost, measureGeneration } from "./generation.ts";
import { type HostCost, measureHost } from "./host.ts";

const USAGE = `\
Usage: deno task bench [--json]

Times kernels, training steps and SWAG sampling, and prints GFLOP/s, GB/s and
shares of the adapter's limits, which are measured in the same run. Takes about
five minutes on a software adapter. --json prints JSON instead of a table.`;

/** One line of the report. */
interface Row {
  name: string;
  /** The median milliseconds of one run. */
  milliseconds: number;
  gflops?: number;
  gbytes?: number;
  /** The share of the adapter's limit, which is measured in the same run. */
  share?: number;
}

interface BenchJson {
  benches: {
    name: string;
    results: { ok?: { p50?: number; avg: number; p75: number; min: number } }[];
  }[];
}

async function times(): Promise<Map<string, number>> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bench",
      "-A",
      "--json",
      new URL("kernels_bench.ts", import.meta.url).pathname,
    ],
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`deno bench ended with code ${code}`);
  const { benches } = JSON.parse(new TextDecoder().decode(stdout)) as BenchJson;
  const found = new Map<string, number>();
  for (const { name, results } of benches) {
    const match = /^(.*) \(x(\d+)\)$/.exec(name);
    const ok = results[0]?.ok;
    if (!match?.[1] || !ok) throw new Error(`no time for ${name}`);
    found.set(match[1], (ok.p50 ?? ok.avg) / 1e6 / Number(match[2]));
  }
  return found;
}

function rowsOf(found: ReadonlyMap<string, number>, device: Device): Row[] {
  const amount = (given: Amount) =>
    typeof given === "number" ? given : given(device);
  const rows = CASES.map(({ name, flops, bytes }): Row => {
    const milliseconds = found.get(name) ?? NaN;
    return {
      name,
      milliseconds,
      ...(flops ? { gflops: amount(flops) / milliseconds / 1e6 } : {}),
      ...(bytes ? { gbytes: amount(bytes) / milliseconds / 1e6 } : {}),
    };
  });
  const fma = rows.find(({ name }) => name === FMA_LIMIT)?.gflops ?? NaN;
  const copy = rows.find(({ name }) => name === COPY_LIMIT)?.gbytes ?? NaN;
  return rows.map((row) => ({
    ...row,
    share: row.gflops !== undefined
      ? row.gflops / fma
      : (row.gbytes ?? 0) / copy,
  }));
}

/** The whole report. */
interface Report {
  adapter: string;
  rows: readonly Row[];
  host: HostCost;
  generation: GenerationCost;
}

/** Whether a share is printed as more than 100 %. */
function isOver(share = 0): boolean {
  return share >= 1.0005;
}

function print({ adapter, rows, host, generation }: Report): void {
  const { eager, captured } = host;
  console.log(`adapter: ${adapter}, Deno ${Deno.version.deno}`);
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, milliseconds, gflops, gbytes, share } of rows) {
    const rate = gflops !== undefined
      ? `${gflops.toFixed(1).padStart(9)} GFLOP/s`
      : `${(gbytes ?? 0).toFixed(1).padStart(9)} GB/s   `;
    console.log(
      `${name.padEnd(width)} ${
        milliseconds.toFixed(3).padStart(10)
      } ms ${rate} ${
        ((share ?? 0) * 100).toFixed(1).padStart(6)
      } % of the limit${isOver(share) ? " *" : ""}`,
    );
  }
  if (rows.some(({ share }) => isOver(share))) {
    console.log(
      "* more than the limit: it is measured on data that fit no cache, " +
        "and this case's data do",
    );
  }
  const { recording, finishing } = host.replayed;
  console.log(
    `host: ${host.microsecondsPerDispatch.toFixed(2)} µs a tiny op; captured ` +
      `${recording.toFixed(2)} µs, and ${finishing.toFixed(2)} in finish()`,
  );
  for (const [name, step] of Object.entries({ eager, captured })) {
    console.log(
      `host: ${name} training step: ${step.microseconds.toFixed(0)} µs, ` +
        `${step.microsecondsPerDispatch.toFixed(2)} µs for each of ` +
        `${step.dispatches} dispatches, ${step.bindGroups} new bind groups, ` +
        `${step.buffers} new buffers, peak ${
          (step.peakBytes / 2 ** 20).toFixed(1)
        } MiB`,
    );
  }
  const quarters = generation.millisecondsPerToken.map((x) => x.toFixed(0));
  console.log(
    `generation: ${generation.name}: ${quarters.join(", ")} ms a token by ` +
      `quarter of the length; a call ${
        (generation.milliseconds / 1000).toFixed(1)
      } s with ${generation.reads} reads`,
  );
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const unknown = args.find((arg) => arg !== "--json");
  if (unknown !== undefined) {
    console.error(`error: Cannot use ${unknown}\n\n${USAGE}`);
    return 2;
  }
  const device = await initialize();
  console.error("1 of 3: the host's cost of a dispatch and of a step");
  const host = await measureHost(device);
  console.error(`2 of 3: ${CASES.length} kernels and steps`);
  const rows = rowsOf(await times(), device);
  console.error("3 of 3: what generated tokens cost");
  const generation = await measureGeneration(device);
  const report = { adapter: device.name, rows, host, generation };
  if (args.includes("--json")) {
    console.log(JSON.stringify(report, null, 2));
  } else {
    print(report);
  }
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
