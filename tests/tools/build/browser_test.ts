// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import * as esbuild from "esbuild";
import { pathToFileURL } from "node:url";
import {
  buildForBrowsers,
  type Built,
  loadedBy,
} from "../../../tools/build/browser.ts";
import { measureSizes, overBudget } from "../../../tools/build/sizes.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { TINY_TYPES, tinyConfigOf } from "../../_tiny_models.ts";

/** Builds into a folder, and ends the bundler. */
async function inBuilt(
  body: (folder: string, built: Map<string, Built>) => void | Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    try {
      await body(folder, await buildForBrowsers(folder));
    } finally {
      await esbuild.stop();
    }
  });
}

gpuTest("the modules for browsers share one engine", async () => {
  await inBuilt(async (folder) => {
    const load = (name: string) =>
      import(pathToFileURL(`${folder}/${name}.js`).href);
    const engine: typeof import("../../../engine/mod.ts") = await load(
      "engine",
    );
    const nn: typeof import("../../../nn/mod.ts") = await load("nn");
    const swag: typeof import("../../../swag/mod.ts") = await load("swag");
    const all: typeof import("../../../mod.ts") = await load("swagpu");
    assertEquals(all.SwagModel, swag.SwagModel);
    const device = await engine.initialize();
    try {
      const model = new nn.Linear(2, 3);
      const posterior = swag.SwagModel.fromBase(model, { maxNumModels: 2 });
      const optimizer = new nn.SGD(model.parameters(), { learningRate: 0.1 });
      using _ = engine.scope();
      const x = engine.tensor([[1, 2]]);
      const labels = engine.tensor([1], { dtype: "i32" });
      const losses: number[] = [];
      for (let step = 0; step < 2; step++) {
        const loss = nn.crossEntropy(model.forward(x), labels);
        engine.backward(loss);
        optimizer.step();
        posterior.collectModel();
        losses.push(await loss.item());
      }
      assertLess(losses[1] ?? NaN, losses[0] ?? NaN);
      const { probabilities } = posterior.predict(() => model.forward(x), {
        numPredictions: 2,
      });
      assertEquals(probabilities.shape, [1, 3]);
    } finally {
      device.destroy();
    }
  });
});

Deno.test("what is mounted by one module for browsers is there for the others", async () => {
  await inBuilt(async (folder) => {
    const load = (name: string) =>
      import(pathToFileURL(`${folder}/${name}.js`).href);
    const host: typeof import("../../../host/mod.ts") = await load("host");
    const nn: typeof import("../../../nn/mod.ts") = await load("nn");
    const bytes = nn.serializeSafetensors([
      ["bias", { shape: [2], data: new Float32Array([1, 2]) }],
    ]);
    const files = new Map([["a.safetensors", new Blob([bytes])]]);
    const unmount = host.mount("dropped", host.filesDisk(files));
    const file = await nn.openSafetensors("dropped/a.safetensors");
    assertEquals([...(await file.tensor("bias")).data], [1, 2]);
    file[Symbol.dispose]();
    unmount();
  });
});

gpuTest(
  "what is saved with minified modules has the names of classes",
  async () => {
    await inBuilt(async (folder) => {
      const load = (name: string) =>
        import(pathToFileURL(`${folder}/${name}.js`).href);
      const engine: typeof import("../../../engine/mod.ts") = await load(
        "engine",
      );
      const models: typeof import("../../../models/mod.ts") = await load(
        "models",
      );
      const device = await engine.initialize();
      try {
        const heads = TINY_TYPES.flatMap((type) => {
          const { models: heads } = models.architectureOf(type);
          return Object.values(heads).map((Head) => ({ Head, type }));
        });
        assertLess(20, heads.length);
        for (const { Head, type } of heads) {
          const fields = tinyConfigOf(type).toJSON();
          const config = models.AutoConfig.fromFields(fields);
          using model = new Head(config);
          const saved = `${folder}/model`;
          await model.savePretrained(saved);
          const again = await models.AutoConfig.fromPretrained(saved);
          assertEquals(again.architectures, [Head.name]);
          // No minified name has the architecture's in it.
          assertMatch(Head.name.toLowerCase(), new RegExp(`^${type}\\w+`));
        }
      } finally {
        device.destroy();
      }
    });
  },
);

Deno.test("the modules for browsers need nothing of Node and no new symbol", async () => {
  await inBuilt((_folder, built) => {
    for (const { path, contents } of built.values()) {
      const text = new TextDecoder().decode(contents);
      const imports = /\b(?:import|from)\s*"(?!\.)/;
      assert(!imports.test(text), `${path} imports a package as it loads`);
      // `using` is written out, and falls back to other symbols.
      assert(!/(?<!")\bSymbol\.(?:dispose|asyncDispose)\b/.test(text), path);
    }
    // Posteriors need no tokenizers, and no architectures.
    const ofSwag = loadedBy(built, "swag.js");
    const more = loadedBy(built, "models.js").difference(ofSwag);
    assert(more.size > 1, [...more].join());
  });
});

Deno.test("what a page loads is within its budget", async () => {
  await inBuilt(async (_folder, built) => {
    const sizes = await measureSizes(built);
    assertEquals(overBudget(sizes), []);
    const gzip = (name: RegExp) =>
      sizes.find((size) => name.test(size.name))?.gzip ?? NaN;
    // A program has less than half of what its doors offer.
    assertLess(gzip(/trains a network/), 0.5 * gzip(/engine, nn, swag/));
  });
});
