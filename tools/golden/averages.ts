// Copyright 2026 the swagpu authors. MIT license.

// Checks averages of weights along a path, and the rates of SWALR, as PyTorch
// computes them.

import { readAll } from "../../engine/mod.ts";
import {
  type AnnealStrategy,
  AveragedModel,
  type AveragedModelOptions,
  Buffer,
  getEmaAvgFn,
  Linear,
  Module,
  Scheduler,
  SWALR,
} from "../../nn/mod.ts";
import { compare, type Comparison, type Golden, valuesOf } from "./compare.ts";

/** Both sides are rounded to float32 at every step. */
const WEIGHTS = { absolute: 1e-6, relative: 1e-6 };

/** Both sides compute in float64. */
const RATES = { absolute: 1e-15, relative: 1e-12 };

/** The length of the cosine, and when SWALR takes over from it. */
const COSINE_EPOCHS = 20;
const TAKEOVER = 8;

/** A run of SWALR. */
export interface SwalrCase {
  /** Says that the first epochs follow a cosine over 20 instead. */
  takeover?: string;
  base_lrs: number[];
  swa_lr: number | number[];
  anneal_strategy: AnnealStrategy;
  anneal_epochs: number;
  /** The rates before the first step and after each. */
  lrs_after_init_then_after_each_step: number[][];
}

/** Compares the rates of all groups before the first step and after each. */
export function checkSwalr(one: SwalrCase): Comparison {
  const groups = one.base_lrs.map((learningRate) => ({
    learningRate,
    parameters: [],
  }));
  const cosine = new Scheduler(
    { groups },
    (step) => (1 + Math.cos(Math.PI * step / COSINE_EPOCHS)) / 2,
  );
  const scheduler = new SWALR({ groups }, {
    swaLr: one.swa_lr,
    annealEpochs: one.anneal_epochs,
    annealStrategy: one.anneal_strategy,
  });
  const expected = one.lrs_after_init_then_after_each_step;
  const found = expected.flatMap((_, epoch) => {
    const now = groups.map(({ learningRate }) => learningRate);
    const isBefore = one.takeover !== undefined && epoch < TAKEOVER;
    (isBefore ? cosine : scheduler).step();
    return now;
  });
  const { anneal_strategy: strategy, anneal_epochs: epochs } = one;
  const after = one.takeover === undefined ? "" : " after a cosine";
  return compare(
    `SWALR ${strategy} ${epochs}${after}`,
    found,
    expected.flat(),
    RATES,
  );
}

/** A linear layer and a buffer. */
class Counted extends Module {
  lin = new Linear(4, 3);
  counter = new Buffer([2]);
}

/** Compares the average after each update, by each rule. */
export async function checkAverages(
  golden: Golden,
  { ema_decay }: { ema_decay: number },
): Promise<Comparison[]> {
  const avgFn = getEmaAvgFn(ema_decay);
  const rules: Record<string, AveragedModelOptions> = {
    swa: {},
    swa_buffers: { useBuffers: true },
    ema: { avgFn },
    ema_buffers: { avgFn, useBuffers: true },
  };
  const names = ["lin.weight", "lin.bias", "counter"];
  const results: Comparison[] = [];
  for (const [tag, options] of Object.entries(rules)) {
    using model = new Counted();
    using averaged = new AveragedModel(model, options);
    const tensors = model.namedTensors();
    const shown = names.filter((name) => golden.has(`${tag}.${name}`));
    const found = shown.map((): number[] => []);
    const updates = valuesOf(golden, "trajectory.counter").length / 2;
    for (let t = 0; t < updates; t++) {
      for (const name of names) {
        const size = tensors.get(name)?.size ?? 0;
        tensors.get(name)?.write(
          valuesOf(golden, `trajectory.${name}`).slice(
            t * size,
            (t + 1) * size,
          ),
        );
      }
      averaged.updateParameters();
      const now = averaged.namedTensors();
      const values = await readAll(
        shown.flatMap((name) => now.get(`module.${name}`) ?? []),
      );
      values.forEach((own, i) => found[i]?.push(...own));
    }
    shown.forEach((name, i) =>
      results.push(compare(
        `${tag}.${name}`,
        found[i] ?? [],
        valuesOf(golden, `${tag}.${name}`),
        WEIGHTS,
      ))
    );
    results.push(compare(
      `${tag}.n_averaged`,
      [averaged.nAveraged],
      Array.from(golden.get(`${tag}.n_averaged`)?.data ?? [], Number),
      { absolute: 0, relative: 0 },
    ));
  }
  return results;
}
