// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  allocate,
  backward,
  type Device,
  formatShape,
  full,
  type Kernel,
  launch,
  persist,
  readAll,
  scope,
  Tensor,
} from "../engine/mod.ts";
import { clipGradNorm, type Optimizer } from "./optim.ts";
import type { Scheduler } from "./schedule.ts";

/** Where a run is. */
export interface TrainState {
  /** The pass over the data, from 0. */
  readonly epoch: number;
  /** Steps of the optimiser made since the start. */
  readonly step: number;
}

/** What is known each time that losses have been read. */
export interface TrainReport extends TrainState {
  /** The mean loss of the steps reported. */
  readonly loss: number;
  /** The loss of each of them. */
  readonly losses: Float32Array<ArrayBuffer>;
  /** The learning rate of the last step, of the first parameter group. */
  readonly learningRate: number;
}

/** What a run came to. */
export interface TrainResult extends TrainState {
  /** The mean loss of the last epoch, of as much of it as was run. */
  readonly loss: number;
  /** Whether the signal stopped the run before its end. */
  readonly aborted: boolean;
}

/** Options of {@linkcode train}. */
export interface TrainOptions<Batch> {
  /** Passes over the data. */
  epochs: number;
  /**
   * The batches of an epoch, counted from 0. They are data on the host, such as
   * row numbers: `step` makes tensors of them, which are freed after it.
   */
  batches: (epoch: number) => Iterable<Batch> | AsyncIterable<Batch>;
  /** Gives the loss of a batch, or a model's output that holds it. */
  step: (batch: Batch) => Tensor | { readonly loss?: Tensor };
  /** What updates the parameters. */
  optimizer: Optimizer;
  /** Moved on by one after every step. @default {none: a constant rate} */
  scheduler?: Scheduler | undefined;
  /** The largest norm of all gradients together. @default {no limit} */
  maxGradNorm?: number | undefined;
  /**
   * Batches per step: a step follows the mean of their losses. Of an epoch's
   * last batches fewer may make a step.
   *
   * @default {1}
   */
  gradientAccumulation?: number | undefined;
  /**
   * Steps from one reading of losses to the next. A reading waits for the GPU;
   * it is also made at the end of an epoch.
   *
   * @default {as many as take half a second, at most 64}
   */
  logEvery?: number | undefined;
  /** Called when losses have been read. @default {nothing} */
  onLog?: ((report: TrainReport) => void | Promise<void>) | undefined;
  /** Called after every step, without its loss. @default {nothing} */
  onStep?: ((state: TrainState) => void | Promise<void>) | undefined;
  /**
   * Called after every epoch with its losses: the place to evaluate, or to
   * collect weights for a posterior.
   *
   * @default {nothing}
   */
  onEpoch?: ((report: TrainReport) => void | Promise<void>) | undefined;
  /**
   * Ends the run between two steps. It is noticed each time that losses are
   * read, and after callbacks that wait.
   *
   * @default {none}
   */
  signal?: AbortSignal | undefined;
}

/**
 * Trains: for every batch the loss and its gradients, then a step of the
 * optimiser; nothing that a loop by hand would not do.
 *
 * Losses stay on the GPU and are read together now and then, so no step waits.
 * Every step runs in a scope of its own. Switching the model to `train()` and
 * back is left to the caller.
 *
 * @returns How far it came. The optimiser's gradients are zero.
 * @throws {RangeError} If an option is out of range, an epoch has no batch, or
 * a loss is not a finite number; the message names the step.
 * @throws {TypeError} If a step gives no loss, or one of several elements.
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
 */
export async function train<Batch>(
  options: TrainOptions<Batch>,
): Promise<TrainResult> {
  const { epochs, optimizer, scheduler, maxGradNorm, signal } = options;
  const { gradientAccumulation = 1, logEvery } = options;
  requireCount("epochs", epochs);
  requireCount("gradientAccumulation", gradientAccumulation);
  if (logEvery !== undefined) requireCount("logEvery", logEvery);
  const pace = new Pace(logEvery);
  const ledger = new Ledger(logEvery ?? MAX_PACE);
  let step = 0;
  let loss = NaN;
  let learningRate = optimizer.learningRate;

  /** Gradients of each batch, then one step. */
  const update = (batches: readonly Batch[]) => {
    using _ = scope();
    batches.forEach((batch, i) => {
      using _ = scope();
      const loss = lossOf(options.step(batch));
      const share = 1 / batches.length;
      backward(loss, share === 1 ? {} : { gradient: full(loss.shape, share) });
      ledger.add(loss, { share, first: i === 0 });
    });
    if (maxGradNorm !== undefined) clipGradNorm(optimizer, maxGradNorm);
    optimizer.step();
    learningRate = optimizer.learningRate;
    scheduler?.step();
    step++;
  };

  const read = async (epoch: number, losses: number[]) => {
    const since = await ledger.read();
    const bad = since.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const at = step - since.length + bad + 1;
      throw new RangeError(
        `Cannot train on: the loss of step ${at} is ${since[bad]}, ` +
          "lower the learning rate or limit the gradients with maxGradNorm",
      );
    }
    pace.measure(since.length);
    losses.push(...since);
    await options.onLog?.(report({ epoch, step, learningRate }, since));
    // Signals and timers get a turn: reading may have blocked them.
    await new Promise((resolve) => setTimeout(resolve));
  };

  optimizer.zeroGrad();
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      const losses: number[] = [];
      const start = step;
      for await (
        const group of grouped(options.batches(epoch), gradientAccumulation)
      ) {
        if (signal?.aborted) break;
        update(group);
        await options.onStep?.({ epoch, step });
        if (ledger.length >= pace.steps) await read(epoch, losses);
      }
      if (step === start && !signal?.aborted) {
        throw new RangeError(`Cannot train: epoch ${epoch} has no batches`);
      }
      if (ledger.length > 0) await read(epoch, losses);
      const values = Float32Array.from(losses);
      if (values.length > 0) loss = meanOf(values);
      if (signal?.aborted) return { epoch, step, loss, aborted: true };
      await options.onEpoch?.(report({ epoch, step, learningRate }, values));
    }
    return { epoch: epochs - 1, step, loss, aborted: false };
  } finally {
    optimizer.zeroGrad();
    ledger.dispose();
  }
}

/** The most steps between two readings, unless the caller says otherwise. */
const MAX_PACE = 64;

/** The time between two readings, in milliseconds. */
const PACE_MILLISECONDS = 500;

/** Decides how many steps to make between two readings. */
class Pace {
  /** Steps until the next reading. */
  steps: number;
  readonly #fixed: boolean;
  #last = performance.now();

  constructor(steps: number | undefined) {
    this.steps = steps ?? 1;
    this.#fixed = steps !== undefined;
  }

  /** Adapts to the time that steps took; slow first ones say little. */
  measure(steps: number): void {
    const now = performance.now();
    const each = (now - this.#last) / steps;
    this.#last = now;
    if (this.#fixed) return;
    const fitting = Math.floor(PACE_MILLISECONDS / each);
    this.steps = Math.max(1, Math.min(fitting, 2 * this.steps, MAX_PACE));
  }
}

/** Adds a batch's share of the loss to the slot of the step. */
const note: Kernel = {
  name: "note_loss",
  bind: ["read", "write"],
  params: { at: "u32", first: "u32", share: "f32" },
  wgsl: /* wgsl */ `
struct Params { at: u32, first: u32, share: f32 }
@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read_write> slots: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(1)
fn main() {
  let before = select(slots[p.at], 0.0, p.first == 1u);
  slots[p.at] = before + p.share * loss[0];
}
`,
};

/** The losses of the latest steps, on the GPU until they are read. */
class Ledger {
  /** Steps noted since the last reading. */
  length = 0;
  readonly #capacity: number;
  #slots: Tensor | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Notes a batch's loss, weighted by its share of the step. */
  add(loss: Tensor, { share, first }: { share: number; first: boolean }): void {
    const slots = this.#slots ??= this.#open(loss.device);
    if (first) this.length++;
    launch(loss.device, note, {
      bind: [loss, slots],
      params: { at: this.length - 1, first: first ? 1 : 0, share },
      groups: [1],
    });
  }

  /** Reads what was noted, with one wait, and starts anew. */
  async read(): Promise<Float32Array<ArrayBuffer>> {
    const { length } = this;
    this.length = 0;
    const [values] = await readAll(this.#slots ? [this.#slots] : []);
    return Float32Array.from(values ?? []).subarray(0, length);
  }

  dispose(): void {
    this.#slots?.dispose();
  }

  #open(device: Device): Tensor {
    return persist(allocate(device, [this.#capacity]));
  }
}

/** Lists of `size` items in a row; the last may be shorter. */
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

function lossOf(output: Tensor | { readonly loss?: Tensor }): Tensor {
  const loss = output instanceof Tensor ? output : output.loss;
  if (loss?.size === 1) return loss;
  throw new TypeError(
    loss
      ? `Cannot train on a loss of shape ${
        formatShape(loss.shape)
      }: it must have one element`
      : "Cannot train: the step gave no loss, pass labels to the model",
  );
}

function report(
  state: TrainState & { learningRate: number },
  losses: Float32Array<ArrayBuffer>,
): TrainReport {
  return { ...state, loss: meanOf(losses), losses };
}

function meanOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function requireCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new RangeError(
    `Cannot train with ${name} ${value}: expected a whole number from 1 on`,
  );
}
