// Copyright 2026 the swagpu authors. MIT license.

// MADGRAD and MirrorMADGRAD; tests/tools/golden_kit_test.ts compares them with
// the package of their authors.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { backward, mul, scope, sum } from "../../engine/mod.ts";
import {
  init,
  MADGRAD,
  type MADGRADSettings,
  MirrorMADGRAD,
  Parameter,
} from "../../nn/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";

const RULES = { MADGRAD, MirrorMADGRAD };

/** Runs of a rule on a quadratic of a few parameters. */
function start(rule: keyof typeof RULES, settings: Partial<MADGRADSettings>) {
  const parameters = [5, 70].map((size, i) =>
    new Parameter([size], init.values(randomValues(size, i)))
  );
  const optimizer = new RULES[rule](parameters, settings);
  const run = (count: number) => {
    for (let t = 0; t < count; t++) {
      using _ = scope();
      for (const p of parameters) backward(sum(mul(p, p)));
      optimizer.step();
    }
  };
  const free = () => {
    optimizer.dispose();
    const segments = new Set(parameters.map((p) => p.location?.segment));
    for (const p of parameters) p.dispose();
    for (const segment of segments) segment?.dispose();
  };
  return { parameters, optimizer, run, free };
}

for (const rule of ["MADGRAD", "MirrorMADGRAD"] as const) {
  for (const momentum of [0, 0.9]) {
    gpuTest(
      `${rule} with momentum ${momentum} continues from its state, bit for bit`,
      async () => {
        const whole = start(rule, { momentum });
        whole.run(5);
        const first = start(rule, { momentum });
        first.run(2);
        const second = start(rule, {});
        for (const [i, parameter] of second.parameters.entries()) {
          parameter.write(await first.parameters[i]?.data() ?? []);
        }
        second.optimizer.loadStateDict(await first.optimizer.stateDict());
        second.run(3);
        for (const [i, parameter] of whole.parameters.entries()) {
          const other = await second.parameters[i]?.data();
          assertEquals(other, await parameter.data());
        }
        for (const run of [whole, first, second]) run.free();
      },
    );
  }

  gpuTest(
    `${rule} leaves weights alone that have no gradient yet`,
    async () => {
      const settings = { eps: 0, momentum: 0 };
      const { parameters, optimizer, free } = start(rule, settings);
      const [x] = parameters as [Parameter, Parameter];
      const before = await x.data();
      // As if the run had begun elsewhere: the weights are not taken for moved.
      optimizer.steps = 3;
      using _ = scope();
      backward(sum(mul(x, 0)));
      optimizer.step();
      assertEquals(await x.data(), before);
      free();
    },
  );

  gpuTest(`${rule} refuses settings out of range`, () => {
    const make = (settings: Partial<MADGRADSettings>) =>
      new RULES[rule]([new Parameter([1])], settings);
    assertThrows(
      () => make({ momentum: 1 }),
      RangeError,
      "Cannot optimize with momentum 1: it must be less than 1",
    );
    assertThrows(() => make({ eps: -1 }), RangeError, "eps -1");
    assertThrows(
      () => make({ lr: 1 } as Partial<MADGRADSettings>),
      TypeError,
      'did you mean "learningRate"?',
    );
  });
}

gpuTest("MADGRAD's cube root is exact over many orders", async () => {
  using _ = scope();
  // With momentum 0 and λ = 1, the first step is g / ∛(g²).
  const gradients = [1e-12, 3e-9, 1e-4, 0.7, 8, 1e5, 1e12];
  const x = new Parameter([gradients.length]);
  const optimizer = new MADGRAD([x], { learningRate: 1, momentum: 0, eps: 0 });
  const factors = new Parameter([gradients.length], init.values(gradients));
  factors.requiresGrad = false;
  backward(sum(mul(x, factors)));
  optimizer.step();
  const moved = await x.data();
  gradients.forEach((g, i) => {
    const expected = -g / Math.cbrt(g * g);
    assertAlmostEquals((moved[i] ?? NaN) / expected, 1, 2e-6, `g = ${g}`);
  });
  optimizer.dispose();
  for (const parameter of [x, factors]) {
    parameter.location?.segment.dispose();
    parameter.dispose();
  }
});
