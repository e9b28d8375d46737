// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { readAll } from "../../engine/mod.ts";
import { parseSafetensors } from "../../nn/formats/safetensors.ts";
import { writeSafetensors } from "../../nn/formats/safetensors_file.ts";
import { SwagModel, type SwagOptions } from "../../swag/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";
import { inFolder } from "../_folder.ts";
import { Tree } from "./_tree.ts";

const SHAPES = { "a.weight": [7, 13], "b.bias": [3], "c.weight": [65] };
const SIZE = 91 + 3 + 65;

function collected(count: number, options: SwagOptions = {}) {
  const model = new Tree(SHAPES);
  const swag = SwagModel.fromBase(model, {
    noCovMat: false,
    maxNumModels: 4,
    ...options,
  });
  for (let n = 0; n < count; n++) {
    model.setAll(randomValues(SIZE, n));
    swag.collectModel();
  }
  return { model, swag };
}

async function bitsOf(model: Tree): Promise<number[]> {
  const rows = await readAll(model.parameters());
  return rows.flatMap((row) => [...new Uint32Array(row.buffer.slice(0))]);
}

async function withFile(run: (path: string) => Promise<void>): Promise<void> {
  await inFolder((folder) => run(`${folder}/posterior.safetensors`));
}

/** A program that loads a posterior, samples, and prints the bits of the weights. */
const CHILD = `
import { initialize, readAll } from ${url("../../engine/mod.ts")};
import { SwagModel } from ${url("../../swag/mod.ts")};
import { Tree } from ${url("./_tree.ts")};
const [path, shapes] = Deno.args;
await initialize();
const model = new Tree(JSON.parse(shapes));
const swag = await SwagModel.load(path, model);
swag.sampleParameters({ scale: 0.5, seed: 21, index: 17 });
const rows = await readAll(model.parameters());
console.log(JSON.stringify({
  rank: swag.covMatRank,
  bits: rows.flatMap((row) => [...new Uint32Array(row.buffer.slice(0))]),
}));
`;

function url(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

gpuTest("load() in a fresh process gives bit-equal samples", async () => {
  const { model, swag } = collected(7);
  swag.sampleParameters({ scale: 0.5, seed: 21, index: 17 });
  const bits = await bitsOf(model);
  await withFile(async (path) => {
    await swag.save(path);
    const script = `${path}.ts`;
    await Deno.writeTextFile(script, CHILD);
    const { stdout, stderr, success } = await new Deno.Command(
      Deno.execPath(),
      {
        args: [
          "run",
          "-A",
          "--no-check",
          "--no-config",
          script,
          path,
          JSON.stringify(SHAPES),
        ],
      },
    ).output();
    assert(success, new TextDecoder().decode(stderr));
    assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
      rank: 4,
      bits,
    });
  });
  swag.dispose();
  model.dispose();
});

gpuTest("load() restores everything, and collecting can continue", async () => {
  const cases: [number, SwagOptions][] = [
    [0, {}],
    [1, {}],
    [3, { normalize: "capacity" }],
    [9, { modulePrefixList: ["b", "c.weight"], varClamp: 1e-9 }],
    [5, { noCovMat: true }],
  ];
  for (const [count, options] of cases) {
    const { model, swag } = collected(count, options);
    if (count > 0) {
      swag.sampleParameters({ scale: 0.5 });
      swag.sampleParameters({ scale: 0.5 });
      swag.restoreWeights();
    }
    await withFile(async (path) => {
      await swag.save(path);
      const other = new Tree(SHAPES);
      using loaded = await SwagModel.load(path, other);
      assertEquals(loaded.settings, swag.settings);
      assertEquals(loaded.nModels, count);
      assertEquals(loaded.covMatRank, swag.covMatRank);
      assertEquals(await loaded.moments(), await swag.moments());
      for (let n = 0; n < 3; n++) {
        for (
          const [tree, posterior] of [[model, swag], [other, loaded]] as const
        ) {
          tree.setAll(randomValues(SIZE, 50 + n));
          posterior.collectModel();
        }
      }
      assertEquals(await loaded.moments(), await swag.moments());
      // Without a seed, the numbers of samples continue too.
      for (const posterior of [swag, loaded]) {
        posterior.sampleParameters({ scale: 0.5 });
      }
      assertEquals(await bitsOf(other), await bitsOf(model));
      other.dispose();
    });
    swag.dispose();
    model.dispose();
  }
});

gpuTest("save() uses the original library's names", async () => {
  const { model, swag } = collected(3, { modulePrefixList: ["b"] });
  await withFile(async (path) => {
    await swag.save(path);
    const file = parseSafetensors(await Deno.readFile(path));
    assertEquals([...file.names].sort(), [
      "swag.base.a.weight_mean",
      "swag.base.b.bias_cov_mat_sqrt",
      "swag.base.b.bias_mean",
      "swag.base.b.bias_sq_dev_sum",
      "swag.base.c.weight_mean",
      "swag.n_models",
    ]);
    assertEquals([...file.tensor("swag.n_models").data], [3]);
    assertEquals(file.info("swag.n_models").dtype, "I64");
    assertEquals(file.info("swag.base.b.bias_cov_mat_sqrt").shape, [3, 3]);
    assertEquals(file.info("swag.base.a.weight_mean").shape, [7, 13]);
    assertEquals(JSON.parse(file.metadata["swag"] ?? ""), {
      no_cov_mat: false,
      max_num_models: 4,
      deviations: "f32",
      var_clamp: 1e-30,
      module_prefix_list: ["b"],
      normalize: "rank",
      draws: 0,
    });
  });
  swag.dispose();
  model.dispose();
});

gpuTest("load() refuses files that do not fit", async (device) => {
  const { model, swag } = collected(3);
  const { inUse } = device.pool.statistics();
  await withFile(async (path) => {
    await swag.save(path);
    const narrow = new Tree({ ...SHAPES, "c.weight": [64] });
    narrow.placeParameters();
    await assertRejects(
      () => SwagModel.load(path, narrow),
      TypeError,
      'Cannot read the posterior: "swag.base.c.weight_mean" is [65], expected [64]',
    );
    const more = new Tree({ ...SHAPES, "d.weight": [1] });
    await assertRejects(
      () => SwagModel.load(path, more),
      TypeError,
      '"swag.base.d.weight_mean" is missing, expected [1]',
    );
    using few = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 2 });
    await assertRejects(
      async () =>
        await few.importState(parseSafetensors(await Deno.readFile(path))),
      RangeError,
      "Cannot read 3 deviations: maxNumModels is 2",
    );
    assertEquals(few.nModels, 0);
    for (
      const [swag, message] of [
        [undefined, "read the original library's files with importState()"],
        ["{", "invalid JSON"],
        ["null", "no object"],
        ["{}", "no_cov_mat is not a boolean"],
        ['{"no_cov_mat":true,"max_num_models":"x"}', "max_num_models is no"],
      ]
    ) {
      await writeSafetensors(path, [], {
        metadata: { format: "pt", ...(swag ? { swag } : {}) },
      });
      await assertRejects(
        () => SwagModel.load(path, model),
        SyntaxError,
        message,
      );
    }
    narrow.dispose();
    more.dispose();
  });
  assertEquals(device.pool.statistics().inUse, inUse);
  swag.dispose();
  model.dispose();
});
