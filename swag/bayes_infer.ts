// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Trains the particles of a MultiSWAG, one after the other. Each has its own seed,
 * from which its initial weights, its dropout, the order of its batches and its
 * resample are drawn, and its own count of collections. So a particle has the same
 * bits however many others there are.
 *
 * @module
 */

import { defaultGenerator, manualSeed } from "../engine/mod.ts";
import {
  AdamW,
  batches,
  checkOptions,
  counterRandom,
  type Module,
  type Optimizer,
  type StepInputs,
  type StepLoss,
  train,
} from "../nn/mod.ts";
import { BufferCopy } from "./buffer_copy.ts";
import { SwagModel } from "./swag_model.ts";

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
  "onLog",
  "onParticle",
];

/** The stream of random numbers from which resamples are drawn. */
const BOOTSTRAP = 0xb0075712;

/** A particle, and the buffers that its training has left in its model. */
export interface Particle {
  readonly swag: SwagModel;
  readonly buffers: BufferCopy;
}

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
type Plan<M extends Module, Feed extends object> =
  & Omit<BayesInferOptions<M, Feed>, Counts>
  & { readonly [Name in Counts]: number };

/**
 * Trains particles.
 *
 * @param build Builds a model; called once for each particle.
 * @param options How many, on what, and for how long.
 * @returns The first particle's model, and the particles over it.
 */
export async function trainParticles<M extends Module, Feed extends object>(
  build: () => M,
  options: BayesInferOptions<M, Feed>,
): Promise<{ base: M; particles: Particle[] }> {
  const plan = planOf(options);
  const generator = defaultGenerator();
  const before = generator.stateDict();
  const particles: Particle[] = [];
  let base: M | undefined;
  try {
    for (let index = 0; index < plan.numModels; index++) {
      manualSeed(plan.seed + index);
      const model = build();
      model.placeParameters();
      base ??= model;
      try {
        particles.push(await trainParticle(base, model, { plan, index }));
      } finally {
        if (model !== base) model.dispose();
      }
      await plan.onParticle?.(index);
    }
    return { base: base as M, particles };
  } catch (error) {
    for (const { swag, buffers } of particles) {
      swag.dispose();
      buffers[Symbol.dispose]();
    }
    base?.dispose();
    throw error;
  } finally {
    generator.loadStateDict(before);
  }
}

/** Trains one particle, and collects its weights for a posterior over `base`. */
async function trainParticle<M extends Module, Feed extends object>(
  base: M,
  model: M,
  { plan, index }: { plan: Plan<M, Feed>; index: number },
): Promise<Particle> {
  const { pretrainEpochs, swagEpochs, batchSize, learningRate } = plan;
  const { examples, covMatRank, modulePrefixList } = plan;
  const swag = SwagModel.fromBase(base, {
    noCovMat: swagEpochs === 0,
    maxNumModels: covMatRank,
    ...modulePrefixList && { modulePrefixList },
  });
  try {
    const perEpoch = Math.ceil(examples / batchSize);
    using optimizer = plan.optimizer?.(model) ??
      new AdamW(model.parameters(), {
        learningRate,
        weightDecay: learningRate / 1000,
      });
    model.train();
    await train({
      // One pass for `train`, which reads from the GPU after each.
      epochs: 1,
      batches: () => rowsOf(plan, index),
      inputs: plan.inputs,
      step: (inputs: StepInputs<Feed>) => plan.step(model, inputs),
      optimizer,
      onStep({ step }) {
        if (step % perEpoch === 0 && step >= pretrainEpochs * perEpoch) {
          swag.collectModel(model);
        }
      },
      async onLog({ step, loss }) {
        const epoch = Math.floor((step - 1) / perEpoch);
        await plan.onLog?.({ particle: index, epoch, step, loss });
      },
    });
    model.eval();
    return { swag, buffers: BufferCopy.of(model) };
  } catch (error) {
    swag.dispose();
    throw error;
  }
}

/** The batches of all passes of a particle. */
function* rowsOf<M extends Module, Feed extends object>(
  { examples, batchSize, pretrainEpochs, swagEpochs, seed, bootstrap }: Plan<
    M,
    Feed
  >,
  index: number,
): Generator<Uint32Array<ArrayBuffer>> {
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
function planOf<M extends Module, Feed extends object>(
  options: BayesInferOptions<M, Feed>,
): Plan<M, Feed> {
  checkOptions(options, { action: "train particles", known: OPTIONS });
  const { examples, numModels = 1, pretrainEpochs = 0, swagEpochs = 0 } =
    options;
  const { covMatRank = 20, seed = 0, learningRate = 0.01 } = options;
  const { batchSize = Math.max(1, examples) } = options;
  requireWhole({ examples, numModels, batchSize }, 1);
  requireWhole({ pretrainEpochs, swagEpochs, seed }, 0);
  requireWhole({ covMatRank }, 2);
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

function requireWhole(named: Record<string, number>, least: number): void {
  for (const [name, value] of Object.entries(named)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new RangeError(
      `Cannot train particles with ${name} ${value}: it must be a whole number ` +
        `of at least ${least}`,
    );
  }
}
