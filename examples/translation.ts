// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Trains a small BART from nothing to translate a few words of French into
 * English. The sentences are made here; files of two languages can be read with
 * `readExamples` and `sourceTargetExamples` of `@swagpu/swagpu/data`.
 *
 * ```sh
 * deno run -A examples/translation.ts
 * ```
 *
 * @module
 */

import { stratifiedSplit } from "@swagpu/swagpu/data";
import { initialize, manualSeed, scope, tensor } from "@swagpu/swagpu/engine";
import {
  BartConfig,
  BartForConditionalGeneration,
  DataCollatorForSeq2Seq,
  generate,
  trainTokenizer,
} from "@swagpu/swagpu/models";
import { Trainer } from "@swagpu/swagpu/nn";
import { corpusBleu } from "@swagpu/swagpu/nn/metrics";

const WHO = ["le père:the father", "la mère:the mother", "mon ami:my friend"];
const VERBS = ["regarde:watches", "cherche:seeks", "peint:paints"];
const THINGS = ["maison:house", "voiture:car", "fleur:flower", "table:table"];
const COLORS = ["rouge:red", "verte:green", "noire:black", "blanche:white"];

/** Every French sentence of these words, with its English translation. */
function makePairs(): { text: string; target: string }[] {
  const sentences = WHO.flatMap((who) =>
    VERBS.flatMap((verb) =>
      THINGS.flatMap((thing) =>
        COLORS.map((color) => [who, verb, thing, color].join(":").split(":"))
      )
    )
  );
  // French has the color behind the thing, so that the order has to be learned.
  return sentences.map((
    [qui, who, fait, does, chose, thing, teinte, color],
  ) => ({
    text: `${qui} ${fait} la ${chose} ${teinte}`,
    target: `${who} ${does} the ${color} ${thing}`,
  }));
}

/** Trains, translates sentences not seen, and returns their BLEU. */
export async function trainTranslator(
  epochs = 10,
): Promise<{ bleu: number; translations: string[]; references: string[] }> {
  manualSeed(1);
  const { train, validation } = stratifiedSplit(makePairs(), { size: 0.2 });

  // 1. One tokenizer for both languages, and a model with random weights. Both have
  //    BART's special tokens: a tokenizer of this type begins with them.
  const texts = train.flatMap(({ text, target }) => [text, target]);
  const tokenizer = await trainTokenizer(texts, { type: "bpe" });
  const model = new BartForConditionalGeneration(
    new BartConfig({
      vocabSize: tokenizer.vocabSize,
      maxPositionEmbeddings: 32,
      dModel: 32,
      encoderLayers: 1,
      decoderLayers: 1,
      encoderAttentionHeads: 2,
      decoderAttentionHeads: 2,
      encoderFfnDim: 64,
      decoderFfnDim: 64,
      dropout: 0,
      initStd: 0.1, // small models learn faster from larger weights
    }),
  );

  // 2. The collator tokenizes both sides. What the decoder reads is the target,
  //    moved by one token; the model makes it of the labels.
  const collator = new DataCollatorForSeq2Seq(tokenizer, {
    padding: "bucketed",
  });
  const trainer = new Trainer({
    model,
    args: { numTrainEpochs: epochs, learningRate: 5e-3 },
    trainDataset: train,
    dataCollator: (pairs: typeof train) => collator.collate(pairs),
  });
  await trainer.train();

  // 3. Translate token by token, and compare with the true translations.
  model.eval();
  using _ = scope(); // frees the tensors at the end
  const { inputIds, attentionMask, shape } = tokenizer.batch(
    validation.map(({ text }) => text),
  );
  const { sequences } = await generate(model, {
    inputIds: tensor(inputIds, { shape }),
    attentionMask: tensor(attentionMask, { shape }),
    maxNewTokens: 16,
  });
  const translations = sequences.map((tokens) =>
    tokenizer.decode(tokens, { skipSpecialTokens: true })
  );
  const references = validation.map(({ target }) => target);
  const { score: bleu } = corpusBleu(translations, references);
  console.log(`BLEU: ${bleu.toFixed(1)}`);
  for (const [i, { text }] of validation.slice(0, 3).entries()) {
    console.log(`${text} -> ${translations[i]}`);
  }
  model.dispose();
  return { bleu, translations, references };
}

if (import.meta.main) {
  await initialize();
  await trainTranslator();
}
