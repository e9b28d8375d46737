// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The training loop.

import { DivergenceCheck } from "./divergence_check.ts";
import { checkLosses, LossLedger } from "./loss_ledger.ts";
import { MAX_STEPS, ReadingPace } from "./reading_pace.ts";
import {
  type CapturedTrainOptions,
  checkTrainOptions,
  type TrainOptions,
  type TrainReport,
  type TrainResult,
  type TrainState,
} from "./train_options.ts";
import { TrainSteps } from "./train_steps.ts";

/**
 * Trains a model. For every batch it computes the loss and its gradients, then
 * makes a step of the optimizer; a loop written by hand would do the same.
 *
 * Losses stay on the GPU and are read several at a time, so steps do not wait.
 * Every step runs in a scope, so its tensors are freed after it. The caller
 * switches the model to `train()` and back.
 *
 * At the end of an epoch the weights are checked too: the loss of a step is
 * computed before the step changes the weights, so the last loss says nothing
 * about the weights that are saved.
 *
 * @param options The data, the step, the optimizer, and callbacks. With
 * `inputs`, steps are captured and replayed.
 * @returns How far the run came, and its last loss. All gradients of the
 * optimizer are zero then.
 * @throws {RangeError} If an option is out of range, an epoch has no batches,
 * or a loss is not finite; the message names the step. Also if a weight is not
 * finite or beyond 2⁶⁴ at the end of an epoch.
 * @throws {TypeError} If a step returns no loss or a loss of several elements,
 * or an option is not known.
 *
 * @example Fitting a line
 * ```ts
 * import { initialize, manualSeed, tensor } from "@swagpu/swagpu/engine";
 * import { batches, Linear, mseLoss, SGD, train } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * manualSeed(0);
 * const model = new Linear(1, 1);
 * const { loss } = await train({
 *   epochs: 50,
 *   batches: (epoch) => batches(4, 2, { shuffle: true, epoch }),
 *   step(rows) {
 *     const x = tensor([...rows].map((row) => [row]));
 *     const y = tensor([...rows].map((row) => [2 * row + 1]));
 *     return mseLoss(model.forward(x), y);
 *   },
 *   optimizer: new SGD(model.parameters(), { learningRate: 0.1 }),
 * });
 * assertAlmostEquals(loss, 0, 1e-3);
 * assertAlmostEquals(await model.weight.item(), 2, 1e-1);
 * ```
 *
 * @example With captured steps
 * ```ts
 * import { initialize, manualSeed } from "@swagpu/swagpu/engine";
 * import { batches, Linear, mseLoss, SGD, train } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * manualSeed(0);
 * const model = new Linear(1, 1);
 * await train({
 *   epochs: 50,
 *   batches: (epoch) => batches(4, 2, { shuffle: true, epoch }),
 *   inputs(rows) {
 *     const shape = [rows.length, 1];
 *     return {
 *       x: { data: Float32Array.from(rows), shape },
 *       y: { data: Float32Array.from(rows, (row) => 2 * row + 1), shape },
 *     };
 *   },
 *   step: ({ x, y }) => mseLoss(model.forward(x), y),
 *   optimizer: new SGD(model.parameters(), { learningRate: 0.1 }),
 * });
 * assertAlmostEquals(await model.weight.item(), 2, 1e-1);
 * ```
 */
export async function train<Batch, Feed extends object>(
  options: CapturedTrainOptions<Batch, Feed>,
): Promise<TrainResult>;
/**
 * Trains a model without capturing steps.
 *
 * @param options The data, the step, the optimizer, and callbacks.
 * @returns How far the run came, and its last loss.
 */
export async function train<Batch>(
  options: TrainOptions<Batch>,
): Promise<TrainResult>;
export async function train<Batch>(
  options: TrainOptions<Batch> | CapturedTrainOptions<Batch, object>,
): Promise<TrainResult> {
  checkTrainOptions(options);
  const { epochs, optimizer, scheduler, signal, logEvery, resume } = options;
  const { gradientAccumulation = 1 } = options;
  const pace = new ReadingPace(logEvery);
  using ledger = new LossLedger(logEvery ?? MAX_STEPS);
  using steps = new TrainSteps(options, ledger);
  let step = resume?.step ?? 0;
  let loss = NaN;
  let learningRate = optimizer.learningRate;
  let gradNorm: number | undefined;

  /** Reads, checks and reports the losses since the last reading. */
  const read = async (
    all: number[],
    epoch: number,
    weights?: DivergenceCheck,
  ) => {
    const { losses, norm, other } = await ledger.read(weights?.answer);
    checkLosses(losses, step);
    weights?.check(other, step);
    if (losses.length === 0) return;
    pace.measure(losses.length);
    all.push(...losses);
    gradNorm = norm;
    await options.onLog?.(
      report({ epoch, step, learningRate, gradNorm }, losses),
    );
    // Give signals and timers a turn: the reading may have blocked them.
    await new Promise((resolve) => setTimeout(resolve));
  };

  optimizer.zeroGrad();
  using weights = new DivergenceCheck(optimizer);
  try {
    for (let epoch = resume?.epoch ?? 0; epoch < epochs; epoch++) {
      const all: number[] = [];
      let epochStep = epoch === resume?.epoch ? resume.epochStep : 0;
      const batches = after(
        epochStep * gradientAccumulation,
        options.batches(epoch),
      );
      for await (const group of grouped(batches, gradientAccumulation)) {
        if (signal?.aborted) break;
        steps.run(group);
        learningRate = optimizer.learningRate;
        scheduler?.step();
        step++;
        epochStep++;
        const readLosses = () => read(all, epoch);
        await options.onStep?.({ epoch, step, epochStep, readLosses });
        if (ledger.length >= pace.steps) await read(all, epoch);
      }
      if (epochStep === 0 && !signal?.aborted) {
        throw new RangeError(`Cannot train: epoch ${epoch} has no batches`);
      }
      // Also when nothing is read below, so that all epochs do the same work.
      weights.look();
      const isLast = epoch === epochs - 1 || signal?.aborted;
      if (ledger.length > 0 || isLast) await read(all, epoch, weights);
      const losses = Float32Array.from(all);
      if (losses.length > 0) loss = meanOf(losses);
      if (signal?.aborted) return { epoch, step, loss, aborted: true };
      await options.onEpoch?.(
        report({ epoch, step, learningRate, gradNorm }, losses),
      );
    }
    return { epoch: epochs - 1, step, loss, aborted: false };
  } finally {
    optimizer.zeroGrad();
  }
}

/** The items after the first `count` ones. */
async function* after<T>(
  count: number,
  items: Iterable<T> | AsyncIterable<T>,
): AsyncGenerator<T> {
  for await (const item of items) {
    if (count > 0) count--;
    else yield item;
  }
}

/** Groups of `size` consecutive items; the last may be smaller. */
async function* grouped<T>(
  items: Iterable<T> | AsyncIterable<T>,
  size: number,
): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function report(
  { gradNorm, ...state }: TrainState & {
    learningRate: number;
    gradNorm: number | undefined;
  },
  losses: Float32Array<ArrayBuffer>,
): TrainReport {
  const norm = gradNorm === undefined ? {} : { gradNorm };
  return { ...state, ...norm, loss: meanOf(losses), losses };
}

function meanOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
