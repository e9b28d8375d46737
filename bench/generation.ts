// Copyright 2026 the swagpu authors. MIT license.

// Measures the cost of a generated token: BART-base with random weights generates 64
// tokens for each of 8 sources of 32 tokens, the best token every time. With a cache of
// keys and values, the last token should cost as much as the first.

import { type Device, manualSeed } from "../engine/mod.ts";
import {
  BartConfig,
  BartForConditionalGeneration,
  generate,
  GenerationConfig,
} from "../models/mod.ts";
import { median } from "./scaling_fit.ts";

/** The cost of generation. */
export interface GenerationCost {
  /** A description of the run. */
  name: string;
  /** Median milliseconds from one token to the next, by quarter of the length. */
  millisecondsPerToken: number[];
  /** Milliseconds of a whole call that does not read each token. */
  milliseconds: number;
  /** How often such a call waited for the GPU. */
  reads: number;
}

const BATCH = 8;
const SOURCE = 32;
const TOKENS = 64;

/** Generates twice: reading every token, and then as users do. */
export async function measureGeneration(
  device: Device,
): Promise<GenerationCost> {
  manualSeed(1);
  const model = new BartForConditionalGeneration(
    new BartConfig({
      dModel: 768,
      encoderLayers: 6,
      decoderLayers: 6,
      encoderAttentionHeads: 12,
      decoderAttentionHeads: 12,
      encoderFfnDim: 3072,
      decoderFfnDim: 3072,
    }),
  ).eval();
  // Without an end token every row is generated to its full length.
  const generationConfig = new GenerationConfig({
    decoderStartTokenId: 2,
    padTokenId: 1,
    maxNewTokens: TOKENS,
  });
  const inputIds = Array.from(
    { length: BATCH },
    (_, row) =>
      Array.from({ length: SOURCE }, (_, i) => 10 + row * 997 + i * 31),
  );
  const times: number[] = [];
  await generate(model, {
    inputIds,
    generationConfig,
    streamer: () => times.push(performance.now()),
  });
  const steps = times.slice(1).map((time, i) => time - (times[i] ?? NaN));
  const quarter = TOKENS / 4;
  const millisecondsPerToken = [0, 1, 2, 3].map((i) =>
    median(steps.slice(i * quarter, (i + 1) * quarter))
  );
  const before = device.stream.statistics().reads;
  const start = performance.now();
  await generate(model, { inputIds, generationConfig });
  const milliseconds = performance.now() - start;
  const { reads } = device.stream.statistics();
  model.dispose();
  return {
    name: `BART-base, batch ${BATCH}, ${SOURCE} tokens to ${TOKENS}, greedy`,
    millisecondsPerToken,
    milliseconds,
    reads: reads - before,
  };
}
