// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import { manualSeed, tensor } from "../../../engine/mod.ts";
import {
  AutoPeftModelForSequenceClassification,
  BertConfig,
  BertForMaskedLM,
  BertForSequenceClassification,
  getPeftModel,
} from "../../../models/mod.ts";
import { LoraConfig } from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";

const FIELDS = {
  vocabSize: 30,
  hiddenSize: 12,
  intermediateSize: 16,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
};

gpuTest(
  "an adapter is loaded with the model that it names",
  () =>
    inFolder(async (folder) => {
      const base = `${folder}/base`;
      manualSeed(1);
      const trained = new BertForMaskedLM(new BertConfig(FIELDS));
      await trained.savePretrained(base);
      const model = await BertForSequenceClassification.fromPretrained(base, {
        config: { num_labels: 3 },
        onLoad: () => {},
      });
      const peft = getPeftModel(
        model,
        new LoraConfig({
          r: 2,
          initLoraWeights: false,
          // The file of the base has neither of these.
          modulesToSave: ["classifier", "pooler"],
          baseModelNameOrPath: base,
        }),
      ).eval();
      const adapter = `${folder}/adapter`;
      await peft.savePretrained(adapter);
      await model.config.save(adapter);
      const inputs = { inputIds: tensor([[2, 7, 3]], { dtype: "i32" }) };
      const expected = await peft.forward(inputs).logits.data();
      assertEquals(expected.length, 3);

      manualSeed(2); // So that what no file has would be something else.
      const again = await AutoPeftModelForSequenceClassification.fromPretrained(
        adapter,
      );
      assertEquals(await again.forward(inputs).logits.data(), expected);
      assertEquals(again.getNbTrainableParameters().trainable, 0);

      // PEFT writes no config.json: the head is that of the base model then.
      await Deno.remove(`${adapter}/config.json`);
      await assertRejects(
        () => AutoPeftModelForSequenceClassification.fromPretrained(adapter),
        TypeError,
        "classifier",
      );
      const elsewhere = `${folder}/moved`;
      await Deno.rename(base, elsewhere);
      await assertRejects(() =>
        AutoPeftModelForSequenceClassification.fromPretrained(adapter)
      );
      await model.config.save(adapter);
      const moved = await AutoPeftModelForSequenceClassification.fromPretrained(
        adapter,
        { baseModel: elsewhere, isTrainable: true },
      );
      assertEquals(await moved.forward(inputs).logits.data(), expected);
      assertEquals(
        moved.getNbTrainableParameters().trainable,
        peft.getNbTrainableParameters().trainable,
      );

      const nameless = getPeftModel(
        await BertForSequenceClassification.fromPretrained(elsewhere, {
          onLoad: () => {},
        }),
        new LoraConfig({ r: 2 }),
      );
      await nameless.savePretrained(`${folder}/nameless`);
      await assertRejects(
        () =>
          AutoPeftModelForSequenceClassification.fromPretrained(
            `${folder}/nameless`,
          ),
        TypeError,
        "does not name the model",
      );
      for (const each of [trained, peft, again, moved, nameless]) {
        each.dispose();
      }
      inputs.inputIds.dispose();
    }),
);
