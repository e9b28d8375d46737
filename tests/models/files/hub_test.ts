// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { readAll } from "../../../engine/mod.ts";
import { BertForSequenceClassification } from "../../../models/architectures/bert.ts";
import { resolveFiles } from "../../../models/files/hub.ts";
import {
  checkFileName,
  pathInFolder,
} from "../../../models/files/model_folder.ts";
import { gpuTest } from "../../_check.ts";
import { COMMIT, FILES, hashOf, tree, WEIGHTS, withHub } from "./_hub.ts";

Deno.test("resolveFiles() downloads into the cache that Python shares", async () => {
  await withHub(async (hub, resolve, cache) => {
    const found = await resolve("owner/tiny");
    const root = "models--owner--tiny";
    assertEquals(found.folder, `${cache}/${root}/snapshots/${COMMIT}`);
    assertEquals(found.files, [
      "config.json",
      "vocab.txt",
      "model.safetensors",
    ]);
    assert(found.missing.includes("tokenizer.json"));
    assertEquals(
      tree(cache),
      [
        `${root}/blobs/${hashOf("sha1", FILES["config.json"] ?? "")}`,
        `${root}/blobs/${hashOf("sha1", FILES["vocab.txt"] ?? "")}`,
        `${root}/blobs/${hashOf("sha256", WEIGHTS)}`,
        `${root}/refs/main`,
        ...found.files.map((name) => `${root}/snapshots/${COMMIT}/${name}`),
      ].sort(),
    );
    assertEquals(await Deno.readTextFile(`${cache}/${root}/refs/main`), COMMIT);
    const weights = `${found.folder}/model.safetensors`;
    assertEquals(await Deno.readTextFile(weights), WEIGHTS);
    assertEquals(
      await Deno.readLink(weights),
      `../../blobs/${hashOf("sha256", WEIGHTS)}`,
    );

    hub.requests.length = 0;
    assertEquals(await resolve("owner/tiny"), found);
    assertEquals(hub.requests, ["GET /api/models/owner/tiny/revision/main"]);
    // The download is an ordinary local folder.
    const local = await resolveFiles(found.folder, { files: found.files });
    assertEquals(local.files, found.files);
  });
});

Deno.test("resolveFiles() takes the files asked for, also in folders", async () => {
  await withHub(async (_hub, resolve) => {
    const { folder, files, missing } = await resolve("owner/tiny", {
      revision: "v1",
      files: ["onnx/model.onnx"],
      optionalFiles: ["README.md", "absent.txt"],
    });
    assertEquals(files, ["onnx/model.onnx", "README.md"]);
    assertEquals(missing, ["absent.txt"]);
    assertEquals(
      await Deno.readTextFile(`${folder}/onnx/model.onnx`),
      "another format",
    );
    await assertRejects(
      () => resolve("owner/tiny", { files: ["config.json", "absent.txt"] }),
      Deno.errors.NotFound,
      "Cannot download owner/tiny at main: it lacks absent.txt",
    );
  });
});

Deno.test("resolveFiles() prefers safetensors, whole or in parts", async () => {
  await withHub(async (hub, resolve) => {
    const parts = [
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ];
    hub.listing = ["config.json", "pytorch_model.bin", ...parts];
    const whole = await resolve("owner/tiny");
    assertEquals(whole.files, ["config.json", ...parts]);
    hub.listing = ["config.json", "pytorch_model.bin"];
    const { files } = await resolve("owner/tiny");
    assertEquals(files, ["config.json", "pytorch_model.bin"]);
    const folder = await Deno.makeTempDir();
    for (const name of ["config.json", "pytorch_model.bin", ...parts]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    const local = await resolveFiles(folder);
    assertEquals(local.files, ["config.json", ...parts]);
    await Deno.remove(folder, { recursive: true });
  });
});

Deno.test("resolveFiles() takes one kind of weights, the first that is whole", async () => {
  await withHub(async (hub, resolve) => {
    const kinds = [
      ["model.safetensors"],
      ["model-00001-of-00001.safetensors", "model.safetensors.index.json"],
      ["pytorch_model.bin"],
      ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"],
    ];
    hub.files = Object.fromEntries(
      ["config.json", ...kinds.flat()].map((name) => [name, name]),
    );
    hub.weights = "model.safetensors";
    // A part without its index is ignored.
    const stray = kinds[1]?.[0] ?? "";
    for (let i = 0; i < kinds.length; i++) {
      const left = kinds.slice(i).flat();
      hub.listing = ["config.json", stray, ...left.filter((n) => n !== stray)];
      const { files } = await resolve("owner/tiny");
      assertEquals(files.toSorted(), ["config.json", ...kinds[i] ?? []].sort());
    }
    hub.listing = ["config.json", stray];
    assertEquals((await resolve("owner/tiny")).files, ["config.json"]);
  });
});

gpuTest("fromPretrained() fetches the parts that an index names", async () => {
  const fixtures = new URL("../../fixtures/", import.meta.url).pathname;
  const source = `${fixtures}models/bert_seq_cls`;
  const folder = await Deno.makeTempDir();
  const model = await BertForSequenceClassification.fromPretrained(source);
  await model.savePretrained(folder, { maxShardSize: "50KB" });
  // The index may give any names to its parts.
  const index = "model.safetensors.index.json";
  const odd = await Deno.readTextFile(`${folder}/${index}`);
  await Deno.writeTextFile(
    `${folder}/${index}`,
    odd.replaceAll("model-00001-of-", "first-of-"),
  );
  for (const name of tree(folder)) {
    if (!name.startsWith("model-00001-of-")) continue;
    const other = name.replace("model-00001-of-", "first-of-");
    await Deno.rename(`${folder}/${name}`, `${folder}/${other}`);
  }
  const names = tree(folder);
  assert(names.length > 3 && names[1]?.startsWith("first-of-"));
  const expected = await readAll([...model.namedTensors().values()]);
  model.dispose();
  await withHub(async (hub, _resolve, cacheFolder) => {
    hub.files = {};
    for (const name of names) {
      hub.files[name] = await Deno.readFile(`${folder}/${name}`);
    }
    hub.listing = ["README.md", "pytorch_model.bin", ...names];
    const options = { endpoint: hub.endpoint, cacheFolder, offline: false };
    const load = () =>
      BertForSequenceClassification.fromPretrained("owner/tiny", options);
    const loaded = await load();
    const values = await readAll([...loaded.namedTensors().values()]);
    assertEquals(values, expected);
    loaded.dispose();
    const kept = tree(cacheFolder).filter((name) =>
      name.includes("/snapshots/")
    );
    assertEquals(kept.map((name) => name.split("/").at(-1)), names);
    hub.listing = hub.listing.filter((name) => !name.startsWith("model-00002"));
    await Deno.remove(cacheFolder, { recursive: true });
    await assertRejects(
      load,
      Deno.errors.NotFound,
      "Cannot download owner/tiny at main: it lacks model-00002-of-",
    );
  });
  await Deno.remove(folder, { recursive: true });
});

gpuTest(
  "fromPretrained() says that a repository holds no weights",
  async () => {
    await withHub(async (hub, _resolve, cacheFolder) => {
      hub.listing = ["config.json", "README.md"];
      await assertRejects(
        () =>
          BertForSequenceClassification.fromPretrained("owner/tiny", {
            endpoint: hub.endpoint,
            cacheFolder,
            offline: false,
          }),
        Deno.errors.NotFound,
        "it has none of model.safetensors, model.safetensors.index.json, " +
          "pytorch_model.bin, pytorch_model.bin.index.json",
      );
    });
  },
);

Deno.test("resolveFiles() refuses names that lead out of the folder", async () => {
  await withHub(async (hub, resolve) => {
    const names = [
      "../x",
      "a/../../x",
      "/etc/passwd",
      "..",
      "",
      "a//b",
      "./a",
      "C:\\x",
      "c:x",
      "a\\..\\b",
      "a\0b",
    ];
    for (const name of names) {
      assertThrows(
        () => checkFileName(name),
        TypeError,
        `Cannot use the file name ${JSON.stringify(name)}: it must be a path ` +
          "inside the model's folder",
      );
      await assertRejects(
        () => resolve("owner/tiny", { files: [name] }),
        TypeError,
      );
      hub.listing = ["config.json", name];
      await assertRejects(() => resolve("owner/tiny"), TypeError);
    }
    checkFileName("a/b.c/model-1_2.txt");
    checkFileName("..a");
    for (
      const id of ["owner/../tiny", "../tiny", "a/b/c", "./tiny", "a b", ""]
    ) {
      await assertRejects(
        () => resolve(id),
        Deno.errors.NotFound,
        `Cannot find ${id}: it is neither a folder nor the id of a hub repository`,
      );
    }
    await assertRejects(
      () => resolve("owner/tiny", { revision: "../../x" }),
      TypeError,
    );
  });
});

Deno.test("resolveFiles() takes a local folder as it is, except links out of it", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/model`);
  await Deno.writeTextFile(`${folder}/secret`, "outside");
  const model = `${folder}/model`;
  await assertRejects(
    () => resolveFiles(model),
    Deno.errors.NotFound,
    `Cannot load a model from ${model}: it lacks config.json`,
  );
  await Deno.writeTextFile(`${model}/config.json`, "{}");
  await Deno.symlink("config.json", `${model}/vocab.txt`);
  assertEquals(await resolveFiles(model, { optionalFiles: ["vocab.txt"] }), {
    folder: model,
    files: ["config.json", "vocab.txt"],
    missing: [],
  });
  await Deno.symlink("../secret", `${model}/model.safetensors`);
  await assertRejects(
    () => resolveFiles(model),
    TypeError,
    `Cannot read ${model}/model.safetensors: it is a link that leads out of ` +
      "the folder",
  );
  await assertRejects(() => pathInFolder(model, "../secret"), TypeError);
  // A folder within a snapshot of the cache has links to the same blobs.
  const inside = `${folder}/models--a/snapshots/${COMMIT}/0_Transformer`;
  await Deno.mkdir(inside, { recursive: true });
  await Deno.mkdir(`${folder}/models--a/blobs`);
  await Deno.writeTextFile(`${folder}/models--a/blobs/hash`, "{}");
  await Deno.symlink("../../../blobs/hash", `${inside}/config.json`);
  await Deno.symlink("../../../../secret", `${inside}/vocab.txt`);
  assertEquals(
    await pathInFolder(inside, "config.json"),
    `${inside}/config.json`,
  );
  await assertRejects(() => pathInFolder(inside, "vocab.txt"), TypeError);
  await assertRejects(
    () => pathInFolder(inside, "absent.txt"),
    Deno.errors.NotFound,
    `Cannot read ${inside}/absent.txt: there is no such file`,
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("resolveFiles() checks small files by Git's hash", async () => {
  await withHub(async (hub, resolve) => {
    hub.git = true;
    assertEquals((await resolve("owner/tiny")).files.length, 3);
    hub.corrupt = "config.json";
    const other = `${await Deno.makeTempDir()}`;
    await assertRejects(
      () => resolve("owner/tiny", { cacheFolder: other }),
      Error,
      "Cannot download config.json of owner/tiny: what came has another checksum",
    );
    await Deno.remove(other, { recursive: true });
  });
});

Deno.test("resolveFiles() opens only regular files", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/config.json`, "{}");
  const made = await new Deno.Command("mkfifo", {
    args: [`${folder}/model.safetensors`],
  }).output().catch(() => null);
  if (made?.success) {
    await assertRejects(
      () => resolveFiles(folder),
      TypeError,
      `Cannot read ${folder}/model.safetensors: it is not a file`,
    );
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("resolveFiles() may be called several times at once", async () => {
  await withHub(async (_hub, resolve, cache) => {
    const all = await Promise.all(
      Array.from({ length: 5 }, () => resolve("owner/tiny")),
    );
    for (const found of all) assertEquals(found, all[0]);
    assertEquals(
      tree(cache).filter((name) => /tmp$|incomplete/.test(name)),
      [],
    );
  });
});
