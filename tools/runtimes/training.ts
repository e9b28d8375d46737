// Copyright 2026 the swagpu authors. MIT license.

/**
 * Ten steps of training, and a sample of the posterior.
 *
 * @module
 */

import { backward, capture, manualSeed, readAll } from "../../engine/mod.ts";
import { philox4x32 } from "../../engine/kernel_kit.ts";
import { AdamW, clipGradNorm } from "../../nn/mod.ts";
import { BertConfig, BertForSequenceClassification } from "../../models/mod.ts";
import { SwagModel } from "../../swag/mod.ts";

/** Steps of training. */
export const STEPS = 10;

const ROWS = 8;
const LENGTH = 12;
const LABELS = 3;
const SIZES = {
  vocabSize: 60,
  hiddenSize: 32,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  intermediateSize: 64,
  maxPositionEmbeddings: LENGTH,
  numLabels: LABELS,
} as const;

/** A batch that depends on the step alone. Texts have padding at their ends. */
function batchOf(step: number) {
  const word = (i: number) => philox4x32([i, step, 0, 0], [7, 7])[0];
  const lengths = Array.from({ length: ROWS }, (_, row) => LENGTH - row % 4);
  const at = (make: (row: number, column: number) => number) =>
    Int32Array.from(
      { length: ROWS * LENGTH },
      (_, i) => make(Math.floor(i / LENGTH), i % LENGTH),
    );
  const shape = [ROWS, LENGTH];
  const inputIds = at((row, column) =>
    1 + word(row * LENGTH + column) % (SIZES.vocabSize - 1)
  );
  return {
    inputIds: { data: inputIds, shape },
    attentionMask: {
      data: at((row, column) => Number(column < (lengths[row] ?? 0))),
      shape,
    },
    labels: {
      data: Int32Array.from(
        { length: ROWS },
        (_, row) => (inputIds[row * LENGTH] ?? 0) % LABELS,
      ),
      shape: [ROWS],
    },
  };
}

/** The results of {@linkcode train}. */
export interface Training {
  /** The loss of each step. */
  losses: number[];
  /** All weights of a posterior's sample, in the order of the parameters. */
  draw: number[];
}

/** Which sample of the posterior is drawn. */
const SAMPLE = { seed: 11, index: 3 };

/**
 * Trains a small BERT with dropout by ten captured steps of AdamW, collects its weights
 * after each of the last six, and draws a sample.
 */
export async function train(): Promise<Training> {
  manualSeed(1);
  const model = new BertForSequenceClassification(new BertConfig(SIZES));
  const optimizer = new AdamW(model.parameters(), { learningRate: 2e-3 });
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 6 });
  using step = capture(({ inputIds, attentionMask, labels }) => {
    const { loss } = model.forward({ inputIds, attentionMask, labels });
    if (!loss) throw new Error("Cannot train: the model gives no loss");
    backward(loss);
    clipGradNorm(optimizer, 1);
    optimizer.step();
    return { loss };
  });
  const losses: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    losses.push(await step(batchOf(i)).loss.item());
    if (i >= STEPS - 6) swag.collectModel();
  }
  if (step.reason !== undefined) {
    throw new Error(`Cannot replay the step: ${step.reason}`);
  }
  swag.sampleParameters(SAMPLE);
  const draw = (await readAll([...model.parameters()]))
    .flatMap((values) => [...values]);
  swag.dispose();
  optimizer.dispose();
  model.dispose();
  return { losses, draw };
}
