// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { manualSeed } from "../../engine/mod.ts";
import {
  AutoConfig,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  BartConfig,
  BartForConditionalGeneration,
  BertConfig,
  BertForSequenceClassification,
  MarianConfig,
  MarianMTModel,
} from "../../models/mod.ts";
import { openPyTorch } from "../../nn/formats/mod.ts";
import { Linear } from "../../nn/mod.ts";
import { SwagModel } from "../../swag/mod.ts";
import { assertClose, gpuTest, randomValues } from "../_check.ts";
import { inFolder, names } from "../_folder.ts";

const SAVED = new URL(
  "../fixtures/swag_files/bert_seq_cls_prefix/saved",
  import.meta.url,
).pathname;

const classifier = (fields: Readonly<Record<string, unknown>>) =>
  AutoModelForSequenceClassification.fromConfig(AutoConfig.fromFields(fields));

gpuTest(
  "a folder of the Python library is loaded, and written again",
  () =>
    inFolder(async (folder) => {
      const swag = await SwagModel.fromPretrained(SAVED, classifier);
      assertEquals(swag.settings.normalize, "capacity");
      assert(swag.nModels > 1 && swag.covMatRank > 1);
      using before = await openPyTorch(`${SAVED}/model.bin`);
      for (const [name, parameter] of swag.base.namedParameters()) {
        const { data } = await before.tensor(`swag.base.${name}`);
        assertEquals([...await parameter.data()], [...data]);
      }
      const moments = await swag.moments();
      await swag.savePretrained(folder);
      assertEquals(names(folder).sort(), [
        "base_model",
        "config.json",
        "model.bin",
      ]);
      using written = await openPyTorch(`${folder}/model.bin`);
      assertEquals([...written.names].sort(), [...before.names].sort());
      for (const name of before.names) {
        assertEquals(written.info(name).shape, before.info(name).shape, name);
      }
      const again = await SwagModel.fromPretrained(folder, classifier);
      assertEquals(
        [again.nModels, again.covMatRank, again.settings],
        [swag.nModels, swag.covMatRank, swag.settings],
      );
      const others = await again.moments();
      for (const [name, { mean, variance, deviations }] of moments) {
        const other = others.get(name);
        assertEquals(other?.mean, mean);
        assertEquals(other?.deviations, deviations);
        assertClose(other?.variance ?? [], variance ?? [], {
          absolute: 1e-7,
          relative: 0,
        });
      }
      for (const one of [swag, again]) {
        one.dispose();
        one.base.dispose();
      }
    }),
);

gpuTest(
  "a folder says in Python's way which parameters are random",
  () =>
    inFolder(async (folder) => {
      const model = new BertForSequenceClassification(
        new BertConfig({
          ...{ vocabSize: 9, hiddenSize: 4, intermediateSize: 4, numLabels: 2 },
          ...{ numAttentionHeads: 1, numHiddenLayers: 1 },
          maxPositionEmbeddings: 8,
        }),
      );
      const swag = SwagModel.fromBase(model, {
        modulePrefixList: ["**.attention.*.query", "last-layer"],
        ...{ noCovMat: false, deviations: "int8" },
      });
      model.placeParameters();
      for (let n = 0; n < 3; n++) {
        const { weight } = model.classifier;
        weight.write(randomValues(weight.size, n));
        swag.collectModel();
      }
      await swag.savePretrained(folder);
      const path = `${folder}/config.json`;
      const fields = JSON.parse(await Deno.readTextFile(path));
      const query = "bert.encoder.layer.0.attention.self.query";
      const names = [
        ...[`${query}.weight`, `${query}.bias`],
        ...["classifier.weight", "classifier.bias"],
      ];
      assertEquals(fields.module_prefix_list, names);
      // Beginnings of names that are no whole segments are Python's, too.
      const shorter = ["bert.encoder.layer.0.attention.self.q", "class"];
      for (const module_prefix_list of [names, shorter]) {
        const text = JSON.stringify({ ...fields, module_prefix_list });
        await Deno.writeTextFile(path, text);
        const again = await SwagModel.fromPretrained(folder, classifier);
        assertEquals(again.enabledParameters, names);
        // Python's deviations are 32-bit floats: the values that int8 stands for. Their
        // scales are computed again from these.
        const weight = "classifier.weight";
        const own = (await swag.moments([weight])).get(weight)?.deviations;
        const read = (await again.moments([weight])).get(weight)?.deviations;
        assertEquals(again.settings.deviations, "int8");
        assertClose(read ?? [], own ?? [], { absolute: 0, relative: 1e-6 });
        using file = await openPyTorch(`${folder}/model.bin`);
        const { data } = await file.tensor(`swag.base.${weight}_cov_mat_sqrt`);
        assertEquals(Float32Array.from(data), own);
        assert(own?.some((x) => x !== 0));
        again.dispose();
        again.base.dispose();
      }
      await assertRejects(
        () => swag.config.save(folder),
        TypeError,
        'with "**.attention.*.query" in module_prefix_list: the library takes',
      );
      swag.dispose();
      model.dispose();
    }),
);

gpuTest(
  "a model of which no sample was drawn has the means",
  () =>
    inFolder(async (folder) => {
      // The library saves zeros for it.
      const swag = await SwagModel.fromPretrained(SAVED, classifier);
      for (const x of swag.base.namedParameters().values()) {
        x.write(new Float32Array(x.size));
      }
      await swag.savePretrained(folder);
      const again = await SwagModel.fromPretrained(folder, classifier);
      const moments = await again.moments();
      for (const [name, parameter] of again.base.namedParameters()) {
        assertEquals(await parameter.data(), moments.get(name)?.mean);
      }
      for (const one of [swag, again]) {
        one.dispose();
        one.base.dispose();
      }
    }),
);

gpuTest(
  "tied weights have their moments once, in Marian under each name",
  () =>
    inFolder(async (folder) => {
      const sizes = {
        ...{ vocabSize: 20, dModel: 8, encoderLayers: 1, decoderLayers: 1 },
        ...{ encoderFfnDim: 8, decoderFfnDim: 8, maxPositionEmbeddings: 12 },
        ...{ encoderAttentionHeads: 2, decoderAttentionHeads: 2 },
      };
      manualSeed(0);
      for (
        const [model, owner] of [
          [new BartForConditionalGeneration(new BartConfig(sizes)), false],
          [
            new MarianMTModel(
              new MarianConfig({ ...sizes, padTokenId: 19, eosTokenId: 0 }),
            ),
            true,
          ],
        ] as const
      ) {
        const own = `${folder}/${model.config.modelType}`;
        const swag = SwagModel.fromBase(model, { noCovMat: false });
        swag.collectModel();
        swag.collectModel();
        await swag.savePretrained(own);
        using file = await openPyTorch(`${own}/model.bin`);
        const found = new Set(file.names);
        const alias = "swag.base.model.encoder.embed_tokens.weight";
        assert(found.has(alias) && found.has("swag.base.lm_head.weight"));
        assertEquals(found.has(`${alias}_cov_mat_sqrt`), owner);
        assert(found.has("swag.base.model.shared.weight_sq_mean"));
        assert(found.has("swag.base.final_logits_bias"));
        assert(!found.has("swag.base.final_logits_bias_mean"));
        const again = await SwagModel.fromPretrained(
          own,
          (fields) =>
            AutoModelForSeq2SeqLM.fromConfig(AutoConfig.fromFields(fields)),
        );
        assertEquals(again.covMatRank, 2);
        for (const one of [swag, again]) {
          one.dispose();
          one.base.dispose();
        }
      }
    }),
);

gpuTest(
  "what has no configuration, or is no posterior, is refused",
  () =>
    inFolder(async (folder) => {
      using model = new Linear(1, 1);
      using swag = SwagModel.fromBase(model);
      await assertRejects(
        () => swag.savePretrained(`${folder}/x`),
        TypeError,
        "Linear has no configuration",
      );
      await Deno.writeTextFile(`${folder}/config.json`, "{}");
      await assertRejects(
        () => SwagModel.fromPretrained(folder, classifier),
        SyntaxError,
        "no internal_model_config",
      );
    }),
);
