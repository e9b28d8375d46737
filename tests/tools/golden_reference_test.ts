// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import {
  manualSeed,
  noGrad,
  readAll,
  scope,
  tensor,
} from "../../engine/mod.ts";
import { BartConfig, BartForConditionalGeneration } from "../../models/mod.ts";
import { checkReference } from "../../tools/golden/reference.ts";
import { gpuTest } from "../_check.ts";
import { inFolder } from "../_folder.ts";

const VOCABULARY = 20;
const EOS = 2;

/** Generates an answer without a cache, with the best token each time. */
async function answer(
  model: BartForConditionalGeneration,
  source: number[],
): Promise<number[]> {
  const ids = [1];
  while (ids.length < 8 && (ids.length === 1 || ids.at(-1) !== EOS)) {
    using _ = scope();
    const { logits } = noGrad(() =>
      model.forward({
        inputIds: tensor([source], { dtype: "i32" }),
        decoderInputIds: tensor([ids], { dtype: "i32" }),
      })
    );
    const [scores = new Float32Array()] = await readAll([logits]);
    const last = Array.from(scores).slice(-VOCABULARY);
    ids.push(last.indexOf(Math.max(...last)));
  }
  return ids;
}

gpuTest(
  "checkReference() accepts a model's own answers, and no others",
  async () => {
    manualSeed(3);
    await inFolder(async (folder) => {
      const model = new BartForConditionalGeneration(
        new BartConfig({
          vocabSize: VOCABULARY,
          dModel: 16,
          encoderLayers: 1,
          decoderLayers: 1,
          encoderAttentionHeads: 2,
          decoderAttentionHeads: 2,
          encoderFfnDim: 24,
          decoderFfnDim: 24,
          maxPositionEmbeddings: 16,
          initStd: 0.5,
          padTokenId: 0,
          decoderStartTokenId: 1,
          forcedEosTokenId: null,
        }),
      ).eval();
      // Makes answers end soon, but not at once.
      const bias = new Float32Array(VOCABULARY);
      bias[EOS] = 4;
      model.finalLogitsBias.write(bias);
      await model.savePretrained(folder);
      const items = [];
      for (const source of [[5, 9, 2], [7, 8, 11, 6, 2]]) {
        const ids = await answer(model, source);
        items.push({
          word: source.join(),
          input_ids: source,
          generated_ids: ids,
        });
      }
      // The check would continue a row that did not end in 8 tokens.
      const ended = items.filter(({ generated_ids: ids }) =>
        ids.at(-1) === EOS
      );
      assert(ended.length > 0);
      const path = `${folder}/reference.json`;
      await Deno.writeTextFile(path, JSON.stringify({ items: ended }));
      const [right] = await checkReference(folder);
      assertEquals(right?.ok, true, right?.note);

      for (const item of ended) item.generated_ids[1] = 3;
      await Deno.writeTextFile(path, JSON.stringify({ items: ended }));
      const [wrong] = await checkReference(folder);
      assertEquals(wrong?.ok, false);
      assertEquals(wrong?.note, `0 of ${ended.length} answers equal`);
      model.dispose();
    });
  },
);
