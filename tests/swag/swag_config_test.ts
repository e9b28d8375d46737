// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  AutoConfig,
  BartConfig,
  BertConfig,
  BertForSequenceClassification,
  MarianConfig,
} from "../../models/mod.ts";
import { Linear } from "../../nn/mod.ts";
import { SwagConfig, SwagModel } from "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";
import { inFolder } from "../_folder.ts";

/** A folder that the Python library has written. */
const SAVED = new URL(
  "../fixtures/swag_files/bert_seq_cls_prefix/saved",
  import.meta.url,
).pathname;

/** What transformers leaves out of a file, because it is its default. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  is_encoder_decoder: false,
  bos_token_id: null,
  eos_token_id: null,
  decoder_start_token_id: null,
  max_length: 20,
};

Deno.test("the fields are those that the Python library has written", async () => {
  const file = JSON.parse(await Deno.readTextFile(`${SAVED}/config.json`));
  const config = await SwagConfig.fromPretrained(SAVED);
  const { transformers_version: _, ...expected } = file;
  const own = config.toJSON();
  assertEquals({ ...own, ...expected }, own);
  for (const [name, value] of Object.entries(own)) {
    if (!(name in expected)) assertEquals(value, DEFAULTS[name], name);
  }
  assertEquals(
    [config.noCovMat, config.covMatRank, config.maxNumModels, config.varClamp],
    [false, 3, 3, 1e-30],
  );
  assertEquals(config.modulePrefixList, ["bert.encoder.layer.1", "classifier"]);
  assertEquals(config.settings.normalize, "capacity");
  assertEquals(
    [config.vocabSize, config.hiddenSize, config.numHiddenLayers],
    [40, 12, 2],
  );
  assertEquals([config.numAttentionHeads, config.numLabels], [2, 3]);
  assertEquals(config.field("layer_norm_eps"), 1e-12);
});

Deno.test("token ids are those of the configuration given, not of a default one", () => {
  // The original has BART's usual 1, 0, 2 and 2 at the top, whatever is given.
  const given = new BartConfig({
    ...{ vocabSize: 30, dModel: 12, encoderAttentionHeads: 3 },
    ...{ padTokenId: 7, bosTokenId: 8, eosTokenId: 9, decoderStartTokenId: 10 },
    ...{ encoderLayers: 4, decoderAttentionHeads: 4 },
  });
  const config = SwagConfig.fromConfig(given);
  const { padTokenId, bosTokenId, eosTokenId, decoderStartTokenId } = config;
  assertEquals(
    { padTokenId, bosTokenId, eosTokenId, decoderStartTokenId },
    { padTokenId: 7, bosTokenId: 8, eosTokenId: 9, decoderStartTokenId: 10 },
  );
  const { pad_token_id, bos_token_id, eos_token_id, is_encoder_decoder } =
    config.toJSON();
  assertEquals(
    [pad_token_id, bos_token_id, eos_token_id, is_encoder_decoder],
    [7, 8, 9, true],
  );
  // Sizes are read under the names that the architecture has for them.
  assertEquals(
    [config.hiddenSize, config.numAttentionHeads, config.numHiddenLayers],
    [12, 3, 4],
  );
  assertEquals([config.modelType, config.isEncoderDecoder], [
    "swag_bart",
    true,
  ]);
});

Deno.test("a file that the original wrote with wrong token ids is read right", () => {
  const internal = new BertConfig({ padTokenId: 5, vocabSize: 30 }).toJSON();
  const config = SwagConfig.fromFields({
    model_type: "swag_bert",
    internal_model_config: internal,
    pad_token_id: 0,
  });
  assertEquals([config.padTokenId, config.toJSON().pad_token_id], [5, 5]);
  assertEquals(
    AutoConfig.fromFields(config.internalModelConfig).padTokenId,
    5,
  );
});

Deno.test("SwagConfig has the defaults of the original, and keeps a copy", () => {
  const fields = { model_type: "bert", num_labels: 4, list: [1] };
  const config = SwagConfig.fromConfig(fields);
  assertEquals(config.settings, {
    noCovMat: true,
    maxNumModels: 20,
    deviations: "f32",
    varClamp: 1e-30,
    modulePrefixList: undefined,
    normalize: "rank",
  });
  assertEquals(config.covMatRank, 0);
  fields.list.push(2);
  assertEquals(config.field("list"), [1]);
  assertEquals(config.toJSON().normalize, "rank");
  assertEquals(
    SwagConfig.fromFields(config.toJSON()).toJSON(),
    config.toJSON(),
  );
});

Deno.test("the number of classes is read from whichever field has it", () => {
  const labels = (fields: Record<string, unknown>) =>
    SwagConfig.fromConfig({ model_type: "bert", ...fields }).numLabels;
  const id2label = { 0: "a", 1: "b", 2: "c" };
  assertEquals(labels({ num_labels: 5, id2label }), 5);
  assertEquals(labels({ id2label, label2id: { a: 0 } }), 3);
  assertEquals(labels({ label2id: { a: 0 } }), 1);
  assertEquals(labels({}), 2);
});

Deno.test("updateInternalConfig() takes all of the model's configuration", () => {
  const config = SwagConfig.fromConfig(new BertConfig({ vocabSize: 30 }));
  assertEquals([config.problemType, config.numLabels], [null, 2]);
  config.updateInternalConfig(
    new BertConfig({
      vocabSize: 31,
      numLabels: 1,
      problemType: "regression",
      padTokenId: 3,
    }),
  );
  assertEquals(
    [config.problemType, config.numLabels, config.vocabSize, config.padTokenId],
    ["regression", 1, 31, 3],
  );
  assertThrows(
    () => config.updateInternalConfig(new MarianConfig({ padTokenId: 1 })),
    TypeError,
    'posterior over "bert" with that of "marian"',
  );
});

Deno.test("SwagConfig refuses what it cannot use", async () => {
  const base = { model_type: "bert" };
  assertThrows(
    () => SwagConfig.fromConfig(base, { maxNumModels: 0, noCovMat: false }),
    RangeError,
    "maxNumModels 0",
  );
  assertThrows(
    () => SwagConfig.fromConfig(base, { covMatRank: -1 }),
    RangeError,
    "covMatRank -1",
  );
  assertThrows(
    // @ts-expect-error: the types refuse it, too.
    () => SwagConfig.fromConfig(base, { maxModels: 3 }),
    TypeError,
    "maxModels",
  );
  assertThrows(
    () => SwagConfig.fromConfig({}),
    TypeError,
    "its configuration must name one in model_type",
  );
  assertThrows(
    () => SwagConfig.fromConfig(base).field("vocab"),
    RangeError,
    'Cannot read "vocab"',
  );
  const fields = { internal_model_config: base };
  for (
    const [name, value] of [
      ["no_cov_mat", 1],
      ["max_num_models", "20"],
      ["module_prefix_list", "classifier"],
    ] as const
  ) {
    assertThrows(
      () => SwagConfig.fromFields({ ...fields, [name]: value }, "some.json"),
      SyntaxError,
      `Cannot load some.json: ${name} is ${JSON.stringify(value)}`,
    );
  }
  assertThrows(
    () => SwagConfig.fromFields({ ...fields, normalize: "size" }),
    RangeError,
    'Cannot normalize by "size"',
  );
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.json`, "{");
    await assertRejects(
      () => SwagConfig.fromPretrained(folder),
      SyntaxError,
      `${folder}/config.json`,
    );
    await Deno.writeTextFile(`${folder}/config.json`, "null");
    await assertRejects(
      () => SwagConfig.fromPretrained(folder),
      SyntaxError,
      "no internal_model_config",
    );
  });
});

gpuTest("a posterior is built from a configuration, and gives one", () => {
  const model = new BertForSequenceClassification(
    new BertConfig({
      ...{ vocabSize: 20, hiddenSize: 8, numHiddenLayers: 1 },
      ...{ numAttentionHeads: 2, intermediateSize: 8, numLabels: 3 },
    }),
  );
  const config = SwagConfig.fromConfig(model.config, {
    noCovMat: false,
    maxNumModels: 2,
    modulePrefixList: ["classifier"],
  });
  using swag = SwagModel.fromBase(model, config);
  assertEquals(swag.settings, config.settings);
  assertEquals(swag.config.toJSON(), config.toJSON());
  for (let i = 0; i < 3; i++) swag.collectModel();
  model.config.problemType = "single_label_classification";
  // Rank and the model's configuration are what they are now.
  assertEquals([swag.config.covMatRank, swag.config.problemType], [
    2,
    "single_label_classification",
  ]);
  model.dispose();
  using linear = new Linear(2, 2);
  using other = SwagModel.fromBase(linear);
  assertThrows(() => other.config, TypeError, "Linear has none itself");
});

gpuTest(
  "a folder whose rank was not updated is loaded with the file's own",
  () =>
    inFolder(async (folder) => {
      for (const name of ["config.json", "model.bin"]) {
        await Deno.copyFile(`${SAVED}/${name}`, `${folder}/${name}`);
      }
      const path = `${folder}/config.json`;
      const fields = JSON.parse(await Deno.readTextFile(path));
      await Deno.writeTextFile(
        path,
        JSON.stringify({ ...fields, cov_mat_rank: 0 }),
      );
      const build = (fields: Readonly<Record<string, unknown>>) =>
        new BertForSequenceClassification(
          AutoConfig.fromFields(fields) as BertConfig,
        );
      const stale = await SwagModel.fromPretrained(folder, build);
      const right = await SwagModel.fromPretrained(SAVED, build);
      assertEquals([stale.covMatRank, stale.nModels], [3, 5]);
      assertEquals(await stale.moments(), await right.moments());
      for (const swag of [stale, right]) {
        swag.dispose();
        swag.base.dispose();
      }
    }),
);
