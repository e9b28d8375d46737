// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Trains a tokenizer and then a small ModernBERT that guesses hidden words. The
 * texts are made here; read your own with `@swagpu/swagpu/data`.
 *
 * ```sh
 * deno run -A examples/masked_language_model.ts
 * ```
 *
 * @module
 */

import { shuffled, stratifiedSplit } from "@swagpu/swagpu/data";
import { initialize, manualSeed } from "@swagpu/swagpu/engine";
import {
  DataCollatorForWholeWordMask,
  groupTexts,
  ModernBertConfig,
  ModernBertForMaskedLM,
  pipeline,
  type TokenBlock,
  type Tokenizer,
  trainTokenizer,
} from "@swagpu/swagpu/models";
import { Trainer } from "@swagpu/swagpu/nn";
import { logSoftmaxRows, perplexity } from "@swagpu/swagpu/nn/metrics";

const ANIMALS = ["dog barks", "cat meows", "cow moos", "bee hums", "owl hoots"];
const PLACES = ["garden", "forest", "barn", "street", "old orchard"];
const TIMES = ["at night", "in the morning", "on Sunday", "before dinner"];

/** Every animal, with its own sound, at every place and time, in random order. */
function makeTexts(): string[] {
  const texts = ANIMALS.flatMap((animal) =>
    PLACES.flatMap((place) =>
      TIMES.flatMap((time) => [
        `The ${animal} in the ${place} ${time}.`,
        `In the ${place}, the ${animal} ${time}.`,
      ])
    )
  );
  return shuffled(texts, { seed: 1 });
}

type NumberedBlock = TokenBlock & { row: number };

/** The texts one after the other, cut into rows of 16 tokens with a number each. */
function blocksOf(tokenizer: Tokenizer, texts: string[]): NumberedBlock[] {
  const tokens = texts.map((text) => tokenizer.encode(text));
  return groupTexts(tokens, { blockSize: 16 })
    .map((block, row) => ({ ...block, row }));
}

/** Trains, and returns the perplexity of texts not seen and the vocabulary's size. */
export async function trainMaskedModel(
  epochs = 40,
): Promise<{ perplexity: number; vocabSize: number }> {
  manualSeed(1);
  const { train, validation } = stratifiedSplit(makeTexts(), { size: 0.2 });

  // 1. A tokenizer. Frequent words become one token, and rare ones several.
  const tokenizer = await trainTokenizer(train, { type: "wordpiece" });
  const { vocabSize } = tokenizer;
  console.log(`${vocabSize} tokens, ${tokenizer.encode("Dogs bark.").tokens}`);

  // 2. The model. ModernBERT sees how far apart two tokens are, wherever they stand,
  //    and so learns from few texts which words go together.
  const model = new ModernBertForMaskedLM(
    new ModernBertConfig({
      vocabSize,
      hiddenSize: 32,
      numHiddenLayers: 2,
      numAttentionHeads: 2,
      intermediateSize: 64,
      padTokenId: tokenizer.padTokenId,
      clsTokenId: tokenizer.clsTokenId,
      sepTokenId: tokenizer.sepTokenId,
      initializerRange: 0.1, // small models learn faster from larger weights
    }),
  );

  // 3. Training. Other words are hidden in each epoch: the collator draws them by
  //    the epoch and the row's number, and so a run that resumes hides the same.
  const collator = new DataCollatorForWholeWordMask(tokenizer);
  const trainer: Trainer<NumberedBlock> = new Trainer({
    model,
    args: { numTrainEpochs: epochs, learningRate: 5e-3 },
    trainDataset: blocksOf(tokenizer, train),
    evalDataset: blocksOf(tokenizer, validation),
    dataCollator: (blocks: NumberedBlock[]) =>
      collator.collate(blocks, {
        rows: blocks.map(({ row }) => row),
        epoch: Math.floor(trainer.state.epoch),
      }),
    // Only hidden tokens have a label; it is -100 at all others.
    computeMetrics({ predictions, labels }) {
      const scores = logSoftmaxRows(predictions.data, { classes: vocabSize });
      const hidden = Array.from(
        labels.data,
        (token, i) =>
          token === -100 ? [] : [scores[i * vocabSize + token] ?? NaN],
      );
      return { perplexity: perplexity(hidden.flat()) };
    },
  });
  const { eval_perplexity: before = NaN } = await trainer.evaluate();
  await trainer.train();
  const { eval_perplexity: after = NaN } = await trainer.evaluate();
  console.log(`perplexity: ${before.toFixed(1)} -> ${after.toFixed(1)}`);

  // 4. The trained model in use.
  const fill = await pipeline("fill-mask", { model, tokenizer });
  const [best] = (await fill("The [MASK] barks in the barn.")).flat();
  console.log(`${best?.score.toFixed(2)} ${best?.sequence}`);
  model.dispose();
  return { perplexity: after, vocabSize };
}

if (import.meta.main) {
  await initialize();
  await trainMaskedModel();
}
