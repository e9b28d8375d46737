// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// Measures what gradient checkpointing saves and costs: steps of a BERT with AdamW,
// captured as a `Trainer` does, with checkpoints and without. The first steps of
// each are run and recorded; then replays of both are timed in turn. Run it with
// `deno task bench:checkpointing [batch [length [layers [rounds]]]]`.

import {
  capture,
  type CapturedStep,
  type Device,
  initialize,
  manualSeed,
  type Tensor,
} from "../engine/mod.ts";
import { type StepSizes, TrainingBench } from "./training.ts";

/** The most steps until one is replayed: two are recorded if nothing changes. */
const MOST = 6;

/** A model in training, and what its steps took. */
class Run implements Disposable {
  /** Bytes of weights, gradients and moments. */
  readonly fixed: number;
  /** The most bytes that tensors held besides, in a step that is run. */
  peak = 0;
  /**
   * The loss of each step until the first replay. Later steps of both runs draw
   * from one generator in turn, and so their losses say nothing.
   */
  readonly losses: number[] = [];
  /** The seconds of the fastest replay. */
  seconds = Infinity;
  readonly #device: Device;
  readonly #bench: TrainingBench;
  readonly #step: CapturedStep<
    Parameters<TrainingBench["step"]>[0],
    { loss: Tensor }
  >;

  constructor(device: Device, sizes: StepSizes, checkpointing: boolean) {
    const { pool } = this.#device = device;
    const { inUse } = pool.statistics();
    manualSeed(1);
    this.#bench = new TrainingBench(sizes);
    const { model, optimizer } = this.#bench;
    if (checkpointing) model.gradientCheckpointingEnable();
    this.#step = capture(this.#bench.step.bind(this.#bench));
    // Gradients are there before the first step, so that all steps are alike.
    for (const parameter of model.parameters()) parameter.gradientTarget();
    optimizer.zeroGrad();
    this.fixed = pool.statistics().inUse - inUse;
  }

  /** Runs steps until one is replayed. */
  async record(): Promise<void> {
    const { pool } = this.#device;
    for (let i = 0; i < MOST; i++) {
      const { inUse } = pool.statistics();
      pool.resetPeak();
      this.losses.push(await this.replay());
      if (this.#step.reason === undefined) return;
      this.peak = Math.max(this.peak, pool.statistics().peak - inUse);
    }
    throw new Error(`Cannot measure a replay: ${this.#step.reason}`);
  }

  /** Takes a step and its time; gives its loss. */
  async replay(): Promise<number> {
    const start = performance.now();
    const { loss } = this.#step(this.#bench.batch);
    const value = await loss.item();
    const seconds = (performance.now() - start) / 1000;
    const isReplay = this.#step.reason === undefined;
    if (isReplay) this.seconds = Math.min(this.seconds, seconds);
    return value;
  }

  /** Bytes that a replay holds besides. */
  get replayed(): number {
    return this.#step.bytes;
  }

  [Symbol.dispose](): void {
    this.#step.dispose();
    this.#bench[Symbol.dispose]();
  }
}

if (import.meta.main) {
  const device = await initialize();
  const [batch = 2, length = 512, layers = 12, rounds = 1] = Deno.args
    .map(Number);
  const sizes: StepSizes = {
    hidden: 768,
    heads: 12,
    vocabulary: 30522,
    ...{ layers, batch, length },
  };
  using off = new Run(device, sizes, false);
  await off.record();
  using on = new Run(device, sizes, true);
  await on.record();
  for (let round = 0; round < rounds; round++) {
    await off.replay();
    await on.replay();
  }
  const mebi = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  console.log(
    `${device.name}; batch ${batch} of ${length}, ${layers} layers, ` +
      `weights, gradients and moments ${mebi(on.fixed)} MiB\n\n` +
      "| checkpoints | a step, MiB | a replay, MiB | replay, s | loss |\n" +
      "| --- | ---: | ---: | ---: | ---: |",
  );
  const last = Math.min(off.losses.length, on.losses.length) - 1;
  for (const [name, run] of [["off", off], ["on", on]] as const) {
    console.log(
      `| ${name} | ${mebi(run.peak)} | ${mebi(run.replayed)} | ` +
        `${run.seconds.toFixed(2)} | ${run.losses[last]} |`,
    );
  }
}
