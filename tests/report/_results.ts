// Copyright 2026 the swagpu authors. MIT license.

// Made-up results of runs.

import { counterRandom } from "../../nn/counter_random.ts";
import type { MethodResults, RunResults } from "../../report/mod.ts";

type Random = () => number;

/** Probabilities near the labels, [rows, classes]: the sharper, the surer. */
function predict(
  labels: readonly number[],
  { classes, sharpness, random }: {
    classes: number;
    sharpness: number;
    random: Random;
  },
): number[] {
  return labels.flatMap((label) => {
    const weights = Array.from(
      { length: classes },
      (_, k) => Math.exp(sharpness * (random() * 2 + (k === label ? 0.6 : 0))),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / sum);
  });
}

/** Shapes of results. */
export interface Wishes {
  rows?: number;
  classes?: number;
  names?: readonly string[];
  texts?: readonly string[];
}

/** Results with every part. */
export function fullResults(
  { rows = 300, classes = 3, names, texts }: Wishes = {},
): RunResults {
  const random = counterRandom(7);
  const labels = Array.from(
    { length: rows },
    () => Math.floor(classes * random()),
  );
  const method = (name: string, sharpness: number): MethodResults => ({
    name,
    probabilities: predict(labels, { classes, sharpness, random }),
  });
  const samples = Array.from(
    { length: 6 },
    () => predict(labels, { classes, sharpness: 3, random }),
  );
  const mean = samples.reduce((sum, sample) =>
    sum.map((value, i) => value + (sample[i] ?? 0))
  ).map((value) => value / 6);
  const swag: MethodResults = {
    name: "SWAG",
    probabilities: mean,
    sampleProbabilities: samples.flat(),
    outOfDistribution: {
      name: "another subject",
      scores: Array.from({ length: rows }, () => 0.5 + random() * 0.6),
    },
    secondsPerExample: 0.0031,
  };
  const steps = Array.from({ length: 600 }, (_, i) => i + 1);
  const targets = Array.from({ length: rows }, () => 5 * random());
  return {
    title: "A small BERT on made-up reviews",
    date: "2026-05-01",
    classification: {
      labels,
      ...(names ? { classes: names } : {}),
      texts: texts ?? labels.map((label, row) => `Review ${row} of ${label}.`),
      softLabels: predict(labels, { classes, sharpness: 1, random }),
      methods: [
        { ...method("last iterate", 5), samples: 1 },
        {
          ...method("SWA", 3.5),
          otherSeeds: [1, 2].map(() => ({
            probabilities: predict(labels, { classes, sharpness: 3.5, random }),
          })),
        },
        { ...swag, name: "MultiSWAG", particles: 3 },
        swag,
      ],
    },
    regression: {
      targets,
      name: "valence",
      methods: [{
        name: "SWAG",
        mean: targets.map((value) => value + random() - 0.5),
        deviation: targets.map(() => 0.3 + 0.1 * random()),
      }],
    },
    training: {
      losses: [
        {
          name: "training",
          steps,
          values: steps.map((step) => 1 / (1 + step / 60) + 0.2 * random()),
        },
        {
          name: "validation",
          steps: [200, 400, 600],
          values: [0.5, 0.4, 0.38],
        },
      ],
      learningRates: [
        {
          name: "encoder",
          steps,
          values: steps.map((s) => 5e-5 * (1 - s / 600)),
        },
        { name: "head", steps, values: steps.map((s) => 1e-3 * (1 - s / 600)) },
      ],
      snapshots: [400, 450, 500, 550, 600],
      sweeps: [{
        setting: "scale",
        at: [0.1, 0.3, 0.5, 0.7, 1],
        nll: [1, 0.93, 0.91, 0.92, 0.97],
        chosen: 0.5,
      }],
    },
    scores: [{
      name: "Matthews correlation",
      type: "matthews_correlation",
      value: 0.512,
    }],
    provenance: {
      command: "swagpu finetune --data train.csv --swag",
      settings: { learningRate: 3e-3, epochs: 4, captured: true },
      data: {
        name: "made-up reviews",
        id: "swagpu/reviews",
        split: "test",
        splits: [{ name: "train", rows: 1000, hash: "sha256:0f3a" }, {
          name: "test",
          rows,
        }],
      },
      model: {
        name: "small-bert",
        architecture: "BertForSequenceClassification",
        base: "google/bert_uncased_L-2_H-128_A-2",
        languages: ["en"],
        license: "mit",
      },
      adapter: "llvmpipe (LLVM 15)",
      runtime: "Deno 2.9.6",
      versions: { swagpu: "0.1.0" },
      seed: 1,
      seconds: 63.2,
      peakMemory: 123456789,
      commit: "0123abc",
    },
  };
}
