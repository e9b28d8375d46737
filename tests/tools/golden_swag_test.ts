// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { writeSafetensors } from "../../nn/mod.ts";
import { readGolden } from "../../tools/golden/compare.ts";
import { checkSwag, isSwagCase } from "../../tools/golden/swag.ts";
import { gpuTest } from "../_check.ts";
import { inFolder } from "../_folder.ts";

const FOLDER = new URL(
  "../fixtures/swag_files/bert_seq_cls_prefix",
  import.meta.url,
).pathname;

gpuTest(
  "a folder that swag_transformers has saved gives its samples and logits",
  async () => {
    assert(await isSwagCase(FOLDER));
    const results = await checkSwag(FOLDER);
    assertEquals(results.filter(({ ok }) => !ok), []);
    assertEquals(results.length, 69);
  },
);

gpuTest("a sample with another scale fails", () =>
  inFolder(async (folder) => {
    for (const name of ["golden.safetensors", "saved"]) {
      await Deno.symlink(`${FOLDER}/${name}`, `${folder}/${name}`);
    }
    const spec = JSON.parse(await Deno.readTextFile(`${FOLDER}/case.json`));
    for (const sample of spec.samples) sample.scale *= 1.2;
    await Deno.writeTextFile(`${folder}/case.json`, JSON.stringify(spec));
    const failed = (await checkSwag(folder)).filter(({ ok }) => !ok);
    assertEquals(failed.map(({ name }) => name), [
      ...["sample full logits", "sample diag logits", "sample block logits"],
    ]);
  }));

gpuTest(
  "another rank, and logits of other noise, fail",
  () =>
    inFolder(async (folder) => {
      await Deno.symlink(`${FOLDER}/saved`, `${folder}/saved`);
      const spec = JSON.parse(await Deno.readTextFile(`${FOLDER}/case.json`));
      await Deno.writeTextFile(
        `${folder}/case.json`,
        JSON.stringify({ ...spec, rank: spec.rank + 1 }),
      );
      const golden = await readGolden(`${FOLDER}/golden.safetensors`);
      await writeSafetensors(
        `${folder}/golden.safetensors`,
        [...golden].map(([name, { shape, data }]) => {
          const isOther = name === "get_logits.1.noise_lowrank" ||
            name === "saved_state.logits";
          return [name, {
            shape,
            dtype: data instanceof Float32Array ? "F32" : "I32",
            data: data instanceof Float32Array
              ? data.map((x) => isOther ? 1.2 * x : x)
              : Int32Array.from(data),
          }];
        }),
      );
      const failed = (await checkSwag(folder)).filter(({ ok }) => !ok);
      assertEquals(failed.map(({ name }) => name), [
        "collections and rank",
        "loaded collections and rank",
        "saved_state.logits",
        "get_logits",
      ]);
    }),
);
