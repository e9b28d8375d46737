// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  AutoSwagModelForMaskedLM,
  AutoSwagModelForSeq2SeqLM,
  AutoSwagModelForSequenceClassification,
} from "../auto_swag.ts";
import { manualSeed, tensor } from "../engine/mod.ts";
import {
  AutoConfig,
  AutoModelForSequenceClassification,
  BartForConditionalGeneration,
  BertForSequenceClassification,
  BertModel,
  GenerationConfig,
  pipeline,
  registerWrapper,
} from "../models/mod.ts";
import { parseSafetensors } from "../nn/formats/safetensors.ts";
import { SwagModel } from "../swag/mod.ts";
import { assertClose, gpuTest } from "./_check.ts";
import { inFolder } from "./_folder.ts";
import { collectAround, tinyConfigOf } from "./_tiny_models.ts";
import { warningsOf } from "./_warnings.ts";
import { tree, withHub } from "./models/files/_hub.ts";
import { tinyConfig, tinyTokenizer } from "./models/pipelines/_tiny.ts";

import { assertOneCall, free, sampled } from "./_auto_swag.ts";

/** A folder as the Python library has written it, and what it computes with it. */
const PYTHON = new URL(
  "fixtures/swag_files/bert_seq_cls_prefix/",
  import.meta.url,
).pathname;
const SAVED = `${PYTHON}saved`;

// tests/sweeps/auto_swag_test.ts has every class of every architecture.
const FEW = [
  ["bert", "sequenceClassification"],
  ["marian", "seq2SeqLM"],
] as const;

for (const [modelType, task] of FEW) {
  gpuTest(
    `fromPretrained() loads a posterior over ${modelType} for ${task} in one call`,
    () => assertOneCall(modelType, task),
  );
}

gpuTest(
  "a folder of the Python library computes what it did there",
  async () => {
    const golden = parseSafetensors(
      await Deno.readFile(`${PYTHON}golden.safetensors`),
    );
    const swag = await AutoSwagModelForSequenceClassification.fromPretrained(
      SAVED,
    );
    assert(swag.base instanceof BertForSequenceClassification);
    assertEquals(swag.base.config.architectures, [
      "BertForSequenceClassification",
    ]);
    const { base } = swag;
    const integers = (name: string) =>
      tensor(Int32Array.from(golden.tensor(name).data), {
        shape: golden.info(name).shape,
      });
    const inputs = {
      inputIds: integers("input.input_ids"),
      attentionMask: integers("input.attention_mask"),
    };
    const forward = () => base.forward(inputs);
    const near = (own: ArrayLike<number>, name: string) =>
      assertClose(own, golden.tensor(name).data, {
        absolute: 5e-5,
        relative: 0,
      }, name);
    near(await forward().logits.data(), "saved_state.logits");
    const mean = swag.getLogits(forward, { numPredictions: 1, scale: 0 });
    near(await mean.data(), "sample.mean.logits");
    // A model loaded without its posterior has the same weights.
    const alone = await AutoModelForSequenceClassification.fromPretrained(
      SAVED,
    );
    near(
      await alone.forward(inputs).logits.data(),
      "saved_state.logits",
    );
    const own = await BertForSequenceClassification.fromPretrained(SAVED);
    near(await own.forward(inputs).logits.data(), "saved_state.logits");
    for (const one of [alone, own]) one.dispose();
    free(swag);
  },
);

gpuTest(
  "a model loaded without its posterior leaves none behind",
  async (device) => {
    const load = async () => {
      const model = await BertForSequenceClassification.fromPretrained(SAVED);
      model.dispose();
    };
    await load();
    const { inUse } = device.pool.statistics();
    await load();
    assertEquals(device.pool.statistics().inUse, inUse);
  },
);

gpuTest(
  "how a model generates is read from its own folder",
  () =>
    inFolder(async (folder) => {
      const model = new BartForConditionalGeneration(
        tinyConfigOf("bart") as BartForConditionalGeneration["config"],
      );
      model.generationConfig = new GenerationConfig({ numBeams: 3 });
      const swag = SwagModel.fromBase(model);
      swag.collectModel();
      await swag.savePretrained(folder);
      const again = await AutoSwagModelForSeq2SeqLM.fromPretrained(folder);
      assertEquals(again.base.generationConfig?.numBeams, 3);
      free(swag);
      free(again);
    }),
);

gpuTest(
  "a repository of the hub is loaded as a folder is",
  () =>
    withHub(async (hub, _, cacheFolder) => {
      hub.listing = tree(SAVED);
      hub.files = Object.fromEntries(
        hub.listing.map((
          name,
        ) => [name, Deno.readFileSync(`${SAVED}/${name}`)]),
      );
      const where = { endpoint: hub.endpoint, cacheFolder, offline: false };
      const swag = await AutoSwagModelForSequenceClassification.fromPretrained(
        "owner/tiny",
        where,
      );
      const local = await AutoSwagModelForSequenceClassification.fromPretrained(
        SAVED,
      );
      assertEquals(await swag.moments(), await local.moments());
      assertEquals(swag.base.config.architectures, [
        "BertForSequenceClassification",
      ]);
      assert(!hub.requests.some((path) => path.endsWith("model.safetensors")));
      free(swag);
      free(local);
    }),
);

gpuTest(
  "a posterior in a file beside its model is loaded, too",
  () =>
    inFolder(async (folder) => {
      manualSeed(1);
      const model = new BertForSequenceClassification(tinyConfig());
      const swag = SwagModel.fromBase(model, { noCovMat: false });
      await collectAround(swag);
      await model.savePretrained(folder, {
        alongside: { "swag.safetensors": (path) => swag.save(path) },
      });
      const again = await AutoSwagModelForSequenceClassification.fromPretrained(
        folder,
      );
      // Nothing is lost here, so samples have the same bits.
      assertEquals(await sampled(again), await sampled(swag));
      free(swag);
      free(again);
    }),
);

/** Writes a folder of a classifier's posterior, with a tokenizer. */
async function saveClassifier(folder: string): Promise<void> {
  manualSeed(2);
  const model = new BertForSequenceClassification(tinyConfig({ numLabels: 3 }));
  const swag = SwagModel.fromBase(model, { noCovMat: false });
  await collectAround(swag);
  await swag.savePretrained(folder);
  await tinyTokenizer().save(folder);
  free(swag);
}

const TEXTS = ["I like it", "the dogs play in Paris", "who"];

gpuTest(
  "pipeline() uses the posterior of the folder",
  (device) =>
    inFolder(async (folder) => {
      await saveClassifier(folder);
      const { inUse } = device.pool.statistics();
      const sampling = { numPredictions: 4, scale: 0.5, seed: 5 };
      const labels = async (
        options: NonNullable<Parameters<typeof pipeline>[2]>,
      ) => {
        using classify = await pipeline("text-classification", folder, options);
        return await classify(TEXTS, { topK: null });
      };
      const own = await labels({ sampling });
      assert(own.flat().every(({ std = 0 }) => std > 0));
      const swag = await AutoSwagModelForSequenceClassification.fromPretrained(
        folder,
      );
      {
        using classify = await pipeline(
          "text-classification",
          { model: swag.base, tokenizer: tinyTokenizer() },
          { posterior: swag, sampling },
        );
        assertEquals(own, await classify(TEXTS, { topK: null }));
      }
      free(swag);
      const alone = await labels({ posterior: null });
      assert(alone.flat().every(({ std }) => std === undefined));
      // A posterior that is given takes the place of the folder's.
      let given: SwagModel | undefined;
      const others = await labels({
        sampling,
        posterior: (model) => {
          given = SwagModel.fromBase(model);
          given.collectModel();
          return given;
        },
      });
      assertEquals(given?.nModels, 1);
      assert(others.flat().every(({ std = 1 }) => std < 1e-6));
      assertEquals(device.pool.statistics().inUse, inUse);
    }),
);

gpuTest(
  "pipeline() says where the posterior of a folder is of no use",
  () =>
    inFolder(async (folder) => {
      const swag = SwagModel.fromBase(new BertModel(tinyConfig()));
      swag.collectModel();
      await swag.savePretrained(folder);
      await tinyTokenizer().save(folder);
      free(swag);
      const warnings = await warningsOf(async () => {
        using extract = await pipeline("feature-extraction", folder);
        const features = await extract("Anna lives in Paris.");
        assert(features.length > 0);
      });
      assertEquals(warnings, [
        `pipeline: the posterior of ${folder} is not used, because ` +
        "feature-extraction cannot average over its samples; give posterior: " +
        "null to say so",
      ]);
      const silent = await warningsOf(async () => {
        using _ = await pipeline("feature-extraction", folder, {
          posterior: null,
        });
      });
      assertEquals(silent, []);
    }),
);

gpuTest(
  "sampling without a posterior is refused, and all is freed",
  (device) =>
    inFolder(async (folder) => {
      const model = new BertForSequenceClassification(tinyConfig());
      await model.savePretrained(folder, { tokenizer: tinyTokenizer() });
      model.dispose();
      const { inUse } = device.pool.statistics();
      await assertRejects(
        () =>
          pipeline("text-classification", folder, { sampling: { scale: 0.5 } }),
        TypeError,
        "Cannot sample without a posterior",
      );
      assertEquals(device.pool.statistics().inUse, inUse);
      await assertRejects(
        () => AutoSwagModelForSequenceClassification.fromPretrained(folder),
        TypeError,
        `Cannot load a posterior from ${folder}: its model_type does not begin ` +
          'with "swag_", and there is no swag.safetensors beside the model',
      );
      assertEquals(device.pool.statistics().inUse, inUse);
    }),
);

gpuTest(
  "a folder of another class is refused, and all is freed",
  async (device) => {
    const { inUse } = device.pool.statistics();
    await assertRejects(
      () => AutoSwagModelForMaskedLM.fromPretrained(SAVED),
      TypeError,
      "as BertForMaskedLM: it was saved as BertForSequenceClassification",
    );
    assertEquals(device.pool.statistics().inUse, inUse);
  },
);

gpuTest(
  "a file that is a link out of the folder is not read",
  () =>
    inFolder(async (folder) => {
      await Deno.copyFile(`${SAVED}/config.json`, `${folder}/config.json`);
      await Deno.symlink(`${SAVED}/model.bin`, `${folder}/model.bin`);
      await assertRejects(
        () => AutoSwagModelForSequenceClassification.fromPretrained(folder),
        TypeError,
        "model.bin: it is a link that leads out of the folder",
      );
    }),
);

Deno.test("the configuration of a posterior is that of its model", async () => {
  const config = await AutoConfig.fromPretrained(SAVED, {
    config: { pad_token_id: 3 },
  });
  assertEquals([config.constructor.name, config.padTokenId], ["BertConfig", 3]);
  assertThrows(
    () => AutoConfig.fromFields({ model_type: "swag_bert" }),
    SyntaxError,
    "it has no internal_model_config, which holds the configuration",
  );
  assertThrows(
    () =>
      AutoConfig.fromFields({
        model_type: "swag_gpt",
        internal_model_config: { model_type: "gpt" },
      }),
    RangeError,
    'Cannot load a model of type "gpt"',
  );
});

Deno.test("without the import of both rooms, the message names it", async () => {
  const models = new URL("../models/mod.ts", import.meta.url).href;
  const code = `import { AutoConfig } from ${JSON.stringify(models)};
    AutoConfig.fromFields({ model_type: "swag_bert" });`;
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", code],
    stderr: "piped",
  }).output();
  assertMatch(
    new TextDecoder().decode(stderr),
    /"swag_bert": expected one of .*, and importing "@swagpu\/swagpu" those of/,
  );
});

Deno.test("registerWrapper() refuses a prefix that is taken", () => {
  assertThrows(
    () =>
      registerWrapper("swag_", {
        configField: "x",
        modelFolder: "y",
        files: [],
        load: () => Promise.reject(new Error("never called")),
      }),
    RangeError,
    'Cannot register the wrapper "swag_": the prefix is taken',
  );
});
