// Copyright 2026 the swagpu authors. MIT license.

// What recording costs the host once everything is cached, op by op and for
// captured steps, and how much memory whole training steps need both ways.

import {
  add,
  backward,
  capture,
  type Device,
  ones,
  scope,
} from "../engine/mod.ts";
import { BertConfig, BertForSequenceClassification } from "../models/mod.ts";
import { AdamW, clipGradNorm } from "../nn/mod.ts";

/** A whole training step, run op by op or replayed. */
export interface StepCost {
  /** Time of the host, without what submits take: median and fastest. */
  microseconds: number;
  fastest: number;
  /** The median for each dispatch. */
  microsecondsPerDispatch: number;
  /** Dispatches of a step. */
  dispatches: number;
  /** New bind groups of a step. */
  bindGroups: number;
  /** New buffers of a step. */
  buffers: number;
  /** The most bytes that tensors held at a time, model included. */
  peakBytes: number;
}

/** Costs of the host in steady state. */
export interface HostCost {
  /** Median time to validate, allocate and record a tiny op. */
  microsecondsPerDispatch: number;
  /** The step of `TRAINING_STEP`, op by op. */
  eager: StepCost;
  /** The same step, captured. */
  captured: StepCost;
}

/** A small BERT classifier and a batch. */
export interface StepSize {
  hidden: number;
  layers: number;
  batch: number;
  length: number;
}

/** The step of `TRAINING_STEP` in cases.ts. */
export const BENCH_STEP: StepSize = {
  hidden: 128,
  layers: 2,
  batch: 8,
  length: 64,
};

const LINKS = 50;

/** Measures a chain of tiny adds, and the steps of a BERT both ways. */
export async function measureHost(device: Device): Promise<HostCost> {
  return {
    microsecondsPerDispatch: await measureChain(device),
    ...await measureSteps(device, BENCH_STEP, 20),
  };
}

async function measureChain(device: Device): Promise<number> {
  using _ = scope();
  // Fewer than fill a chunk: a software adapter works inside submit, and what
  // it works is not the host's cost.
  const chain = () => {
    using _ = scope();
    let x = ones([16]);
    const start = performance.now();
    for (let i = 0; i < LINKS; i++) x = add(x, 1);
    return performance.now() - start;
  };
  const samples: number[] = [];
  for (let i = 0; i < 400; i++) {
    device.stream.flush();
    const elapsed = chain();
    if (i >= 200) samples.push(elapsed * 1000 / LINKS);
    await (i % 50 === 0 ? device.synchronize() : undefined);
  }
  return median(samples);
}

/**
 * Forward, backward, clipping and AdamW of a BERT classifier with dropout, op by
 * op and captured, in turns.
 */
export async function measureSteps(
  device: Device,
  size: StepSize,
  steps: number,
): Promise<Pick<HostCost, "eager" | "captured">> {
  const { hidden, layers, batch, length } = size;
  const model = new BertForSequenceClassification(
    new BertConfig({
      vocabSize: 1000,
      hiddenSize: hidden,
      numHiddenLayers: layers,
      numAttentionHeads: hidden / 64,
      intermediateSize: 4 * hidden,
      maxPositionEmbeddings: length,
    }),
  );
  const optimizer = new AdamW(model.parameters(), { learningRate: 1e-4 });
  const inputs = {
    inputIds: {
      data: Int32Array.from(
        { length: batch * length },
        (_, i) => (i * 37) % 1000,
      ),
      shape: [batch, length],
    },
    labels: Int32Array.from({ length: batch }, (_, i) => i % 2),
  };
  const [eager, captured] = [false, true].map((enabled) => {
    const run = capture(({ inputIds, labels }) => {
      const { loss } = model.forward({ inputIds, labels });
      if (!loss) throw new Error("the model gave no loss");
      backward(loss);
      clipGradNorm(optimizer, 1);
      optimizer.step();
      return { loss };
    }, { enabled });
    return { run, samples: [] as number[], cost: emptyCost() };
  });
  if (!eager || !captured) throw new Error("unreachable");
  using submits = new Submits(device);
  for (const { run, samples, cost } of [eager, captured, eager, captured]) {
    for (let i = 0; i < 5; i++) run(inputs);
    await device.synchronize();
    device.pool.resetPeak();
    const before = counts(device);
    for (let i = 0; i < steps; i++) {
      submits.milliseconds = 0;
      const start = performance.now();
      run(inputs);
      device.stream.flush();
      const elapsed = performance.now() - start - submits.milliseconds;
      samples.push(elapsed * 1000);
      await device.synchronize();
    }
    const after = counts(device);
    cost.dispatches = (after.dispatches - before.dispatches) / steps;
    cost.bindGroups = (after.bindGroups - before.bindGroups) / steps;
    cost.buffers = (after.created - before.created) / steps;
    cost.peakBytes = after.peak;
    cost.microseconds = median(samples);
    cost.fastest = Math.min(...samples);
    cost.microsecondsPerDispatch = cost.microseconds / cost.dispatches;
    run.clear();
  }
  for (const owner of [eager.run, captured.run, optimizer, model]) {
    owner.dispose();
  }
  return { eager: eager.cost, captured: captured.cost };
}

/** Sums the time that the queue's `submit` takes. */
class Submits implements Disposable {
  milliseconds = 0;
  readonly #queue: GPUQueue;
  readonly #submit: GPUQueue["submit"];

  constructor({ gpu: { queue } }: Device) {
    this.#queue = queue;
    this.#submit = queue.submit;
    queue.submit = (buffers) => {
      const start = performance.now();
      this.#submit.call(queue, buffers);
      this.milliseconds += performance.now() - start;
    };
  }

  [Symbol.dispose](): void {
    this.#queue.submit = this.#submit;
  }
}

function counts(device: Device) {
  return { ...device.stream.statistics(), ...device.pool.statistics() };
}

function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

function emptyCost(): StepCost {
  return {
    microseconds: NaN,
    fastest: NaN,
    microsecondsPerDispatch: NaN,
    dispatches: 0,
    bindGroups: 0,
    buffers: 0,
    peakBytes: 0,
  };
}
