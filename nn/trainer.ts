// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  allocate,
  defineKernel,
  formatShape,
  type Kernel,
  launch,
  onReplay,
  persist,
  ReplayParam,
} from "../engine/kernel_kit.ts";
import {
  type AnyTensor,
  backward,
  capture,
  type Device,
  type DTypeOf,
  full,
  type HostValues,
  readAll,
  scope,
  Tensor,
  type TypedArray,
} from "../engine/mod.ts";
import { makeAnswer, NOTHING_FOUND } from "./finite.ts";
import { clipGradNorm, type Optimizer } from "./optim.ts";
import { checkOptions } from "./options.ts";
import type { Scheduler } from "./schedule.ts";

/** Where a run is. */
export interface TrainState {
  /** The pass over the data, from 0. */
  readonly epoch: number;
  /** Steps of the optimizer made since the start. */
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

/** A loss, or a model's output that holds it. */
export type StepLoss = Tensor | { readonly loss?: Tensor };

/** What all runs of {@linkcode train} have in common. */
export interface RunOptions<Batch> {
  /** Passes over the data. */
  epochs: number;
  /**
   * The batches of an epoch, counted from 0. They are data on the host, such as
   * row numbers.
   */
  batches: (epoch: number) => Iterable<Batch> | AsyncIterable<Batch>;
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
   * collect weights for a posterior. A model that it switches to `eval()` stays
   * so: switch it back.
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

/** Options of {@linkcode train}, to run every step as it is. */
export interface TrainOptions<Batch> extends RunOptions<Batch> {
  /**
   * Gives the loss of a batch. It may make tensors of it, which are freed after
   * the step.
   */
  step: (batch: Batch) => StepLoss;
}

/**
 * What `step` receives for what `inputs` gives: a tensor for host values and
 * tensors, and everything else as it is.
 */
export type StepInputs<Feed> = {
  readonly [Name in keyof Feed]: StepValue<Feed[Name]>;
};

/** What one input becomes. */
export type StepValue<Value> = Value extends AnyTensor ? Tensor<Value["dtype"]>
  : Value extends TypedArray ? Tensor<DTypeOf<Value>>
  : Value extends HostValues ? Tensor<DTypeOf<Value["data"]>>
  : Value;

/** Options of {@linkcode train}, to capture its steps: faster, the same bits. */
export interface CapturedTrainOptions<Batch, Feed extends object>
  extends RunOptions<Batch> {
  /**
   * Turns a batch into the inputs of `step`: tensors as typed arrays,
   * `{ data, shape }`, or as they are; see `capture`.
   */
  inputs: (batch: Batch) => Feed;
  /**
   * Gives the loss of inputs. It is run for the first few batches of each shape
   * and then replayed, so all that changes must come by its inputs.
   */
  step: (inputs: StepInputs<Feed>) => StepLoss;
  /** Whether steps are replayed at all. @default {true} */
  capture?: boolean | undefined;
}

/**
 * Trains: for every batch the loss and its gradients, then a step of the
 * optimizer; nothing that a loop by hand would not do.
 *
 * Losses stay on the GPU and are read together now and then, so no step waits.
 * Every step runs in a scope of its own. Switching the model to `train()` and
 * back is left to the caller.
 *
 * At the end of an epoch the weights are looked at too: the loss of a step was
 * computed before it changed them, so that of the last step says nothing of what
 * is saved.
 *
 * @returns How far it came. The optimizer's gradients are zero.
 * @throws {RangeError} If an option is out of range, an epoch has no batch, or
 * a loss is not a finite number; the message names the step. If a weight is not
 * finite or beyond 2⁶⁴ in the end, which no loss may have shown.
 * @throws {TypeError} If a step gives no loss, or one of several elements, or an
 * option is not known.
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
/** Without `inputs`, every step is run as it is. */
export async function train<Batch>(
  options: TrainOptions<Batch>,
): Promise<TrainResult>;
export async function train<Batch>(
  options: TrainOptions<Batch> | CapturedTrainOptions<Batch, object>,
): Promise<TrainResult> {
  checkOptions(options, { action: "train", known: NAMES });
  const { epochs, optimizer, scheduler, maxGradNorm, signal } = options;
  const { gradientAccumulation = 1, logEvery } = options;
  requireCount("epochs", epochs);
  requireCount("gradientAccumulation", gradientAccumulation);
  if (logEvery !== undefined) requireCount("logEvery", logEvery);
  if (maxGradNorm !== undefined && !(maxGradNorm > 0)) {
    throw new RangeError(
      `Cannot train with maxGradNorm ${maxGradNorm}: it must be positive`,
    );
  }
  const pace = new Pace(logEvery);
  const ledger = new Ledger(logEvery ?? MAX_PACE);
  let step = 0;
  let loss = NaN;
  let learningRate = optimizer.learningRate;

  /** The gradients of a batch that makes up a share of a step. */
  const addGradients = (output: StepLoss, share: number) => {
    const loss = lossOf(output);
    backward(loss, share === 1 ? {} : { gradient: full(loss.shape, share) });
    ledger.add(loss, share);
  };
  const updateWeights = () => {
    if (maxGradNorm !== undefined) clipGradNorm(optimizer, maxGradNorm);
    optimizer.step();
  };
  using steps = "inputs" in options
    ? capturedSteps(options, addGradients, updateWeights)
    : plainSteps(options, addGradients, updateWeights);

  /** Gradients of each batch, then one step. */
  const update = (batches: readonly Batch[]) => {
    using _ = scope();
    ledger.open();
    const share = 1 / batches.length;
    for (const batch of batches) steps.add(batch, share);
    steps.update();
    learningRate = optimizer.learningRate;
    scheduler?.step();
    step++;
  };

  const read = async (
    epoch: number,
    losses: number[],
    weights?: WeightCheck,
  ) => {
    const { since, block } = await ledger.read(weights?.found);
    const bad = since.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const at = step - since.length + bad + 1;
      throw new RangeError(
        `Cannot train on: the loss of step ${at} is ${since[bad]}, ` +
          "lower the learning rate or limit the gradients with maxGradNorm; " +
          "labels outside of the classes, ids outside of the vocabulary and " +
          "inputs that are not finite give such a loss too",
      );
    }
    weights?.check(block, step);
    if (since.length === 0) return;
    pace.measure(since.length);
    losses.push(...since);
    await options.onLog?.(report({ epoch, step, learningRate }, since));
    // Signals and timers get a turn: reading may have blocked them.
    await new Promise((resolve) => setTimeout(resolve));
  };

  optimizer.zeroGrad();
  using weights = new WeightCheck(optimizer);
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
      const isLast = epoch === epochs - 1 || signal?.aborted;
      weights.look(); // Also where nobody asks, so that runs are alike.
      if (ledger.length > 0 || isLast) await read(epoch, losses, weights);
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

/** How the parts of a step are run. */
interface Steps<Batch> extends Disposable {
  /** Adds a batch's share to the gradients. */
  add(batch: Batch, share: number): void;
  /** Makes the step. */
  update(): void;
}

type AddGradients = (output: StepLoss, share: number) => void;

function plainSteps<Batch>(
  { step }: TrainOptions<Batch>,
  addGradients: AddGradients,
  update: () => void,
): Steps<Batch> {
  return {
    add(batch, share) {
      using _ = scope();
      addGradients(step(batch), share);
    },
    update,
    [Symbol.dispose]() {},
  };
}

/** Where an input tells how many batches make a step. */
const SHARE = "share of the step";

/** A part for batches and one for the update: steps may have several batches. */
function capturedSteps<Batch>(
  { inputs, step, capture: enabled = true }: CapturedTrainOptions<
    Batch,
    object
  >,
  addGradients: AddGradients,
  update: () => void,
): Steps<Batch> {
  const add = capture((given: { [SHARE]: number }) => {
    const { [SHARE]: share, ...rest } = given;
    addGradients(step(rest), share);
  }, { enabled });
  const updated = capture(update, { enabled });
  return {
    add(batch, share) {
      add({ ...inputs(batch), [SHARE]: share });
    },
    update: () => updated({}),
    [Symbol.dispose]() {
      add.dispose();
      updated.dispose();
    },
  };
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
const note: Kernel = defineKernel({
  name: "note_loss",
  wgsl: /* wgsl */ `
struct Params { at: u32, first: u32, share: f32 }
@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read_write> slots: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(1)
fn main() {
  let before = select(slots[p.at], 0.0, p.first == 1u);
  slots[p.at] = before + p.share * loss[0];
}
`,
});

/** What {@linkcode Ledger} reads. */
interface Reading {
  /** The losses since the last reading. */
  readonly since: Float32Array<ArrayBuffer>;
  /** Where a weight was found that is not to go on with, if it was looked for. */
  readonly block: number;
}

/** Looks for weights that a run has driven out of what 32 bits can use. */
class WeightCheck implements Disposable {
  /** The answer, on the GPU. */
  readonly found: Tensor<"u32">;
  readonly #optimizer: Optimizer;

  constructor(optimizer: Optimizer) {
    const [first] = optimizer.groups.flatMap(({ parameters }) => parameters);
    if (!first) throw new TypeError("Cannot train: there are no parameters");
    this.found = makeAnswer(first.device);
    this.#optimizer = optimizer;
  }

  look(): void {
    this.found.write([NOTHING_FOUND, NOTHING_FOUND]);
    this.#optimizer.findDiverged(this.found);
  }

  check(block: number, step: number): void {
    if (block === NOTHING_FOUND) return;
    const parameter = this.#optimizer.parameterOf(block);
    if (!parameter?.requiresGrad) return; // Not the run's doing.
    throw new RangeError(
      `Cannot use the weights: after step ${step} one of a parameter of shape ` +
        `${
          formatShape(parameter.shape)
        } is not finite or beyond 2⁶⁴, so the run ` +
        "has diverged; lower the learning rate or limit the gradients with " +
        "maxGradNorm",
    );
  }

  [Symbol.dispose](): void {
    this.found.dispose();
  }
}

/** The losses of the latest steps, on the GPU until they are read. */
class Ledger {
  /** Steps noted since the last reading. */
  length = 0;
  readonly #capacity: number;
  #isFirst = true;
  #slots: Tensor | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Starts the slot of the next step. */
  open(): void {
    this.length++;
    this.#isFirst = true;
  }

  /** Notes a batch's loss, weighted by its share of the step. */
  add(loss: Tensor, share: number): void {
    const slots = this.#slots ??= this.#make(loss.device);
    const at = new ReplayParam();
    const first = new ReplayParam();
    onReplay(() => {
      at.value = this.length - 1;
      first.value = this.#isFirst ? 1 : 0;
      this.#isFirst = false;
    });
    launch(loss.device, note, {
      bind: [loss, slots],
      params: { at, first, share },
      groups: [1],
    });
  }

  /** Reads what was noted, with one wait, and starts anew. */
  async read(found?: Tensor<"u32">): Promise<Reading> {
    const { length } = this;
    this.length = 0;
    const slots = this.#slots && length > 0 ? [this.#slots] : [];
    const along = found ? [found] : [];
    const read = await readAll([...slots, ...along]);
    const values = slots.length > 0 ? read[0] ?? [] : [];
    return {
      since: Float32Array.from(values).subarray(0, length),
      block: found ? read.at(-1)?.[0] ?? NOTHING_FOUND : NOTHING_FOUND,
    };
  }

  dispose(): void {
    this.#slots?.dispose();
  }

  #make(device: Device): Tensor {
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

/** The names of all options. */
const NAMES: readonly (
  | keyof TrainOptions<unknown>
  | keyof CapturedTrainOptions<unknown, object>
)[] = [
  "epochs",
  "batches",
  "optimizer",
  "scheduler",
  "maxGradNorm",
  "gradientAccumulation",
  "logEvery",
  "onLog",
  "onStep",
  "onEpoch",
  "signal",
  "step",
  "inputs",
  "capture",
];

function requireCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new RangeError(
    `Cannot train with ${name} ${value}: expected a whole number from 1 on`,
  );
}
