// Copyright 2026 the swagpu authors. MIT license.

// PEFT's files: what is read, written again, and refused.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  backward,
  manualSeed,
  readAll,
  scope,
  tensor,
} from "../../../engine/mod.ts";
import {
  BertForSequenceClassification,
  PeftModel,
} from "../../../models/mod.ts";
import {
  AdamW,
  openSafetensors,
  type SafetensorsSource,
  writeSafetensors,
} from "../../../nn/mod.ts";
import { checkLora } from "../../../tools/golden/lora.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;
const CASE = `${FIXTURES}lora/bert_seq_cls`;
const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";

function base(): Promise<BertForSequenceClassification> {
  return BertForSequenceClassification.fromPretrained(`${CASE}/base`);
}

async function assertSameFile(a: string, b: string): Promise<void> {
  assertEquals(await Deno.readFile(a), await Deno.readFile(b), a);
}

gpuTest("an adapter computes what PEFT computed", async () => {
  for (const { name, ok, absolute } of await checkLora(CASE)) {
    assert(ok, `${name} is ${absolute} off`);
  }
});

gpuTest("checkLora() notices an adapter that differs", async () => {
  await inFolder(async (folder) => {
    for (const path of ["base", "adapter"]) {
      await Deno.mkdir(`${folder}/${path}`);
      for (const name of names(`${CASE}/${path}`)) {
        await Deno.copyFile(
          `${CASE}/${path}/${name}`,
          `${folder}/${path}/${name}`,
        );
      }
    }
    for (const name of ["case.json", "golden.safetensors"]) {
      await Deno.copyFile(`${CASE}/${name}`, `${folder}/${name}`);
    }
    const path = `${folder}/adapter/${CONFIG}`;
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace('_alpha": 8', '_alpha": 9'));
    const failed = (await checkLora(folder)).filter(({ ok }) => !ok)
      .map(({ name }) => name);
    for (const name of ["logits.unmerged", "logits.merged", "loss"]) {
      assert(failed.includes(name), name);
    }
    assert(!failed.some((name) => /^logits\.base$|^bytes/.test(name)));
  });
});

gpuTest("PEFT's adapter_model.bin gives the bytes of its twin", async () => {
  await inFolder(async (folder) => {
    const peft = await PeftModel.fromPretrained(
      await base(),
      `${CASE}/adapter_bin`,
    );
    await Deno.writeTextFile(`${folder}/adapter_model.bin`, "older");
    await Deno.writeTextFile(`${folder}/README.md`, "mine");
    await peft.savePretrained(folder);
    assertEquals(
      names(folder).filter((name) => !name.startsWith(".")),
      ["README.md", CONFIG, WEIGHTS],
    );
    for (const name of [CONFIG, WEIGHTS]) {
      await assertSameFile(`${folder}/${name}`, `${CASE}/adapter/${name}`);
    }
    assertEquals(peft.getNbTrainableParameters().trainable, 0);
    peft.dispose();
  });
});

/** Writes a copy of PEFT's files with other fields and other names. */
async function rewrite(
  folder: string,
  fields: Record<string, unknown>,
  rename: (name: string) => readonly string[] = (name) => [name],
): Promise<void> {
  const text = await Deno.readTextFile(`${CASE}/adapter/${CONFIG}`);
  const changed = Object.entries({ ...JSON.parse(text), ...fields })
    .sort(([a], [b]) => a < b ? -1 : 1);
  await Deno.writeTextFile(
    `${folder}/${CONFIG}`,
    JSON.stringify(Object.fromEntries(changed), null, 2)
      .replace('"lora_dropout": 0,', '"lora_dropout": 0.0,')
      .replace("ü", "\\u00fc"),
  );
  using file = await openSafetensors(`${CASE}/adapter/${WEIGHTS}`);
  const tensors: [string, SafetensorsSource][] = [];
  for (const name of file.names) {
    const { shape, data } = await file.tensor(name);
    for (const own of rename(name)) {
      tensors.push([own, { shape, dtype: "F32", data: data as Float32Array }]);
    }
  }
  tensors.sort(([a], [b]) => a < b ? -1 : 1);
  await writeSafetensors(`${folder}/${WEIGHTS}`, tensors);
}

const VARIANTS: [
  claim: string,
  ...Parameters<typeof rewrite> extends [string, ...infer R] ? R : never,
][] = [
  ["fields of later versions", {
    use_dora: false,
    loftq_config: {},
    corda_config: null,
    a_field_of_the_future: "ü",
  }],
  ["a head that the task implies", { modules_to_save: null }],
  [
    "biases under base_layer",
    { bias: "lora_only" },
    (name) =>
      name.endsWith("query.lora_B.weight")
        ? [name, name.replace("lora_B.weight", "base_layer.bias")]
        : name.endsWith("value.lora_B.weight")
        ? [name, name.replace("lora_B.weight", "bias")]
        : [name],
  ],
];

for (const [claim, fields, rename] of VARIANTS) {
  gpuTest(`a folder with ${claim} round-trips byte for byte`, async () => {
    await inFolder(async (folder) => {
      await rewrite(folder, fields, rename && ((name) => rename(name)));
      if (fields.bias) await setBiases(`${folder}/${WEIGHTS}`);
      const peft = await PeftModel.fromPretrained(await base(), folder, {
        isTrainable: true,
      });
      assert(peft.namedParameters().has("base_model.model.classifier.weight"));
      await peft.savePretrained(`${folder}/again`);
      for (const name of [CONFIG, WEIGHTS]) {
        await assertSameFile(`${folder}/again/${name}`, `${folder}/${name}`);
      }
      peft.dispose();
    });
  });
}

/** Gives the tensors called bias the shape of a bias. */
async function setBiases(path: string): Promise<void> {
  const tensors: [string, SafetensorsSource][] = [];
  {
    using file = await openSafetensors(path);
    for (const name of file.names) {
      const { shape, data } = await file.tensor(name);
      const isBias = name.includes("self") && name.endsWith("bias");
      tensors.push([name, {
        shape: isBias ? [16] : shape,
        dtype: "F32",
        data: (data as Float32Array).slice(0, isBias ? 16 : data.length),
      }]);
    }
  }
  await writeSafetensors(path, tensors);
}

const REFUSED: [fields: Record<string, unknown>, message: string][] = [
  [{ peft_type: "IA3" }, 'peft_type is "IA3", expected "LORA"'],
  [{ use_dora: true }, "use_dora is true"],
  [{ init_lora_weights: "pissa" }, 'init_lora_weights is "pissa"'],
  [{ trainable_token_indices: [3] }, "trainable_token_indices is [3]"],
  [{ r: 2 }, "lora_A.weight is [2, 16] in the module but [4, 16]"],
  [{ target_modules: ["query"] }, "unexpected base_model.model.bert"],
  [{ target_modules: ["query", "value", "key"] }, "missing base_model.model"],
  [{ modules_to_save: ["head"] }, 'train "head" of modulesToSave'],
  [{ lora_dropout: "none" }, 'lora_dropout is "none", expected a number'],
];

for (const [fields, message] of REFUSED) {
  gpuTest(`an adapter is refused: ${message}`, async () => {
    await inFolder(async (folder) => {
      await rewrite(folder, fields);
      const model = await base();
      const named = [...model.namedParameters().keys()];
      const error = await assertRejects(
        () => PeftModel.fromPretrained(model, folder),
        TypeError,
        message,
      );
      assert(error.message.includes(folder), error.message);
      assertEquals([...model.namedParameters().keys()], named);
      assert(model.classifier.weight.requiresGrad);
      model.dispose();
    });
  });
}

gpuTest("a folder without an adapter's weights is refused", async () => {
  await inFolder(async (folder) => {
    await Deno.copyFile(`${CASE}/adapter/${CONFIG}`, `${folder}/${CONFIG}`);
    const model = await base();
    await assertRejects(
      () => PeftModel.fromPretrained(model, folder),
      Deno.errors.NotFound,
      "it has neither adapter_model.safetensors nor adapter_model.bin",
    );
    model.dispose();
  });
});

gpuTest("an adapter on a model that has no memory yet", async () => {
  await inFolder(async (folder) => {
    manualSeed(1);
    const { config } = await base().then((m) => (m.dispose(), m));
    const model = new BertForSequenceClassification(config);
    const peft = await PeftModel.fromPretrained(model, `${CASE}/adapter`);
    const [values = []] = await readAll([model.classifier.weight]);
    assert(values.every((x) => x !== 0));
    await peft.savePretrained(folder);
    await assertSameFile(`${folder}/${WEIGHTS}`, `${CASE}/adapter/${WEIGHTS}`);
    peft.dispose();
  });
});

gpuTest("each part of an adapter gets a gradient", async () => {
  const peft = await PeftModel.fromPretrained(
    await base(),
    `${CASE}/adapter`,
    { isTrainable: true },
  );
  const optimizer = new AdamW(peft.parameters());
  using _ = scope();
  const { loss } = peft.train().forward({
    inputIds: tensor([[5, 6, 7]], { dtype: "i32" }),
    labels: tensor([1], { dtype: "i32" }),
  });
  backward(loss);
  for (const [name, parameter] of peft.namedParameters()) {
    assert(parameter.hasGradient, name);
  }
  const model = peft.getBaseModel();
  assert(!model.bert.embeddings.wordEmbeddings.weight.hasGradient);
  optimizer.dispose();
  peft.dispose();
});
