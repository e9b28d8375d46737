// Copyright 2026 the swagpu authors. MIT license.

// AdamW without the correction of its bias, and in the order of transformers.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { readAll, scope, tensor } from "../../engine/mod.ts";
import {
  AdamW,
  type AdamWSettings,
  init,
  openSafetensors,
  Parameter,
} from "../../nn/mod.ts";
import { copyInto } from "../../engine/launch/flat.ts";
import { assertClose, gpuTest } from "../_check.ts";

const FIXTURES = new URL("../fixtures/optim/", import.meta.url).pathname;
const NAMES = ["decay.w", "nodecay.b"] as const;

/** The reference was computed in float32 too, so both are rounded. */
const ADAM = { absolute: 2e-6, relative: 1e-5 };

const CASES: Record<string, Partial<AdamWSettings>> = {
  hf_adamw: { variant: "transformers", eps: 1e-6 },
  bert_adam: { variant: "transformers", eps: 1e-6, correctBias: false },
  bert_adam_eps8: { variant: "transformers", correctBias: false },
};

/** Frees parameters, their segments and their optimizer. */
function free(optimizer: AdamW, parameters: readonly Parameter[]): void {
  optimizer.dispose();
  for (const parameter of parameters) {
    parameter.location?.segment.dispose();
    parameter.dispose();
  }
}

/** Gives a parameter a gradient. */
function setGradient(parameter: Parameter, values: ArrayLike<number>): void {
  const { shape } = parameter;
  copyInto(
    parameter.gradientTarget(),
    tensor(Float32Array.from(values), { shape }),
  );
}

for (const [tag, settings] of Object.entries(CASES)) {
  gpuTest(`${tag} follows transformers for eight steps`, async () => {
    using given = await openSafetensors(`${FIXTURES}optimizers.safetensors`);
    using expected = await openSafetensors(`${FIXTURES}bert_adam.safetensors`);
    const parameters: Parameter[] = [];
    for (const name of NAMES) {
      const { shape, data } = await given.tensor(`init.${name}`);
      parameters.push(new Parameter(shape, init.values(data)));
    }
    const optimizer = new AdamW(
      parameters.map((parameter, i) => ({
        parameters: [parameter],
        weightDecay: i === 0 ? 0.1 : 0,
      })),
      settings,
    );
    const rates = (await given.tensor("lr")).data;
    for (let t = 0; t < rates.length; t++) {
      using _ = scope();
      for (const [i, parameter] of parameters.entries()) {
        const { size } = parameter;
        const { data } = await given.tensor(`grad.${NAMES[i]}`);
        setGradient(parameter, data.slice(t * size, (t + 1) * size));
      }
      optimizer.learningRate = rates[t] ?? 0;
      optimizer.step();
      const now = await readAll(parameters);
      for (const [i, { size }] of parameters.entries()) {
        const { data } = await expected.tensor(`${tag}.${NAMES[i]}`);
        const after = data.slice(t * size, (t + 1) * size);
        assertClose(now[i] ?? [], after, ADAM, `${NAMES[i]}, step ${t + 1}`);
      }
    }
    free(optimizer, parameters);
  });
}

for (const variant of ["pytorch", "transformers"] as const) {
  gpuTest(
    `without correction a step of ${variant} is (1 - β₁ᵗ) / √(1 - β₂ᵗ) as long`,
    async () => {
      using _ = scope();
      const settings = { variant, eps: 1e-12, weightDecay: 0, learningRate: 1 };
      const parameters = [new Parameter([1]), new Parameter([1])];
      const optimizers = parameters.map((parameter, i) =>
        new AdamW([parameter], { ...settings, correctBias: i === 0 })
      );
      const ratios: number[] = [];
      for (let t = 1; t <= 1000; t++) {
        for (const [i, parameter] of parameters.entries()) {
          if (t <= 13 || t === 1000) parameter.write([0]);
          setGradient(parameter, [1]);
          optimizers[i]?.step();
        }
        if (t > 13 && t < 1000) continue;
        const [whole, plain] = await readAll(parameters);
        ratios[t] = (plain?.[0] ?? NaN) / (whole?.[0] ?? NaN);
      }
      assertAlmostEquals(ratios[1] ?? NaN, 3.1623, 1e-3);
      assertAlmostEquals(ratios[12] ?? NaN, 6.5685, 1e-3);
      assertAlmostEquals(ratios[1000] ?? NaN, 1.2576, 1e-3);
      assertEquals(ratios.indexOf(Math.max(...ratios.filter(Number))), 12);
      parameters.forEach((parameter, i) => {
        const optimizer = optimizers[i];
        if (optimizer) free(optimizer, [parameter]);
      });
    },
  );
}

gpuTest("AdamW refuses a variant that it does not know", () => {
  assertThrows(
    () => new AdamW([new Parameter([1])], { variant: "apex" as "pytorch" }),
    RangeError,
    'Cannot optimize with variant "apex": it must be "pytorch" or "transformers"',
  );
});
