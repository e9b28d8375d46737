// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { adapterFacts, versions } from "../../../cli/adapter_facts.ts";
import { modelFacts, type ModelRequest } from "../../../cli/model_memory.ts";
import { bytesText, parseBytes } from "../../../cli/sizes.ts";
import { backward, scope, sum, tensor } from "../../../engine/mod.ts";
import {
  AutoConfig,
  AutoModelForSequenceClassification,
} from "../../../models/mod.ts";
import { AdamW, SGD } from "../../../nn/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { tree, withHub } from "../../models/files/_hub.ts";
import { cli, read } from "../../cli/_command.ts";

const CLI = new URL("../../../cli.ts", import.meta.url).pathname;

/** The configurations of tiny models. */
const TINY: Readonly<Record<string, Record<string, unknown>>> = {
  bert: {},
  roberta: {},
  modernbert: { global_attn_every_n_layers: 1 },
  bart: {
    d_model: 16,
    encoder_layers: 1,
    decoder_layers: 1,
    encoder_attention_heads: 2,
    decoder_attention_heads: 2,
    encoder_ffn_dim: 24,
    decoder_ffn_dim: 24,
  },
  marian: {
    d_model: 16,
    encoder_layers: 1,
    decoder_layers: 1,
    encoder_attention_heads: 2,
    decoder_attention_heads: 2,
    encoder_ffn_dim: 24,
    decoder_ffn_dim: 24,
    pad_token_id: 39,
  },
};

function fieldsOf(type: string): Record<string, unknown> {
  return {
    model_type: type,
    vocab_size: 40,
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: 20,
    pad_token_id: 0,
    bos_token_id: 1,
    eos_token_id: 2,
    cls_token_id: 1,
    sep_token_id: 2,
    decoder_start_token_id: 2,
    ...TINY[type],
  };
}

/** Calls a function with the path of a configuration. */
async function withConfig<T>(
  fields: object,
  body: (path: string) => Promise<T>,
): Promise<T> {
  return await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(fields));
    return await body(`${folder}/config.json`);
  });
}

function request(
  source: string,
  more: Partial<ModelRequest> = {},
): ModelRequest {
  return {
    source,
    task: undefined,
    posterior: { noCovMat: false, maxNumModels: 20 },
    memory: undefined,
    ...more,
  };
}

/** The parameters of the encoder of BERT and RoBERTa, counted by hand. */
function encoderCount(
  { vocab, positions, types }: Record<"vocab" | "positions" | "types", number>,
): number {
  const width = 768;
  const inner = 3072;
  const dense = (from: number, to: number) => from * to + to;
  const norm = 2 * width;
  const layer = 4 * dense(width, width) + norm +
    dense(width, inner) + dense(inner, width) + norm;
  const embeddings = (vocab + positions + types) * width + norm;
  return embeddings + 12 * layer;
}

const POOLER = 768 * 768 + 768;
const BERT = encoderCount({ vocab: 30522, positions: 512, types: 2 });
const ROBERTA = encoderCount({ vocab: 50265, positions: 514, types: 1 });

const BASES: readonly [string, object, ModelRequest["task"], number][] = [
  ["BertModel", { model_type: "bert" }, undefined, BERT + POOLER],
  [
    "BertForSequenceClassification",
    { model_type: "bert" },
    "sequence-classification",
    BERT + POOLER + 2 * 768 + 2,
  ],
  [
    "BertForMaskedLM",
    { model_type: "bert", architectures: ["BertForMaskedLM"] },
    undefined,
    BERT + (768 * 768 + 768) + 2 * 768 + 30522,
  ],
  [
    "RobertaModel",
    {
      model_type: "roberta",
      vocab_size: 50265,
      max_position_embeddings: 514,
      type_vocab_size: 1,
    },
    "base",
    ROBERTA + POOLER,
  ],
  [
    "RobertaForSequenceClassification",
    {
      model_type: "roberta",
      vocab_size: 50265,
      max_position_embeddings: 514,
      type_vocab_size: 1,
      architectures: ["RobertaForSequenceClassification"],
      num_labels: 3,
    },
    undefined,
    ROBERTA + (768 * 768 + 768) + 3 * 768 + 3,
  ],
];

gpuTest("models of full size have the published counts", async (device) => {
  assertEquals(BERT + POOLER, 109_482_240);
  assertEquals(ROBERTA + POOLER, 124_645_632);
  const before = device.pool.statistics();
  for (const [name, fields, task, expected] of BASES) {
    const facts = await withConfig(
      fields,
      (path) => modelFacts(device, request(path, { task })),
    );
    assertEquals([facts.class, facts.parameters], [name, expected]);
    const { memory, largest_tensor: largest } = facts;
    const near = (bytes: number, exact: number) =>
      assert(bytes >= exact && bytes < exact * 1.14, `${bytes} for ${exact}`);
    near(memory.weights, 4 * expected);
    near(memory.gradients, 4 * expected);
    near(memory.optimizers.adamw, 8 * expected);
    near(memory.optimizers.sgd, 4 * expected);
    near(memory.posterior.mean, 4 * expected);
    near(memory.posterior.second_moment, 4 * expected);
    near(memory.posterior.deviations, 20 * 4 * expected);
    near(memory.posterior.total, 22 * 4 * expected);
    assertMatch(largest.name, /(^|\.)word_embeddings\.weight$/);
    assertEquals(largest.bytes, 4 * 768 * (largest.shape[0] ?? 0));
    assertEquals(
      largest.bindings,
      Math.ceil(largest.bytes / device.maxBindingSize),
    );
  }
  assertEquals(device.pool.statistics(), before, "nothing is allocated");
});

gpuTest(
  "no architecture allocates anything to be described",
  async (device) => {
    const before = device.pool.statistics();
    for (const type of Object.keys(TINY)) {
      const facts = await withConfig(
        fieldsOf(type),
        (path) => modelFacts(device, request(path)),
      );
      assertEquals([facts.model_type, facts.memory.posterior.rank], [type, 20]);
      assert(facts.parameters > 1000);
    }
    assertEquals(device.pool.statistics(), before);
  },
);

for (const type of ["bert", "roberta", "modernbert", "bart"]) {
  gpuTest(`the figures of ${type} are those of the pool`, async (device) => {
    const { pool } = device;
    const used = () => pool.statistics().inUse;
    const fields = fieldsOf(type);
    const posterior = { noCovMat: false, maxNumModels: 5 };
    const { memory, parameters, totals } = await withConfig(
      fields,
      (path) =>
        modelFacts(
          device,
          request(path, { task: "sequence-classification", posterior }),
        ),
    );
    const start = used();
    const model = AutoModelForSequenceClassification.fromConfig(
      AutoConfig.fromFields(fields),
    );
    model.placeParameters();
    for (const buffer of model.namedBuffers().values()) buffer.block;
    assertEquals(used() - start, memory.weights);
    const sizes = model.parameters().map(({ size }) => size);
    assertEquals(parameters, sizes.reduce((a, b) => a + b));

    const grows = (make: () => { dispose(): void }, bytes: number) => {
      const before = used();
      const made = make();
      assertEquals(used() - before, bytes);
      made.dispose();
    };
    const { adamw, sgd, sgd_momentum } = memory.optimizers;
    grows(() => new SGD(model.parameters()), sgd);
    grows(() => new SGD(model.parameters(), { momentum: 0.9 }), sgd_momentum);
    const optimizer = new AdamW(model.parameters());
    {
      using _ = scope();
      const inputIds = tensor([[1, 5, 2]], { dtype: "i32" });
      backward(sum(model.eval().forward({ inputIds }).logits));
    }
    assertEquals(used() - start, memory.weights + memory.gradients + adamw);
    assertEquals(used() - start, totals.train_adamw.bytes);

    const swag = SwagModel.fromBase(model, posterior);
    assertEquals(used() - start, totals.train_adamw_posterior.bytes);
    swag.collectModel();
    await device.synchronize();
    const collected = used();
    swag.sampleParameters();
    assertEquals(used() - collected, memory.posterior.kept_weights);
    swag.dispose();
    optimizer.dispose();
    model.dispose();
  });
}

gpuTest("prefixes, ranks and memory decide the answer", async (device) => {
  await withConfig(fieldsOf("bert"), async (path) => {
    const facts = (more: Partial<ModelRequest>) =>
      modelFacts(device, request(path, more));
    const all = await facts({});
    const one = await facts({
      posterior: {
        noCovMat: false,
        maxNumModels: 3,
        modulePrefixList: ["encoder.layer.1"],
      },
    });
    const none = await facts({ posterior: { noCovMat: true } });
    const int8 = await facts({
      posterior: { noCovMat: false, maxNumModels: 20, deviations: "int8" },
    });
    const share = int8.memory.posterior.deviations /
      all.memory.posterior.deviations;
    assert(share > 0.25 && share < 0.28, `${share}`);
    // A layer of 16 and 24: each matrix and bias takes whole blocks of 64 numbers.
    const layer = 4 * (256 + 64) + 2 * (384 + 64) + 4 * 64;
    assertEquals(one.memory.posterior.second_moment, 4 * layer);
    assertEquals(one.memory.posterior.deviations, 3 * 4 * layer);
    assertEquals(one.memory.posterior.mean, all.memory.posterior.mean);
    assertEquals(none.memory.posterior.rank, 0);
    assert(none.memory.posterior.total < all.memory.posterior.total / 4);

    const { bytes } = all.totals.train_sgd;
    const memory = (bytes: number) => ({ text: `${bytes}`, bytes });
    const exact = await facts({ memory: memory(bytes) });
    assertEquals(exact.totals.train_sgd.fits, true);
    assertEquals(exact.totals.use.fits, true);
    assertEquals(exact.totals.train_adamw.fits, false);
    const less = await facts({ memory: memory(bytes - 1) });
    assertEquals(less.totals.train_sgd.fits, false);
    assertEquals(all.totals.use.fits, null);

    await assertRejects(
      () => facts({ posterior: { modulePrefixList: ["decoder"] } }),
      RangeError,
      'Cannot select "decoder"',
    );
    await assertRejects(
      () => facts({ task: "seq2seq-lm" }),
      RangeError,
      "Cannot use --task seq2seq-lm with bert: it supports base, masked-lm",
    );
  });
});

gpuTest("the adapter's facts are those of the device", async (device) => {
  const { adapter, limits, features, max_binding_size } = await adapterFacts(
    device,
  );
  assertEquals([adapter.name, adapter.software], [
    device.name,
    device.isSoftware,
  ]);
  assertEquals(adapter.backend, device.backend ?? null);
  assertEquals(adapter.hint, device.hint ?? null);
  assertEquals(max_binding_size, device.maxBindingSize);
  assertEquals(limits.maxBufferSize, device.gpu.limits.maxBufferSize);
  assert(Object.keys(limits).length > 20);
  assertEquals(features.used, [...device.gpu.features].sort());
  assert(features.used.every((name) => features.available.includes(name)));
  assertEquals(versions().runtime, `Deno ${Deno.version.deno}`);
});

Deno.test("info prints a table, or JSON with the same figures", async () => {
  await withConfig({ model_type: "bert" }, async (path) => {
    const [plain, table, json] = await Promise.all([
      cli("info"),
      cli("info", "--model", path, "--memory", "2GB", "--rank", "7"),
      cli("info", "--model", path, "--memory", "2GB", "--json", "--no-cov"),
    ]);
    assertEquals([plain.code, plain.err, table.code, json.code], [0, "", 0, 0]);
    for (const heading of ["Versions", "Adapter", "Limits", "Features"]) {
      assertMatch(plain.out, new RegExp(`^${heading}\n  \\w`, "m"));
      assert(table.out.includes(`${heading}\n`));
    }
    assert(!plain.out.includes("Parameters"));
    assert(plain.out.split("\n").every((line) => line.length <= 80));
    assertMatch(table.out, /^ {2}Parameters +109,482,240$/m);
    assertMatch(table.out, /^ {2}Largest tensor .*\[30522, 768\], 89\.4 MiB$/m);
    assertMatch(table.out, /^ {2}Posterior of rank 7 +\d\.\d GiB$/m);
    assertMatch(table.out, /; fits 2GB\?$/m);
    assertMatch(table.out, /^ {2}Use +\d+\.\d MiB {2}yes$/m);
    assertMatch(table.out, /AdamW and the posterior +\d\.\d GiB {2}no$/m);
    const { versions: about, model, limits } = JSON.parse(json.out);
    assertEquals(about.runtime, `Deno ${Deno.version.deno}`);
    assertEquals(model.parameters, 109_482_240);
    assertEquals(model.available, { text: "2GB", bytes: 2e9 });
    assertEquals(model.memory.posterior.rank, 0);
    assert(limits.maxStorageBufferBindingSize > 0);
  });
});

gpuTest(
  "only the configuration of a hub model is downloaded",
  async (device) => {
    await withHub(async (hub, _, cache) => {
      const settings = {
        HF_ENDPOINT: hub.endpoint,
        HF_HUB_CACHE: cache,
        HF_HUB_OFFLINE: "0",
      };
      const before = Object.keys(settings).map((name) =>
        [name, Deno.env.get(name)] as const
      );
      for (const [name, value] of Object.entries(settings)) {
        Deno.env.set(name, value);
      }
      try {
        const facts = await modelFacts(device, request("owner/tiny"));
        assertEquals(facts.parameters, 109_482_240);
        const names = tree(cache).map((path) => path.split("/").at(-1));
        assert(names.includes("config.json"));
        assert(hub.requests.some((line) => line.endsWith("/config.json")));
        assertEquals(
          hub.requests.filter((line) =>
            /model\.safetensors|\.bin|vocab/.test(line)
          ),
          [],
        );
      } finally {
        for (const [name, value] of before) {
          if (value === undefined) Deno.env.delete(name);
          else Deno.env.set(name, value);
        }
      }
    });
  },
);

Deno.test("without a GPU, info still prints the versions", async () => {
  const run = async (...args: string[]) =>
    read(
      await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--quiet", CLI, "info", ...args],
        env: {
          DENO_WEBGPU_BACKEND: "vulkan",
          VK_DRIVER_FILES: "/none",
          VK_ICD_FILENAMES: "/none",
        },
        stdin: "null",
      }).output(),
    );
  const [table, json] = await Promise.all([run(), run("--json")]);
  assertEquals([table.code, json.code], [1, 1]);
  assertMatch(table.err, /^error: Cannot find a WebGPU adapter: /);
  assertMatch(table.out, /^Versions\n {2}swagpu [^]*\n\nAdapter\n {2}none\n$/);
  assertEquals(JSON.parse(json.out).adapter, null);
});

Deno.test("info refuses options that it cannot obey", async () => {
  const cases: [string[], RegExp][] = [
    [["--rank", "3"], /^error: Cannot use --rank without --model: /],
    [["--memory", "8GB"], /^error: Cannot use --memory without --model: /],
    [
      ["--model", "x", "--rank", "3", "--no-cov"],
      /^error: Cannot use --rank with --no-cov: /,
    ],
    [["--model", "x", "--memory", "big"], /^error: .*such as 8GB or 7\.5GiB/],
    [["--model", "x", "--rank", "0"], /^error: Cannot use --rank 0: /],
    [["--model", "x", "--task", "qa"], /^error: Cannot use --task qa: /],
    [["--model", "./nowhere"], /^error: Cannot find \.\/nowhere: /],
  ];
  const outcomes = await Promise.all(
    cases.map(([args]) => cli("info", "--quiet", ...args)),
  );
  outcomes.forEach(({ code, out, err }, i) => {
    assertEquals([code, out], [1, ""]);
    assertMatch(err, cases[i]?.[1] ?? /^$/);
  });
});

Deno.test("sizes are read and written with their units", () => {
  assertEquals(parseBytes("8GB"), 8e9);
  assertEquals(parseBytes("7.5 GiB"), 7.5 * 2 ** 30);
  assertEquals(parseBytes("100"), 100);
  assertEquals(parseBytes("16kb"), 16000);
  for (const text of ["", "GB", "8 G B", "-1GB", "0", "1e3", "8X"]) {
    assertEquals(parseBytes(text), undefined, text);
  }
  assertEquals(bytesText(0), "0 bytes");
  assertEquals(bytesText(1023), "1,023 bytes");
  assertEquals(bytesText(1024), "1.0 KiB");
  assertEquals(bytesText(2 ** 20 - 1), "1.0 MiB");
  assertEquals(bytesText(93763584), "89.4 MiB");
});
