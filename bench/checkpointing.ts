// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// Measures what gradient checkpointing saves and costs: steps of a BERT with AdamW,
// captured as a `Trainer` does, with checkpoints and without. The first steps of each
// are run and recorded, the last is replayed. Run it with
// `deno task bench:checkpointing [batch [length [layers]]]`.

import { capture, type Device, initialize, manualSeed } from "../engine/mod.ts";
import { type StepSizes, TrainingBench } from "./training.ts";

/** The most steps until one is replayed: two are recorded if nothing changes. */
const MOST = 6;

/** What steps of one kind took. */
export interface CheckpointingCost {
  /** Bytes of weights, gradients and moments. */
  fixed: number;
  /** The most bytes that tensors held besides, in a step that is run. */
  run: number;
  /** Bytes that a replay holds besides. */
  replayed: number;
  /** The seconds of each step. */
  seconds: number[];
  /** The loss of each step. */
  losses: number[];
}

/** Trains for a few steps, with checkpoints or without. */
export async function measureCheckpointing(
  device: Device,
  sizes: StepSizes,
  checkpointing: boolean,
): Promise<CheckpointingCost> {
  const { pool } = device;
  pool.trim();
  const before = pool.statistics().inUse;
  manualSeed(1);
  using bench = new TrainingBench(sizes);
  if (checkpointing) bench.model.gradientCheckpointingEnable();
  using step = capture(bench.step.bind(bench));
  // Gradients are there before the first step, so that all steps are alike.
  for (const parameter of bench.model.parameters()) parameter.gradientTarget();
  bench.optimizer.zeroGrad();
  const cost: CheckpointingCost = {
    fixed: pool.statistics().inUse - before,
    run: 0,
    replayed: 0,
    seconds: [],
    losses: [],
  };
  pool.resetPeak();
  for (let i = 0; i < MOST; i++) {
    const start = performance.now();
    const { loss } = step(bench.batch);
    cost.losses.push(await loss.item());
    cost.seconds.push((performance.now() - start) / 1000);
    if (step.reason === undefined) break;
    cost.run = pool.statistics().peak - before - cost.fixed;
  }
  if (step.reason !== undefined) {
    throw new Error(`Cannot measure a replay: ${step.reason}`);
  }
  cost.replayed = step.bytes;
  return cost;
}

if (import.meta.main) {
  const device = await initialize();
  const [batch = 2, length = 512, layers = 12] = Deno.args.map(Number);
  const sizes: StepSizes = {
    hidden: 768,
    heads: 12,
    vocabulary: 30522,
    ...{ layers, batch, length },
  };
  console.log(`${device.name}; batch ${batch} of ${length}, ${layers} layers`);
  console.log(
    "| checkpoints | fixed MiB | a step, MiB | replayed, MiB | seconds a step " +
      "| losses |\n| --- | ---: | ---: | ---: | --- | --- |",
  );
  for (const checkpointing of [false, true]) {
    const { fixed, run, replayed, seconds, losses } =
      await measureCheckpointing(device, sizes, checkpointing);
    const mebi = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
    console.log(
      `| ${checkpointing ? "on" : "off"} | ${mebi(fixed)} | ${mebi(run)} | ` +
        `${mebi(replayed)} | ${
          seconds.map((s) => s.toFixed(1)).join(", ")
        } | ` +
        `${losses.join(", ")} |`,
    );
  }
}
