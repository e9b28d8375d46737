// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PretrainedConfig, readConfig } from "../../models/config.ts";
import { ConfigReader } from "../../models/files/config_reader.ts";
import {
  AutoConfig,
  AutoModelForSequenceClassification,
  BartConfig,
  BertConfig,
  BertModel,
  ModernBertConfig,
} from "../../models/mod.ts";
import { warningsOf } from "../_warnings.ts";

const FIXTURE =
  new URL("../fixtures/models/bert_model", import.meta.url).pathname;

class TinyConfig extends PretrainedConfig {
  readonly hiddenSize: number;
  readonly dropout: number;
  readonly classifierDropout: number | null;

  constructor(options: object = {}) {
    const reader = ConfigReader.from(options);
    super(reader, { modelType: "tiny", padTokenId: 1, isEncoderDecoder: true });
    this.hiddenSize = reader.integer("hidden_size", 768, { min: 1 });
    this.dropout = reader.number("dropout", 0.1, { min: 0, max: 1 });
    this.classifierDropout = reader.number("classifier_dropout", null);
  }
}

function fromJson(fields: Record<string, unknown>): TinyConfig {
  return new TinyConfig(new ConfigReader(fields));
}

async function inFolder(
  text: string,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/config.json`, text);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("PretrainedConfig writes back the very file that Python wrote", async () => {
  const text = await Deno.readTextFile(`${FIXTURE}/config.json`);
  const config = new PretrainedConfig(await readConfig(FIXTURE), {
    modelType: "bert",
  });
  assertEquals(config.toString(), text);
  assertEquals(config.padTokenId, 0);
  assertEquals(config.dtype, "float32");
  assertEquals(config.architectures, ["BertModel"]);
});

Deno.test("PretrainedConfig writes numbers and texts as Python's json does", async () => {
  const text = `{
  "big": 1e+30,
  "classifier_dropout": null,
  "dropout": 0.0,
  "empty": {},
  "hidden_size": 32,
  "id2label": {
    "0": "a",
    "1": "b",
    "2": "c",
    "10": "na\\u00efve \\ud83d\\ude00"
  },
  "is_encoder_decoder": false,
  "label2id": {
    "a": 0,
    "b": 1,
    "c": 2,
    "na\\u00efve \\ud83d\\ude00": 10
  },
  "list": [
    1,
    [],
    "x"
  ],
  "model_type": "tiny",
  "norm_eps": 1e-05,
  "pad_token_id": 3,
  "small": 0.0001,
  "theta": 160000.0,
  "torch_dtype": "float16"
}
`;
  await inFolder(text, async (folder) => {
    const config = new TinyConfig(await readConfig(folder));
    assertEquals(config.toString(), text);
    assertEquals(config.numLabels, 4);
    await config.save(folder);
    assertEquals(await Deno.readTextFile(`${folder}/config.json`), text);
    config.dtype = "float32";
    assertEquals(config.toJSON().torch_dtype, "float32");
    assertEquals(config.toJSON().dtype, undefined);
  });
});

Deno.test("toJSON() writes an architecture's fields and what differs", () => {
  assertEquals(new TinyConfig({ hiddenSize: 8 }).toJSON(), {
    classifier_dropout: null,
    dropout: 0.1,
    hidden_size: 8,
    is_encoder_decoder: true,
    model_type: "tiny",
    pad_token_id: 1,
  });
  const config = new TinyConfig({
    tieWordEmbeddings: false,
    eosTokenId: [1, 2],
  });
  config.architectures = ["TinyModel"];
  const fields = config.toJSON();
  assertEquals(fields.tie_word_embeddings, false);
  assertEquals(fields.eos_token_id, [1, 2]);
  assertEquals(fields.architectures, ["TinyModel"]);
  assert(new TinyConfig({ dropout: 0 }).toString().includes('"dropout": 0.0,'));
});

Deno.test("PretrainedConfig names the classes as transformers does", () => {
  assertEquals(fromJson({}).id2label, { 0: "LABEL_0", 1: "LABEL_1" });
  assertEquals(fromJson({}).toJSON().id2label, undefined);
  const three = fromJson({ num_labels: 3 });
  assertEquals(three.label2id, { LABEL_0: 0, LABEL_1: 1, LABEL_2: 2 });
  assertEquals(three.toJSON().num_labels, undefined);
  assertEquals(three.toJSON().label2id, three.label2id);
  const named = fromJson({ num_labels: 2, id2label: { 0: "no", 1: "yes" } });
  assertEquals([named.numLabels, named.label2id], [2, { no: 0, yes: 1 }]);
  named.numLabels = 2;
  assertEquals(named.id2label[1], "yes");
  named.numLabels = 1;
  assertEquals(named.toJSON().id2label, { 0: "LABEL_0" });
  named.setLabels(["bad", "good"]);
  assertEquals(named.label2id, { bad: 0, good: 1 });
  assertThrows(() => named.setLabels(["a", "a"]), TypeError, "given twice");
});

Deno.test("ConfigReader names the file, the field, its value and what it should be", () => {
  const cases: [Record<string, unknown>, typeof Error, string][] = [
    [
      { hidden_size: "32" },
      TypeError,
      'hidden_size is "32", expected a positive integer',
    ],
    [
      { hidden_size: 0 },
      RangeError,
      "hidden_size is 0, expected a positive integer",
    ],
    [
      { hidden_size: 1.5 },
      TypeError,
      "hidden_size is 1.5, expected a positive integer",
    ],
    [{ dropout: 2 }, RangeError, "dropout is 2, expected a number from 0 to 1"],
    [
      { dropout: [0] },
      TypeError,
      "dropout is [0], expected a number from 0 to 1",
    ],
    [{ is_decoder: 1 }, TypeError, "is_decoder is 1, expected true or false"],
    [
      { architectures: "Tiny" },
      TypeError,
      'architectures is "Tiny", expected a list of texts',
    ],
    [
      { eos_token_id: ["x"] },
      TypeError,
      'eos_token_id is ["x"], expected a list of integers',
    ],
    [
      { eos_token_id: "x" },
      TypeError,
      'eos_token_id is "x", expected an integer',
    ],
    [{ model_type: 3 }, TypeError, "model_type is 3, expected a text"],
    [{ id2label: ["a"] }, TypeError, 'id2label is ["a"], expected an object'],
    [
      { id2label: { x: "a" } },
      TypeError,
      'id2label is {"x":"a"}, expected a map from ids to texts',
    ],
    [
      { label2id: { a: "0" } },
      TypeError,
      'label2id is {"a":"0"}, expected a map from texts to ids',
    ],
    [
      { num_labels: -1 },
      RangeError,
      "num_labels is -1, expected an integer of at least 0",
    ],
    [
      { problem_type: "odd" },
      RangeError,
      'problem_type is "odd", expected one of "regression"',
    ],
  ];
  for (const [fields, kind, message] of cases) {
    assertThrows(
      () => fromJson(fields),
      kind,
      `Cannot read config.json: ${message}`,
    );
  }
  assertThrows(
    () => new ConfigReader({ a: null }).integer("a", undefined, { max: 3 }),
    TypeError,
    "Cannot read config.json: a is missing, expected an integer of at most 3",
  );
  assertThrows(
    () => new TinyConfig({ hiddenSize: "x" }),
    TypeError,
    'Cannot read the options: hiddenSize is "x", expected a positive integer',
  );
  assertEquals(new ConfigReader({}).has("toString"), false);
});

Deno.test("readConfig() refuses what is no JSON object", async () => {
  for (const text of ["", "{", "[]", "null"]) {
    await inFolder(text, async (folder) => {
      await assertRejects(
        () => readConfig(folder),
        SyntaxError,
        `Cannot read ${folder}/config.json: `,
      );
    });
  }
  await assertRejects(
    () => readConfig(`${FIXTURE}/absent`),
    Deno.errors.NotFound,
    "absent/config.json: the file does not exist",
  );
});

Deno.test("toJSON() writes what differs from the architecture's own default", () => {
  // Everybody else's defaults, but not this architecture's.
  const config = new TinyConfig();
  config.padTokenId = null;
  config.isEncoderDecoder = false;
  const fields = config.toJSON();
  assertEquals(fields.pad_token_id, null);
  assertEquals(fields.is_encoder_decoder, false);
  const again = fromJson(fields);
  assertEquals(again.padTokenId, null);
  assertEquals(again.isEncoderDecoder, false);
});

Deno.test("names of classes may be anything, and are written as they were", () => {
  const config = fromJson({ id2label: { 0: 0, 1: true, 2: null, 3: [1] } });
  assertEquals(config.id2label, { 0: "0", 1: "true", 2: "null", 3: "[1]" });
  assertEquals(config.numLabels, 4);
  assertEquals(config.label2id["0"], 0);
  assertEquals(config.toJSON().id2label, { 0: 0, 1: true, 2: null, 3: [1] });
  config.setLabels(["a", "b"]);
  assertEquals(config.toJSON().id2label, { 0: "a", 1: "b" });
});

Deno.test("names stand above a number of classes, and the console tells", async () => {
  const heard = await warningsOf(() => {
    const config = fromJson({ num_labels: 9, id2label: { 0: "a", 1: "b" } });
    assertEquals(config.numLabels, 2);
    fromJson({ num_labels: 2, id2label: { 0: "a", 1: "b" } });
  });
  assertEquals(heard, [
    "config.json: num_labels 9 is ignored, because id2label names 2 classes",
  ]);
});

Deno.test("a number of classes given beside a folder renames them", async () => {
  const three = {
    model_type: "bert",
    id2label: { 0: "a", 1: "b", 2: "c" },
    label2id: { a: 0, b: 1, c: 2 },
  };
  await inFolder(JSON.stringify(three), async (folder) => {
    const read = (config?: Record<string, unknown>) =>
      AutoConfig.fromPretrained(folder, config ? { config } : {});
    const five = await read({ num_labels: 5 });
    assertEquals(five.numLabels, 5);
    assertEquals(five.id2label[4], "LABEL_4");
    assertEquals(five.label2id.LABEL_4, 4);
    assertEquals(Object.keys(five.label2id).length, 5);
    assertEquals((await read({ num_labels: 3 })).id2label[0], "a");
    assertEquals((await read()).label2id, { a: 0, b: 1, c: 2 });
    const other = await read({ id2label: { 0: "x", 1: "y" } });
    assertEquals(other.label2id, { x: 0, y: 1 });
    const both = await read({ num_labels: 1, id2label: { 0: "z" } });
    assertEquals(both.id2label, { 0: "z" });
    await assertRejects(
      () => read({ num_labels: 4, id2label: { 0: "x" } }),
      RangeError,
      `Cannot read ${folder}/config.json with num_labels 4 and id2label of 1`,
    );
  });
  await inFolder('{"model_type": "bert"}', async (folder) => {
    const config = await AutoConfig.fromPretrained(folder, {
      config: { num_labels: 5 },
    });
    assertEquals(config.numLabels, 5);
  });
});

Deno.test("token ids may be lists, and are written as they were", () => {
  const config = fromJson({ bos_token_id: [7, 8], sep_token_id: [] });
  assertEquals([config.bosTokenId, config.sepTokenId], [7, null]);
  assertEquals(config.toJSON().bos_token_id, [7, 8]);
});

Deno.test("configurations refuse options that do not exist, not fields of files", () => {
  for (
    const [make, message] of [
      [
        () => new BertConfig(misspelled({ hiddenSzie: 8 })),
        "there is no hiddenSzie, did you mean hiddenSize?",
      ],
      [
        () => new ModernBertConfig(misspelled({ localAtention: 8 })),
        "there is no localAtention, did you mean localAttention?",
      ],
      [
        () => new BartConfig(misspelled({ hiddenWidth: 8 })),
        "there is no hiddenWidth",
      ],
    ] as const
  ) {
    assertThrows(make, TypeError, `Cannot read the options: ${message}`);
  }
  const fields = { hidden_szie: 8, auto_map: {} };
  const config = new BertConfig(new ConfigReader(fields));
  assertEquals(config.toJSON().hidden_szie, 8);
  new BertConfig(misspelled({ numBeams: 4, useCache: true }));
});

/** Options that the compiler would refuse. */
function misspelled(options: Record<string, unknown>): object {
  return options;
}

Deno.test("errors of a configuration name its file", async () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ hidden_act: "snake" }, 'the activation "snake" of FILE: expected one'],
    [{ pruned_heads: { 0: [1] } }, 'FILE: pruned_heads is {"0":[1]}, expected'],
    [{ position_embedding_type: "relative_key" }, "FILE: position_embedding"],
    [{ num_labels: 2e7 }, "FILE: num_labels is 20000000, expected 1048576 at"],
    [{ model_type: "gpt9" }, 'a model of type "gpt9": expected one of'],
    [{ model_type: "gpt9" }, "(FILE)"],
    [{ model_type: null }, "FILE: model_type is missing"],
  ];
  for (const [fields, message] of cases) {
    const text = JSON.stringify({ model_type: "bert", ...fields });
    await inFolder(text, async (folder) => {
      await assertRejects(
        () => AutoConfig.fromPretrained(folder),
        Error,
        message.replace("FILE", `${folder}/config.json`),
      );
    });
  }
});

Deno.test("a configuration without model_type is known by its folder's name", async () => {
  await inFolder('{"num_hidden_layers": 3}', async (folder) => {
    for (
      const [name, type] of [
        ["my-bert-cased", "bert"],
        ["tiny-roberta", "roberta"],
        ["a-modernbert", "modernbert"],
        ["xlm-roberta-base", undefined],
        ["camembert-base", undefined],
      ] as const
    ) {
      const own = `${folder}/${name}`;
      await Deno.mkdir(own);
      await Deno.copyFile(`${folder}/config.json`, `${own}/config.json`);
      const found = AutoConfig.fromPretrained(own);
      if (type === undefined) {
        await assertRejects(() => found, RangeError, "Cannot load a model of");
      } else assertEquals((await found).modelType, type);
    }
  });
});

const WEIGHTS =
  new URL("../fixtures/models/bert_seq_cls", import.meta.url).pathname;

for (
  const [name, value] of [
    ["num_hidden_layers", 2147483648],
    ["num_hidden_layers", 100000],
    ["num_labels", 1e9],
    ["num_labels", 1e6],
    ["max_position_embeddings", Number.MAX_SAFE_INTEGER],
    ["hidden_size", 1048576],
    ["vocab_size", 1e7],
    ["vocab_size", 1e9],
    ["type_vocab_size", 2 ** 31],
    ["intermediate_size", 1e9],
  ] as const
) {
  Deno.test(`${name} ${value} is refused before anything is built`, async () => {
    const path = `${WEIGHTS}/config.json`;
    const fields = JSON.parse(await Deno.readTextFile(path));
    if (name === "num_labels") {
      delete fields.id2label;
      delete fields.label2id;
    }
    fields[name] = value;
    await inFolder(JSON.stringify(fields), async (folder) => {
      await Deno.copyFile(
        `${WEIGHTS}/model.safetensors`,
        `${folder}/model.safetensors`,
      );
      const error = await assertRejects(
        () => AutoModelForSequenceClassification.fromPretrained(folder),
        RangeError,
        `${folder}/config.json: ${name} is ${value}`,
      );
      if (value !== 1e9 || name !== "num_labels") {
        assert(error.message.includes("model.safetensors has"), error.message);
      }
    });
  });
}

Deno.test("many fields that together ask for too much are refused", async () => {
  const fields = JSON.parse(
    await Deno.readTextFile(`${WEIGHTS}/config.json`),
  );
  Object.assign(fields, { hidden_size: 8192, num_hidden_layers: 200 });
  await inFolder(JSON.stringify(fields), async (folder) => {
    await Deno.copyFile(
      `${WEIGHTS}/model.safetensors`,
      `${folder}/model.safetensors`,
    );
    await assertRejects(
      () => AutoModelForSequenceClassification.fromPretrained(folder),
      RangeError,
      "hidden_size 8192",
    );
  });
});

Deno.test("models that nothing can hold are not built", () => {
  for (
    const options of [
      { numHiddenLayers: 100_000, hiddenSize: 16, numAttentionHeads: 2 },
      { hiddenSize: 1_048_576, numAttentionHeads: 16 },
      { maxPositionEmbeddings: Number.MAX_SAFE_INTEGER },
      { vocabSize: 1e9 },
      { typeVocabSize: 2 ** 31 },
      { intermediateSize: 1e9 },
    ]
  ) {
    assertThrows(
      () => new BertModel(new BertConfig(options)),
      RangeError,
      "Cannot build a model: ",
    );
  }
  assertThrows(
    () => new BertConfig({ numLabels: 1e9 }),
    RangeError,
    "Cannot read the options: numLabels is 1000000000, expected 1048576 at most",
  );
  assertThrows(
    () => new BertConfig().numLabels = 1e9,
    RangeError,
    "Cannot name 1000000000 classes",
  );
});
