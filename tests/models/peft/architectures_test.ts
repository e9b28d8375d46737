// Copyright 2026 the swagpu authors. MIT license.

// Adapters of each architecture: which parts they have, and that merging,
// disabling and saving them keep what the model computes.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { manualSeed, scope, type Tensor, tensor } from "../../../engine/mod.ts";
import {
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  getPeftModel,
  PeftModel,
} from "../../../models/mod.ts";
import { LoraConfig, type LoraConfigOptions } from "../../../nn/mod.ts";
import type { AnyModel } from "../../../tools/golden/compare.ts";
import { assertClose, gpuTest, randomValues } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;
const FILES = ["adapter_config.json", "adapter_model.safetensors"];

/** Logits of some architectures reach 10. */
const MERGING = { absolute: 1e-4, relative: 1e-4 };

const LOADERS = {
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
};

/** Each architecture, with the number of layers and the part trained whole. */
const MODELS: {
  folder: string;
  loader: keyof typeof LOADERS;
  options: LoraConfigOptions;
  layers: number;
  whole?: string;
}[] = [
  {
    folder: "bert_seq_cls",
    loader: "AutoModelForSequenceClassification",
    options: { taskType: "SEQ_CLS" },
    layers: 4,
    whole: "classifier",
  },
  {
    folder: "bert_qa",
    loader: "AutoModelForQuestionAnswering",
    options: { taskType: "QUESTION_ANS", targetModules: "all-linear" },
    layers: 12,
    whole: "qa_outputs",
  },
  {
    folder: "bert_lm_head",
    loader: "AutoModelForCausalLM",
    options: { targetModules: "all-linear" },
    layers: 12,
  },
  {
    folder: "roberta_token_cls",
    loader: "AutoModelForTokenClassification",
    options: { taskType: "TOKEN_CLS" },
    layers: 4,
    whole: "classifier",
  },
  {
    folder: "roberta_masked_lm",
    loader: "AutoModelForMaskedLM",
    options: { targetModules: ["query", "lm_head.dense"], bias: "all" },
    layers: 3,
  },
  {
    folder: "modernbert_seq_cls_cls",
    loader: "AutoModelForSequenceClassification",
    options: { taskType: "SEQ_CLS", targetModules: "all-linear" },
    layers: 16,
    whole: "classifier",
  },
  {
    folder: "bart_seq_cls",
    loader: "AutoModelForSequenceClassification",
    options: { taskType: "SEQ_CLS" },
    layers: 12,
    whole: "classification_head",
  },
  {
    folder: "bart_cond_gen",
    loader: "AutoModelForSeq2SeqLM",
    options: { targetModules: "all-linear" },
    layers: 32,
  },
  {
    folder: "marian_mt",
    loader: "AutoModelForSeq2SeqLM",
    options: { targetModules: ["q_proj"], bias: "lora_only" },
    layers: 6,
  },
];

for (const { folder, loader, options, layers, whole } of MODELS) {
  gpuTest(
    `${folder} is adapted by ${JSON.stringify(options)}, trained and merged`,
    async () => {
      manualSeed(3);
      const load = async () =>
        await LOADERS[loader].fromPretrained(
          `${FIXTURES}models/${folder}`,
        ) as unknown as AnyModel;
      const model = await load();
      const config = new LoraConfig({ r: 2, ...options });
      const inputIds = tensor([[5, 6, 7, 2], [8, 9, 4, 2]], { dtype: "i32" });
      const inputs = {
        inputIds,
        ...(folder === "marian_mt" ? { decoderInputIds: inputIds } : {}),
      };
      const run = async () => {
        using _ = scope();
        const { logits, startLogits } = model.forward(inputs);
        return await ((logits ?? startLogits) as Tensor).data();
      };
      const before = await run();
      const peft = getPeftModel(model, config);
      assert(before.every(Number.isFinite));
      assertEquals(await run(), before);
      const parameters = peft.namedParameters();
      const found = [...parameters.keys()];
      assertEquals(
        found.filter((name) => name.includes("lora_A")).length,
        layers,
      );
      const others = found.filter((name) =>
        !name.includes("lora_") &&
        (config.bias === "none" || !name.endsWith("bias"))
      );
      assertEquals(others.length > 0, whole !== undefined);
      assert(others.every((name) => name.split(".")[2] === whole));
      // As training would: every number changes.
      let seed = 1;
      for (const parameter of parameters.values()) {
        const old = await parameter.data();
        const noise = randomValues(parameter.size, seed++, -0.1, 0.1);
        parameter.write(old.map((x, i) => x + (noise[i] ?? 0)));
      }
      const adapted = await run();
      assert(`${adapted}` !== `${before}`);
      peft.mergeAdapter();
      assertClose(await run(), adapted, MERGING);
      peft.unmergeAdapter();
      assertEquals(await run(), adapted);
      {
        using _ = peft.disableAdapter();
        assertEquals(await run(), before);
      }
      await inFolder(async (saved) => {
        await peft.savePretrained(saved);
        const again = await PeftModel.fromPretrained(await load(), saved);
        await again.savePretrained(`${saved}/again`);
        for (const name of FILES) {
          assertEquals(
            await Deno.readFile(`${saved}/again/${name}`),
            await Deno.readFile(`${saved}/${name}`),
            name,
          );
        }
        again.dispose();
      });
      assert(peft.mergeAndUnload() === model);
      assertClose(await run(), adapted, MERGING);
      model.dispose();
    },
  );
}

gpuTest(
  "an adapter of a tied output layer is in effect, and is not merged",
  async () => {
    for (
      const [folder, loader, target] of [
        ["roberta_masked_lm", "AutoModelForMaskedLM", "lm_head.decoder"],
        ["bart_cond_gen", "AutoModelForSeq2SeqLM", "lm_head"],
      ] as const
    ) {
      manualSeed(3);
      const model = await LOADERS[loader].fromPretrained(
        `${FIXTURES}models/${folder}`,
      ) as unknown as AnyModel;
      const run = async () => {
        using _ = scope();
        const inputIds = tensor([[5, 6, 2]], { dtype: "i32" });
        return await (model.forward({ inputIds }).logits as Tensor).data();
      };
      const before = await run();
      const peft = getPeftModel(
        model,
        new LoraConfig({
          targetModules: [target],
          initLoraWeights: false,
        }),
      );
      assertEquals(peft.parameters().length, 2);
      assert(`${await run()}` !== `${before}`);
      for (const merge of [peft.mergeAdapter, peft.mergeAndUnload]) {
        assertThrows(
          () => void merge.call(peft),
          TypeError,
          "shares its weight with another module",
        );
      }
      peft.unload();
      assertEquals(await run(), before);
      model.dispose();
    }
  },
);
