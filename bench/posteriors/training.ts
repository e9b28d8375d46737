// Copyright 2026 the swagpu authors. MIT license.

// The four regimes of training. All see the data equally often, from the same first
// weights and in the same order, so that a run of each costs about the same.

import { indexSelect, type IntegerTensor } from "../../engine/mod.ts";
import {
  AdamW,
  batches,
  IVON,
  linearSchedule,
  type Optimizer,
  Scheduler,
  SGD,
  train,
} from "../../nn/mod.ts";
import { SwagModel } from "../../swag/mod.ts";
import { type Classifier, type Learner, rowsOf } from "./learner.ts";

/**
 * How a model is trained:
 *
 * - `standard`: AdamW, with a rate that falls in a straight line to 0.
 * - `dropout`: the same, with dropout of 0.1.
 * - `swag`: AdamW at the constant rate of `standard` at first, then SGD with momentum
 *   at a constant rate. SWAG collects once an epoch.
 * - `ivon`: AdamW at first, as in `swag`; then IVON, with a rate that falls in a
 *   straight line to 0. From random weights IVON does not get off the ground here.
 */
export type Regime = "standard" | "dropout" | "swag" | "ivon";

/** The regimes. */
export const REGIMES: readonly Regime[] = [
  "standard",
  "dropout",
  "swag",
  "ivon",
];

/** The learning rate of each regime, for one task. */
export type Rates = Readonly<Record<Regime, number>>;

/** How long models are trained. */
export interface Epochs {
  /** The passes over the data of every run. */
  readonly all: number;
  /** Of these, the passes of AdamW before SGD or IVON. */
  readonly before: number;
  /** The passes of SGD before the first collection. */
  readonly skipped: number;
}

/** The epochs that are reported: SWAG collects 20 times. */
export const EPOCHS: Epochs = { all: 26, before: 5, skipped: 1 };

/** Which run. */
export interface RunOptions {
  readonly regime: Regime;
  readonly rates: Rates;
  readonly epochs: Epochs;
  /** Decides the first weights, the order of the batches and all that is drawn. */
  readonly seed: number;
}

/** A model after training. */
export interface TrainedRun extends Disposable {
  readonly model: Classifier;
  /** The weights at the end: a posterior of one collection. */
  readonly last: SwagModel;
  /** What was collected, for `swag`. */
  readonly swag?: SwagModel;
  /** The optimizer of `ivon`, which holds the posterior. */
  readonly ivon?: IVON;
  /** The mean loss of each epoch. */
  readonly losses: readonly number[];
  readonly seconds: number;
}

/** The steps after which IVON has forgotten two thirds of its first Hessian. */
const IVON_MEMORY = 1_000;

/** The dropout rate of a regime. */
export function dropoutOf(regime: Regime): number {
  return regime === "dropout" ? 0.1 : 0;
}

/** Trains a model. */
export async function trainRun(
  learner: Learner,
  { regime, rates, epochs, seed }: RunOptions,
): Promise<TrainedRun> {
  const start = performance.now();
  using owned = new DisposableStack();
  const model = owned.use(
    learner.build({ seed, dropout: dropoutOf(regime) }),
  );
  const losses: number[] = [];
  const shared = { learner, model, seed, losses };
  const parameters = model.parameters();
  const results: { swag?: SwagModel; ivon?: IVON } = {};
  const after = { from: epochs.before, epochs: epochs.all - epochs.before };
  if (regime === "swag" || regime === "ivon") {
    using adamw = new AdamW(parameters, { learningRate: rates.standard });
    await trainPhase({ ...shared, optimizer: adamw, epochs: epochs.before });
  }
  if (regime === "swag") {
    const swag = results.swag = owned.use(
      SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 20 }),
    );
    using sgd = new SGD(parameters, {
      learningRate: rates.swag,
      momentum: 0.9,
      weightDecay: 1e-4,
    });
    await trainPhase({
      ...{ ...shared, ...after, optimizer: sgd },
      onEpoch(epoch) {
        if (epoch >= epochs.skipped) swag.collectModel();
      },
    });
  } else if (regime === "ivon") {
    const ivon = results.ivon = owned.use(
      new IVON(parameters, {
        learningRate: rates.ivon,
        ess: learner.train.count,
        // With the default of 0.99999, a short run keeps its first Hessian.
        beta2: 1 - 1 / IVON_MEMORY,
      }),
    );
    await trainPhase({
      ...{ ...shared, ...after, optimizer: ivon, isFalling: true },
    });
  } else {
    using adamw = new AdamW(parameters, { learningRate: rates[regime] });
    await trainPhase({
      ...{ ...shared, optimizer: adamw, isFalling: true },
      epochs: epochs.all,
    });
  }
  model.eval();
  const last = owned.use(SwagModel.fromBase(model));
  last.collectModel();
  const kept = owned.move();
  return {
    ...{ model, last, ...results, losses },
    seconds: (performance.now() - start) / 1_000,
    [Symbol.dispose]: () => kept.dispose(),
  };
}

/** Trains with one optimizer, and notes the mean loss of each epoch. */
async function trainPhase(
  { learner, model, optimizer, ...options }: {
    learner: Learner;
    model: Classifier;
    seed: number;
    losses: number[];
    optimizer: Optimizer;
    epochs: number;
    /** The number of epochs before this phase. @default {0} */
    from?: number;
    /** Whether the rate falls in a straight line to 0. @default {false} */
    isFalling?: boolean;
    /** Called after each epoch with its number in this phase. */
    onEpoch?: (epoch: number) => void;
  },
): Promise<void> {
  const { train: texts, task: { batchSize } } = learner;
  const { seed, losses, epochs, from = 0, isFalling, onEpoch } = options;
  const totalSteps = epochs * Math.ceil(texts.count / batchSize);
  await train({
    optimizer,
    epochs,
    ...isFalling &&
      { scheduler: new Scheduler(optimizer, linearSchedule({ totalSteps })) },
    batches: (epoch) =>
      batches(texts.count, batchSize, {
        ...{ shuffle: true, seed, epoch: from + epoch },
      }),
    inputs: (rows: Uint32Array) => ({ index: Int32Array.from(rows) }),
    step: ({ index }: { index: IntegerTensor }) =>
      model.forward({
        ...rowsOf(texts, index),
        labels: indexSelect(texts.labels, index),
      }),
    onEpoch({ epoch, loss }) {
      losses.push(loss);
      onEpoch?.(epoch);
    },
  });
}
