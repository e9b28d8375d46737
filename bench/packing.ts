// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// Measures what padding costs: a training step (forward and backward) of 16 texts of 8
// to 128 tokens, padded and packed, and a step of texts of equal length with as many
// tokens in total, which need no padding. The three are run in turn. Run it with
// `deno run -A bench/packing.ts [architecture …]`.

import {
  backward,
  type Device,
  initialize,
  type IntegerTensor,
  manualSeed,
  scope,
  type Tensor,
  tensor,
} from "../engine/mod.ts";
import {
  BartConfig,
  BartForConditionalGeneration,
  BertConfig,
  BertForSequenceClassification,
  MarianConfig,
  MarianMTModel,
  ModernBertConfig,
  ModernBertForSequenceClassification,
  packingOf,
  RobertaConfig,
  RobertaForSequenceClassification,
} from "../models/mod.ts";
import { counterRandom } from "../nn/mod.ts";
import { Stretch } from "./stretch.ts";

const BATCH = 16;
const SHORTEST = 8;
const LONGEST = 128;
const WARM_UP = 2;
const ROUNDS = 5;

const ENCODER = {
  vocabSize: 1000,
  hiddenSize: 128,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 512,
  maxPositionEmbeddings: 130,
  numLabels: 2,
};

const BOTH_SIDES = {
  vocabSize: 1000,
  dModel: 128,
  encoderLayers: 2,
  decoderLayers: 2,
  encoderAttentionHeads: 2,
  decoderAttentionHeads: 2,
  encoderFfnDim: 512,
  decoderFfnDim: 512,
  maxPositionEmbeddings: 130,
};

/** The loss of a batch. */
type Step = (lengths: Lengths, packed: boolean) => Tensor;

/** The tokens of each source, and of each target if there are targets. */
interface Lengths {
  sources: readonly number[];
  targets: readonly number[];
}

/** Makes rows of ordinary tokens, padded with `padding` to the longest. */
function rowsOf(lengths: readonly number[], padding: number) {
  const length = Math.max(...lengths);
  const shape = [lengths.length, length] as const;
  const at = (i: number) => [Math.floor(i / length), i % length] as const;
  const mask = Int32Array.from({ length: shape[0] * length }, (_, i) => {
    const [row, place] = at(i);
    return place < (lengths[row] ?? 0) ? 1 : 0;
  });
  const ids = mask.map((real, i) => real ? 10 + i * 7 % 900 : padding);
  return { ids, mask, shape };
}

function encoderStep(
  model:
    | BertForSequenceClassification
    | RobertaForSequenceClassification
    | ModernBertForSequenceClassification,
  padding: number,
): Step {
  const labels = Int32Array.from({ length: BATCH }, (_, i) => i % 2);
  return ({ sources }, packed) => {
    const { ids, mask, shape } = rowsOf(sources, padding);
    return model.forward({
      inputIds: tensor(ids, { shape }),
      ...maskOf(mask, shape),
      ...(packed ? { packing: packingOf(mask, shape) } : {}),
      labels: tensor(labels),
    }).loss;
  };
}

function seq2seqStep(
  model: BartForConditionalGeneration | MarianMTModel,
  padding: number,
): Step {
  return ({ sources, targets }, packed) => {
    const { ids, mask, shape } = rowsOf(sources, padding);
    const target = rowsOf(targets, -100);
    return model.forward({
      inputIds: tensor(ids, { shape }),
      ...maskOf(mask, shape),
      labels: tensor(target.ids, { shape: target.shape }),
      ...(packed
        ? {
          packing: packingOf(mask, shape),
          decoderPacking: packingOf(target.mask, target.shape),
        }
        : {}),
    }).loss;
  };
}

/** The mask of a batch that has padding. */
function maskOf(
  mask: Int32Array<ArrayBuffer>,
  shape: readonly [number, number],
): { attentionMask?: IntegerTensor } {
  return mask.includes(0) ? { attentionMask: tensor(mask, { shape }) } : {};
}

const STEPS: Readonly<Record<string, () => Step>> = {
  BERT: () =>
    encoderStep(new BertForSequenceClassification(new BertConfig(ENCODER)), 0),
  RoBERTa: () =>
    encoderStep(
      new RobertaForSequenceClassification(new RobertaConfig(ENCODER)),
      1,
    ),
  ModernBERT: () =>
    encoderStep(
      new ModernBertForSequenceClassification(
        new ModernBertConfig({
          ...ENCODER,
          numHiddenLayers: 3,
          intermediateSize: 256,
          localAttention: 64,
          padTokenId: 3,
          clsTokenId: 1,
          sepTokenId: 2,
          bosTokenId: 1,
          eosTokenId: 2,
        }),
      ),
      3,
    ),
  BART: () =>
    seq2seqStep(
      new BartForConditionalGeneration(new BartConfig(BOTH_SIDES)),
      1,
    ),
  Marian: () =>
    seq2seqStep(
      new MarianMTModel(
        new MarianConfig({
          ...BOTH_SIDES,
          padTokenId: 4,
          decoderStartTokenId: 4,
        }),
      ),
      4,
    ),
};

/** Draws lengths from {@linkcode SHORTEST} to {@linkcode LONGEST}, uniformly. */
function drawLengths(stream: number): number[] {
  const random = counterRandom(1, { stream });
  return Array.from(
    { length: BATCH },
    () => SHORTEST + Math.floor(random() * (LONGEST - SHORTEST + 1)),
  );
}

/** Equal lengths for as many texts, with about as many tokens in total. */
function evened(lengths: readonly number[]): number[] {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return lengths.map(() => Math.round(total / lengths.length));
}

/** The milliseconds of a step: the least of {@linkcode ROUNDS}. */
export interface PackingCost {
  name: string;
  padded: number;
  packed: number;
  unpadded: number;
}

/** Times the steps of one architecture in turn. */
export async function measurePacking(
  device: Device,
  name: string,
): Promise<PackingCost> {
  manualSeed(1);
  const step = STEPS[name]?.();
  if (!step) throw new RangeError(`Cannot measure ${name}: no such model`);
  const drawn = { sources: drawLengths(0), targets: drawLengths(1) };
  const even = {
    sources: evened(drawn.sources),
    targets: evened(drawn.targets),
  };
  const cost: PackingCost = {
    name,
    padded: Infinity,
    packed: Infinity,
    unpadded: Infinity,
  };
  const kinds = [
    ["padded", drawn, false],
    ["packed", drawn, true],
    ["unpadded", even, false],
  ] as const;
  const stretches = kinds.map(([kind, lengths, packed]) => {
    const run = () => {
      using _ = scope();
      backward(step(lengths, packed));
    };
    return { kind, stretch: new Stretch(run, () => device.synchronize()) };
  });
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const { kind, stretch } of stretches) {
      const milliseconds = 1000 * await stretch.seconds();
      if (round >= 0) cost[kind] = Math.min(cost[kind], milliseconds);
    }
  }
  return cost;
}

if (import.meta.main) {
  const device = await initialize();
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(STEPS);
  console.log(
    "| | padded, ms | packed, ms | unpadded, ms | packed / unpadded |\n" +
      "| --- | --- | --- | --- | --- |",
  );
  for (const name of names) {
    const { padded, packed, unpadded } = await measurePacking(device, name);
    console.log(
      `| ${name} | ${padded.toFixed(1)} | ${packed.toFixed(1)} | ` +
        `${unpadded.toFixed(1)} | ${(packed / unpadded).toFixed(2)} |`,
    );
  }
}
