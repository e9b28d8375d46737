// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Device, manualSeed, type Tensor } from "../../../engine/mod.ts";
import {
  BartConfig,
  BartModel,
  BertModel,
  type EncoderInputs,
  type EncoderOutput,
  ModernBertConfig,
  ModernBertModel,
  pipeline,
  type PoolingMode,
  RobertaConfig,
  RobertaModel,
  type SentenceEmbeddingPipeline,
  type Tasks,
} from "../../../models/mod.ts";
import { writeSafetensors } from "../../../nn/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest, SUMS } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { warningsOf } from "../../_warnings.ts";
import { tree, withHub } from "../files/_hub.ts";
import {
  collectWaves,
  rowOf,
  tinyConfig,
  tinyTokenizer,
  valuesOf,
} from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const WIDTH = 8;
const TEXTS = [
  "I like the dog in Paris",
  "I",
  "who lives in New York ?",
  "the cat",
  "Anna lives in Paris , and who is playing ?",
];

function tinyModel(): BertModel {
  manualSeed(3);
  return new BertModel(tinyConfig()).eval();
}

async function embedder(model: BertModel): Promise<SentenceEmbeddingPipeline> {
  return await pipeline("sentence-embedding", { model, tokenizer });
}

/** The states of each token of a text that is computed alone. */
async function statesOf(model: BertModel, text: string): Promise<number[][]> {
  const { lastHiddenState } = model.forward(rowOf(tokenizer.encode(text)));
  const values = await valuesOf(lastHiddenState);
  return Array.from(
    { length: values.length / WIDTH },
    (_, i) => values.slice(i * WIDTH, (i + 1) * WIDTH),
  );
}

function meanOf(rows: readonly (readonly number[])[]): number[] {
  return (rows[0] ?? []).map((_, k) =>
    rows.reduce((sum, row) => sum + (row[k] ?? NaN), 0) / rows.length
  );
}

function unit(x: readonly number[]): number[] {
  const length = Math.hypot(...x);
  return x.map((value) => value / length);
}

/** Writes the files of sentence-transformers beside a model. */
async function saveModules(
  folder: string,
  model: BertModel,
  files: Readonly<Record<string, unknown>>,
): Promise<void> {
  await model.savePretrained(folder, { tokenizer });
  await writeFiles(folder, files);
}

/** Writes JSON files. */
async function writeFiles(
  folder: string,
  files: Readonly<Record<string, unknown>>,
): Promise<void> {
  for (const [name, value] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, JSON.stringify(value));
  }
}

function entry(kind: string, path: string): Record<string, unknown> {
  return { type: `sentence_transformers.models.${kind}`, path };
}

gpuTest(
  "sentence-embedding takes the mean of a text's tokens, alone or in a batch",
  async () => {
    const model = tinyModel();
    const embed = await embedder(model);
    const together = await embed(TEXTS);
    assertEquals(together.length, TEXTS.length);
    for (const [i, text] of TEXTS.entries()) {
      const expected = meanOf(await statesOf(model, text));
      assertClose(together[i] ?? [], expected, SUMS);
      assertClose(await embed(text), expected, SUMS);
      const normal = await embed(text, { normalize: true });
      assertClose(normal, unit(expected), SUMS);
    }
    assertEquals(await embed([]), []);
    model.dispose();
  },
);

/** A model that can be kept from packing. */
class PackingModel extends BertModel {
  packs = true;

  override get usesPacking(): boolean {
    return this.packs;
  }
}

gpuTest("padding changes no embedding, packed or not", async () => {
  manualSeed(3);
  const model = new PackingModel(tinyConfig()).eval();
  const forward = model.forward.bind(model) as (
    x: EncoderInputs,
  ) => EncoderOutput;
  let packed = 0;
  model.forward = ((inputs: EncoderInputs) => {
    if (inputs.packing) packed++;
    return forward(inputs);
  }) as typeof model.forward;
  const embed = await embedder(model);
  const modes: PoolingMode[] = [
    "cls",
    "max",
    "mean",
    "mean_sqrt_len_tokens",
    "weightedmean",
    "lasttoken",
  ];
  model.packs = false;
  const alone = await embed(TEXTS, { pooling: modes, batchSize: 1 });
  assertEquals(alone[0]?.length, modes.length * WIDTH);
  for (const packs of [false, true]) {
    model.packs = packs;
    for (const batchSize of [2, 5]) {
      const before = packed;
      const together = await embed(TEXTS, { pooling: modes, batchSize });
      assertEquals(packed > before, packs);
      for (const [i, own] of together.entries()) {
        assertClose(own, alone[i] ?? [], SUMS);
      }
    }
  }
  for (const [i, mode] of modes.entries()) {
    const single = await embed(TEXTS[4] ?? "", { pooling: mode });
    assertClose(
      single,
      alone[4]?.subarray(i * WIDTH, (i + 1) * WIDTH) ?? [],
      SUMS,
    );
  }
  model.dispose();
});

const SIZES = {
  vocabSize: tokenizer.vocabSize,
  hiddenSize: WIDTH,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 12,
  maxPositionEmbeddings: 32,
  padTokenId: 0,
  initializerRange: 0.5,
};
const ARCHITECTURES = {
  RobertaModel: () => new RobertaModel(new RobertaConfig(SIZES)),
  ModernBertModel: () => new ModernBertModel(new ModernBertConfig(SIZES)),
  BartModel: () =>
    new BartModel(
      new BartConfig({
        vocabSize: tokenizer.vocabSize,
        dModel: WIDTH,
        encoderLayers: 1,
        decoderLayers: 1,
        encoderAttentionHeads: 2,
        decoderAttentionHeads: 2,
        encoderFfnDim: 12,
        decoderFfnDim: 12,
        maxPositionEmbeddings: 32,
        padTokenId: 0,
        decoderStartTokenId: 2,
        initStd: 0.5,
      }),
    ),
};

for (const [name, make] of Object.entries(ARCHITECTURES)) {
  gpuTest(
    `sentence-embedding of a ${name} is the mean, batch or alone`,
    async () => {
      manualSeed(3);
      const model: Tasks["base"] = make();
      const embed = await pipeline("sentence-embedding", { model, tokenizer });
      const together = await embed(TEXTS, { batchSize: 5 });
      for (const [i, text] of TEXTS.entries()) {
        const { inputIds } = rowOf(tokenizer.encode(text));
        const values = await valuesOf(
          model.forward({ inputIds }).lastHiddenState,
        );
        const rows = Array.from(
          { length: values.length / WIDTH },
          (_, k) => values.slice(k * WIDTH, (k + 1) * WIDTH),
        );
        assertClose(together[i] ?? [], meanOf(rows), SUMS);
      }
      model.dispose();
    },
  );
}

gpuTest(
  "sentence-embedding truncates long texts, unless it is told not to",
  async () => {
    const model = tinyModel();
    const embed = await embedder(model);
    const long = "the cat ".repeat(30);
    const kept = await embed("the cat ".repeat(11));
    assertClose(await embed(long), kept, SUMS);
    assertClose(
      await embed(long, { maxLength: 6 }),
      await embed("the cat the cat"),
      SUMS,
    );
    await assertRejects(
      () => embed(long, { truncation: false }),
      RangeError,
      "the model supports 24 positions",
    );
    const whole = await embed("I like it");
    assertEquals(
      await embed("I like it", { truncateDim: 3 }),
      whole.slice(0, 3),
    );
    assertClose(
      await embed("I like it", { truncateDim: 3, normalize: true }),
      unit([...whole.slice(0, 3)]),
      SUMS,
    );
    model.dispose();
  },
);

const DENSE = {
  in_features: 2 * WIDTH,
  out_features: 3,
  bias: true,
  activation_function: "torch.nn.modules.activation.Tanh",
};
const WEIGHT = Float32Array.from(
  { length: 3 * 2 * WIDTH },
  (_, i) => Math.sin(i * 5),
);
const BIAS = Float32Array.of(0.1, -0.2, 0.3);

/** The pooling, the dense layer and the normalization in plain numbers. */
function composed(states: readonly (readonly number[])[]): number[] {
  const largest = (states[0] ?? []).map((_, k) =>
    Math.max(...states.map((row) => row[k] ?? NaN))
  );
  const pooled = [...largest, ...meanOf(states)];
  const dense = [...BIAS].map((bias, k) =>
    Math.tanh(
      pooled.reduce(
        (sum, x, i) => sum + x * (WEIGHT[k * 2 * WIDTH + i] ?? NaN),
        bias,
      ),
    )
  );
  return unit(dense);
}

async function saveDense(folder: string): Promise<void> {
  await writeSafetensors(`${folder}/model.safetensors`, [
    ["linear.weight", { shape: [3, 2 * WIDTH], dtype: "F32", data: WEIGHT }],
    ["linear.bias", { shape: [3], dtype: "F32", data: BIAS }],
  ]);
}

const FILES = {
  "modules.json": [
    entry("Transformer", ""),
    entry("Pooling", "1_Pooling"),
    entry("Dropout", "2_Dropout"),
    entry("Dense", "3_Dense"),
    entry("Normalize", "4_Normalize"),
  ],
  "1_Pooling/config.json": {
    word_embedding_dimension: WIDTH,
    pooling_mode_cls_token: false,
    pooling_mode_mean_tokens: true,
    pooling_mode_max_tokens: true,
    pooling_mode_mean_sqrt_len_tokens: false,
  },
  "3_Dense/config.json": DENSE,
  "sentence_bert_config.json": { max_seq_length: 6, do_lower_case: true },
};

gpuTest(
  "a folder of sentence-transformers says how sentences are embedded",
  async (device) => {
    const model = tinyModel();
    await inFolder(async (folder) => {
      await saveModules(folder, model, FILES);
      await saveDense(`${folder}/3_Dense`);
      const short = await statesOf(model, "i like it");
      // Six tokens are kept, of which two frame the text.
      const kept = await statesOf(model, "anna lives in paris");
      assertEquals(kept.length, 6);
      const before = await inUse(device);
      {
        using embed = await pipeline("sentence-embedding", folder);
        const [first, second] = await embed(["I like it", TEXTS[4] ?? ""]);
        assertClose(first ?? [], composed(short), FUNCTIONS);
        assertClose(second ?? [], composed(kept), FUNCTIONS);
        // Batches of other shapes may run other kernels, but equal ones do not.
        const alone = await embed(TEXTS[4] ?? "");
        assertClose(alone, second ?? [], SUMS);
        assertEquals(await embed(TEXTS[4] ?? ""), alone);
        const plain = await embed("I like it", { normalize: false });
        assertClose(unit([...plain]), first ?? [], FUNCTIONS);
        assert(Math.abs(Math.hypot(...plain) - 1) > 1e-3);
        await assertRejects(
          () => embed("I", { pooling: "mean" }),
          TypeError,
          "3_Dense/config.json to embeddings of 8 numbers: it takes 16",
        );
      }
      assertEquals(await inUse(device), before);
    });
    model.dispose();
  },
);

async function inUse(device: Device): Promise<number> {
  await device.synchronize();
  return device.pool.statistics().inUse;
}

for (const out of [3, WIDTH]) {
  gpuTest(
    `a dense layer to ${out} numbers without a bias may have a shortcut`,
    async () => {
      const model = tinyModel();
      await inFolder(async (folder) => {
        await saveModules(folder, model, {
          "modules.json": [
            entry("Transformer", ""),
            entry("Pooling", "1_Pooling"),
            entry("Dense", "2_Dense"),
          ],
          "1_Pooling/config.json": { pooling_mode_cls_token: true },
          "2_Dense/config.json": {
            in_features: WIDTH,
            out_features: out,
            bias: false,
            use_residual: true,
            activation_function: "torch.nn.modules.activation.ReLU",
          },
        });
        const weight = Float32Array.from(
          { length: out * WIDTH },
          (_, i) => Math.sin(i * 5),
        );
        const other = weight.map((x) => x * x);
        const shape = [out, WIDTH];
        await writeSafetensors(`${folder}/2_Dense/model.safetensors`, [
          ["linear.weight", { shape, dtype: "F32", data: weight }],
          ["residual.weight", { shape, dtype: "F32", data: other }],
        ]);
        using embed = await pipeline("sentence-embedding", folder);
        const [cls = []] = await statesOf(model, "I like it");
        const product = (values: Float32Array, k: number) =>
          cls.reduce(
            (sum, x, i) => sum + x * (values[k * WIDTH + i] ?? NaN),
            0,
          );
        const expected = Array.from({ length: out }, (_, k) => {
          const shortcut = out === WIDTH ? cls[k] ?? NaN : product(other, k);
          return Math.max(0, product(weight, k)) + shortcut;
        });
        assertClose(await embed("I like it"), expected, SUMS);
      });
      model.dispose();
    },
  );
}

gpuTest(
  "new releases and a folder for the transformer are read too",
  async () => {
    const model = tinyModel();
    await inFolder(async (folder) => {
      const inside = `${folder}/0_Transformer`;
      await saveModules(inside, model, {
        "sentence_bert_config.json": { max_seq_length: 4 },
      });
      const module = "sentence_transformers.sentence_transformer.modules";
      const files = {
        "modules.json": [
          {
            type: "sentence_transformers.base.modules.transformer.Transformer",
            path: "0_Transformer",
          },
          { type: `${module}.pooling.Pooling`, path: "1_Pooling" },
        ],
        "1_Pooling/config.json": {
          embedding_dimension: WIDTH,
          pooling_mode: ["lasttoken", "cls"],
        },
      };
      await writeFiles(folder, files);
      using embed = await pipeline("sentence-embedding", folder);
      const states = await statesOf(model, "I like");
      const expected = [...states.at(-1) ?? [], ...states[0] ?? []];
      assertClose(await embed("I like it"), expected, SUMS);
    });
    model.dispose();
  },
);

for (const inside of ["", "0_Transformer"]) {
  gpuTest(
    `modules are downloaded, with the transformer in "${inside}"`,
    async () => {
      const model = tinyModel();
      await withHub(async (hub, _resolve, cacheFolder) => {
        await inFolder(async (folder) => {
          const { "sentence_bert_config.json": settings, ...rest } = FILES;
          await saveModules(`${folder}/${inside}`, model, {
            "sentence_bert_config.json": settings,
          });
          await writeFiles(folder, {
            ...rest,
            "modules.json": [
              entry("Transformer", inside),
              ...FILES["modules.json"].slice(1),
            ],
          });
          await saveDense(`${folder}/3_Dense`);
          hub.listing = tree(folder);
          hub.files = {};
          for (const name of hub.listing) {
            hub.files[name] = await Deno.readFile(`${folder}/${name}`);
          }
        });
        const options = { endpoint: hub.endpoint, cacheFolder, offline: false };
        using embed = await pipeline(
          "sentence-embedding",
          "owner/tiny",
          options,
        );
        assertClose(
          await embed("I like it"),
          composed(await statesOf(model, "i like it")),
          FUNCTIONS,
        );
      });
      model.dispose();
    },
  );
}

gpuTest(
  "prompts go before sentences, and may be left out of the mean",
  async () => {
    const model = tinyModel();
    await inFolder(async (folder) => {
      const files = (includePrompt: boolean) => ({
        "modules.json": [
          entry("Transformer", ""),
          entry("Pooling", "1_Pooling"),
        ],
        "1_Pooling/config.json": {
          word_embedding_dimension: WIDTH,
          pooling_mode_mean_tokens: true,
          include_prompt: includePrompt,
        },
        "config_sentence_transformers.json": {
          prompts: { query: "who is ", document: "" },
          default_prompt_name: "query",
        },
      });
      await saveModules(folder, model, files(true));
      const states = await statesOf(model, "who is Anna");
      {
        using embed = await pipeline("sentence-embedding", folder);
        assertClose(await embed("Anna"), meanOf(states), SUMS);
        const plain = meanOf(await statesOf(model, "Anna"));
        assertClose(
          await embed("Anna", { promptName: "document" }),
          plain,
          SUMS,
        );
        assertClose(await embed("Anna", { prompt: "" }), plain, SUMS);
        assertClose(
          await embed("Anna", { prompt: "who is " }),
          meanOf(states),
          SUMS,
        );
        await assertRejects(
          () => embed("I", { promptName: "passage" }),
          RangeError,
          'promptName "passage": the model has the prompts "query", "document"',
        );
      }
      await saveModules(folder, model, files(false));
      using embed = await pipeline("sentence-embedding", folder);
      // [CLS] who is | anna [SEP]
      assertEquals(states.length, 5);
      assertClose(await embed("Anna"), meanOf(states.slice(3)), SUMS);
      assertClose(
        (await embed(["the cats in Paris", "Anna"]))[1] ?? [],
        meanOf(states.slice(3)),
        SUMS,
      );
    });
    model.dispose();
  },
);

gpuTest(
  "without modules.json the mean is taken, and a warning printed",
  async () => {
    const model = tinyModel();
    await inFolder(async (folder) => {
      await model.savePretrained(folder, { tokenizer });
      const told = await warningsOf(async () => {
        using embed = await pipeline("sentence-embedding", folder);
        const expected = meanOf(await statesOf(model, "I like it"));
        assertClose(await embed("I like it"), expected, SUMS);
      });
      assertEquals(told.length, 1);
      assert(told[0]?.includes("there is no modules.json"), told[0]);
    });
    model.dispose();
  },
);

const BROKEN: [string, Record<string, unknown>, typeof Error, string][] = [
  ["no list", { "modules.json": {} }, SyntaxError, "it does not hold a list"],
  [
    "another module",
    {
      "modules.json": [
        entry("Transformer", ""),
        entry("Pooling", "1_Pooling"),
        entry("LSTM", "2_LSTM"),
      ],
    },
    RangeError,
    "Transformer, Pooling, LSTM: expected Transformer, Pooling",
  ],
  [
    "code of its own",
    {
      "modules.json": [
        { type: "custom_st.Transformer", path: "" },
        entry("Pooling", "1_Pooling"),
      ],
    },
    RangeError,
    "custom_st.Transformer, Pooling: expected",
  ],
  [
    "a path out of the folder",
    {
      "modules.json": [
        entry("Transformer", ""),
        entry("Pooling", "../1_Pooling"),
      ],
    },
    TypeError,
    "it must be a path inside the model's folder",
  ],
  [
    "an unknown mode",
    { "1_Pooling/config.json": { pooling_mode: "middle" } },
    TypeError,
    '1_Pooling/config.json: pooling_mode is "middle"',
  ],
  [
    "an unknown activation",
    { "3_Dense/config.json": { ...DENSE, activation_function: "mine.Swish" } },
    Error,
    'activation_function is "mine.Swish"',
  ],
  [
    "a dense layer of other inputs",
    {
      "3_Dense/config.json": {
        ...DENSE,
        module_input_name: "token_embeddings",
      },
    },
    Error,
    "module_input_name",
  ],
  [
    "weights of another shape",
    { "3_Dense/config.json": { ...DENSE, out_features: 4 } },
    TypeError,
    "Cannot load linear.weight [3, 16]",
  ],
  [
    "a prompt that is missing",
    { "config_sentence_transformers.json": { default_prompt_name: "query" } },
    TypeError,
    'default_prompt_name is "query"',
  ],
  [
    "a length of zero",
    { "sentence_bert_config.json": { max_seq_length: 0 } },
    RangeError,
    "max_seq_length is 0",
  ],
];

gpuTest("broken files of sentence-transformers are refused", async (device) => {
  const model = tinyModel();
  for (const [name, files, kind, message] of BROKEN) {
    await inFolder(async (folder) => {
      await saveModules(folder, model, { ...FILES, ...files });
      await saveDense(`${folder}/3_Dense`);
      const before = await inUse(device);
      await assertRejects(
        () => pipeline("sentence-embedding", folder),
        kind,
        message,
        name,
      );
      assertEquals(await inUse(device), before, name);
    });
  }
  await inFolder(async (folder) => {
    await saveModules(folder, model, FILES);
    await assertRejects(
      () => pipeline("sentence-embedding", folder),
      Deno.errors.NotFound,
      "neither 3_Dense/model.safetensors nor 3_Dense/pytorch_model.bin",
    );
  });
  model.dispose();
});

gpuTest(
  "an embedding over a posterior is a mean with its deviation",
  async () => {
    const model = tinyModel();
    const layer = model.encoder.layer[0];
    assert(layer);
    using swag = SwagModel.fromBase(model, {
      modulePrefixList: ["encoder.layer.0.output"],
    });
    const { weight } = layer.output.dense;
    collectWaves(swag, weight);
    const sampling = { numPredictions: 5, seed: 3 };
    const embed = await pipeline("sentence-embedding", { model, tokenizer }, {
      posterior: swag,
      sampling,
    });
    const results = await embed(TEXTS, { returnStd: true, normalize: true });
    for (const [i, text] of TEXTS.entries()) {
      const inputs = rowOf(tokenizer.encode(text));
      const states: Tensor = swag.getLogits(
        () => model.forward(inputs).lastHiddenState,
        sampling,
      );
      const values = await valuesOf(states);
      const tokens = values.length / 5 / WIDTH;
      const samples = Array.from(
        { length: 5 },
        (_, s) =>
          unit(meanOf(Array.from({ length: tokens }, (_, t) => {
            const at = (s * tokens + t) * WIDTH;
            return values.slice(at, at + WIDTH);
          }))),
      );
      const mean = meanOf(samples);
      const std = meanOf(
        samples.map((own) => own.map((x, k) => (x - (mean[k] ?? NaN)) ** 2)),
      ).map(Math.sqrt);
      assertClose(results[i]?.mean ?? [], mean, SUMS);
      assertClose(results[i]?.std ?? [], std, { ...SUMS, absolute: 1e-4 });
      assert(Math.max(...std) > 1e-3);
    }
    assertEquals(
      await embed("I", { normalize: true }),
      (await embed("I", { normalize: true, returnStd: true })).mean,
    );
    model.dispose();
  },
);

gpuTest("sentence-embedding refuses what it cannot use", async () => {
  const model = tinyModel();
  const embed = await embedder(model);
  const refused: [() => Promise<unknown>, typeof Error, string][] = [
    [
      () => embed("I", { returnStd: true }),
      TypeError,
      "Cannot return standard deviations: the pipeline has no posterior",
    ],
    [
      () => embed("I", { pooling: "avg" as "mean" }),
      RangeError,
      'Cannot pool tokens by "avg"',
    ],
    [
      () => embed("I", { prompt: 5 as unknown as string }),
      TypeError,
      "Cannot use the prompt 5: expected a text",
    ],
    [() => embed("I", { truncateDim: 9 }), RangeError, "have 8 numbers"],
    [() => embed("I", { truncateDim: 0 }), RangeError, "truncateDim 0"],
    [
      () => embed("I", { promptName: "query" }),
      RangeError,
      'promptName "query": the model has no prompts',
    ],
    [
      () => embed("I", { prompt: "a", promptName: "b" }),
      TypeError,
      "Cannot use prompt and promptName",
    ],
    [
      () => embed("I", { normalise: true } as object),
      TypeError,
      'did you mean "normalize"?',
    ],
    [
      () => embed({ text: "I" } as unknown as string),
      TypeError,
      "Cannot run sentence-embedding on",
    ],
  ];
  for (const [run, kind, message] of refused) {
    await assertRejects(run, kind, message);
  }
  model.dispose();
});
