// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { openCheckpoint } from "../../../models/files/checkpoint.ts";
import { openSafetensors, writeSafetensors } from "../../../nn/mod.ts";
import { inFolder } from "../../_folder.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;

/** Makes a file of tensors with one element each. */
async function write(
  path: string,
  tensors: Record<string, number>,
): Promise<void> {
  await writeSafetensors(
    path,
    Object.entries(tensors).map(([name, value]) => [name, {
      shape: [1],
      dtype: "F32",
      data: Float32Array.of(value),
    }]),
  );
}

async function writeIndex(
  folder: string,
  map: unknown,
  name = "model.safetensors.index.json",
): Promise<void> {
  await Deno.writeTextFile(
    `${folder}/${name}`,
    JSON.stringify({ metadata: { total_size: 8 }, weight_map: map }),
  );
}

async function valueOf(folder: string, name: string): Promise<number> {
  using weights = await openCheckpoint(folder);
  return (await weights.tensor(name)).data[0] ?? NaN;
}

Deno.test("openCheckpoint() prefers the same files as transformers", async () => {
  await inFolder(async (folder) => {
    const error = await assertRejects(
      () => openCheckpoint(folder),
      Deno.errors.NotFound,
    );
    assertEquals(
      error.message,
      `Cannot load weights from ${folder}: it has none of model.safetensors, ` +
        "model.safetensors.index.json, pytorch_model.bin, " +
        "pytorch_model.bin.index.json",
    );
    const torch = `${FIXTURES}checkpoints/`;
    await Deno.copyFile(
      `${torch}zip.bin`,
      `${folder}/pytorch_model-1-of-1.bin`,
    );
    await writeIndex(
      folder,
      { "view.scalar": "pytorch_model-1-of-1.bin" },
      "pytorch_model.bin.index.json",
    );
    assertEquals(await valueOf(folder, "view.scalar"), 7);
    await Deno.copyFile(`${torch}legacy.bin`, `${folder}/pytorch_model.bin`);
    assertEquals(await valueOf(folder, "part"), 3);
    await write(`${folder}/part`, { "view.scalar": 1, extra: 2 });
    await writeIndex(folder, { "view.scalar": "part" });
    assertEquals(await valueOf(folder, "view.scalar"), 1);
    await write(`${folder}/model.safetensors`, { "view.scalar": 2 });
    assertEquals(await valueOf(folder, "view.scalar"), 2);
  });
});

Deno.test("openCheckpoint() reads parts, in any order and at once", async () => {
  await inFolder(async (folder) => {
    const map: Record<string, string> = {};
    for (const part of [0, 1, 2]) {
      const file = `model-0000${part + 1}-of-00003.safetensors`;
      const tensors = { [`a${part}`]: part, [`b${part}`]: 10 + part };
      await write(`${folder}/${file}`, tensors);
      for (const name of Object.keys(tensors)) map[name] = file;
    }
    await writeIndex(folder, { b2: map.b2, ...map });
    using weights = await openCheckpoint(folder);
    assertEquals(weights.path, `${folder}/model.safetensors.index.json`);
    assertEquals([...weights.names].sort(), Object.keys(map).sort());
    assertEquals(weights.info("b1"), {
      dtype: "F32",
      shape: [1],
      byteLength: 4,
    });
    const names = ["a0", "a2", "b0", "a1", "b2", "b1"];
    const values = await Promise.all(names.map((n) => weights.tensor(n)));
    assertEquals(values.map(({ data }) => data[0]), [0, 2, 10, 1, 12, 11]);
    await assertRejects(
      () => weights.tensor("c"),
      RangeError,
      `Cannot read tensor "c" of ${folder}/model.safetensors.index.json: no part holds`,
    );
  });
});

Deno.test("openCheckpoint() refuses an invalid index", async () => {
  await inFolder(async (folder) => {
    const index = `${folder}/model.safetensors.index.json`;
    await write(`${folder}/part`, { a: 1 });
    const says = async (map: unknown, reason: string): Promise<void> => {
      await writeIndex(folder, map);
      const error = await assertRejects(
        () => openCheckpoint(folder),
        SyntaxError,
      );
      assertEquals(error.message, `Cannot read ${index}: ${reason}`);
    };
    await says(null, "it has no weight_map");
    await says(["part"], "it has no weight_map");
    await says({ b: "part" }, 'it places "b" in part, which lacks it');
    const names = [
      "../part",
      "/etc/passwd",
      "a/part",
      "a\\part",
      "c:part",
      "..",
      ".",
      "",
      "a\0",
      7,
      null,
    ];
    for (const name of names) {
      await says(
        { a: name },
        `it places "a" in ${JSON.stringify(name)}, expected the name of a ` +
          "file beside it",
      );
    }
    await Deno.writeTextFile(index, "{");
    await assertRejects(
      () => openCheckpoint(folder),
      SyntaxError,
      `Cannot read ${index}: `,
    );
    await Deno.writeTextFile(index, "[]");
    await assertRejects(
      () => openCheckpoint(folder),
      SyntaxError,
      `Cannot read ${index}: it does not hold an object`,
    );
    await writeIndex(folder, { a: "part", b: "absent" });
    await assertRejects(
      () => openCheckpoint(folder),
      Deno.errors.NotFound,
      `Cannot load weights from ${folder}: it lacks absent`,
    );
    // Names that are special in JavaScript are ordinary names here.
    await Deno.writeTextFile(index, '{"weight_map": {"__proto__": "part"}}');
    await assertRejects(
      () => openCheckpoint(folder),
      SyntaxError,
      'it places "__proto__" in part, which lacks it',
    );
  });
});

Deno.test("openCheckpoint() follows links inside a folder or the hub's cache only", async () => {
  await inFolder(async (root) => {
    const commit = "0123456789abcdef0123456789abcdef01234567";
    const folder = `${root}/models--a--b/snapshots/${commit}`;
    const blobs = `${root}/models--a--b/blobs`;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.mkdir(blobs);
    await write(`${blobs}/hash`, { a: 5 });
    await write(`${root}/secret`, { a: 6 });
    const weights = `${folder}/model.safetensors`;
    await Deno.symlink("../../blobs/hash", weights);
    assertEquals(await valueOf(folder, "a"), 5);
    const refuse = async (target: string, link: string): Promise<void> => {
      await Deno.remove(link).catch(() => {});
      await Deno.symlink(target, link);
      const error = await assertRejects(
        () => openCheckpoint(folder),
        TypeError,
      );
      assertEquals(
        error.message,
        `Cannot read ${link}: it is a link that leads out of the folder`,
      );
    };
    await refuse("../../../secret", weights);
    await refuse(`${root}/secret`, weights);
    await refuse("../../blobs/../../secret", weights);
    await Deno.remove(weights);
    await writeIndex(folder, { a: "part" });
    await refuse("../../../secret", `${folder}/part`);
    await Deno.remove(`${folder}/part`);
    await Deno.symlink("../../blobs/hash", `${folder}/part`);
    assertEquals(await valueOf(folder, "a"), 5);
    // Only the cache has blobs; elsewhere such a link leads out of the folder.
    const copy = `${root}/copy`;
    await Deno.mkdir(copy);
    await Deno.symlink(
      "../models--a--b/blobs/hash",
      `${copy}/model.safetensors`,
    );
    await assertRejects(() => openCheckpoint(copy), TypeError, "leads out");
  });
});

Deno.test("openCheckpoint() says which file stands in place of the weights", async () => {
  await inFolder(async (folder) => {
    const pointer = "version https://git-lfs.github.com/spec/v1\n" +
      "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n" +
      "size 12345\n";
    for (const name of ["pytorch_model.bin", "model.safetensors"]) {
      await Deno.writeTextFile(`${folder}/${name}`, pointer);
      await assertRejects(
        () => openCheckpoint(folder),
        SyntaxError,
        `Cannot read ${folder}/${name}: it is a pointer of Git LFS in place of`,
      );
    }
    await Deno.remove(`${folder}/model.safetensors`);
    await Deno.mkdir(`${folder}/model.safetensors`);
    await assertRejects(() => openCheckpoint(folder), TypeError, "not a file");
  });
});

Deno.test("openCheckpoint() reads only the bytes of a tensor", async () => {
  const source = `${FIXTURES}models/bert_model/model.safetensors`;
  await inFolder(async (folder) => {
    using whole = await openSafetensors(source);
    await Deno.copyFile(source, `${folder}/model.safetensors`);
    using weights = await openCheckpoint(folder);
    assertEquals(weights.names, whole.names);
    for (const name of weights.names) {
      const tensor = await weights.tensor(name);
      assertEquals(tensor, await whole.tensor(name));
      const { buffer } = tensor.data;
      assert(buffer.byteLength === weights.info(name).byteLength);
    }
  });
});
