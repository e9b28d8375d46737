// Copyright 2026 the swagpu authors. MIT license.

// Schedules; tests/tools/golden_optim_test.ts compares them with transformers at
// every step.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  constantSchedule,
  cosineRestartsSchedule,
  cosineSchedule,
  cyclicSchedule,
  inverseSqrtSchedule,
  linearSchedule,
  polynomialSchedule,
  type Schedule,
  Scheduler,
} from "../../nn/mod.ts";

Deno.test("linearSchedule() throws when there are no steps", () => {
  assertThrows(
    () => linearSchedule({ totalSteps: 0 }),
    RangeError,
    "Cannot schedule over 0 steps: there must be at least one",
  );
});

/** A translation of transformers/optimization.py. */
const TRANSFORMERS = {
  warmup: (step: number, warmup: number) => step / Math.max(1, warmup),
  constant: () => 1,
  linear: (step: number, warmup: number, total: number) =>
    Math.max(0, (total - step) / Math.max(1, total - warmup)),
  cosine(step: number, warmup: number, total: number) {
    const progress = (step - warmup) / Math.max(1, total - warmup);
    return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * 0.5 * 2 * progress)));
  },
  restarts(step: number, warmup: number, total: number) {
    const progress = (step - warmup) / Math.max(1, total - warmup);
    if (progress >= 1) return 0;
    return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((3 * progress) % 1))));
  },
  polynomial(step: number, warmup: number, total: number) {
    const [initial, end] = [1, 0.1];
    if (step > total) return end / initial;
    const remaining = 1 - (step - warmup) / (total - warmup);
    return ((initial - end) * remaining ** 2 + end) / initial;
  },
  inverseSqrt(step: number, warmup: number) {
    const timescale = warmup || 10_000;
    return 1 / Math.sqrt((step + timescale - warmup) / timescale);
  },
};

Deno.test("schedules follow transformers at every end", () => {
  for (const totalSteps of [1, 2, 5]) {
    for (const warmupSteps of [0, 1, 2, 4, 5, 6, 9]) {
      const options = { warmupSteps, totalSteps };
      const ours: Record<
        Exclude<keyof typeof TRANSFORMERS, "warmup">,
        Schedule
      > = {
        constant: constantSchedule({ warmupSteps }),
        linear: linearSchedule(options),
        cosine: cosineSchedule(options),
        restarts: cosineRestartsSchedule({ ...options, cycles: 3 }),
        polynomial: polynomialSchedule({
          ...options,
          power: 2,
          endFactor: 0.1,
        }),
        inverseSqrt: inverseSqrtSchedule({ warmupSteps }),
      };
      for (const [name, schedule] of Object.entries(ours)) {
        for (let step = 0; step < 14; step++) {
          let expected = step < warmupSteps
            ? TRANSFORMERS.warmup(step, warmupSteps)
            : TRANSFORMERS[name as keyof typeof ours](
              step,
              warmupSteps,
              totalSteps,
            );
          // transformers computes 0 / 0 at the step that ends both; it means
          // the end.
          if (Number.isNaN(expected)) expected = 0.1;
          assertAlmostEquals(
            schedule(step),
            expected,
            1e-12,
            `${name} at ${step} of ${totalSteps}, warmup ${warmupSteps}`,
          );
        }
      }
    }
  }
});

Deno.test("cyclicSchedule() follows PyTorch's restarts and the paper's line", () => {
  const [base, least, c] = [1, 0.2, 5];
  for (const warmupSteps of [0, 3]) {
    const options = { warmupSteps, cycleSteps: c, endFactor: least };
    const cosine = cyclicSchedule(options);
    const line = cyclicSchedule({ ...options, annealStrategy: "linear" });
    for (let step = 0; step < 17; step++) {
      if (step < warmupSteps) {
        assertEquals([cosine(step), line(step)], [step / 3, step / 3]);
        continue;
      }
      const i = step - warmupSteps;
      // CosineAnnealingWarmRestarts with T_0 = 5 and T_mult = 1.
      const restarts = least +
        (base - least) * (1 + Math.cos(Math.PI * (i % c) / c)) / 2;
      assertAlmostEquals(cosine(step), restarts, 1e-12);
      // α(i) = (1 - t(i)) α₁ + t(i) α₂, t(i) = (mod(i - 1, c) + 1) / c, i from 1 on.
      const t = ((i + 1 - 1) % c + 1) / c;
      assertAlmostEquals(line(step), (1 - t) * base + t * least, 1e-12);
    }
  }
  const constant = cyclicSchedule({
    ...{ cycleSteps: 1, endFactor: 0.3, annealStrategy: "linear" },
  });
  assertEquals([0, 1, 2].map(constant), [0.3, 0.3, 0.3]);
  assertThrows(
    () => cyclicSchedule({ cycleSteps: 2, annealStrategy: "sin" as "cos" }),
    RangeError,
    'annealStrategy "sin": it must be "cos" or "linear"',
  );
});

Deno.test("schedules refuse numbers that are not numbers of steps", () => {
  for (const bad of [-1, NaN, 1.5, Infinity]) {
    const total = { totalSteps: 4 };
    const cases = [
      () => constantSchedule({ warmupSteps: bad }),
      () => inverseSqrtSchedule({ warmupSteps: bad }),
      () => linearSchedule({ totalSteps: bad }),
      () => linearSchedule({ ...total, warmupSteps: bad }),
      () => cosineSchedule({ ...total, warmupSteps: bad }),
      () => linearSchedule(total)(bad),
      () => cyclicSchedule({ cycleSteps: bad }),
      () => cyclicSchedule({ cycleSteps: 2, warmupSteps: bad }),
    ];
    if (bad !== 1.5) {
      cases.push(
        () => cosineSchedule({ ...total, cycles: bad }),
        () => cosineRestartsSchedule({ ...total, cycles: bad }),
        () => polynomialSchedule({ ...total, power: bad }),
        () => polynomialSchedule({ ...total, endFactor: bad }),
        () => inverseSqrtSchedule({ timescale: bad }),
        () => cyclicSchedule({ cycleSteps: 2, endFactor: bad }),
      );
    }
    for (const run of cases) assertThrows(run, RangeError, `${bad}`);
  }
  assertThrows(
    () => linearSchedule({ totalSteps: 4, ...{ warmup: 1 } as object }),
    TypeError,
    'Cannot schedule with option "warmup"',
  );
});

Deno.test("a second Scheduler starts from each group's base rate", () => {
  const groups = [
    { learningRate: 0.5, parameters: [] },
    { learningRate: 0.1, parameters: [] },
  ];
  const rates = () => groups.map(({ learningRate }) => learningRate);
  const schedule = linearSchedule({ totalSteps: 2 });
  const first = new Scheduler({ groups }, schedule);
  first.step();
  first.step();
  assertEquals(rates(), [0, 0]);
  const second = new Scheduler({ groups }, schedule);
  assertEquals(rates(), [0.5, 0.1]);
  second.step();
  assertEquals(rates(), [0.25, 0.05]);
  // The rate is that of the first scheduler's warmup.
  const warm = linearSchedule({ warmupSteps: 4, totalSteps: 8 });
  new Scheduler({ groups }, warm).step();
  assertEquals(rates(), [0.125, 0.025]);
  new Scheduler({ groups }, schedule);
  assertEquals(rates(), [0.5, 0.1]);
  // A rate that is set by hand becomes the group's base rate.
  for (const group of groups) group.learningRate = 0.2;
  new Scheduler({ groups }, schedule).step();
  assertEquals(rates(), [0.1, 0.1]);
});

Deno.test("a Scheduler refuses a factor of NaN", () => {
  const groups = [{ learningRate: 0.5, parameters: [] }];
  assertThrows(
    () => new Scheduler({ groups }, () => NaN),
    RangeError,
    "factor is NaN",
  );
  assertEquals(groups[0]?.learningRate, 0.5);
});
