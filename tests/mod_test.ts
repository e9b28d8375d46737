// Copyright 2026 the swagpu authors. MIT license.

// The package as a whole, as a user imports it. This file runs in a browser
// too, where nothing that it loads may need Deno or Node.

import { assert, assertEquals, assertLess } from "@std/assert";
import {
  AdamW,
  backward,
  BertConfig,
  BertForSequenceClassification,
  scope,
  SwagModel,
  tensor,
} from "../mod.ts";
import { gpuTest } from "./_check.ts";

gpuTest(
  "the main module trains a BERT and predicts with its posterior",
  async () => {
    const model = new BertForSequenceClassification(
      new BertConfig({
        vocabSize: 8,
        hiddenSize: 8,
        numHiddenLayers: 1,
        numAttentionHeads: 2,
        intermediateSize: 16,
        maxPositionEmbeddings: 8,
        hiddenDropoutProb: 0,
        attentionProbsDropoutProb: 0,
      }),
    );
    const optimizer = new AdamW(model.parameters(), { learningRate: 0.02 });
    const swag = SwagModel.fromBase(model, {
      noCovMat: false,
      maxNumModels: 3,
    });
    const inputIds = tensor(Int32Array.of(4, 6, 6, 5, 7, 7), { shape: [2, 3] });
    const labels = tensor(Int32Array.of(0, 1));
    const losses: number[] = [];
    for (let step = 0; step < 20; step++) {
      using _ = scope();
      const { loss } = model.forward({ inputIds, labels });
      assert(loss);
      backward(loss);
      optimizer.step();
      if (step >= 15) swag.collectModel();
      losses.push(await loss.item());
    }
    const [first = NaN, last = NaN] = [losses[0], losses.at(-1)];
    assertLess(last, 0.5 * first);

    const { probabilities } = swag.predict(
      () => model.forward({ inputIds }).logits,
      { numPredictions: 4, scale: 0.5, seed: 7 },
    );
    const [a = 0, b = 0, c = 0, d = 0] = await probabilities.data();
    assertEquals([a > b, c < d], [true, true]);
    assertLess(Math.abs(a + b - 1) + Math.abs(c + d - 1), 1e-5);
    for (const owner of [swag, optimizer, model]) owner.dispose();
  },
);
