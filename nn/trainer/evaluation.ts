// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// One pass over a dataset without training: loss, outputs and labels.

import { allocate, persist } from "../../engine/kernel_kit.ts";
import {
  type AnyTensor,
  capture,
  type HostValues,
  noGrad,
  readAll,
  scope,
  Tensor,
  type TypedArray,
} from "../../engine/mod.ts";
import { type Collate, Collated } from "./collated.ts";
import { rowBatches, type TrainerDataset } from "./datasets.ts";
import { concatBatches, tensorsOf } from "./host_outputs.ts";
import type { LossFunction, TrainableModel } from "./loss.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";

/** The inputs that hold labels unless `labelNames` says others. */
const LABEL_NAMES = ["labels", "startPositions", "endPositions"];

/** What `computeMetrics` is given. */
export interface EvalPrediction {
  /**
   * The model's `logits`, or the first of its outputs without such: the arrays
   * of all batches along the first axis. Where other axes differ, as the number
   * of tokens does, they are filled up with -100.
   */
  readonly predictions: HostValues;
  /** The first of the labels, put together in the same way. */
  readonly labels: HostValues;
  /** All outputs by name, such as `startLogits` and `endLogits`. */
  readonly outputs: Readonly<Record<string, HostValues>>;
  /** All labels by name. */
  readonly labelInputs: Readonly<Record<string, HostValues>>;
}

/** What a pass over a dataset gives. */
export interface Evaluation {
  /** The mean loss of the rows; `undefined` without labels. */
  readonly loss: number | undefined;
  readonly outputs: Record<string, HostValues>;
  readonly labels: Record<string, HostValues>;
  readonly rows: number;
  readonly batches: number;
}

/** How to pass over a dataset. */
export interface EvaluationOptions<Row> {
  model: TrainableModel;
  args: CompleteTrainingArguments;
  loss: LossFunction;
  collate: Collate<Row>;
  /** Whether outputs are needed, not the loss alone. */
  keepsOutputs: boolean;
  /** Makes smaller outputs on the GPU. */
  preprocess: ((outputs: Record<string, AnyTensor>) => AnyTensor) | undefined;
}

/** A batch whose results are on the GPU. */
interface Pending {
  rows: number;
  results: Record<string, AnyTensor>;
  labels: Record<string, HostValues>;
}

/** The name of the loss among results. */
const LOSS = "loss";

/** Passes over a dataset in evaluation mode. */
export async function evaluateDataset<Row>(
  dataset: TrainerDataset<Row>,
  options: EvaluationOptions<Row>,
): Promise<Evaluation> {
  const { model, args } = options;
  const wasTraining = model.training;
  model.eval();
  const step = capture(
    (inputs: object) => noGrad(() => resultsOf(inputs, options)),
    { enabled: args.capture },
  );
  const done = new Totals();
  let pending: Pending[] = [];
  try {
    const batches = rowBatches(dataset, {
      batchSize: args.perDeviceEvalBatchSize,
      dropLast: false,
      skip: 0,
    });
    for await (const rows of batches) {
      using batch = await Collated.make(options.collate, rows);
      const { feed } = batch;
      const results = run(step as (feed: object) => unknown, feed);
      const labels = options.keepsOutputs ? await labelsOf(feed, args) : {};
      pending.push({ rows: rows.length, results, labels });
      if (pending.length < args.evalAccumulationSteps) continue;
      await done.read(pending);
      pending = [];
    }
    await done.read(pending);
    pending = [];
  } finally {
    for (const { results } of pending) {
      for (const x of Object.values(results)) x.dispose();
    }
    step.dispose();
    model.train(wasTraining);
  }
  return done.finish();
}

/** The loss and the outputs of one batch. */
function resultsOf<Row>(
  inputs: object,
  { model, args, loss, keepsOutputs, preprocess }: EvaluationOptions<Row>,
): Record<string, AnyTensor> {
  const hasLabels = labelNamesIn(inputs, args).length > 0;
  const output = hasLabels ? loss.compute(inputs) : model.forward(inputs);
  const value = output instanceof Tensor ? output : output.loss;
  const results: Record<string, AnyTensor> = {};
  if (hasLabels && value) results[LOSS] = value;
  if (!keepsOutputs) return results;
  const all = tensorsOf(output);
  const scores = Object.keys(all).filter((name) =>
    /^logits$|Logits$/.test(name)
  );
  const names = scores.length > 0 ? scores : Object.keys(all);
  const outputs = Object.fromEntries(
    names.map((name) => [name, all[name] as AnyTensor]),
  );
  return preprocess
    ? { ...results, logits: preprocess(outputs) }
    : { ...results, ...outputs };
}

/** Runs a step and copies its results, which live until its next call. */
function run(
  step: (feed: object) => unknown,
  feed: object,
): Record<string, AnyTensor> {
  using _ = scope();
  const results = step(feed) as Record<string, AnyTensor>;
  return Object.fromEntries(
    Object.entries(results).map(([name, x]) => [name, copyOf(x)]),
  );
}

function copyOf(x: AnyTensor): AnyTensor {
  const copy = persist(allocate(x.device, x.shape, x.dtype));
  if (x.bytes > 0) {
    x.device.stream.copy(
      x.block.window(x.byteOffset, x.bytes),
      copy.block.window(copy.byteOffset, copy.bytes),
      x.bytes,
    );
  }
  return copy;
}

/** The names of the inputs that hold labels. */
export function labelNamesIn(
  inputs: object,
  { labelNames = LABEL_NAMES }: CompleteTrainingArguments,
): string[] {
  const given = inputs as Record<string, unknown>;
  return labelNames.filter((name) => given[name] !== undefined);
}

/** The labels of a batch on the host. */
async function labelsOf(
  feed: object,
  args: CompleteTrainingArguments,
): Promise<Record<string, HostValues>> {
  const labels: Record<string, HostValues> = {};
  for (const name of labelNamesIn(feed, args)) {
    const value = (feed as Record<string, unknown>)[name];
    if (value instanceof Tensor) {
      labels[name] = { data: await value.data(), shape: value.shape };
    } else if (ArrayBuffer.isView(value)) {
      const data = value as TypedArray;
      labels[name] = { data, shape: [data.length] };
    } else {
      labels[name] = value as HostValues;
    }
  }
  return labels;
}

/** What has been read of all batches. */
class Totals {
  #rows = 0;
  #batches = 0;
  #loss: number | undefined;
  readonly #outputs = new Map<string, HostValues[]>();
  readonly #labels = new Map<string, HostValues[]>();

  /** Reads the results of batches with one wait, and frees them. */
  async read(pending: readonly Pending[]): Promise<void> {
    const tensors = pending.flatMap(({ results }) => Object.values(results));
    const values = tensors.length > 0 ? await readAll(tensors) : [];
    let at = 0;
    for (const { rows, results, labels } of pending) {
      this.#rows += rows;
      this.#batches++;
      for (const [name, tensor] of Object.entries(results)) {
        const data = values[at++] ?? new Float32Array();
        if (name === LOSS) {
          this.#loss = (this.#loss ?? 0) + rows * (data[0] ?? 0);
        } else push(this.#outputs, name, { data, shape: tensor.shape });
        tensor.dispose();
      }
      for (const [name, value] of Object.entries(labels)) {
        push(this.#labels, name, value);
      }
    }
  }

  finish(): Evaluation {
    const joined = (parts: Map<string, HostValues[]>) =>
      Object.fromEntries(
        [...parts].map(([name, all]) => [name, concatBatches(all)]),
      );
    return {
      loss: this.#loss === undefined ? undefined : this.#loss / this.#rows,
      outputs: joined(this.#outputs),
      labels: joined(this.#labels),
      rows: this.#rows,
      batches: this.#batches,
    };
  }
}

function push(
  parts: Map<string, HostValues[]>,
  name: string,
  value: HostValues,
): void {
  const all = parts.get(name);
  if (all) all.push(value);
  else parts.set(name, [value]);
}

const NOTHING: HostValues = { data: new Float32Array(), shape: [0] };

/** The outputs and labels as `computeMetrics` takes them. */
export function predictionOf({ outputs, labels }: Evaluation): EvalPrediction {
  const [first = NOTHING] = Object.values(outputs);
  const [firstLabels = NOTHING] = Object.values(labels);
  return {
    predictions: outputs["logits"] ?? first,
    labels: firstLabels,
    outputs,
    labelInputs: labels,
  };
}
