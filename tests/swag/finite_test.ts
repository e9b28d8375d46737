// Copyright 2026 the swagpu authors. MIT license.

// Weights that are not finite never get into a posterior, and the next reading of
// anything reports them.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openDevice, setDevice, tensor } from "../../engine/mod.ts";
import { SwagModel, type SwagOptions } from "../../swag/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";
import { Tree } from "./_tree.ts";
import { inFolder } from "../_folder.ts";

const SHAPES = { "a.weight": [70], "b.weight": [3, 5], "c.weight": [130] };
const SIZE = 70 + 15 + 130;

async function momentsOf(swag: SwagModel) {
  const moments = await swag.moments();
  return [...moments].map(([name, { mean, variance, deviations }]) => [
    name,
    [...mean],
    [...variance ?? []],
    [...deviations ?? []],
  ]);
}

async function checkLeftOut(options: SwagOptions, bad: number, name: string) {
  for (const [at, value] of [[0, NaN], [69, Infinity], [100, -Infinity]]) {
    const model = new Tree(SHAPES);
    const twin = new Tree(SHAPES);
    using swag = SwagModel.fromBase(model, options);
    using clean = SwagModel.fromBase(twin, options);
    for (let n = 0; n < 4; n++) {
      const values = randomValues(SIZE, n);
      twin.setAll(values);
      clean.collectModel();
      model.setAll(values);
      swag.collectModel();
    }
    const place = name === "a.weight" ? at ?? 0 : bad;
    const values = randomValues(SIZE, 9);
    values[place] = value ?? NaN;
    model.setAll(values);
    swag.collectModel();
    model.setAll(randomValues(SIZE, 10));
    swag.collectModel(); // Nothing has been reported yet, so it is left out too.
    const error = await assertRejects(
      () => tensor([1]).data(), // Any reading reports it.
      RangeError,
    );
    assertEquals(
      error.message,
      "Cannot collect the weights: after 4 collections " +
        `${place < 70 ? "a.weight" : name} was not finite; that collection ` +
        "and 1 after it were left out",
    );
    assertEquals([swag.nModels, swag.covMatRank], [4, clean.covMatRank]);
    assertEquals(await momentsOf(swag), await momentsOf(clean));
    // Collecting then continues normally.
    for (const [tree, posterior] of [[model, swag], [twin, clean]] as const) {
      tree.setAll(randomValues(SIZE, 11));
      posterior.collectModel();
    }
    assertEquals(await momentsOf(swag), await momentsOf(clean));
    model.dispose();
    twin.dispose();
  }
}

gpuTest(
  "collectModel() leaves out weights that are not finite, and reports them",
  async () => {
    await checkLeftOut({}, 80, "b.weight");
    await checkLeftOut({ noCovMat: false, maxNumModels: 3 }, 214, "c.weight");
    await checkLeftOut(
      { noCovMat: false, modulePrefixList: ["b"] },
      120,
      "c.weight",
    );
    await checkLeftOut(
      { noCovMat: false, maxNumModels: 3, deviations: "int8" },
      214,
      "c.weight",
    );
  },
);

gpuTest(
  "collectModel() leaves out all pieces if one has a bad weight",
  async (device) => {
    const small = await openDevice({ maxBindingSize: 1024 });
    setDevice(small);
    try {
      const model = new Tree(SHAPES);
      const swag = SwagModel.fromBase(model, {
        noCovMat: false,
        maxNumModels: 2,
      });
      swag.collectModel();
      const before = await momentsOf(swag);
      const values = new Float32Array(SIZE);
      values[214] = NaN; // It is in the last piece, but the first piece must be left out too.
      model.setAll(values);
      swag.collectModel();
      await assertRejects(() => swag.moments(), RangeError, "c.weight was not");
      assertEquals(await momentsOf(swag), before);
    } finally {
      setDevice(device);
      await small.destroy();
    }
  },
);

gpuTest("collectModel() checks the weights of another model too", async () => {
  const model = new Tree(SHAPES);
  const other = new Tree({ z: [64], ...SHAPES }).setAll(
    new Float32Array(SIZE + 64).fill(NaN, 0, 64),
  );
  using swag = SwagModel.fromBase(model);
  swag.collectModel(other); // The NaN is in a parameter that the posterior lacks.
  assertEquals((await momentsOf(swag)).length, 3);
  other.setAll(new Float32Array(SIZE + 64).fill(NaN, 64 + 70, 64 + 71));
  swag.collectModel(other);
  await inFolder(async (folder) => {
    const error = await assertRejects(
      () => swag.save(`${folder}/swag.safetensors`),
      RangeError,
    );
    assert(error.message.includes("b.weight was not finite"), error.message);
    assertEquals([...Deno.readDirSync(folder)], []); // No part of a file remains.
  });
  assertEquals(swag.nModels, 1);
  model.dispose();
  other.dispose();
});

gpuTest("a disposed posterior reports nothing", async () => {
  const model = new Tree(SHAPES);
  const swag = SwagModel.fromBase(model);
  model.setAll(new Float32Array(SIZE).fill(NaN));
  swag.collectModel();
  const reading = tensor([1]).data(); // It carries the answer.
  swag.dispose();
  await reading;
  await tensor([1]).data();
  assertThrows(
    () => SwagModel.fromBase(model, { maxModels: 3 } as SwagOptions),
    TypeError,
    'Cannot build a posterior with option "maxModels"',
  );
  model.dispose();
});
