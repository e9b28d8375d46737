// Copyright 2026 the swagpu authors. MIT license.
// Longer than most files: what loading and saving do, a case each.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { manualSeed, readAll } from "../../engine/mod.ts";
import {
  BertConfig,
  BertForMaskedLM,
  BertForSequenceClassification,
  BertLMHeadModel,
  BertModel,
} from "../../models/architectures/bert.ts";
import {
  type PretrainedClass,
  PreTrainedModel,
  type PretrainedOptions,
} from "../../models/pretrained.ts";
import {
  Buffer,
  init,
  type LoadReport,
  openSafetensors,
  Parameter,
  type SafetensorsDtype,
  type SafetensorsSource,
  writeSafetensors,
} from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";
import { inFolder, names } from "../_folder.ts";
import { warningsOf } from "../_warnings.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url).pathname;
const CLASSIFIER = `${FIXTURES}models/bert_seq_cls`;

/** Every tensor of a model, as it would be saved. */
async function valuesOf(
  model: PreTrainedModel<BertConfig>,
): Promise<Map<string, number[]>> {
  const named = [...model.namedTensors()];
  const values = await readAll(named.map(([, tensor]) => tensor));
  return new Map(named.map(([name], i) => [name, [...values[i] ?? []]]));
}

/** Copies a checkpoint, each tensor under the names and type that are given. */
async function rewrite(
  folder: string,
  rename: (name: string) => readonly string[],
  options: { source?: string; dtype?: SafetensorsDtype } = {},
): Promise<void> {
  const { source = CLASSIFIER, dtype = "F32" } = options;
  using file = await openSafetensors(`${source}/model.safetensors`);
  const tensors: [string, SafetensorsSource][] = [];
  for (const name of file.names) {
    const { shape, data } = await file.tensor(name);
    for (const own of rename(name)) {
      tensors.push([own, { shape, dtype, data: data as Float32Array }]);
    }
  }
  await writeSafetensors(`${folder}/model.safetensors`, tensors);
  await Deno.copyFile(`${source}/config.json`, `${folder}/config.json`);
}

async function reportOf(
  modelClass: PretrainedClass<PreTrainedModel<BertConfig>>,
  folder: string,
): Promise<LoadReport> {
  const reports: LoadReport[] = [];
  const onLoad = (report: LoadReport) => reports.push(report);
  const model = await PreTrainedModel.load(modelClass, folder, { onLoad });
  model.dispose();
  return reports[0] ?? { missing: ["?"], unexpected: [], mismatched: [] };
}

const NOTHING: LoadReport = { missing: [], unexpected: [], mismatched: [] };

gpuTest("savePretrained() cuts weights into parts with an index", async () => {
  await inFolder(async (folder) => {
    const model = await BertForSequenceClassification.fromPretrained(
      CLASSIFIER,
    );
    const before = await valuesOf(model);
    await model.savePretrained(folder, { maxShardSize: "20KB" });
    const index = JSON.parse(
      await Deno.readTextFile(`${folder}/model.safetensors.index.json`),
    );
    const parts = [...new Set<string>(Object.values(index.weight_map))].sort();
    const count = String(parts.length).padStart(5, "0");
    assertEquals(
      parts,
      parts.map((_, i) =>
        `model-${String(i + 1).padStart(5, "0")}-of-${count}.safetensors`
      ),
    );
    assert(parts.length > 3);
    assertEquals(
      names(folder),
      [...parts, "config.json", "model.safetensors.index.json"].sort(),
    );
    using whole = await openSafetensors(`${CLASSIFIER}/model.safetensors`);
    assertEquals(Object.keys(index.weight_map), [...whole.names].sort());
    const bytes = whole.names.map((name) => whole.info(name).byteLength);
    assertEquals(index.metadata, {
      total_size: bytes.reduce((sum, n) => sum + n, 0),
    });
    for (const part of parts) {
      using file = await openSafetensors(`${folder}/${part}`);
      assertEquals(file.metadata, { format: "pt" });
      let size = 0;
      for (const name of file.names) {
        assertEquals(index.weight_map[name], part);
        assertEquals(await file.bytes(name), await whole.bytes(name), name);
        size += file.info(name).byteLength;
      }
      assert(size <= 20_000 || file.names.length === 1, `${part}: ${size}`);
    }
    model.dispose();
    const again = await BertForSequenceClassification.fromPretrained(folder);
    assertEquals(await valuesOf(again), before);
    again.dispose();
  });
});

gpuTest(
  "savePretrained() leaves no weights that a load would mistake",
  async () => {
    await inFolder(async (folder) => {
      const model = await BertForSequenceClassification.fromPretrained(
        CLASSIFIER,
      );
      const others = [
        "model-notes.txt",
        "model-00001-of-00002.safetensors.bak",
        "pytorch_model-00001-of-00002.bin",
        "my-model-00001-of-00002.safetensors",
      ];
      for (const name of others) {
        await Deno.writeTextFile(`${folder}/${name}`, "");
      }
      const values: number[] = [];
      const save = async (maxShardSize: string | number): Promise<string[]> => {
        const value = values.length;
        values.push(value);
        model.classifier.bias?.write([value, value, value]);
        await model.savePretrained(folder, { maxShardSize });
        const again = await BertForSequenceClassification.fromPretrained(
          folder,
        );
        assertEquals([...await again.classifier.bias?.data() ?? []], [
          value,
          value,
          value,
        ]);
        again.dispose();
        return names(folder).filter((name) =>
          !others.includes(name) && name !== "config.json"
        );
      };
      const index = "model.safetensors.index.json";
      assertEquals(await save("5GB"), ["model.safetensors"]);
      const many = await save(20_000);
      assert(many.includes(index) && !many.includes("model.safetensors"));
      const few = await save("0.04MB");
      assert(few.includes(index) && few.length < many.length && few.length > 2);
      assertEquals(await save("1 GiB"), ["model.safetensors"]);
      assert(others.every((name) => names(folder).includes(name)));
      for (const size of ["", "5", "GB", "-1GB", "5XB", 0, -1, NaN, 0.5]) {
        await assertRejects(
          () => model.savePretrained(folder, { maxShardSize: size }),
          RangeError,
          `Cannot cut weights at ${JSON.stringify(size)}: expected a number of`,
        );
      }
      await assertRejects(
        () => model.savePretrained(folder, { maxShardsize: 700 } as object),
        TypeError,
        'with option "maxShardsize": did you mean "maxShardSize"?',
      );
      model.dispose();
    });
  },
);

gpuTest(
  "savePretrained() leaves the old weights when it cannot finish",
  async () => {
    await inFolder(async (folder) => {
      const model = await BertForSequenceClassification.fromPretrained(
        CLASSIFIER,
      );
      await model.savePretrained(folder, { maxShardSize: "0.04MB" });
      const read = () =>
        Promise.all(
          names(folder).filter((name) => name.endsWith(".safetensors"))
            .map(async (
              name,
            ) => [name, await Deno.readFile(`${folder}/${name}`)]),
        );
      const before = await read();
      model.classifier.bias?.write([7, 7, 7]);
      for (const maxShardSize of ["5GB", "0.04MB", "1KB"]) {
        await assertRejects(
          () =>
            model.savePretrained(folder, {
              maxShardSize,
              tokenizer: { save: () => Promise.reject(new Error("disk full")) },
            }),
          Error,
          "disk full",
        );
        assertEquals(await read(), before);
        assertEquals(names(folder).filter((name) => name.endsWith(".tmp")), []);
      }
      model.dispose();
    });
  },
);

gpuTest("savePretrained() writes nothing where a link leads", async () => {
  await inFolder(async (root) => {
    const outside = `${root}/outside`;
    await Deno.writeTextFile(outside, "as it was");
    const model = await BertForSequenceClassification.fromPretrained(
      CLASSIFIER,
    );
    for (const maxShardSize of ["5GB", "0.04MB"]) {
      const folder = `${root}/${maxShardSize}`;
      await model.savePretrained(folder, { maxShardSize });
      const files = names(folder);
      for (const name of files) {
        await Deno.remove(`${folder}/${name}`);
        await Deno.symlink("../outside", `${folder}/${name}`);
      }
      await model.savePretrained(folder, { maxShardSize });
      assertEquals(names(folder), files);
      for (const name of files) {
        assert((await Deno.lstat(`${folder}/${name}`)).isFile, name);
      }
      assertEquals(await Deno.readTextFile(outside), "as it was");
    }
    model.dispose();
  });
});

gpuTest("savePretrained() writes what else belongs to the model", async () => {
  const source = `${FIXTURES}models/bert_lm_head`;
  const model = await BertLMHeadModel.fromPretrained(source);
  assertEquals(model.generationConfig?.padTokenId, 0);
  await inFolder(async (root) => {
    const folder = `${root}/a/b`;
    await model.savePretrained(folder, {
      tokenizer: {
        save: (to) => Deno.writeTextFile(`${to}/vocab.txt`, "[PAD]\n"),
      },
    });
    assertEquals(names(folder), [
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "vocab.txt",
    ]);
    for (const name of names(folder).slice(0, 3)) {
      assertEquals(
        await Deno.readFile(`${folder}/${name}`),
        await Deno.readFile(`${source}/${name}`),
        name,
      );
    }
  });
  model.dispose();
});

gpuTest("fromPretrained() reads a file that PyTorch wrote", async () => {
  // The state dictionary of a posterior, which holds the model's below a prefix.
  class Inner extends BertForSequenceClassification {
    static override readonly basePrefix = "swag.base";
  }
  const swag = `${FIXTURES}swag/bert_seq_cls/`;
  using state = await openSafetensors(`${swag}prefix/state.safetensors`);
  await inFolder(async (folder) => {
    const config = new BertConfig({
      hiddenSize: 12,
      intermediateSize: 16,
      maxPositionEmbeddings: 12,
      numAttentionHeads: 2,
      numHiddenLayers: 2,
      numLabels: 3,
      vocabSize: 32,
    });
    await config.save(folder);
    await Deno.copyFile(
      `${FIXTURES}checkpoints/torch_1_13.bin`,
      `${folder}/pytorch_model.bin`,
    );
    const model = await Inner.fromPretrained(folder);
    for (const [name, values] of await valuesOf(model)) {
      // It was saved with the mean as the current weights.
      const { data } = await state.tensor(`swag.base.${name}_mean`);
      assertEquals(values, [...data], name);
    }
    const again = `${folder}/again`;
    await model.savePretrained(again);
    using saved = await openSafetensors(`${again}/model.safetensors`);
    assertEquals(
      saved.names.map((name) => `swag.base.${name}_mean`).sort(),
      state.names.filter((name) =>
        name.endsWith("_mean") && !name.endsWith("_sq_mean")
      ).sort(),
    );
    model.dispose();
  });
});

for (const dtype of ["F16", "BF16", "F64"] as const) {
  gpuTest(
    `fromPretrained() and savePretrained() turn ${dtype} into F32`,
    async () => {
      await inFolder(async (folder) => {
        await rewrite(folder, (name) => [name], { dtype });
        using given = await openSafetensors(`${folder}/model.safetensors`);
        const model = await BertForSequenceClassification.fromPretrained(
          folder,
        );
        await model.savePretrained(`${folder}/again`);
        using saved = await openSafetensors(
          `${folder}/again/model.safetensors`,
        );
        assertEquals([...saved.names].sort(), [...given.names].sort());
        for (const name of saved.names) {
          assertEquals(saved.info(name).dtype, "F32");
          assertEquals(
            (await saved.tensor(name)).data,
            (await given.tensor(name)).data,
          );
        }
        model.dispose();
      });
    },
  );
}

gpuTest("fromPretrained() reads the spellings of old checkpoints", async () => {
  await inFolder(async (folder) => {
    const source = await BertForSequenceClassification.fromPretrained(
      CLASSIFIER,
    );
    const expected = await valuesOf(source);
    source.dispose();
    const old = (name: string) =>
      name.replace("LayerNorm.weight", "LayerNorm.gamma")
        .replace("LayerNorm.bias", "LayerNorm.beta");
    await rewrite(folder, (name) => [old(name)]);
    const model = await BertForSequenceClassification.fromPretrained(folder);
    assertEquals(await valuesOf(model), expected);
    model.dispose();
    // Both spellings: the new one counts, the old one is left over.
    await rewrite(
      folder,
      (name) =>
        name === "bert.embeddings.LayerNorm.bias"
          ? [name]
          : name === "bert.embeddings.LayerNorm.weight"
          ? [name, "bert.embeddings.LayerNorm.beta"]
          : [name],
    );
    const both = await BertForSequenceClassification.fromPretrained(folder);
    assertEquals(await valuesOf(both), expected);
    both.dispose();
    assertEquals(await reportOf(BertForSequenceClassification, folder), {
      ...NOTHING,
      unexpected: ["bert.embeddings.LayerNorm.beta"],
    });
  });
});

gpuTest(
  "fromPretrained() takes harmless extras, prefixes and tied names",
  async () => {
    await inFolder(async (folder) => {
      // Buffers that older versions saved.
      await rewrite(
        folder,
        (name) =>
          name === "classifier.bias"
            ? [name, "bert.embeddings.position_ids"]
            : [name],
      );
      assertEquals(await reportOf(BertForSequenceClassification, folder), {
        ...NOTHING,
        unexpected: ["bert.embeddings.position_ids"],
      });
      // A head's names are left over; the encoder's lose their prefix.
      assertEquals(await reportOf(BertModel, folder), {
        ...NOTHING,
        unexpected: [
          "bert.embeddings.position_ids",
          "classifier.bias",
          "classifier.weight",
        ],
      });
      // An encoder's names without a prefix.
      await rewrite(
        folder,
        (name) => name.startsWith("bert.") ? [name.slice("bert.".length)] : [],
      );
      assertEquals(await reportOf(BertForSequenceClassification, folder), {
        ...NOTHING,
        missing: ["classifier.weight", "classifier.bias"],
      });
      // Tied names, absent as they are saved, all present, or the alias alone.
      const words = "bert.embeddings.word_embeddings.weight";
      const decoder = "cls.predictions.decoder.weight";
      const source = `${FIXTURES}models/bert_masked_lm`;
      const original = await BertForMaskedLM.fromPretrained(source);
      const expected = await valuesOf(original);
      original.dispose();
      for (const kept of [[words], [words, decoder], [decoder]]) {
        await rewrite(folder, (name) => name === words ? kept : [name], {
          source,
        });
        const model = await BertForMaskedLM.fromPretrained(folder, {
          onLoad: (report) => assertEquals(report, NOTHING),
        });
        assertEquals(await valuesOf(model), expected);
        model.dispose();
      }
    });
  },
);

/** A model with a table that follows from its configuration. */
class Counting extends PreTrainedModel<BertConfig> {
  static readonly configClass: typeof BertConfig = BertConfig;
  static readonly basePrefix: string = "base";
  static override readonly keysToIgnoreOnSave: readonly string[] = ["table"];
  weight: Parameter = new Parameter([2]);
  table: Parameter = new Parameter([3], init.ones());
}

/** A model that keeps what the other's files lack. */
class Shifted extends Counting {
  shift: Buffer = new Buffer([1]);
}

gpuTest(
  "fromPretrained() reports a missing buffer without a warning",
  async () => {
    await inFolder(async (folder) => {
      const model = new Counting(new BertConfig());
      await model.savePretrained(folder);
      model.dispose();
      assertEquals(await reportOf(Shifted, folder), {
        ...NOTHING,
        missing: ["shift"],
      });
      const heard = await warningsOf(async () => {
        const shifted = await Shifted.fromPretrained(folder);
        assertEquals([...await shifted.shift.data()], [0]);
        shifted.dispose();
      });
      assertEquals(heard, []);
    });
  },
);

gpuTest("keysToIgnoreOnSave are not saved and not missed", async () => {
  await inFolder(async (folder) => {
    const model = new Counting(new BertConfig());
    model.weight.write([4, 5]);
    model.table.write([6, 6, 6]);
    await model.savePretrained(folder);
    using file = await openSafetensors(`${folder}/model.safetensors`);
    assertEquals(file.names, ["weight"]);
    model.dispose();
    const heard = await warningsOf(async () => {
      const again = await Counting.fromPretrained(folder);
      assertEquals([...await again.weight.data()], [4, 5]);
      assertEquals([...await again.table.data()], [1, 1, 1]);
      again.dispose();
    });
    assertEquals(heard, []);
  });
});

gpuTest(
  "fromPretrained() warns of parameters that it drew, unless onLoad is given",
  async () => {
    await inFolder(async (folder) => {
      manualSeed(1);
      await rewrite(
        folder,
        (name) => name.includes("embeddings") ? [name, `x.${name}`] : [name],
      );
      const path = `${folder}/model.safetensors`;
      const changed = { id2label: null, label2id: null, num_labels: 2 };
      const heard = await warningsOf(async () => {
        const { fromPretrained: _, ...none } = { fromPretrained: 0 };
        assertEquals(none, {});
        for (
          const options of [
            {},
            { onLoad: () => {}, ignoreMismatchedSizes: true, config: changed },
            { ignoreMismatchedSizes: true, config: changed },
          ]
        ) {
          (await BertForSequenceClassification.fromPretrained(folder, options))
            .dispose();
        }
        (await BertForMaskedLM.fromPretrained(folder)).dispose();
      });
      assertEquals(heard.length, 2);
      assertEquals(
        String(heard[0]).split("; not used: ")[0],
        `BertForSequenceClassification: newly initialized, as ${path} does not ` +
          "have them: classifier.weight ([3, 32] there, [2, 32] here), " +
          "classifier.bias ([3] there, [2] here)",
      );
      assert(
        String(heard[0]).endsWith(
          "; not used: x.bert.embeddings.LayerNorm.bias, " +
            "x.bert.embeddings.LayerNorm.weight, " +
            "x.bert.embeddings.position_embeddings.weight, " +
            "x.bert.embeddings.token_type_embeddings.weight, " +
            "x.bert.embeddings.word_embeddings.weight; train the model before " +
            "you rely on it",
        ),
      );
      assert(String(heard[1]).startsWith("BertForMaskedLM: newly initialized"));
      assert(/ and \d+ more; train the model/.test(String(heard[1])));
      assert(heard.every((line) => !String(line).includes("\n")));
    });
  },
);

gpuTest(
  "fromPretrained() frees what it built when it fails",
  async (device) => {
    await inFolder(async (folder) => {
      await rewrite(folder, (name) => [name]);
      const load = (options: PretrainedOptions = {}) =>
        BertForSequenceClassification.fromPretrained(folder, options);
      const before = device.pool.statistics().inUse;
      const path = `${folder}/model.safetensors`;
      await assertRejects(
        () =>
          load({ config: { id2label: null, label2id: null, num_labels: 7 } }),
        TypeError,
        `Cannot load ${path}: classifier.weight is [3, 32] there and [7, 32] here`,
      );
      await assertRejects(
        () =>
          load({
            onLoad: () => {
              throw new Error("the write failed");
            },
          }),
        Error,
        "the write failed",
      );
      await rewrite(folder, (name) => [`other.${name}`]);
      await assertRejects(
        () => load(),
        TypeError,
        `Cannot load ${path}: it has none of the model's parameters`,
      );
      // A number that 32 bits cannot hold, found in the middle of reading.
      await writeSafetensors(path, [["classifier.bias", {
        shape: [3],
        dtype: "I64",
        data: BigInt64Array.of(0n, 1n, 2n ** 40n),
      }]]);
      await assertRejects(() => load(), RangeError, "does not fit in 32 bits");
      assertEquals(device.pool.statistics().inUse, before);
    });
  },
);

gpuTest("fromPretrained() says what is wrong with a folder", async () => {
  await inFolder(async (folder) => {
    const load = () => BertForSequenceClassification.fromPretrained(folder);
    await assertRejects(
      load,
      Deno.errors.NotFound,
      `Cannot load a model from ${folder}: it lacks config.json`,
    );
    const config = `${folder}/config.json`;
    for (
      const [text, reason] of [["{", "JSON"], ["[]", "not hold an object"]]
    ) {
      await Deno.writeTextFile(config, text ?? "");
      await assertRejects(load, SyntaxError, `Cannot read ${config}: `);
      await assertRejects(load, SyntaxError, reason);
    }
    await Deno.writeTextFile(config, '{"hidden_size": "wide"}');
    await assertRejects(
      load,
      TypeError,
      `Cannot read ${config}: hidden_size is "wide"`,
    );
    await Deno.copyFile(`${CLASSIFIER}/config.json`, config);
    await assertRejects(
      load,
      Deno.errors.NotFound,
      `Cannot load weights from ${folder}: it has none of model.safetensors, `,
    );
    const whole = await Deno.readFile(`${CLASSIFIER}/model.safetensors`);
    const weights = `${folder}/model.safetensors`;
    for (const length of [0, 7, 500, whole.length - 1]) {
      await Deno.writeFile(weights, whole.subarray(0, length));
      await assertRejects(load, SyntaxError, `Cannot read ${weights}: `);
    }
    await Deno.remove(weights);
    const index = `${folder}/model.safetensors.index.json`;
    await Deno.writeTextFile(index, '{"weight_map": {"a": "../x"}}');
    await assertRejects(load, SyntaxError, 'it places "a" in "../x", expected');
    await Deno.writeTextFile(index, '{"weight_map": {"a": "part"}}');
    await assertRejects(
      load,
      Deno.errors.NotFound,
      `Cannot load a model from ${folder}: it lacks part`,
    );
    await Deno.symlink("/etc/hostname", `${folder}/part`);
    await assertRejects(
      load,
      TypeError,
      `Cannot read ${folder}/part: it is a link that leads out of the folder`,
    );
    await Deno.remove(index);
    const hostile = `${folder}/pytorch_model.bin`;
    await Deno.writeTextFile(hostile, "");
    await Deno.writeFile(
      hostile,
      Uint8Array.from(
        "\x80\x02cos\nsystem\n(X\x01\0\0\0xtR.",
        (c) => c.charCodeAt(0),
      ),
    );
    await assertRejects(
      load,
      SyntaxError,
      `Cannot read ${hostile}: it asks to run os.system, but may only build ` +
        "tensors",
    );
  });
});
