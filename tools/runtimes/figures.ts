// Copyright 2026 the swagpu authors. MIT license.

/**
 * A small program whose results are compared between runtimes: random words of the
 * GPU, ten steps of training, and a draw of SWAG.
 *
 * @module
 */

import {
  backward,
  capture,
  type Device,
  manualSeed,
  readAll,
  scope,
} from "../../engine/mod.ts";
import {
  allocate,
  defineKernel,
  grid,
  type Kernel,
  launch,
  PHILOX,
  philox4x32,
} from "../../engine/kernel_kit.ts";
import { AdamW, clipGradNorm } from "../../nn/mod.ts";
import { BertConfig, BertForSequenceClassification } from "../../models/mod.ts";
import { SwagModel } from "../../swag/mod.ts";

/** How many blocks of four words are made. */
const BLOCKS = 512;

const KEY: [number, number] = [0x5eed_0001, 0x9e37_79b9];

const WORDS: Kernel = defineKernel({
  name: "words",
  wgsl: /* wgsl */ `
struct Params { count: u32, key0: u32, key1: u32 }
@group(0) @binding(0) var<storage, read_write> y: array<vec4<u32>>;
@group(0) @binding(1) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < params.count) {
    y[id.x] = philox_block(vec2<u32>(params.key0, params.key1), vec2<u32>(3u, 5u), id.x);
  }
}
` + PHILOX,
});

/** Makes random words on the GPU. */
export async function wordsOfGpu(device: Device): Promise<number[]> {
  using _ = scope();
  const words = allocate(device, [BLOCKS, 4], "u32");
  launch(device, WORDS, {
    bind: [words],
    params: { count: BLOCKS, key0: KEY[0], key1: KEY[1] },
    groups: grid(BLOCKS, WORDS.workgroupSize),
  });
  return [...await words.data()];
}

/** The same words as of {@linkcode wordsOfGpu}, made on the host. */
export function wordsOfHost(): number[] {
  return Array.from({ length: BLOCKS }, (_, i) => philox4x32([i, 0, 3, 5], KEY))
    .flat();
}

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
  model.dispose();
  return { losses, draw };
}
