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
import {
  elu,
  initialize,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "@swagpu/swagpu/engine";
import { Linear, Module, mseLoss } from "@swagpu/swagpu/nn";
import { MultiSwag } from "@swagpu/swagpu/swag";
import { bandsFigure, type BandsPanel } from "./toy_regression/bands_figure.ts";
import points from "./toy_regression/points.json" with { type: "json" };

/** The network of the notebook. */
class Net extends Module {
  readonly first = new Linear(1, 16);
  readonly second = new Linear(16, 16);
  readonly last = new Linear(16, 1);

  forward(x: Tensor): Tensor {
    const hidden = elu(this.second.forward(elu(this.first.forward(x))));
    return this.last.forward(hidden);
  }
}

/** The x of the figure: the points are in its middle third. */
const GRID = Array.from({ length: 61 }, (_, i) => -0.5 + i / 40);

/** Where the table shows standard deviations: among the points, and away. */
const PLACES = [0.25, 1, -0.5];

/** What an example run has found. */
export interface ToyResults {
  /** How many particles. */
  readonly particles: number;
  /** How long their training took. */
  readonly seconds: number;
  /** The mean squared error on the points, at the mean weights of each particle. */
  readonly errors: readonly number[];
  /** The standard deviation of the predictions at each x of the table. */
  readonly std: readonly number[];
  /** The part of it between the particles. */
  readonly between: readonly number[];
}

/** Trains some particles, and predicts. */
async function run(
  particles: number,
  { pretrainEpochs, swagEpochs }: Record<
    "pretrainEpochs" | "swagEpochs",
    number
  >,
): Promise<{ results: ToyResults; panel: BandsPanel }> {
  using _ = scope();
  const x = tensor(points.map(([x = 0]) => [x]));
  const y = tensor(points.map(([, y = 0]) => [y]));
  const start = performance.now();
  using multi = await MultiSwag.bayesInfer(() => new Net(), {
    examples: points.length,
    inputs: () => ({ x, y }),
    step: (model, { x, y }) => mseLoss(model.forward(x), y),
    numModels: particles,
    pretrainEpochs,
    swagEpochs,
    learningRate: 0.03,
  });
  const seconds = (performance.now() - start) / 1000;

  const { base } = multi;
  const errors: number[] = [];
  for (let particle = 0; particle < particles; particle++) {
    errors.push(
      await multi.withSample(
        { particle, scale: 0 },
        () => mseLoss(base.forward(x), y).item(),
      ),
    );
  }
  const regression = {
    problemType: "regression",
    numPredictions: 20,
    seed: 0,
  } as const;
  const split = (values: number[]) =>
    multi.decomposeVariance(
      () => base.forward(tensor(values.map((x) => [x]))),
      regression,
    );
  const at = split(PLACES);
  const [total = [], between = []] = await readAll([at.total, at.between]);
  const grid = split(GRID);
  const [mean = [], variance = []] = await readAll([grid.mean, grid.total]);
  const { pred } = await multi.posteriorPred(
    () => base.forward(tensor(GRID.map((x) => [x]))),
    { ...regression, mode: ["pred"] },
  );
  base.dispose();
  return {
    results: {
      particles,
      seconds,
      errors,
      std: [...total].map(Math.sqrt),
      between: [...between].map(Math.sqrt),
    },
    panel: {
      title: particles === 1 ? "1 particle" : `${particles} particles`,
      x: GRID,
      mean: [...mean],
      std: [...variance].map(Math.sqrt),
      curves: Array.from(
        { length: particles },
        (_, j) => GRID.map((_, i) => pred?.data[i * particles + j] ?? NaN),
      ),
    },
  };
}

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
  { output, pretrainEpochs = 2000, swagEpochs = 1000, print = console.log }: {
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
    const { results, panel } = await run(count, { pretrainEpochs, swagEpochs });
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
    await Deno.writeTextFile(output, await bandsFigure(panels, points));
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
