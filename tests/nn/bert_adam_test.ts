// Copyright 2026 the swagpu authors. MIT license.

// AdamW without the correction of its bias, and in the order of transformers;
// tests/tools/golden_optim_test.ts compares it with transformers at every step.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { readAll, scope, tensor } from "../../engine/mod.ts";
import { AdamW, type AdamWSettings, init, Parameter } from "../../nn/mod.ts";
import { copyInto } from "../../engine/launch/flat.ts";
import { gpuTest } from "../_check.ts";

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

/** The first steps, those around the longest, and later ones. */
const MEASURED = [...Array.from({ length: 30 }, (_, i) => i + 1), 100, 1000];

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
      const ratios = new Map<number, number>();
      for (let t = 1; t <= 1000; t++) {
        const isMeasured = MEASURED.includes(t);
        for (const [i, parameter] of parameters.entries()) {
          if (isMeasured) parameter.write([0]);
          setGradient(parameter, [1]);
          optimizers[i]?.step();
        }
        if (!isMeasured) continue;
        const [whole, plain] = await readAll(parameters);
        ratios.set(t, (plain?.[0] ?? NaN) / (whole?.[0] ?? NaN));
      }
      for (const [t, ratio] of ratios) {
        const expected = (1 - 0.9 ** t) / Math.sqrt(1 - 0.999 ** t);
        assertAlmostEquals(ratio, expected, 1e-3, `step ${t}`);
      }
      const ratio = (t: number) => ratios.get(t) ?? NaN;
      assertAlmostEquals(ratio(1), 3.1623, 1e-3);
      assertAlmostEquals(ratio(12), 6.5685, 1e-3);
      assertAlmostEquals(ratio(1000), 1.2576, 1e-3);
      assertEquals(Math.max(...ratios.values()), ratio(12));
      parameters.forEach((parameter, i) => {
        const optimizer = optimizers[i];
        if (optimizer) free(optimizer, [parameter]);
      });
    },
  );
}

gpuTest(
  "the AdamW of transformers decays after the step, PyTorch's before it",
  async () => {
    const after = async (settings: Partial<AdamWSettings>) => {
      using _ = scope();
      const x = new Parameter([1], init.ones());
      const optimizer = new AdamW([x], {
        ...{ learningRate: 0.5, weightDecay: 1, eps: 0.25, betas: [0.9, 0.75] },
        ...settings,
      });
      setGradient(x, [1]);
      optimizer.step();
      const value = await x.item();
      free(optimizer, [x]);
      return value;
    };
    // The gradient is 1, so m = 0.1 and √v = ½, both 1 if corrected; the decay halves.
    const cases: [Partial<AdamWSettings>, number][] = [
      [{}, 0.5 - 0.5 / 1.25],
      [{ correctBias: false }, 0.5 - 0.5 * 0.1 / 0.75],
      [{ variant: "transformers" }, (1 - 0.5 * 5 * 0.1 / 0.75) / 2],
      [
        { variant: "transformers", correctBias: false },
        (1 - 0.5 * 0.1 / 0.75) / 2,
      ],
    ];
    for (const [settings, expected] of cases) {
      const label = JSON.stringify(settings);
      assertAlmostEquals(await after(settings), expected, 1e-6, label);
    }
  },
);

gpuTest("AdamW refuses a variant that it does not know", () => {
  assertThrows(
    () => new AdamW([new Parameter([1])], { variant: "apex" as "pytorch" }),
    RangeError,
    'Cannot optimize with variant "apex": it must be "pytorch" or "transformers"',
  );
});
