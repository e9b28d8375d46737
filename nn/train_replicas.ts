// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The training loop of several models at once.

import {
  ReplicaError,
  type Replicas,
  scope,
  Tensor,
  type TypedArray,
} from "../engine/mod.ts";
import { DivergenceCheck } from "./divergence_check.ts";
import { checkLosses, LossLedger } from "./loss_ledger.ts";
import type { Optimizer } from "./optim.ts";
import { checkOptions } from "./options.ts";
import { MAX_STEPS, ReadingPace } from "./reading_pace.ts";
import type { StepInputs, StepLoss } from "./train_options.ts";
import { TrainSteps } from "./train_steps.ts";

/** What is known after losses of replicas have been read from the GPU. */
export interface ReplicaTrainReport {
  /** The number of optimizer steps so far. */
  readonly step: number;
  /** For each replica the loss of each step since the last report. */
  readonly losses: readonly Float32Array<ArrayBuffer>[];
}

/** Options of {@linkcode trainReplicas}. */
export interface ReplicaTrainOptions<Batch, Feed extends object> {
  /**
   * The batches: for each step one for all replicas, or a list of one for each.
   */
  batches: Iterable<Batch | readonly Batch[]>;
  /**
   * Turns a batch into the inputs of `step`. Inputs that differ between replicas
   * must have the same shapes.
   */
  inputs: (batch: Batch) => Feed;
  /**
   * Computes the loss, as in `train()`: written for one model, captured and
   * replayed for all replicas.
   */
  step: (inputs: StepInputs<Feed>) => StepLoss;
  /** Updates the parameters. It was made in `run()` of the replicas. */
  optimizer: Optimizer;
  /** The steps between two readings. @default {as many as take half a second} */
  logEvery?: number | undefined;
  /** Called when losses have been read. @default {nothing} */
  onLog?: ((report: ReplicaTrainReport) => void | Promise<void>) | undefined;
  /**
   * Called after every step, with the number of steps so far. @default {nothing}
   */
  onStep?: ((step: number) => void) | undefined;
}

const OPTIONS: readonly (keyof ReplicaTrainOptions<unknown, object>)[] = [
  "batches",
  "inputs",
  "step",
  "optimizer",
  "logEvery",
  "onLog",
  "onStep",
];

/**
 * Trains replicas of a model: a step of all of them takes as many dispatches as a
 * step of one. Each replica gets the bits that `train()` gives one alone.
 *
 * @param replicas The replicas.
 * @param options The batches, the step and the optimizer.
 * @returns The number of steps.
 * @throws {ReplicaError} If the step cannot be done for several replicas at once,
 * or their inputs differ in shape.
 * @throws {RangeError} If a loss or a weight of a replica is no longer finite.
 *
 * @example Two layers that learn from other examples
 * ```ts
 * import { initialize, Replicas } from "@swagpu/swagpu/engine";
 * import { Linear, mseLoss, SGD, trainReplicas } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using replicas = new Replicas([1, 2]);
 * const { layer, optimizer } = replicas.run(() => {
 *   const layer = new Linear(1, 1);
 *   return { layer, optimizer: new SGD(layer.parameters(), { learningRate: 0.2 }) };
 * });
 * const steps = await trainReplicas(replicas, {
 *   batches: Array.from({ length: 100 }, () => [[1, 2], [3, 4]]),
 *   inputs: (ys: number[]) => ({
 *     x: { data: Float32Array.of(0, 1), shape: [2, 1] },
 *     y: { data: Float32Array.from(ys), shape: [2, 1] },
 *   }),
 *   step: ({ x, y }) => mseLoss(layer.forward(x), y),
 *   optimizer,
 * });
 * assertEquals(steps, 100);
 * const biases = await replicas.data(layer.bias!);
 * assertEquals(biases.map(([bias = NaN]) => Math.round(bias)), [1, 3]);
 * optimizer.dispose();
 * layer.dispose();
 * ```
 */
export async function trainReplicas<Batch, Feed extends object>(
  replicas: Replicas,
  options: ReplicaTrainOptions<Batch, Feed>,
): Promise<number> {
  checkOptions(options, { action: "train replicas", known: OPTIONS });
  const { batches, inputs, step, optimizer, logEvery, onLog, onStep } = options;
  const pace = new ReadingPace(logEvery);
  using ledger = new LossLedger(logEvery ?? MAX_STEPS);
  using steps = new TrainSteps<Feed>({
    epochs: 1,
    batches: () => [],
    optimizer,
    inputs: (feed: Feed) => feed,
    step: (given: object) => step(given as StepInputs<Feed>),
  }, ledger);
  using weights = replicas.run(() => new DivergenceCheck(optimizer));
  let count = 0;
  const read = async (check?: DivergenceCheck) => {
    const reading = await ledger.readEach(replicas, check?.answer);
    for (const { losses, other } of reading) {
      checkLosses(losses, count);
      check?.check(other, count);
    }
    const losses = reading.map(({ losses }) => losses);
    if (!losses[0]?.length) return;
    pace.measure(losses[0].length);
    await onLog?.({ step: count, losses });
    // Give signals and timers a turn: the reading may have blocked them.
    await new Promise((resolve) => setTimeout(resolve));
  };
  replicas.run(() => optimizer.zeroGrad());
  try {
    for (const batch of batches) {
      {
        using _ = scope();
        const feed = feedOf(replicas, batch, inputs);
        replicas.run(() => steps.run([feed]));
      }
      count++;
      onStep?.(count);
      if (ledger.length >= pace.steps) await read();
    }
    if (count === 0) {
      throw new RangeError("Cannot train replicas: there are no batches");
    }
    replicas.run(() => weights.look());
    await read(weights);
    return count;
  } finally {
    replicas.run(() => optimizer.zeroGrad());
  }
}

/** The inputs of a step: those of one batch, or those of each replica's own. */
function feedOf<Batch, Feed extends object>(
  replicas: Replicas,
  batch: Batch | readonly Batch[],
  inputs: (batch: Batch) => Feed,
): Feed {
  if (!Array.isArray(batch)) return inputs(batch as Batch);
  const feeds = (batch as readonly Batch[]).map(inputs);
  const [first] = feeds;
  if (!first || feeds.length !== replicas.count) {
    throw new ReplicaError(
      `Cannot train ${replicas.count} replicas on ${feeds.length} batches: give ` +
        "one for each, or one for all",
    );
  }
  const names = Object.keys(first) as (keyof Feed & string)[];
  return Object.fromEntries(
    names.map((name) => [
      name,
      stacked(replicas, name, feeds.map((feed) => feed[name])),
    ]),
  ) as Feed;
}

/** One input for all replicas. */
function stacked(
  replicas: Replicas,
  name: string,
  values: readonly unknown[],
): unknown {
  const [first] = values;
  if (values.every((value) => value === first)) return first;
  if (values.every((value) => value instanceof Tensor)) {
    return replicas.stack(values);
  }
  const host = values.map(hostOf).filter((value) => value !== undefined);
  const [{ shape = [] } = {}] = host;
  const same = host.every((value) => `${value.shape}` === `${shape}`);
  if (host.length === values.length && same) {
    return replicas.tensor(host.map(({ data }) => data), shape);
  }
  throw new ReplicaError(
    `Cannot give ${name} to several replicas: it must be tensors or typed ` +
      "arrays of one shape, or the same for all",
  );
}

/** Numbers of the host with their shape, if a value is that. */
function hostOf(
  value: unknown,
): { data: TypedArray; shape: readonly number[] } | undefined {
  if (ArrayBuffer.isView(value)) {
    const data = value as TypedArray;
    return { data, shape: [data.length] };
  }
  const { data, shape } = (value ?? {}) as Record<string, unknown>;
  return ArrayBuffer.isView(data) && Array.isArray(shape)
    ? { data: data as TypedArray, shape }
    : undefined;
}
