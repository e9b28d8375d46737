// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { SafetensorsSource } from "../../../nn/formats/safetensors.ts";
import { serializeSafetensors } from "../../../nn/formats/safetensors.ts";
import {
  openSafetensors,
  writeSafetensors,
} from "../../../nn/formats/safetensors_file.ts";
import { inFolder, names } from "../../_folder.ts";

const FIXTURE = new URL(
  "../../fixtures/models/bert_model/model.safetensors",
  import.meta.url,
).pathname;

function source(
  data: SafetensorsSource["data"],
  length: number,
): SafetensorsSource {
  return { shape: [length], dtype: "F32", data };
}

Deno.test("openSafetensors() and writeSafetensors() copy a file byte by byte", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    using file = await openSafetensors(FIXTURE);
    assertEquals(file.names.length, 39);
    await writeSafetensors(
      path,
      file.names.map((name) => [name, {
        ...file.info(name),
        data: async () => (await file.tensor(name)).data as Float32Array,
      }]),
      { metadata: file.metadata },
    );
    assertEquals(await Deno.readFile(path), await Deno.readFile(FIXTURE));
    assertEquals(names(folder), ["model.safetensors"]);
  });
});

Deno.test("tensor() of an open file may be called several times at once", async () => {
  using file = await openSafetensors(FIXTURE);
  const together = await Promise.all(
    file.names.map((name) => file.tensor(name)),
  );
  let i = 0;
  for await (const [, tensor] of file.tensors()) {
    assertEquals(tensor, together[i++]);
  }
  assertEquals(i, file.names.length);
});

Deno.test("writeSafetensors() asks for one tensor at a time, in file order", async () => {
  await inFolder(async (folder) => {
    const asked: string[] = [];
    const produce = (name: string) => async (): Promise<Float32Array> => {
      asked.push(`start ${name}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      asked.push(`end ${name}`);
      return new Float32Array([1]);
    };
    await writeSafetensors(`${folder}/x`, [
      ["b", source(produce("b"), 1)],
      ["a", source(produce("a"), 1)],
    ]);
    assertEquals(asked, ["start a", "end a", "start b", "end b"]);
    assertEquals(
      await Deno.readFile(`${folder}/x`),
      serializeSafetensors([
        ["a", { shape: [1], data: new Float32Array([1]) }],
        ["b", { shape: [1], data: new Float32Array([1]) }],
      ]),
    );
  });
});

Deno.test("writeSafetensors() leaves the old file when it cannot finish", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    await writeSafetensors(path, [["a", source(new Float32Array(3), 3)]]);
    const before = await Deno.readFile(path);
    await assertRejects(
      () =>
        writeSafetensors(path, [
          ["a", source(new Float32Array(3), 3)],
          [
            "b",
            source(() => Promise.reject(new Error("the device is lost")), 3),
          ],
        ]),
      Error,
      "the device is lost",
    );
    await assertRejects(
      () => writeSafetensors(path, [["a", source(new Float32Array(2), 3)]]),
      TypeError,
      'Cannot write tensor "a" of shape [3]: the data has 2 elements, expected 3',
    );
    assertEquals(await Deno.readFile(path), before);
    assertEquals(names(folder), ["model.safetensors"]);
  });
});

Deno.test("writeSafetensors() leaves the old file when its process is killed", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    await writeSafetensors(path, [["a", source(new Float32Array(3), 3)]]);
    const before = await Deno.readFile(path);
    const module = new URL(
      "../../../nn/formats/safetensors_file.ts",
      import.meta.url,
    );
    const code = `
      import { writeSafetensors } from ${JSON.stringify(module.href)};
      await writeSafetensors(${JSON.stringify(path)}, [
        ["a", { shape: [3], dtype: "F32", data: new Float32Array(3).fill(1) }],
        ["b", { shape: [1], dtype: "F32", data: () => Deno.exit(9) }],
      ]);`;
    const script = `${folder}/script.ts`;
    await Deno.writeTextFile(script, code);
    const { code: exit } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--no-lock", "-A", script],
      stderr: "null",
    }).output();
    assertEquals(exit, 9);
    assertEquals(await Deno.readFile(path), before);
  });
});

Deno.test("openSafetensors() names the file that is malformed", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    const whole = await Deno.readFile(FIXTURE);
    const cuts = [0, 5, 8, 100, 4000, whole.length - 1];
    for (const length of cuts) {
      await Deno.writeFile(path, whole.subarray(0, length));
      const error = await assertRejects(
        () => openSafetensors(path),
        SyntaxError,
      );
      assert(error.message.startsWith(`Cannot read ${path}: `), error.message);
    }
    await assertRejects(() => openSafetensors(folder), TypeError, "not a file");
    await assertRejects(
      () => openSafetensors(`${folder}/absent`),
      Deno.errors.NotFound,
      `Cannot read ${folder}/absent: there is no such file`,
    );
    await assertRejects(
      () => writeSafetensors(`${folder}/absent/x`, []),
      Deno.errors.NotFound,
      `Cannot write ${folder}/absent/x: there is no such folder`,
    );
    await assertRejects(
      () => writeSafetensors(`${path}/x`, []),
      Error,
      `Cannot write ${path}/x: Not a directory`,
    );
    // Opening a pipe would wait until another process writes to it.
    const pipe = `${folder}/pipe`;
    const made = await new Deno.Command("mkfifo", { args: [pipe] }).output()
      .catch(() => undefined);
    if (made?.success) {
      await assertRejects(
        () => openSafetensors(pipe),
        TypeError,
        `Cannot read ${pipe}: it is not a file`,
      );
    }
  });
});
