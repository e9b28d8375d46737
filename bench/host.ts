// Copyright 2026 the swagpu authors. MIT license.

// Measures what recording costs the host once everything is cached, op by op and with
// captured steps, and how much memory whole training steps need in both ways.

import {
  add,
  capture,
  type Device,
  type IntegerTensor,
  ones,
  scope,
} from "../engine/mod.ts";
import { TRAINING_SIZES } from "./cases.ts";
import { type StepSizes, TrainingBench } from "./training.ts";
import { median } from "./scaling_fit.ts";

/** A whole training step, run op by op or replayed. */
export interface StepCost {
  /** The time of the host without that of submits: median and fastest. */
  microseconds: number;
  fastest: number;
  /** The median per dispatch. */
  microsecondsPerDispatch: number;
  /** The number of dispatches of a step. */
  dispatches: number;
  /** The number of new bind groups of a step. */
  bindGroups: number;
  /** The number of new buffers of a step. */
  buffers: number;
  /** The most bytes that tensors held at a time, with the model. */
  peakBytes: number;
}

/** The costs of the host in steady state. */
export interface HostCost {
  /** The median time to validate, allocate and record a tiny op. */
  microsecondsPerDispatch: number;
  /** A tiny op of a captured chain: recording it, and `finish()`. */
  replayed: { recording: number; finishing: number };
  /** The step of `TRAINING_STEP`, op by op. */
  eager: StepCost;
  /** The same step, captured. */
  captured: StepCost;
}

const LINKS = 50;

/** Measures a chain of tiny additions, and the steps of a BERT in both ways. */
export async function measureHost(device: Device): Promise<HostCost> {
  return {
    microsecondsPerDispatch: await measureChain(device),
    replayed: await measureReplay(device),
    ...await measureSteps(device, TRAINING_SIZES, 20),
  };
}

async function measureChain(device: Device): Promise<number> {
  using _ = scope();
  // Too few to fill a chunk, so that nothing is submitted: a software adapter computes
  // inside submit, and that is not a cost of the host.
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

/** Replays a long chain of ops that compute next to nothing. */
async function measureReplay(device: Device): Promise<HostCost["replayed"]> {
  const links = 10 * LINKS;
  using chain = capture(({ x }) => {
    let y = x;
    for (let i = 0; i < links; i++) y = add(y, 1);
    return { y };
  });
  using _ = scope();
  const x = ones([16]);
  using calls = new Calls(device);
  const recording: number[] = [];
  const finishing: number[] = [];
  for (let i = 0; i < 300; i++) {
    calls.start();
    const start = performance.now();
    chain({ x });
    const elapsed = performance.now() - start;
    if (i >= 100) {
      const { submits, finishes } = calls;
      recording.push((elapsed - submits - finishes) * 1000 / links);
      finishing.push(finishes * 1000 / links);
    }
    await (i % 20 === 0 ? device.synchronize() : undefined);
  }
  return { recording: median(recording), finishing: median(finishing) };
}

/**
 * Forward, backward, clipping and AdamW of a BERT classifier with dropout, op by
 * op and captured, in turns.
 */
export async function measureSteps(
  device: Device,
  sizes: StepSizes,
  steps: number,
): Promise<Pick<HostCost, "eager" | "captured">> {
  using bench = new TrainingBench(sizes);
  const [eager, captured] = [false, true].map((enabled) => {
    const run = capture(
      (inputs: { inputIds: IntegerTensor; labels: IntegerTensor }) =>
        bench.step(inputs),
      { enabled },
    );
    return { run, samples: [] as number[], cost: emptyCost() };
  });
  if (!eager || !captured) throw new Error("unreachable");
  using calls = new Calls(device);
  for (const { run, samples, cost } of [eager, captured, eager, captured]) {
    for (let i = 0; i < 5; i++) run(bench.batch);
    await device.synchronize();
    device.pool.resetPeak();
    const before = counts(device);
    for (let i = 0; i < steps; i++) {
      calls.start();
      const start = performance.now();
      run(bench.batch);
      device.stream.flush();
      const elapsed = performance.now() - start - calls.submits;
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
  eager.run.dispose();
  captured.run.dispose();
  return { eager: eager.cost, captured: captured.cost };
}

/** Adds up the milliseconds that calls of WebGPU take. */
class Calls implements Disposable {
  submits = 0;
  finishes = 0;
  readonly #undo: (() => void)[] = [];

  constructor({ gpu: { queue } }: Device) {
    const encoders = GPUCommandEncoder.prototype;
    const { submit } = queue;
    const { finish } = encoders;
    const timed = <T>(call: () => T, add: (elapsed: number) => void): T => {
      const start = performance.now();
      const result = call();
      add(performance.now() - start);
      return result;
    };
    queue.submit = (buffers) =>
      timed(() => submit.call(queue, buffers), (t) => this.submits += t);
    const counts = (elapsed: number) => this.finishes += elapsed;
    encoders.finish = function (descriptor) {
      return timed(() => finish.call(this, descriptor), counts);
    };
    this.#undo.push(
      () => queue.submit = submit,
      () => encoders.finish = finish,
    );
  }

  /** Starts from zero. */
  start(): void {
    this.submits = this.finishes = 0;
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo) undo();
  }
}

function counts(device: Device) {
  return { ...device.stream.statistics(), ...device.pool.statistics() };
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
