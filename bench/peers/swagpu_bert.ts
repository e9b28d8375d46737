// Copyright 2026 the swagpu authors. MIT license.

// BERT of any size, and SWAG over it. Names and first weights are those of
// bench/torch/bert.py.

import { type Device, noGrad, tensor } from "../../engine/mod.ts";
import { BertConfig, BertForSequenceClassification } from "../../models/mod.ts";
import { SwagModel } from "../../swag/mod.ts";
import { probe, random, randomIntegers } from "./data.ts";
import type { Parameters } from "./protocol.ts";
import { SWAG_SCALE, SWAG_STEP, swagDraws } from "./references.ts";
import { operation, sizes } from "./swagpu_kernels.ts";
import { adamw, training } from "./swagpu_training.ts";
import type { Kinds, Prepared } from "./worker.ts";

/** Sizes of a BERT classifier of two labels. */
export interface BertSizes {
  layers: number;
  hidden: number;
  heads: number;
  inner: number;
  vocabulary: number;
  positions: number;
}

interface BatchSizes extends BertSizes {
  batch: number;
  length: number;
}

function build(shape: BertSizes): BertForSequenceClassification {
  const model = new BertForSequenceClassification(
    new BertConfig({
      vocabSize: shape.vocabulary,
      hiddenSize: shape.hidden,
      numHiddenLayers: shape.layers,
      numAttentionHeads: shape.heads,
      intermediateSize: shape.inner,
      maxPositionEmbeddings: shape.positions,
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
    }),
  );
  model.placeParameters();
  // Matrices are drawn, numbered by name; gains are 1 and biases 0.
  const named = [...model.namedParameters()]
    .toSorted(([a], [b]) => a < b ? -1 : 1);
  named.forEach(([name, parameter], i) => {
    const { size } = parameter;
    if (name.endsWith("bias")) parameter.write(new Float32Array(size));
    else if (name.includes("LayerNorm")) {
      parameter.write(new Float32Array(size).fill(1));
    } else {
      parameter.write(random(size, 101 + i).map((x) => x * 0.07));
    }
  });
  return model;
}

function batchOf({ batch, length, vocabulary }: BatchSizes) {
  const shape = [batch, length];
  return {
    inputIds: tensor(randomIntegers(batch * length, vocabulary, 34), { shape }),
    labels: tensor(randomIntegers(batch, 2, 35)),
  };
}

/**
 * A posterior from collections while one matrix moves a little, each element in
 * its own way, so that each column of the deviations moves samples by itself.
 */
async function posterior(parameters: Parameters, collections: number) {
  const { rank, ...shape } = sizes<BertSizes & { rank: number }>(parameters);
  const model = build(shape);
  const swag = SwagModel.fromBase(model, {
    noCovMat: false,
    maxNumModels: rank,
  });
  const [, first] = [...model.namedParameters()]
    .toSorted(([a], [b]) => a < b ? -1 : 1)
    .find(([name]) => name.endsWith("query.weight")) ?? [];
  if (!first) throw new Error("Cannot find a query matrix");
  const values = Float32Array.from(await first.data());
  for (let round = 0; round < collections; round++) {
    first.write(
      values.map((x, j) => x + SWAG_STEP * Math.sin((round + 1) * (j + 1))),
    );
    swag.collectModel();
  }
  return { model, swag, first };
}

/** BERT's training step and inference, and SWAG's collection and sampling. */
export function bertKinds(device: Device): Kinds {
  const collect = async (parameters: Parameters): Promise<Prepared> => {
    const { rank } = sizes<{ rank: number }>(parameters);
    const { model, swag, first } = await posterior(parameters, rank);
    return {
      run: () => swag.collectModel(),
      wait: () => device.synchronize(),
      async outputs() {
        swag.restoreMean();
        const mean = probe(await first.data());
        swag.restoreWeights();
        return mean;
      },
      note: "all parameters, one dispatch per segment",
      peakBytes: () => device.pool.statistics().peak,
      dispose() {
        swag.dispose();
        model.dispose();
      },
    };
  };
  const sample = async (parameters: Parameters): Promise<Prepared> => {
    const { rank } = sizes<{ rank: number }>(parameters);
    const { model, swag, first } = await posterior(parameters, rank);
    const draws = swagDraws(rank);
    let index = 0;
    const draw = () =>
      swag.sampleParameters({ scale: SWAG_SCALE, seed: 1, index: index++ });
    return {
      run: draw,
      wait: () => device.synchronize(),
      async outputs() {
        swag.restoreMean();
        const mean = await first.data();
        let sum = 0;
        for (let i = 0; i < draws; i++) {
          draw();
          const drawn = await first.data();
          drawn.forEach((x, j) => sum += (x - (mean[j] ?? NaN)) ** 2);
        }
        return [sum / draws / mean.length];
      },
      note: `outputs compared: the variance over ${draws} samples`,
      peakBytes: () => device.pool.statistics().peak,
      dispose() {
        swag.dispose();
        model.dispose();
      },
    };
  };
  return {
    bertStep(parameters) {
      const shape = sizes<BatchSizes>(parameters);
      const model = build(shape);
      const batch = batchOf(shape);
      return training(device, {
        optimizer: adamw(model.parameters()),
        loss: () => model.forward(batch).loss,
        dispose() {
          model.dispose();
          batch.inputIds.dispose();
          batch.labels.dispose();
        },
      });
    },
    bertForward(parameters) {
      const shape = sizes<BatchSizes>(parameters);
      const model = build(shape).eval();
      const { inputIds, labels } = batchOf(shape);
      const forward = operation(
        device,
        [],
        () => noGrad(() => model.forward({ inputIds }).logits),
      );
      return {
        ...forward,
        dispose() {
          model.dispose();
          inputIds.dispose();
          labels.dispose();
        },
      };
    },
    swagCollect: collect,
    swagCollectFlat: collect,
    swagSample: sample,
    swagSampleFlat: sample,
  };
}
