// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { checkOptim, checkSchedules } from "../../tools/golden/optim.ts";
import { gpuTest } from "../_check.ts";
import { inFolder } from "../_folder.ts";

const FOLDER = new URL("../fixtures/optim", import.meta.url).pathname;

gpuTest(
  "optimizers and schedules agree with PyTorch and transformers at every step",
  async () => {
    const results = await checkOptim(FOLDER);
    assertEquals(results.length, 7 * 2 * 8 + 2 * 3 + 8 + 1);
    const failed = results.filter(({ ok }) => !ok);
    assertEquals(failed.map(({ name, note }) => [name, note]), [
      ["SWALR, 14 cases", "there is no SWALR"],
    ]);
  },
);

Deno.test("a rate that is off at one step fails, and so does no schedule", async () => {
  const file = JSON.parse(await Deno.readTextFile(`${FOLDER}/schedules.json`));
  const [first, second] = file.transformers_schedules;
  first.lrs_after_init_then_after_each_step[9][1] *= 1 + 1e-10;
  second.function = "get_wsd_schedule";
  const failed = checkSchedules(file).filter(({ ok }) => !ok);
  assertEquals(failed.map(({ note }) => note), [
    undefined,
    "there is no such schedule",
    "there is no SWALR",
  ]);
});

gpuTest("averaged weights are reported as not compared", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/averaged_model.safetensors`, "");
    const [only, ...others] = await checkOptim(folder);
    assert(only && !only.ok && others.length === 0);
    assertEquals(only.note, "there is no AveragedModel");
  });
});
