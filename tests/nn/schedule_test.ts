// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  polynomialSchedule,
  type Schedule,
  Scheduler,
} from "../../nn/mod.ts";

interface Entry {
  function: string;
  kwargs: Record<string, number>;
  base_lrs: number[];
  lrs_after_init_then_after_each_step: number[][];
}

const { transformers_schedules: entries } = JSON.parse(
  await Deno.readTextFile(
    new URL("../fixtures/optim/schedules.json", import.meta.url),
  ),
) as { transformers_schedules: Entry[] };

/** Our schedule for a transformers function and its arguments. */
function scheduleOf(entry: Entry): Schedule | undefined {
  const { kwargs } = entry;
  const warmupSteps = kwargs.num_warmup_steps ?? 0;
  const totalSteps = kwargs.num_training_steps ?? 0;
  switch (entry.function) {
    case "get_constant_schedule":
    case "get_constant_schedule_with_warmup":
      return constantSchedule({ warmupSteps });
    case "get_linear_schedule_with_warmup":
      return linearSchedule({ warmupSteps, totalSteps });
    case "get_cosine_schedule_with_warmup":
      return cosineSchedule({
        warmupSteps,
        totalSteps,
        cycles: kwargs.num_cycles ?? 0.5,
      });
    case "get_polynomial_decay_schedule_with_warmup":
      return polynomialSchedule({
        warmupSteps,
        totalSteps,
        power: kwargs.power ?? 1,
        // A rate there, over the optimiser's default, which was 1; a factor here.
        endFactor: kwargs.lr_end ?? 1e-7,
      });
  }
}

Deno.test("schedules follow transformers, step by step", () => {
  let checked = 0;
  for (const entry of entries) {
    const schedule = scheduleOf(entry);
    if (!schedule) continue;
    checked++;
    const groups = entry.base_lrs.map((learningRate) => ({
      learningRate,
      parameters: [],
    }));
    const scheduler = new Scheduler({ groups }, schedule);
    entry.lrs_after_init_then_after_each_step.forEach((rates, step) => {
      rates.forEach((expected, i) =>
        assertAlmostEquals(
          groups[i]?.learningRate ?? NaN,
          expected,
          1e-9,
          `${entry.function} ${JSON.stringify(entry.kwargs)} at ${step}`,
        )
      );
      scheduler.step();
    });
  }
  assertEquals(checked >= 4, true, `only ${checked} schedules were checked`);
});

Deno.test("linearSchedule() throws when there are no steps", () => {
  assertThrows(
    () => linearSchedule({ totalSteps: 0 }),
    RangeError,
    "Cannot schedule over 0 steps: there must be at least one",
  );
});
