// Copyright 2026 the swagpu authors. MIT license.

// Every model class that is exported: what is saved is what was loaded, byte
// for byte, and gives the same outputs.

import { assert, assertEquals } from "@std/assert";
import {
  type IntegerTensor,
  manualSeed,
  noGrad,
  readAll,
  scope,
  Tensor,
  tensor,
} from "../../engine/mod.ts";
import * as models from "../../models/mod.ts";
import { gpuTest } from "../_check.ts";

const VOCABULARY = 30;
const EOS = 2;

const BERT_LIKE = {
  vocabSize: VOCABULARY,
  hiddenSize: 16,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 24,
  maxPositionEmbeddings: 20,
};

const BART_LIKE = {
  vocabSize: VOCABULARY,
  dModel: 16,
  encoderLayers: 1,
  decoderLayers: 2,
  encoderAttentionHeads: 2,
  decoderAttentionHeads: 2,
  encoderFfnDim: 24,
  decoderFfnDim: 24,
  maxPositionEmbeddings: 20,
  eosTokenId: EOS,
};

const TINY: Readonly<Record<string, object>> = {
  BertConfig: BERT_LIKE,
  RobertaConfig: BERT_LIKE,
  ModernBertConfig: {
    ...BERT_LIKE,
    padTokenId: 3,
    clsTokenId: 1,
    sepTokenId: 2,
    bosTokenId: 1,
    eosTokenId: 2,
  },
  BartConfig: BART_LIKE,
  MarianConfig: { ...BART_LIKE, padTokenId: 3, decoderStartTokenId: 3 },
};

type AnyModel = models.PreTrainedModel<models.PretrainedConfig> & {
  forward(inputs: Record<string, IntegerTensor>): Record<string, unknown>;
};

type AnyClass = models.PretrainedClass<AnyModel> & { readonly name: string };

/** The classes that can be built from a configuration and called. */
const CLASSES: AnyClass[] = Object.values(models).filter((value): value is
  & (typeof value)
  & AnyClass =>
  typeof value === "function" &&
  value.prototype instanceof models.PreTrainedModel &&
  "configClass" in value && "forward" in value.prototype &&
  // What several heads are built on, never saved itself.
  !["BertPooledClassifier", "ModernBertClassifier"].includes(value.name)
);

function inputsFor({ name }: AnyClass): Record<string, IntegerTensor> {
  const ids = (shape: number[]) => {
    const size = shape.reduce((n, length) => n * length, 1);
    const values = Int32Array.from({ length: size }, (_, i) => 5 + i * 7 % 23);
    for (let i = 4; i < size; i += 5) values[i] = EOS; // the last of each row
    return tensor(values, { shape });
  };
  const choices = name.endsWith("ForMultipleChoice");
  const inputs = { inputIds: ids(choices ? [2, 3, 5] : [2, 5]) };
  const decodes = /^(Bart|Marian)/.test(name) && !name.endsWith("CausalLM");
  return decodes ? { ...inputs, decoderInputIds: ids([2, 5]) } : inputs;
}

/** All numbers that a model gives. */
async function outputsOf(model: AnyModel, own: AnyClass): Promise<number[][]> {
  using _ = scope();
  const outputs = noGrad(() => model.forward(inputsFor(own)));
  const tensors = Object.values(outputs).filter((x) => x instanceof Tensor);
  assert(tensors.length > 0);
  return (await readAll(tensors)).map((values) => [...values]);
}

Deno.test("there is a class for every head of every architecture", () => {
  const names = CLASSES.map(({ name }) => name).sort();
  assertEquals(names.length, 28, names.join());
});

for (const own of CLASSES) {
  gpuTest(`${own.name} is saved and loaded without a change`, async () => {
    manualSeed(4);
    const first = await Deno.makeTempDir();
    const second = await Deno.makeTempDir();
    const options = TINY[own.configClass.name];
    assert(options, own.configClass.name);
    const config = new own.configClass(models.ConfigReader.from(options));
    const model = new own(config).eval();
    await model.savePretrained(first);
    const report: string[] = [];
    const loaded = await models.PreTrainedModel.load(own, first, {
      onLoad: ({ missing, unexpected }) =>
        report.push(...missing, ...unexpected),
    });
    await loaded.savePretrained(second);
    assertEquals(report, []);
    for (const name of ["config.json", "model.safetensors"]) {
      const [a, b] = await Promise.all(
        [first, second].map((folder) => Deno.readFile(`${folder}/${name}`)),
      );
      assert(a && b && a.length === b.length, name);
      assert(a.every((byte, i) => byte === b[i]), name);
    }
    assertEquals(await outputsOf(loaded, own), await outputsOf(model, own));
    for (const owner of [model, loaded]) owner.dispose();
    for (const folder of [first, second]) {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
