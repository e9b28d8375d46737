// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * What the particles of a MultiSWAG are trained on, and for how long: the options
 * of {@linkcode MultiSwag.bayesInfer}, and what follows from them.
 *
 * @module
 */

import {
  AdamW,
  batches,
  checkOptions,
  counterRandom,
  type Module,
  type Optimizer,
  type StepInputs,
  type StepLoss,
} from "../../nn/mod.ts";
import type { SwagOptions } from "../settings.ts";
import { requireWhole } from "../whole_numbers.ts";

/** What is known after losses of a particle have been read from the GPU. */
export interface ParticleReport {
  /** The number of the particle, from 0. */
  readonly particle: number;
  /** The pass over the data, from 0, in which the last of these steps was. */
  readonly epoch: number;
  /** The number of the particle's steps so far. */
  readonly step: number;
  /** The mean loss of the steps since the last report. */
  readonly loss: number;
}

/** Options of {@linkcode MultiSwag.bayesInfer}. */
export interface BayesInferOptions<M extends Module, Feed extends object> {
  /** The number of examples in the data. */
  examples: number;
  /**
   * Turns the numbers of a batch's rows into the inputs of `step`. A tensor is
   * given as a typed array, as `{ data, shape }` or as a tensor.
   */
  inputs: (rows: Uint32Array<ArrayBuffer>) => Feed;
  /**
   * Computes the loss of a particle. It is captured and replayed, so everything
   * that changes from step to step must be an input.
   */
  step: (model: M, inputs: StepInputs<Feed>) => StepLoss;
  /** The number of particles. @default {1} */
  numModels?: number | undefined;
  /** The passes over the data before weights are collected. @default {0} */
  pretrainEpochs?: number | undefined;
  /**
   * The passes over the data after each of which weights are collected. With 0
   * every particle is the weights at the end of its pre-training, as in a deep
   * ensemble.
   *
   * @default {0}
   */
  swagEpochs?: number | undefined;
  /** The most deviations that a particle holds; at least 2. @default {20} */
  covMatRank?: number | undefined;
  /** Names the random parameters by prefixes. @default {all are random} */
  modulePrefixList?: readonly string[] | undefined;
  /** The examples of a batch. @default {all} */
  batchSize?: number | undefined;
  /** The step size of the default optimizer. @default {0.01} */
  learningRate?: number | undefined;
  /**
   * Makes the optimizer of a particle.
   *
   * @default {AdamW with a weight decay of a thousandth of the learning rate}
   */
  optimizer?: ((model: M) => Optimizer) | undefined;
  /** The seed of the first particle; the others have those after it. @default {0} */
  seed?: number | undefined;
  /**
   * Whether each particle sees as many examples as there are, drawn with
   * repetition (bagging), instead of each once.
   *
   * @default {false}
   */
  bootstrap?: boolean | undefined;
  /**
   * Whether all particles are trained in the same dispatches, which takes the
   * memory of so many models at once. It is tried, and where the model does not
   * allow it or memory does not suffice, they are trained one after the other, from
   * the start. The bits are the same.
   *
   * @default {true}
   */
  together?: boolean | undefined;
  /** Called when losses have been read. @default {nothing} */
  onLog?: ((report: ParticleReport) => void | Promise<void>) | undefined;
  /** Called when a particle is done, with its number. @default {nothing} */
  onParticle?: ((particle: number) => void | Promise<void>) | undefined;
}

const OPTIONS: readonly (keyof BayesInferOptions<Module, object>)[] = [
  "examples",
  "inputs",
  "step",
  "numModels",
  "pretrainEpochs",
  "swagEpochs",
  "covMatRank",
  "modulePrefixList",
  "batchSize",
  "learningRate",
  "optimizer",
  "seed",
  "bootstrap",
  "together",
  "onLog",
  "onParticle",
];

/** The stream of random numbers from which resamples are drawn. */
const BOOTSTRAP = 0xb0075712;

/** The options that have a default number. */
type Counts =
  | "numModels"
  | "pretrainEpochs"
  | "swagEpochs"
  | "covMatRank"
  | "batchSize"
  | "learningRate"
  | "seed";

/** The options with their defaults, checked. */
export type Plan<M extends Module, Feed extends object> =
  & Omit<BayesInferOptions<M, Feed>, Counts>
  & { readonly [Name in Counts]: number };

/** What tells when to collect, and what. */
type PlanCounts =
  & { readonly [Name in Counts | "examples"]: number }
  & { readonly modulePrefixList?: readonly string[] | undefined };

/** The numbers of a batch's rows. */
export type Rows = Uint32Array<ArrayBuffer>;

/** The number of steps of a pass over the data. */
export function stepsOf({ examples, batchSize }: PlanCounts): number {
  return Math.ceil(examples / batchSize);
}

/** Whether weights are collected after a step. */
export function isCollected(step: number, plan: PlanCounts): boolean {
  const perEpoch = stepsOf(plan);
  return step % perEpoch === 0 && step >= plan.pretrainEpochs * perEpoch;
}

/** What the posterior of a particle holds. */
export function settingsOf(
  { swagEpochs, covMatRank, modulePrefixList }: PlanCounts,
): SwagOptions {
  return {
    noCovMat: swagEpochs === 0,
    maxNumModels: covMatRank,
    ...modulePrefixList && { modulePrefixList },
  };
}

/** The optimizer of a model. */
export function optimizerOf<M extends Module, Feed extends object>(
  model: M,
  { optimizer, learningRate }: Plan<M, Feed>,
): Optimizer {
  return optimizer?.(model) ??
    new AdamW(model.parameters(), {
      learningRate,
      weightDecay: learningRate / 1000,
    });
}

/** The batches of all particles: one for all where they are the same. */
export function* rowsOfAll<M extends Module, Feed extends object>(
  plan: Plan<M, Feed>,
  numbers: readonly number[],
): Generator<Rows | Rows[]> {
  const { examples, batchSize, bootstrap } = plan;
  if (!bootstrap && batchSize >= examples) return yield* rowsOf(plan, 0);
  const all = numbers.map((index) => rowsOf(plan, index));
  for (;;) {
    const next = all.map((rows) => rows.next());
    const rows = next.map(({ value }) => value).filter((rows) => rows);
    if (rows.length < numbers.length) return;
    yield rows as Rows[];
  }
}

/** The batches of all passes of a particle. */
export function* rowsOf<M extends Module, Feed extends object>(
  { examples, batchSize, pretrainEpochs, swagEpochs, seed, bootstrap }: Plan<
    M,
    Feed
  >,
  index: number,
): Generator<Rows> {
  const random = counterRandom(seed + index, { stream: BOOTSTRAP });
  const drawn = bootstrap &&
    Uint32Array.from(
      { length: examples },
      () => Math.floor(random() * examples),
    );
  for (let epoch = 0; epoch < pretrainEpochs + swagEpochs; epoch++) {
    const order = { shuffle: batchSize < examples, seed: seed + index, epoch };
    for (const rows of batches(examples, batchSize, order)) {
      yield drawn ? rows.map((row) => drawn[row] ?? 0) : rows;
    }
  }
}

/** Checks options, and fills in defaults. */
export function planOf<M extends Module, Feed extends object>(
  options: BayesInferOptions<M, Feed>,
): Plan<M, Feed> {
  checkOptions(options, { action: "train particles", known: OPTIONS });
  const { examples, numModels = 1, pretrainEpochs = 0, swagEpochs = 0 } =
    options;
  const { covMatRank = 20, seed = 0, learningRate = 0.01 } = options;
  const { batchSize = Math.max(1, examples) } = options;
  requireWhole("train particles", { examples, numModels, batchSize }, 1);
  requireWhole("train particles", { pretrainEpochs, swagEpochs, seed }, 0);
  requireWhole("train particles", { covMatRank }, 2);
  if (pretrainEpochs + swagEpochs === 0) {
    throw new RangeError(
      "Cannot train particles with pretrainEpochs 0 and swagEpochs 0: there " +
        "must be an epoch",
    );
  }
  if (seed + numModels > 2 ** 32) {
    throw new RangeError(
      `Cannot train ${numModels} particles with seeds from ${seed} on: seeds ` +
        "must be below 2³²",
    );
  }
  if (!(learningRate > 0 && learningRate < Infinity)) {
    throw new RangeError(
      `Cannot train particles with learningRate ${learningRate}: it must be ` +
        "positive",
    );
  }
  return {
    ...options,
    numModels,
    pretrainEpochs,
    swagEpochs,
    covMatRank,
    batchSize,
    learningRate,
    seed,
  };
}
