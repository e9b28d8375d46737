// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// `deno task bench:scaling [--check]` measures how time grows with batch, sequence,
// layers, parameters and SWAG rank, and compares it with how it should grow. It writes
// scaling.svg and scaling.json beside this file. With --check it writes nothing, and
// ends with code 1 if a slope differs too much.

import { stopwatchFor } from "../engine/kernel_kit.ts";
import { type Device, initialize, manualSeed } from "../engine/mod.ts";
import { PANELS, type Series, type Work } from "./scaling_cases.ts";
import { scalingFigure } from "./scaling_figure.ts";
import type {
  MeasuredPanel,
  MeasuredSeries,
  ScalingReport,
} from "./scaling_report.ts";
import { fitSlope, median } from "./scaling_fit.ts";

const USAGE = `\
Usage: deno task bench:scaling [--check]

Measures how time grows with batch, sequence, layers, parameters and SWAG rank,
beside how it should grow, and writes bench/scaling.svg and bench/scaling.json.
With --check it writes nothing, and ends with code 1 if a slope is off.`;

/** By how much a slope may differ from the expected one. */
const TOLERANCE = 0.25;

/** How often every size is run, in turn. */
const ROUNDS = 5;

/** The milliseconds that a sample takes: it repeats its work until then. */
const SAMPLE_MS = 60;

async function times(
  device: Device,
  works: readonly Work[],
): Promise<number[]> {
  const stopwatch = stopwatchFor(device);
  try {
    const once = works.map(({ run }) => run);
    await stopwatch.time(once); // compiles
    const first = await stopwatch.time(once);
    const counts = first.map((time) => Math.ceil(SAMPLE_MS / time));
    const samples: number[][] = works.map(() => []);
    for (let round = 0; round < ROUNDS; round++) {
      const taken = await stopwatch.time(works.map(({ run }, i) => () => {
        for (let k = 0; k < (counts[i] ?? 1); k++) run();
      }));
      taken.forEach((time, i) => samples[i]?.push(time / (counts[i] ?? 1)));
    }
    return samples.map(median);
  } finally {
    stopwatch.dispose();
  }
}

async function measure(
  device: Device,
  { name, sizes, make, expected, constant }: Series,
): Promise<MeasuredSeries> {
  const works = sizes.map(make);
  try {
    const milliseconds = await times(device, works);
    const points = works.map(({ x }, i) => ({
      x,
      milliseconds: milliseconds[i] ?? NaN,
    }));
    const [least, most] = typeof expected === "number"
      ? [expected, expected]
      : expected;
    const fit = fitSlope(points, { expected: least, constant });
    const off = Math.max(least - fit.slope, fit.slope - most, 0);
    return { name, expected, points, fit, off };
  } finally {
    for (const work of works) work.dispose();
  }
}

function describe(title: string, series: MeasuredSeries): string {
  const { name, expected, points, fit, off } = series;
  const slopes = typeof expected === "number"
    ? expected
    : expected.join(" to ");
  const list = points.map(({ x, milliseconds }) =>
    `${x}: ${milliseconds.toPrecision(3)}`
  );
  return `${title}, ${name}: slope ${
    fit.slope.toFixed(2)
  }, expected ${slopes}` +
    `${off > TOLERANCE ? " (OFF)" : ""}, beside ${
      fit.constant.toPrecision(2)
    } ms at any size; ms by size ${list.join(", ")}`;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const unknown = args.find((arg) => arg !== "--check");
  if (unknown !== undefined) {
    console.error(`error: Cannot use ${unknown}\n\n${USAGE}`);
    return 2;
  }
  const device = await initialize();
  manualSeed(1);
  const panels: MeasuredPanel[] = [];
  for (const { series, ...panel } of PANELS) {
    const measured: MeasuredSeries[] = [];
    for (const one of series) {
      const result = await measure(device, one);
      console.log(describe(panel.title, result));
      measured.push(result);
    }
    panels.push({ ...panel, series: measured });
  }
  const report: ScalingReport = {
    adapter: device.name,
    runtime: `Deno ${Deno.version.deno}`,
    date: new Date().toISOString().slice(0, 10),
    tolerance: TOLERANCE,
    panels,
  };
  const off = panels.flatMap(({ title, series }) =>
    series.filter((one) => !(one.off <= TOLERANCE))
      .map(({ name }) => `${title}, ${name}`)
  );
  if (!args.includes("--check")) {
    const at = (name: string) => new URL(name, import.meta.url);
    const text = JSON.stringify(report, null, 2) + "\n";
    await Deno.writeTextFile(at("scaling.json"), text);
    await Deno.writeTextFile(at("scaling.svg"), await scalingFigure(report));
    console.log("wrote bench/scaling.svg and bench/scaling.json");
  }
  if (off.length === 0) return 0;
  console.error(`more than ${TOLERANCE} off: ${off.join("; ")}`);
  return args.includes("--check") ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
