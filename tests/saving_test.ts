// Copyright 2026 the swagpu authors. MIT license.

// Saving models and posteriors into one folder: all files of a save, or none.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { prepareOutput } from "../cli/save.ts";
import { manualSeed } from "../engine/mod.ts";
import {
  BertConfig,
  BertForSequenceClassification,
  GenerationConfig,
} from "../models/mod.ts";
import { parseSafetensors, serializeSafetensors } from "../nn/mod.ts";
import { fingerprint } from "../swag/fingerprint.ts";
import { SwagModel } from "../swag/mod.ts";
import { gpuTest } from "./_check.ts";
import { PermissionDenied } from "../host/mod.ts";
import { faulty } from "./_faulty_disk.ts";
import { inFolder, names } from "./_folder.ts";
import { warningsOf } from "./_warnings.ts";

const POSTERIOR = "swag.safetensors";
const STAGING = ".swagpu-partial";

function bytesOf(folder: string): Record<string, Uint8Array> {
  return Object.fromEntries(
    names(folder).map((name) => [name, Deno.readFileSync(`${folder}/${name}`)]),
  );
}

function newModel(seed: number): BertForSequenceClassification {
  manualSeed(seed);
  return new BertForSequenceClassification(
    new BertConfig({
      hiddenSize: 8,
      intermediateSize: 8,
      maxPositionEmbeddings: 8,
      numAttentionHeads: 2,
      numHiddenLayers: 1,
      numLabels: 2,
      vocabSize: 16,
    }),
  );
}

/** A model with a posterior of one collection, both saved to a folder. */
async function saveBoth(folder: string, seed: number, size = "1GB") {
  const model = newModel(seed);
  using swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 2 });
  swag.collectModel();
  await model.savePretrained(folder, {
    maxShardSize: size,
    alongside: { [POSTERIOR]: (path) => swag.save(path) },
  });
  return model;
}

gpuTest(
  "a posterior loads only with the weights that it belongs to",
  async () => {
    await inFolder(async (root) => {
      const [a, b] = [
        await saveBoth(`${root}/a`, 1),
        await saveBoth(`${root}/b`, 2),
      ];
      const path = `${root}/a/${POSTERIOR}`;
      const again = await BertForSequenceClassification.fromPretrained(
        `${root}/a`,
      );
      (await SwagModel.load(path, again)).dispose();
      const message = `Cannot load ${path}: the posterior belongs to other ` +
        "weights than the model's; load those that it was saved with";
      await assertRejects(() => SwagModel.load(path, b), TypeError, message);
      // One weight of the frozen part is enough.
      const first = again.namedParameters().values().next().value;
      first?.write([...await first.data()].map((x, i) => i === 3 ? x + 1 : x));
      await assertRejects(
        () => SwagModel.load(path, again),
        TypeError,
        message,
      );
      const swag = await SwagModel.load(path, again, { sameWeights: false });
      assertEquals(swag.nModels, 1);
      swag.dispose();
      // In a folder without a model, the caller has to know which model it
      // belongs to.
      const alone = `${root}/posterior`;
      await Deno.copyFile(path, alone);
      (await SwagModel.load(alone, b)).dispose();
      await assertRejects(
        () => SwagModel.load(alone, b, { sameWeights: true }),
        TypeError,
        `Cannot load ${alone}: the posterior belongs to other weights`,
      );
      for (const model of [a, b, again]) model.dispose();
    });
  },
);

gpuTest(
  "a posterior that does not name its weights loads with a warning",
  async () => {
    await inFolder(async (folder) => {
      const model = await saveBoth(folder, 1);
      const path = `${folder}/${POSTERIOR}`;
      const file = parseSafetensors(await Deno.readFile(path));
      const { swag_weights: weights, ...metadata } = file.metadata;
      assertEquals(weights, await fingerprint(model));
      await Deno.writeFile(
        path,
        serializeSafetensors(
          file.names.map((name) => [name, {
            ...file.tensor(name),
            data: file.bytes(name).slice().buffer,
          }]),
          { metadata },
        ),
      );
      const heard = await warningsOf(async () => {
        (await SwagModel.load(path, model)).dispose();
      });
      assertEquals(heard.length, 1);
      assert(String(heard[0]).startsWith(`${path} does not say which weights`));
      model.dispose();
    });
  },
);

gpuTest(
  "fingerprint() depends on the weights alone, however they are stored",
  async () => {
    await inFolder(async (folder) => {
      const model = newModel(1);
      const own = await fingerprint(model);
      assertEquals(own.length, 64);
      const other = newModel(2);
      assert(own !== await fingerprint(other));
      other.dispose();
      await model.savePretrained(folder, { maxShardSize: 700 });
      const again = await BertForSequenceClassification.fromPretrained(folder);
      assertEquals(await fingerprint(again), own);
      model.dispose();
      again.dispose();
    });
  },
);

gpuTest(
  "savePretrained() replaces what is alongside, or removes it",
  async () => {
    await inFolder(async (folder) => {
      (await saveBoth(folder, 1)).dispose();
      const model = newModel(2);
      model.generationConfig = new GenerationConfig({ maxLength: 7 });
      await model.savePretrained(folder, {
        alongside: { "notes.txt": (path) => Deno.writeTextFile(path, "new") },
        tokenizer: {
          save: (to) => Deno.writeTextFile(`${to}/vocab.txt`, "[PAD]"),
        },
      });
      const saved = [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "notes.txt",
        POSTERIOR,
        "vocab.txt",
      ];
      assertEquals(names(folder), saved);
      model.dispose();
      const other = newModel(3);
      await other.savePretrained(folder, {
        alongside: { [POSTERIOR]: null, "notes.txt": null, absent: null },
        tokenizer: {
          save: (to) => Deno.writeTextFile(`${to}/tokenizer.json`, "{}"),
        },
      });
      assertEquals(names(folder), [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
      ]);
      for (const name of ["../x", "/x", "", "a/../../x"]) {
        await assertRejects(
          () => other.savePretrained(folder, { alongside: { [name]: null } }),
          TypeError,
          `Cannot use the file name ${JSON.stringify(name)}`,
        );
      }
      other.dispose();
    });
  },
);

gpuTest("savePretrained() makes the folders of other files", async () => {
  await inFolder(async (folder) => {
    const model = newModel(1);
    await model.savePretrained(folder, {
      alongside: { "runs/1/a.txt": (path) => Deno.writeTextFile(path, "a") },
    });
    assertEquals(await Deno.readTextFile(`${folder}/runs/1/a.txt`), "a");
    model.dispose();
  });
});

gpuTest(
  "savePretrained() gives parts names that the last index does not have",
  async () => {
    await inFolder(async (folder) => {
      let before: string[] = [];
      for (const seed of [1, 2, 3]) {
        const model = await saveBoth(folder, seed, "700B");
        const parts = names(folder).filter((name) => name.startsWith("model-"));
        assert(parts.length > 3);
        assert(!parts.some((name) => before.includes(name)));
        before = parts;
        const again = await BertForSequenceClassification.fromPretrained(
          folder,
        );
        assertEquals(await fingerprint(again), await fingerprint(model));
        again.dispose();
        model.dispose();
      }
    });
  },
);

gpuTest("weights and posteriors that are not finite are refused", async () => {
  for (const value of [NaN, -Infinity]) {
    await inFolder(async (folder) => {
      (await saveBoth(folder, 1)).dispose();
      const before = bytesOf(folder);
      const model = newModel(2);
      using swag = SwagModel.fromBase(model);
      swag.collectModel();
      await swag.save(`${folder}/alone`);
      const alone = Deno.readFileSync(`${folder}/alone`);
      model.classifier.bias?.write([0, value]);
      for (const maxShardSize of ["1GB", "700B"]) {
        await assertRejects(
          () => model.savePretrained(folder, { maxShardSize }),
          RangeError,
          `Cannot save the model to ${folder}: element 1 of "classifier.bias" ` +
            `is ${value}`,
        );
      }
      const moments = parseSafetensors(alone);
      await swag.importState({
        names: moments.names,
        info: (name) => moments.info(name),
        tensor: (name) => {
          const { data } = moments.tensor(name);
          return name === "swag.base.classifier.bias_mean"
            ? { data: [0, value] }
            : { data };
        },
      });
      await assertRejects(
        () => swag.save(`${folder}/alone`),
        RangeError,
        `element 1 of "swag.base.classifier.bias_mean" is ${value}`,
      );
      assertEquals(bytesOf(folder), { ...before, alone });
      await swag.save(`${folder}/alone`, { allowNonFinite: true });
      await model.savePretrained(folder, { allowNonFinite: true });
      const again = await BertForSequenceClassification.fromPretrained(folder);
      assertEquals((await again.classifier.bias?.data())?.[1], value);
      model.dispose();
      again.dispose();
    });
  }
});

gpuTest(
  "the error of a full disk names file and size, and the old save stays",
  async () => {
    await inFolder(async (folder) => {
      (await saveBoth(folder, 1)).dispose();
      const before = bytesOf(folder);
      const model = newModel(2);
      for (const room of [0, 100, 3000]) {
        let left = room;
        using _disk = faulty(folder, (system) => ({
          async open(path, mode) {
            const file = await system.open(path, mode);
            const write = file.write.bind(file);
            file.write = (bytes) => {
              if (left === 0) {
                throw new Error("No space left on device (os error 28)");
              }
              const count = Math.min(left, bytes.byteLength);
              left -= count;
              return write(bytes.subarray(0, count));
            };
            return file;
          },
        }));
        const error = await assertRejects(() => model.savePretrained(folder));
        assert(error instanceof Error);
        const said = new RegExp(
          `^Cannot write ${folder}/.*/[a-z]+\\.(json|safetensors): No space ` +
            "left on device, after \\d+ of \\d+ bytes$",
        );
        assert(said.test(error.message), error.message);
      }
      assertEquals(bytesOf(folder), before);
      model.dispose();
    });
  },
);

gpuTest(
  "saves of two models at once leave the files of one of them",
  async () => {
    await inFolder(async (folder) => {
      const models = [1, 2, 3].map(newModel);
      await Promise.all(models.map(async (model, i) => {
        using swag = SwagModel.fromBase(model);
        swag.collectModel();
        await model.savePretrained(folder, {
          maxShardSize: i === 1 ? "1GB" : "700B",
          alongside: { [POSTERIOR]: (path) => swag.save(path) },
        });
      }));
      const again = await BertForSequenceClassification.fromPretrained(folder);
      const swag = await SwagModel.load(`${folder}/${POSTERIOR}`, again);
      swag.dispose();
      const prints = await Promise.all(
        models.map((model) => fingerprint(model)),
      );
      assert(prints.includes(await fingerprint(again)));
      for (const model of [...models, again]) model.dispose();
    });
  },
);

gpuTest(
  "savePretrained() and SwagModel.load() name the file that is in the way",
  async () => {
    await inFolder(async (folder) => {
      const model = newModel(1);
      await Deno.writeTextFile(`${folder}/file`, "");
      await assertRejects(
        () => model.savePretrained(`${folder}/file`),
        TypeError,
        `Cannot write to ${folder}/file: it is a file, expected a folder`,
      );
      await assertRejects(
        () => SwagModel.load(`${folder}/nope`, model),
        Deno.errors.NotFound,
        `Cannot read ${folder}/nope: there is no such file`,
      );
      await assertRejects(
        () => SwagModel.load(`${folder}/file`, model),
        SyntaxError,
        `Cannot read ${folder}/file: it has 0 bytes`,
      );
      model.dispose();
    });
  },
);

gpuTest(
  "a load during saves gives one model or the other",
  async () => {
    await inFolder(async (folder) => {
      // The number of classes is the same, so their names tell the models
      // apart.
      const models = [1, 2].map((seed) => {
        const model = newModel(seed);
        model.config.setLabels([`a${seed}`, `b${seed}`]);
        return model;
      });
      const prints = await Promise.all(
        models.map((model) => fingerprint(model)),
      );
      await models[0]?.savePretrained(folder);
      let saving = true;
      const saves = (async () => {
        for (let i = 1; i <= 8; i++) {
          const maxShardSize = i % 3 === 0 ? "700B" : "1GB";
          await models[i % 2]?.savePretrained(folder, { maxShardSize });
          await new Promise((resolve) => setTimeout(resolve, 60));
        }
        saving = false;
      })();
      for (let loads = 0; saving || loads < 3; loads++) {
        const found = await BertForSequenceClassification.fromPretrained(
          folder,
        );
        const own = prints.indexOf(await fingerprint(found));
        assertEquals(found.config.id2label[0], `a${own + 1}`);
        found.dispose();
      }
      await saves;
      for (const model of models) model.dispose();
    });
  },
);

Deno.test("prepareOutput() tests writing before there is anything to lose", async () => {
  await inFolder(async (root) => {
    for (const folder of [`${root}/new/folder`, root]) {
      await prepareOutput(folder, false);
      assert(!names(folder).includes(STAGING));
    }
    await assertRejects(
      () => prepareOutput(root, false, { bytes: 1e18 }),
      Error,
      `Cannot write to ${root}: a save takes about 909,494.7 TiB, but ` +
        "its disk has",
    );
    await Deno.writeTextFile(`${root}/config.json`, "{}");
    await assertRejects(
      () => prepareOutput(root, false),
      Deno.errors.AlreadyExists,
      `Cannot write to ${root}: it holds a config.json`,
    );
    await prepareOutput(root, true);
    // The error of a file system that is mounted read-only.
    {
      using _disk = faulty(root, () => ({
        mkdir: () =>
          Promise.reject(
            new PermissionDenied("Read-only file system (os error 30): mkdir"),
          ),
      }));
      await assertRejects(
        () => prepareOutput(root, true),
        PermissionDenied,
        `Cannot write to ${root}: Read-only file system`,
      );
    }
    assertEquals(await Deno.readTextFile(`${root}/config.json`), "{}");
  });
});
