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
  type TrainReport,
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
 * - `ivon`: IVON, with a rate that falls in a straight line to 0.
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
  /** Of these, the passes of AdamW before SGD, for `swag`. */
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
  const model = learner.build({ seed, dropout: dropoutOf(regime) });
  const losses: number[] = [];
  const owned: Disposable[] = [];
  const own = <T extends Disposable>(value: T): T => {
    owned.push(value);
    return value;
  };
  const note = ({ loss }: TrainReport) => void losses.push(loss);
  const run = (phase: PhaseOptions) =>
    trainPhase(learner, model, { ...phase, seed });
  const rows = learner.train.count;
  const totalSteps = epochs.all * Math.ceil(rows / learner.task.batchSize);
  const falling = (optimizer: Optimizer) =>
    run({
      optimizer,
      epochs: epochs.all,
      scheduler: new Scheduler(optimizer, linearSchedule({ totalSteps })),
      onEpoch: note,
    });
  const parameters = model.parameters();
  let swag: SwagModel | undefined;
  let ivon: IVON | undefined;
  if (regime === "swag") {
    const collected = swag = own(
      SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 20 }),
    );
    {
      using adamw = disposable(
        new AdamW(parameters, { learningRate: rates.standard }),
      );
      await run({ ...adamw, epochs: epochs.before, onEpoch: note });
    }
    using sgd = disposable(
      new SGD(parameters, {
        learningRate: rates.swag,
        momentum: 0.9,
        weightDecay: 1e-4,
      }),
    );
    await run({
      ...sgd,
      epochs: epochs.all - epochs.before,
      from: epochs.before,
      onEpoch(report) {
        note(report);
        if (report.epoch >= epochs.skipped) collected.collectModel();
      },
    });
  } else if (regime === "ivon") {
    ivon = new IVON(parameters, {
      learningRate: rates.ivon,
      ess: rows,
      // With the default of 0.99999, the Hessian of a short run stays at its start.
      beta2: 1 - 1 / IVON_MEMORY,
    });
    await falling(ivon);
  } else {
    using adamw = disposable(
      new AdamW(parameters, { learningRate: rates[regime] }),
    );
    await falling(adamw.optimizer);
  }
  model.eval();
  const last = own(SwagModel.fromBase(model));
  last.collectModel();
  const optimizer = ivon;
  return {
    model,
    last,
    ...swag && { swag },
    ...ivon && { ivon },
    losses,
    seconds: (performance.now() - start) / 1_000,
    [Symbol.dispose]() {
      for (const value of owned) value[Symbol.dispose]();
      optimizer?.dispose();
      model.dispose();
    },
  };
}

interface PhaseOptions {
  optimizer: Optimizer;
  epochs: number;
  scheduler?: Scheduler;
  onEpoch: (report: TrainReport) => void;
  /** The number of epochs before this phase. */
  from?: number;
}

async function trainPhase(
  { train: texts, task }: Learner,
  model: Classifier,
  { seed, from = 0, ...phase }: PhaseOptions & { seed: number },
): Promise<void> {
  await train({
    ...phase,
    batches: (epoch) =>
      batches(texts.count, task.batchSize, {
        shuffle: true,
        seed,
        epoch: from + epoch,
      }),
    inputs: (rows: Uint32Array) => ({ index: Int32Array.from(rows) }),
    step: ({ index }: { index: IntegerTensor }) =>
      model.forward({
        ...rowsOf(texts, index),
        labels: indexSelect(texts.labels, index),
      }),
  });
}

/** An optimizer that is freed at the end of a block. */
function disposable<T extends Optimizer>(
  optimizer: T,
): { optimizer: T } & Disposable {
  return { optimizer, [Symbol.dispose]: () => optimizer.dispose() };
}
