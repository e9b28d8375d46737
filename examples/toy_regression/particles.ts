// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Trains the particles of the toy regression, and predicts with them.
 *
 * @module
 */

import { elu, readAll, scope, type Tensor, tensor } from "../../engine/mod.ts";
import { Linear, Module, mseLoss } from "../../nn/mod.ts";
import { MultiSwag, type ParticleReport } from "../../swag/mod.ts";
import type { BandsPanel } from "./bands_panel.ts";
import points from "./points.json" with { type: "json" };

/** The data, as pairs of x and y. */
export const POINTS: readonly (readonly number[])[] = points;

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
export const PLACES: readonly number[] = [0.25, 1, -0.5];

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

/** How long particles are trained. */
export interface ToyTraining {
  /** The passes over the points before weights are collected. @default {2000} */
  pretrainEpochs?: number | undefined;
  /** The passes after each of which weights are collected. @default {1000} */
  swagEpochs?: number | undefined;
  /** Called when losses have been read. @default {nothing} */
  onLog?: ((report: ParticleReport) => void | Promise<void>) | undefined;
}

/**
 * Trains some particles, and predicts.
 *
 * @param particles How many.
 * @param training For how long, and what is told on the way.
 * @returns The figures of the table, and what the figure draws.
 */
export async function fitParticles(
  particles: number,
  { pretrainEpochs = 2000, swagEpochs = 1000, onLog }: ToyTraining = {},
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
    onLog,
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
  const split = (values: readonly number[]) =>
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
