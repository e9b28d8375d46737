// Copyright 2026 the swagpu authors. MIT license.

// Which parameters the entries of a modulePrefixList select.

import { assertEquals, assertThrows } from "@std/assert";
import {
  BertConfig,
  BertForMaskedLM,
  BertForSequenceClassification,
  BertForTokenClassification,
  RobertaConfig,
  RobertaForSequenceClassification,
} from "../../models/mod.ts";
import { Linear, type Module } from "../../nn/mod.ts";
import { estimateMemory, SwagModel } from "../../swag/mod.ts";
import { fromPython, selectNames, toPython } from "../../swag/selection.ts";
import { gpuTest, randomValues } from "../_check.ts";
import { inFolder } from "../_folder.ts";
import { Tree } from "./_tree.ts";

const SHAPES = {
  "encoder.layer.0.attention.weight": [4],
  "encoder.layer.0.attention.bias": [2],
  "encoder.layer.1.attention.weight": [4],
  "encoder.layer.1.output.bias": [3],
  "encoder.layer.11.output.bias": [3],
  "head.weight": [5],
  "head.bias": [1],
};

const SIZES = {
  ...{ vocabSize: 20, hiddenSize: 4, intermediateSize: 4, numLabels: 2 },
  ...{ numAttentionHeads: 1, numHiddenLayers: 2 },
};

const select = (model: Module, ...entries: string[]) => [
  ...selectNames(model, entries),
];

gpuTest("entries with stars select across layers", () => {
  const model = new Tree(SHAPES);
  const names = Object.keys(SHAPES);
  assertEquals(select(model, "encoder.layer.*.attention"), names.slice(0, 3));
  assertEquals(
    select(model, "**.bias"),
    names.filter((x) => x.endsWith("bias")),
  );
  assertEquals(
    select(model, "head", "encoder.layer.*.output"),
    ["head.weight", "head.bias", ...names.slice(3, 5)],
  );
  assertThrows(
    () => select(model, "encoder.*.attention"),
    RangeError,
    'Cannot select "encoder.*.attention": no parameter matches it; there are ' +
      '"encoder.layer", "head.weight", "head.bias"',
  );
  const tied = new Tree({ "a.weight": [2] }).tie("b.weight", "a.weight");
  assertThrows(
    () => select(tied, "b.*"),
    RangeError,
    'Cannot select "b.*": its parameters are tied to "a.weight"',
  );
});

gpuTest("last-layer is the module with the last parameters", () => {
  assertEquals(select(new Tree(SHAPES), "last-layer"), [
    "head.weight",
    "head.bias",
  ]);
  assertEquals(select(new Linear(2, 3), "last-layer"), ["weight", "bias"]);
  // An attribute of the model itself, after a module.
  assertEquals(select(new Tree({ "a.weight": [1], bias: [2] }), "last-layer"), [
    "bias",
  ]);
  const bert = new BertConfig(SIZES);
  const classifier = ["classifier.weight", "classifier.bias"];
  for (
    const model of [
      new BertForSequenceClassification(bert),
      new BertForTokenClassification(bert),
    ]
  ) {
    assertEquals(select(model, "last-layer"), classifier);
  }
  const roberta = new RobertaConfig({ ...SIZES, maxPositionEmbeddings: 8 });
  assertEquals(
    select(new RobertaForSequenceClassification(roberta), "last-layer"),
    ["classifier.out_proj.weight", "classifier.out_proj.bias"],
  );
  assertThrows(
    () => select(new BertForMaskedLM(bert), "last-layer"),
    RangeError,
    'Cannot select "last-layer": its parameters are tied to ' +
      '"bert.embeddings.word_embeddings.weight"',
  );
});

gpuTest("entries select the same parameters in Python as here", () => {
  const model = new BertForSequenceClassification(
    new BertConfig({ ...SIZES, numHiddenLayers: 12 }),
  );
  const all = [...model.namedParameters().keys()];
  // Python takes an entry as the beginning of names.
  const inPython = (list: readonly string[]) =>
    all.filter((name) => list.some((entry) => name.startsWith(entry)));
  for (
    const [entries, isKept] of [
      [["bert.encoder.layer.10", "classifier"], true],
      [["bert.encoder.layer.1"], false],
      [["bert.encoder.layer.*.attention.self", "**.LayerNorm.bias"], false],
      [["last-layer"], false],
    ] as const
  ) {
    const list = toPython(model, entries) ?? [];
    assertEquals(list.join() === entries.join(), isKept);
    const selected = selectNames(model, entries);
    assertEquals(new Set(inPython(list)), selected);
    assertEquals(selectNames(model, fromPython(model, list)), selected);
  }
  // Lists of Python's, with beginnings that are no whole segments.
  for (
    const list of [
      ["bert.encoder.layer.1"],
      ["bert.enc"],
      ["nothing", "bert.encoder.layer.1"],
      ["bert.encoder.layer.1*", "classifier"],
    ]
  ) {
    const selected = selectNames(model, fromPython(model, list));
    assertEquals(selected, new Set(inPython(list)));
  }
  assertEquals(fromPython(model, ["bert", "classifier"]), [
    "bert",
    "classifier",
  ]);
});

gpuTest("toPython() refuses where one name begins with another", () => {
  const model = new Tree({ "a.weight": [1], "a.weight_g": [1], "b.bias": [1] });
  assertEquals(toPython(model, undefined), undefined);
  assertEquals(toPython(model, ["a"]), ["a"]);
  assertThrows(
    () => toPython(model, ["a.weight"]),
    TypeError,
    'which parameters are random: "a.weight_g" is not, but begins with the name',
  );
});

gpuTest(
  "a posterior of some parameters is saved with its entries",
  async () => {
    const model = new Tree(SHAPES);
    const options = {
      noCovMat: false,
      maxNumModels: 3,
      modulePrefixList: ["**.bias", "last-layer"],
    };
    // Three biases in layers, and two parameters of the head, of a block each.
    const estimate = estimateMemory(model, options);
    assertEquals(estimate.random, 2 + 3 + 3 + 5 + 1);
    assertEquals(estimate.secondMoment, 5 * 256);
    assertEquals(estimate.deviations, 3 * 5 * 256);
    using swag = SwagModel.fromBase(model, options);
    for (let n = 0; n < 4; n++) {
      model.setAll(randomValues(22, n));
      swag.collectModel();
    }
    await inFolder(async (folder) => {
      await swag.save(`${folder}/swag.safetensors`);
      using loaded = await SwagModel.load(`${folder}/swag.safetensors`, model);
      assertEquals(loaded.settings, swag.settings);
      assertEquals(loaded.enabledParameters, swag.enabledParameters);
      assertEquals(await loaded.moments(), await swag.moments());
    });
    model.dispose();
  },
);
