// Copyright 2026 the swagpu authors. MIT license.

// Learning rates by layer; tests/tools/golden_kit_test.ts compares them with the
// notebook's tables.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  architectureOf,
  BertConfig,
  BertForSequenceClassification,
  ConfigReader,
  groupedLearningRates,
  layerwiseLearningRates,
  type PretrainedClass,
  type PretrainedConfig,
  type PreTrainedModel,
  unfreezingStages,
} from "../../../models/mod.ts";
import { AdamW, Linear, MADGRAD, SGD } from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";

const ARCHITECTURES = ["bert", "roberta", "modernbert", "bart", "marian"];

const FIELDS = {
  vocab_size: 20,
  max_position_embeddings: 16,
  pad_token_id: 1,
  ...{ hidden_size: 8, intermediate_size: 8 },
  ...{ num_hidden_layers: 3, num_attention_heads: 2 },
  ...{ d_model: 8, encoder_ffn_dim: 8, decoder_ffn_dim: 8 },
  ...{ encoder_layers: 3, decoder_layers: 3 },
  ...{ encoder_attention_heads: 2, decoder_attention_heads: 2 },
};

type AnyClass = PretrainedClass<PreTrainedModel<PretrainedConfig>>;

/** Every class of model of an architecture. */
function classesOf(modelType: string): AnyClass[] {
  const { models } = architectureOf(modelType);
  return [...new Set(Object.values(models) as AnyClass[])];
}

function build(modelClass: AnyClass): PreTrainedModel<PretrainedConfig> {
  const { configClass } = modelClass;
  return new modelClass(new configClass(new ConfigReader(FIELDS)));
}

function bert(numHiddenLayers: number): BertForSequenceClassification {
  return new BertForSequenceClassification(
    new BertConfig({
      ...{ vocabSize: 20, hiddenSize: 8, intermediateSize: 8 },
      ...{ numAttentionHeads: 2, numHiddenLayers },
    }),
  );
}

for (const modelType of ARCHITECTURES) {
  for (const modelClass of classesOf(modelType)) {
    gpuTest(
      `every parameter of ${modelClass.name} is in exactly one group`,
      () => {
        const model = build(modelClass);
        const names = [...model.namedParameters().keys()].sort();
        for (const rates of [layerwiseLearningRates, groupedLearningRates]) {
          const { rows, groups } = rates(model);
          assertEquals(rows.flatMap((row) => row.names).sort(), names);
          const parameters = groups.flatMap((group) => group.parameters);
          assertEquals(new Set(parameters).size, names.length);
          assertEquals(parameters.length, names.length);
        }
        assertEquals(unfreezingStages(model).flat().sort(), names);
        // All tables of embeddings are at the bottom, and no block is.
        const bottom = layerwiseLearningRates(model).rows.at(-1);
        assert(bottom?.part.includes("embed"), bottom?.part);
        const tables = names.filter((name) =>
          /embed(ding)?s?_?(tokens|positions)?\.weight|shared\.weight/.test(
            name,
          )
        );
        const learningRate = bottom?.learningRate;
        const lowest = layerwiseLearningRates(model).rows
          .filter((row) => row.learningRate === learningRate)
          .flatMap((row) => row.names);
        for (const name of tables) assert(lowest.includes(name), name);
        assert(!lowest.some((name) => /\.\d+\./.test(name)));
        model.dispose();
      },
    );
  }
}

gpuTest("12 layers give 27 groups, and the embeddings lr γ¹³", () => {
  const model = bert(12);
  const { rows } = layerwiseLearningRates(model, {
    learningRate: 5e-5,
    gamma: 0.9,
  });
  assertEquals(rows.length, 27);
  assertAlmostEquals(rows[1]?.learningRate ?? NaN, 4.5e-5, 1e-15);
  assertAlmostEquals(rows[26]?.learningRate ?? NaN, 1.2709e-5, 1e-9);
  rows.forEach(({ learningRate }, i) =>
    // The head alone is one group; blocks and embeddings are two each.
    assertAlmostEquals(learningRate, 5e-5 * 0.9 ** Math.ceil(i / 2), 1e-18)
  );
  model.dispose();
});

gpuTest("a decoder's blocks come above its encoder's", () => {
  const [modelClass] = classesOf("bart");
  assert(modelClass);
  const model = build(modelClass);
  const { rows } = layerwiseLearningRates(model, { weightDecay: 0 });
  const blocks = rows.map(({ part }) => part).filter((part) => /\d/.test(part));
  assertEquals(blocks.map((part) => part.split(".").slice(-3).join(".")), [
    "decoder.layers.2",
    "decoder.layers.1",
    "decoder.layers.0",
    "encoder.layers.2",
    "encoder.layers.1",
    "encoder.layers.0",
  ]);
  model.dispose();
});

gpuTest("a head that the names leave out is refused, not forgotten", () => {
  const modelClass = architectureOf("bart").models.sequenceClassification;
  assert(modelClass);
  const model = build(modelClass);
  // The notebook's names of heads, which are none of BART's.
  for (const rates of [layerwiseLearningRates, groupedLearningRates]) {
    assertThrows(
      () => rates(model, { head: [] }),
      RangeError,
      "Cannot set the learning rate of classification_head.dense.weight, " +
        "classification_head.dense.bias, classification_head.out_proj.weight, " +
        "classification_head.out_proj.bias: neither embeddings, nor in a block, " +
        "nor named as the head, they would never be trained; add them to head",
    );
  }
  const head = ["classification_head"];
  assertEquals(
    layerwiseLearningRates(model, { head }).rows[0]?.names.length,
    4,
  );
  assertThrows(
    () => layerwiseLearningRates(model, { head: [...head, "classifier"] }),
    RangeError,
    'Cannot use "classifier" as a head: no parameter after the blocks has that',
  );
  model.dispose();
});

gpuTest("the groups fit every optimizer, and the head may decay", () => {
  const model = bert(2);
  const { groups } = layerwiseLearningRates(model, { decayHead: true });
  assertEquals(groups.length, 8);
  for (const Rule of [AdamW, SGD, MADGRAD]) {
    const optimizer = new Rule(groups);
    assertEquals(
      optimizer.groups.map((group) => [group.learningRate, group.weightDecay]),
      groups.map((group) => [group.learningRate, group.weightDecay]),
    );
    optimizer.dispose();
  }
  model.dispose();
});

gpuTest("the table tells rates, decays, sizes and what is frozen", () => {
  const model = bert(2);
  model.freeze("bert.embeddings");
  const text = `${groupedLearningRates(model, { learningRate: 1e-5 })}`;
  const lines = text.split("\n").map((line) => line.split(/ {2,}/));
  assertEquals(lines[0], [
    ...["part", "learning rate", "decay", "tensors", "weights", "frozen"],
  ]);
  assertEquals(
    lines.slice(1).map(([part, rate, decay]) => [part, rate, decay]),
    [
      ["head", "3.60e-5", "0.01"],
      ["head", "3.60e-5", "0"],
      ["middle third", "1.75e-5", "0.01"],
      ["middle third", "1.75e-5", "0"],
      ["embeddings, lowest third", "1.00e-5", "0.01"],
      ["embeddings, lowest third", "1.00e-5", "0"],
    ],
  );
  const total = lines.slice(1).reduce((n, line) => n + Number(line[4]), 0);
  const frozen = lines.slice(1).reduce((n, line) => n + Number(line[5]), 0);
  const size = (prefix: string) =>
    [...model.namedParameters()].filter(([name]) => name.startsWith(prefix))
      .reduce((n, [, parameter]) => n + parameter.size, 0);
  assertEquals([total, frozen], [size(""), size("bert.embeddings")]);
  model.dispose();
});

gpuTest("learning rates refuse numbers and models that do not fit", () => {
  const model = bert(1);
  assertThrows(
    () => layerwiseLearningRates(model, { gamma: 0 }),
    RangeError,
    "Cannot set learning rates with gamma 0: it must be above 0 and at most 1",
  );
  assertThrows(
    () => groupedLearningRates(model, { factors: [1, NaN, 2] }),
    RangeError,
    "Cannot set learning rates with top NaN: it must be a finite number",
  );
  assertThrows(
    () => layerwiseLearningRates(new Linear(1, 1)),
    RangeError,
    "Cannot find the blocks of Linear: no parameter of it is in a list of modules",
  );
  assertThrows(
    () => unfreezingStages(model, { blocksPerStage: 0 }),
    RangeError,
    "Cannot unfreeze 0 blocks at a time",
  );
  model.dispose();
});
