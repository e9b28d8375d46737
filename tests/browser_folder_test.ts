// Copyright 2026 the swagpu authors. MIT license.

// Models, posteriors and runs that are saved in a folder of a browser.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { AutoSwagModelForSequenceClassification } from "../auto_swag.ts";
import { manualSeed, tensor } from "../engine/mod.ts";
import { disk, filesDisk, mount, NotFound, originFolder } from "../host/mod.ts";
import { AutoTokenizer, BertForSequenceClassification } from "../models/mod.ts";
import { Trainer } from "../nn/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { free, sampled } from "./_auto_swag.ts";
import { gpuTest } from "./_check.ts";
import { collectAround } from "./_tiny_models.ts";
import {
  BrowserFiles,
  inBrowser,
  MemoryFolder,
} from "./host/_browser_files.ts";
import { tinyConfig, tinyTokenizer } from "./models/pipelines/_tiny.ts";

/** A model with random weights. */
function tinyModel(): BertForSequenceClassification {
  manualSeed(3);
  return new BertForSequenceClassification(tinyConfig()).eval();
}

/** The logits for one row. */
async function logitsOf(
  model: BertForSequenceClassification,
): Promise<number[]> {
  const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
  return [...await model.forward({ inputIds }).logits.data()];
}

/** Calls a function with a browser's own folder at `kept`. */
async function kept(
  files: BrowserFiles,
  body: () => Promise<void>,
): Promise<void> {
  await inBrowser(files, async () => {
    const unmount = mount("kept", await originFolder("models"));
    try {
      await body();
    } finally {
      unmount();
    }
  });
}

/** All files below a folder, as the files that somebody drops. */
async function blobsIn(
  folder: MemoryFolder,
  prefix = "",
): Promise<Map<string, Blob>> {
  const blobs = new Map<string, Blob>();
  for (const [name, entry] of folder.entries) {
    if (entry instanceof MemoryFolder) {
      const own = await blobsIn(entry, `${prefix}${name}/`);
      for (const [path, blob] of own) blobs.set(path, blob);
    } else blobs.set(prefix + name, await entry.getFile());
  }
  return blobs;
}

for (const moves of [true, false]) {
  gpuTest(
    `a model and its posterior are kept in a browser that ${
      moves ? "moves" : "copies"
    } files`,
    async () => {
      const files = new BrowserFiles();
      files.abilities.moves = moves;
      const model = tinyModel();
      const swag = SwagModel.fromBase(model, {
        noCovMat: false,
        maxNumModels: 3,
      });
      await collectAround(swag);
      await kept(files, async () => {
        for (const maxShardSize of ["5GB", 1_000]) {
          await model.savePretrained("kept/mine", {
            tokenizer: tinyTokenizer(),
            maxShardSize,
            alongside: { "swag.safetensors": (path) => swag.save(path) },
          });
        }
        await swag.savePretrained("kept/around");
        const names = await disk("kept").readDir("kept");
        assertEquals(names.map(({ name }) => name).sort(), ["around", "mine"]);
      });
      // On the next visit.
      await kept(files, async () => {
        const again = await BertForSequenceClassification.fromPretrained(
          "kept/mine",
        );
        assertEquals(await logitsOf(again), await logitsOf(model));
        const tokenizer = await AutoTokenizer.fromPretrained("kept/mine");
        assertEquals(tokenizer.encode("i").inputIds.length, 3);
        again.dispose();
        const own = await AutoSwagModelForSequenceClassification.fromPretrained(
          "kept/mine",
        );
        assertEquals(await sampled(own), await sampled(swag));
        free(own);
        const around = await AutoSwagModelForSequenceClassification
          .fromPretrained("kept/around");
        assertEquals(around.nModels, swag.nModels);
        free(around);
        await assertRejects(
          () => BertForSequenceClassification.fromPretrained("kept/none"),
          NotFound,
          "Cannot find kept/none: there is no such folder in the file system",
        );
      });
      const folder = files.root.entries.get("models");
      assert(folder instanceof MemoryFolder);
      const unmount = mount("dropped", filesDisk(await blobsIn(folder)));
      const copy = await BertForSequenceClassification.fromPretrained(
        "dropped/mine",
      );
      assertEquals(await logitsOf(copy), await logitsOf(model));
      copy.dispose();
      unmount();
      free(swag);
    },
  );
}

gpuTest("a run in a browser continues on the next visit", async () => {
  const rows = Array.from({ length: 8 }, (_, i) => ({
    inputIds: [2, 5 + i, 9, 3],
    labels: i % 2,
  }));
  const train = async (
    maxSteps: number,
    resumeFromCheckpoint: boolean,
  ): Promise<Float32Array> => {
    const model = tinyModel();
    const trainer = new Trainer({
      model,
      trainDataset: rows,
      dataCollator: (batch) => ({
        inputIds: tensor(batch.map(({ inputIds }) => inputIds), {
          dtype: "i32",
        }),
        labels: tensor(batch.map(({ labels }) => labels), { dtype: "i32" }),
      }),
      args: {
        outputDir: "kept/run",
        perDeviceTrainBatchSize: 2,
        learningRate: 1e-3,
        lrSchedulerType: "constant",
        maxSteps,
        saveSteps: 2,
        saveTotalLimit: 1,
        seed: 4,
      },
    });
    await trainer.train({ resumeFromCheckpoint });
    const weights = await model.classifier.weight.data();
    model.dispose();
    return weights;
  };
  const whole = new BrowserFiles();
  let expected = new Float32Array();
  await kept(whole, async () => {
    expected = await train(6, false) as Float32Array<ArrayBuffer>;
  });
  const files = new BrowserFiles();
  await kept(files, async () => void await train(4, false));
  await kept(files, async () => {
    assertEquals(
      (await disk("kept/run").readDir("kept/run"))
        .filter(({ name }) => /checkpoint/.test(name)).length,
      1,
    );
    assertEquals(await train(6, true), expected);
  });
});
