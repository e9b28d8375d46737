// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PretrainedConfig, readConfig } from "../../models/config.ts";
import { ConfigReader } from "../../models/config_reader.ts";

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
  const named = fromJson({ num_labels: 9, id2label: { 0: "no", 1: "yes" } });
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
