// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * What a MultiSWAG knows of where it has no data: small networks learn a curve from
 * 100 points between 0 and 0.5. There they agree, and away from the points they
 * spread. It is the example of Push's notebook on MultiSWAG, with its data:
 * `y = x + 0.3 sin 2π(x + ε₀) + 0.3 sin 4π(x + ε₁) + ε₂`, each ε from N(0, 0.02²).
 *
 * ```sh
 * deno run -A examples/toy_regression.ts --particles 1,16 --output bands.svg
 * ```
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { initialize } from "@swagpu/swagpu/engine";
import { bandsFigure } from "./toy_regression/bands_figure.ts";
import type { BandsPanel } from "./toy_regression/bands_panel.ts";
import {
  fitParticles,
  POINTS,
  type ToyResults,
} from "./toy_regression/particles.ts";

/**
 * Runs the example.
 *
 * @param counts How many particles; the figure has a row for each.
 * @param options The file of the figure, the passes over the points, and where the
 * lines of the table go.
 * @returns What each run has found.
 */
export async function main(
  counts: readonly number[],
  { output, pretrainEpochs, swagEpochs, print = console.log }: {
    output?: string | undefined;
    pretrainEpochs?: number;
    swagEpochs?: number;
    print?: (line: string) => void;
  } = {},
): Promise<ToyResults[]> {
  await initialize();
  const all: ToyResults[] = [];
  const panels: BandsPanel[] = [];
  print("particles  seconds  error    std at 0.25  at 1   at -0.5");
  for (const count of counts) {
    const { results, panel } = await fitParticles(count, {
      pretrainEpochs,
      swagEpochs,
    });
    all.push(results);
    panels.push(panel);
    const { seconds, errors, std } = results;
    const error = errors.reduce((sum, x) => sum + x, 0) / count;
    const [among = 0, right = 0, left = 0] = std.map((x) => x.toFixed(3));
    print(
      `${count}`.padEnd(11) + seconds.toFixed(1).padStart(7) + "  " +
        `${error.toFixed(5)}  ${among}        ${right}  ${left}`,
    );
  }
  if (output !== undefined) {
    await Deno.writeTextFile(output, await bandsFigure(panels, POINTS));
  }
  return all;
}

if (import.meta.main) {
  const { particles, output } = parseArgs(Deno.args, {
    string: ["particles", "output"],
    default: { particles: "1,16" },
  });
  await main(particles.split(",").map(Number), { output });
}
