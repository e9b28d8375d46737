// Copyright 2026 the swagpu authors. MIT license.

// Weights that are saved in fewer bits: how far they are off, and what reads them.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { manualSeed, readAll, tensor } from "../../engine/mod.ts";
import { BertForSequenceClassification } from "../../models/mod.ts";
import {
  openSafetensors,
  ROW_SCALES_METADATA,
  type SafetensorsSource,
  type SavedDtype,
  writeSafetensors,
} from "../../nn/formats/mod.ts";
import { gpuTest } from "../_check.ts";
import { inFolder, names } from "../_folder.ts";
import { tinyConfig } from "./pipelines/_tiny.ts";

type Model = BertForSequenceClassification;

const GOLDEN =
  new URL("../fixtures/models/bert_seq_cls", import.meta.url).pathname;

/** The weights of a model by their names. */
async function weightsOf(model: Model): Promise<Map<string, Float32Array>> {
  const tensors = model.namedTensors();
  const values = await readAll([...tensors.values()]);
  return new Map([...tensors.keys()].map((name, i) => [
    name,
    values[i] as Float32Array,
  ]));
}

/** The probabilities for some rows. */
async function probabilitiesOf(model: Model): Promise<number[][]> {
  const inputIds = tensor(
    Array.from({ length: 16 }, (_, i) => [2, 5 + i, 9, 20 - i, 3]),
    { dtype: "i32" },
  );
  const { logits } = model.forward({ inputIds });
  const [rows, columns] = logits.shape as [number, number];
  const values = await logits.data();
  return Array.from({ length: rows }, (_, i) => {
    const powers = [...values.subarray(i * columns, (i + 1) * columns)]
      .map(Math.exp);
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((x) => x / sum);
  });
}

/** The most by which a weight may be off, at index `i` of a tensor. */
function boundOf(
  dtype: SavedDtype,
  values: Float32Array,
  shape: readonly number[],
): (i: number) => number {
  if (dtype === "float32") return () => 0;
  if (dtype === "float16") {
    return (i) => Math.max(Math.abs(values[i] ?? 0) / 2048, 2 ** -25);
  }
  if (shape.length < 2) return () => 0;
  const columns = values.length / (shape[0] ?? 1);
  return (i) => {
    const begin = Math.floor(i / columns) * columns;
    const row = values.subarray(begin, begin + columns);
    // Half a step of 255, and the rounding of the factor and of the product.
    return Math.max(...row.map(Math.abs)) * (1 / 254 + 2 ** -22);
  };
}

const CASES: [SavedDtype, number, number][] = [
  // The share of the bytes, with headers and biases, which are much of a tiny model;
  // and the most that a probability changes: twice to three times what was measured.
  ["float32", 1.06, 0],
  ["float16", 0.56, 5e-4],
  ["int8", 0.39, 0.01],
];

for (const [dtype, share, change] of CASES) {
  gpuTest(
    `weights saved as ${dtype} are off by no more than they may be`,
    async () => {
      const model = await BertForSequenceClassification.fromPretrained(GOLDEN);
      const before = await weightsOf(model);
      const expected = await probabilitiesOf(model);
      for (const maxShardSize of ["5GB", 12_000]) {
        await inFolder(async (folder) => {
          await model.savePretrained(folder, { dtype, maxShardSize });
          const sizes = names(folder)
            .filter((name) => name.endsWith(".safetensors"))
            .map((name) => Deno.statSync(`${folder}/${name}`).size);
          const bytes = sizes.reduce((sum, size) => sum + size);
          const whole = 4 * [...before.values()]
            .reduce((sum, { length }) => sum + length, 0);
          // Headers, and what stays as it is, are a large part of a tiny model.
          assert(bytes < share * whole + 22_000, `${bytes} of ${whole}`);
          assertEquals(sizes.length > 1, maxShardSize !== "5GB");

          const again = await BertForSequenceClassification.fromPretrained(
            folder,
          );
          const shapes = again.namedTensors();
          for (const [name, values] of await weightsOf(again)) {
            const own = before.get(name) ?? new Float32Array();
            const bound = boundOf(dtype, own, shapes.get(name)?.shape ?? []);
            values.forEach((x, i) =>
              assert(
                Math.abs(x - (own[i] ?? 0)) <= bound(i),
                `${name}[${i}] is ${x}, was ${own[i]}`,
              )
            );
          }
          const found = await probabilitiesOf(again);
          found.forEach((row, i) =>
            row.forEach((p, k) =>
              assert(
                Math.abs(p - (expected[i]?.[k] ?? 0)) <= change,
                `${p} instead of ${expected[i]?.[k]}`,
              )
            )
          );
          again.dispose();
        });
      }
      model.dispose();
    },
  );
}

gpuTest("weights of 8 bits are read in Python by their factors", async () => {
  await inFolder(async (folder) => {
    manualSeed(1);
    const model = new BertForSequenceClassification(tinyConfig());
    await model.savePretrained(folder, { dtype: "int8" });
    using file = await openSafetensors(`${folder}/model.safetensors`);
    assertEquals(file.metadata, { ...ROW_SCALES_METADATA });
    const name = "classifier.weight";
    const { data } = await file.tensor(name);
    const script = `
import array, json, sys
with open(sys.argv[1], "rb") as f:
    n = int.from_bytes(f.read(8), "little")
    header = json.loads(f.read(n))
    data = f.read()
def load(name):
    tensor = header[name]
    codes = {"F32": "f", "I8": "b"}[tensor["dtype"]]
    return array.array(codes, data[slice(*tensor["data_offsets"])])
codes, scales = load("${name}"), load("${name}_scale")
columns = len(codes) // len(scales)
x = array.array("f", [q * scales[i // columns] for i, q in enumerate(codes)])
print(json.dumps(list(x)))
`;
    model.dispose();
    const python = new Deno.Command("python3", {
      args: ["-c", script, `${folder}/model.safetensors`],
    });
    let output: Deno.CommandOutput;
    try {
      output = await python.output();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return; // There is no Python.
      throw error;
    }
    const [text, fault] = [output.stdout, output.stderr]
      .map((bytes) => new TextDecoder().decode(bytes));
    assertEquals(output.code, 0, fault);
    assertEquals(JSON.parse(text ?? ""), [...data]);
  });
});

gpuTest("savePretrained() refuses what a type does not hold", async () => {
  await inFolder(async (folder) => {
    manualSeed(1);
    const model = new BertForSequenceClassification(tinyConfig());
    const { weight } = model.classifier;
    const write = (value: number) =>
      weight.write(new Float32Array(weight.size).fill(value));
    write(65519);
    await model.savePretrained(folder, { dtype: "float16" });
    const before = names(folder);
    write(70_000);
    await assertRejects(
      () => model.savePretrained(folder, { dtype: "float16" }),
      RangeError,
      'element 0 of "classifier.weight" is 70000, more than float16 holds',
    );
    write(NaN);
    await assertRejects(
      () =>
        model.savePretrained(folder, { dtype: "int8", allowNonFinite: true }),
      RangeError,
      'element 0 of "classifier.weight" is NaN',
    );
    await assertRejects(
      () => model.savePretrained(folder, { dtype: "int4" as "int8" }),
      RangeError,
      'Cannot save weights as "int4": expected one of float32, float16, int8',
    );
    assertEquals(names(folder), before);
    model.dispose();
  });
});

gpuTest("saves at the same time have a configuration for each", async () => {
  await inFolder(async (folder) => {
    manualSeed(1);
    const model = new BertForSequenceClassification(tinyConfig());
    const dtypes = ["float16", "float32", "int8", "float16"] as const;
    await Promise.all(
      dtypes.map((dtype, i) =>
        model.savePretrained(`${folder}/${i}`, { dtype })
      ),
    );
    for (const [i, dtype] of dtypes.entries()) {
      const { dtype: told } = JSON.parse(
        await Deno.readTextFile(`${folder}/${i}/config.json`),
      );
      using file = await openSafetensors(`${folder}/${i}/model.safetensors`);
      assertEquals(
        [told, file.info("classifier.weight").dtype],
        dtype === "float16"
          ? ["float16", "F16"]
          : ["float32", dtype === "int8" ? "I8" : "F32"],
      );
    }
    assertEquals(model.config.dtype, "float32");
    model.dispose();
  });
});

gpuTest("weights that are quantized in another way are refused", async () => {
  await inFolder(async (folder) => {
    manualSeed(1);
    const model = new BertForSequenceClassification(tinyConfig());
    await model.savePretrained(folder);
    const values = await weightsOf(model);
    const path = `${folder}/model.safetensors`;
    const save = async (
      change: (name: string, source: SafetensorsSource) => SafetensorsSource,
      metadata: Record<string, string>,
      more: [string, SafetensorsSource][] = [],
    ) => {
      const tensors = [...model.namedTensors()].map((
        [name, { shape }],
      ): [string, SafetensorsSource] => {
        const data = values.get(name) ?? new Float32Array();
        return [name, change(name, { shape, dtype: "F32", data })];
      });
      await writeSafetensors(path, [...tensors, ...more], { metadata });
    };
    const toCodes = (name: string, source: SafetensorsSource) =>
      name === "classifier.weight"
        ? {
          ...source,
          dtype: "I8" as const,
          data: new Int8Array(values.get(name)?.length ?? 0),
        }
        : source;
    const load = () => BertForSequenceClassification.fromPretrained(folder);
    await save(toCodes, { format: "pt" });
    await assertRejects(
      load,
      TypeError,
      `Cannot load ${path}: classifier.weight holds integers there; weights that ` +
        "another program has quantized are not known",
    );
    const field = "swagpu_quantization";
    await save((_, source) => source, { format: "swagpu", [field]: "int4" });
    await assertRejects(
      load,
      SyntaxError,
      `Cannot read ${path}: its numbers are stored as "int4", expected row-scales`,
    );
    await save(toCodes, ROW_SCALES_METADATA);
    await assertRejects(
      load,
      TypeError,
      "classifier.weight holds integers there",
    );
    await save(toCodes, ROW_SCALES_METADATA, [[
      "classifier.weight_scale",
      { shape: [99], dtype: "F32", data: new Float32Array(99) },
    ]]);
    await assertRejects(
      load,
      SyntaxError,
      '"classifier.weight_scale" is F32 [99], which does not fit ' +
        '"classifier.weight", I8 [',
    );
    model.dispose();
  });
});
