// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { checkAverages } from "../../tools/golden/averages.ts";
import { readGolden } from "../../tools/golden/compare.ts";
import { checkOptim, checkSchedules } from "../../tools/golden/optim.ts";
import { gpuTest } from "../_check.ts";

const FOLDER = new URL("../fixtures/optim", import.meta.url).pathname;

gpuTest(
  "optimizers and schedules agree with PyTorch and transformers at every step",
  async () => {
    const results = await checkOptim(FOLDER);
    assertEquals(results.length, 7 * 2 * 8 + 2 * 3 + 8 + 14 + 14);
    assertEquals(results.filter(({ ok }) => !ok), []);
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
  ]);
});

gpuTest("an average by another rule fails", async () => {
  const golden = await readGolden(`${FOLDER}/averaged_model.safetensors`);
  const results = await checkAverages(golden, { ema_decay: 0.5 });
  const failed = results.filter(({ ok }) => !ok).map(({ name }) => name);
  assertEquals(failed, [
    ...["ema.lin.weight", "ema.lin.bias", "ema_buffers.lin.weight"],
    ...["ema_buffers.lin.bias", "ema_buffers.counter"],
  ]);
});
