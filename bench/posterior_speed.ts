// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// Measures how fast the weights of a BERT of base size are collected and sampled, as a
// share of the bandwidth of a plain copy that is measured in turn with them, and what
// the posterior takes of memory. Run it with
// `deno task bench:posterior-speed [layers [rank [rounds]]]`.

import { initialize, manualSeed } from "../engine/mod.ts";
import { BertConfig, BertModel } from "../models/mod.ts";
import {
  DEVIATION_FORMATS,
  type DeviationFormat,
  SwagModel,
} from "../swag/mod.ts";
import { copyBytes, copyRun } from "./limits.ts";
import { median } from "./scaling_fit.ts";
import { Stretch } from "./stretch.ts";

/** The bytes of a deviation's value, with its share of the scale of 64 values. */
const BYTES: Readonly<Record<DeviationFormat, number>> = {
  f32: 4,
  f16: 2 + 4 / 64,
  int8: 1 + 4 / 64,
};

const MEBI = 2 ** 20;

if (import.meta.main) {
  const device = await initialize();
  const [layers = 12, rank = 20, rounds = 5] = Deno.args.map(Number);
  manualSeed(1);
  const model = new BertModel(new BertConfig({ numHiddenLayers: layers }));
  model.placeParameters();
  const weights = model.parameters().reduce((sum, { size }) => sum + size, 0);
  const stretch = (run: () => void) =>
    new Stretch(run, () => device.synchronize());
  const copy = stretch(copyRun(device).run);
  console.log(
    `${device.name}, Deno ${Deno.version.deno}; ` +
      `${(weights / 1e6).toFixed(1)} million weights, rank ${rank}\n\n` +
      "| deviations | MiB as estimated | MiB taken | collect, s | GB/s | of a copy " +
      "| sample, s | GB/s | of a copy |\n" +
      "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
  );
  for (const deviations of DEVIATION_FORMATS) {
    const before = device.pool.statistics().inUse;
    using swag = SwagModel.fromBase(model, {
      noCovMat: false,
      maxNumModels: rank,
      deviations,
    });
    const taken = device.pool.statistics().inUse - before;
    // The ring is full, and the model's own weights are kept, before it is timed.
    for (let i = 0; i < rank; i++) swag.collectModel();
    swag.sampleParameters({ seed: 0 });
    let seed = 0;
    const sample = stretch(() => swag.sampleParameters({ seed: ++seed }));
    const collect = stretch(() => swag.collectModel());
    const times = { copy: [], collect: [], sample: [] } as Record<
      "copy" | "collect" | "sample",
      number[]
    >;
    for (let round = 0; round < rounds; round++) {
      times.copy.push(await copy.seconds());
      times.sample.push(await sample.seconds());
      swag.restoreWeights();
      times.copy.push(await copy.seconds());
      times.collect.push(await collect.seconds());
      swag.sampleParameters({ seed: 0 });
    }
    const limit = copyBytes(device) / median(times.copy) / 1e9;
    const value = BYTES[deviations];
    // Weights, mean and M2 are read; mean, M2 and a deviation are written.
    const collected = (5 * 4 + value) * weights;
    // Mean, M2 and all deviations are read, and weights are written.
    const sampled = (3 * 4 + rank * value) * weights;
    const cells = (bytes: number, seconds: number) => {
      const rate = bytes / seconds / 1e9;
      return [
        seconds.toPrecision(3),
        rate.toFixed(1),
        `${(100 * rate / limit).toFixed(0)} %`,
      ];
    };
    console.log(
      `| ${
        [
          deviations,
          (swag.memoryEstimate.total / MEBI).toFixed(0),
          (taken / MEBI).toFixed(0),
          ...cells(collected, median(times.collect)),
          ...cells(sampled, median(times.sample)),
        ].join(" | ")
      } |`,
    );
    swag.restoreWeights();
  }
}
