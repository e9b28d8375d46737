// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ones, tensor } from "../../../engine/ops/creation.ts";
import { addLayerNorm, layerNorm } from "../../../engine/ops/normalization.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import {
  assertClose,
  checkOp,
  gpuTest,
  type Input,
  randomValues,
  SUMS,
  type Tolerance,
} from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";
import { layerNorm as reference } from "../../reference/layer_norm.ts";

/** Gradients of parameters are sums over rows of numbers of order 1. */
const GRADIENTS: Tolerance = { absolute: 1e-4, relative: 1e-4 };

async function checkLayerNorm(
  rows: number,
  columns: number,
  given: { weight?: boolean; bias?: boolean; residual?: boolean },
  eps?: number,
): Promise<void> {
  const names = (["weight", "bias", "residual"] as const).filter((n) =>
    given[n]
  );
  const inputs: Input[] = [
    { shape: [rows, columns], low: -2, high: 3 },
    ...names.map((n) => ({
      shape: n === "residual" ? [rows, columns] : [columns],
    })),
  ];
  const options = <T>(
    values: readonly T[],
  ): { [K in typeof names[number]]?: T } =>
    Object.fromEntries(names.map((n, i) => [n, values[i]]));
  const more = eps === undefined ? {} : { eps };
  await checkOp(
    inputs,
    (x, ...rest) => layerNorm(x, { ...options(rest), ...more }),
    (x, ...rest) => reference(x, { columns, ...options(rest), ...more }),
    { backward: GRADIENTS, elements: 12, label: `${rows}×${columns} ${names}` },
  );
}

eachVariant(
  "layer_norm",
  "layerNorm() matches the reference for 1 to 4100 columns",
  async () => {
    for (const columns of [1, 7, 17, 33, 32, 64, 1025]) {
      // One column has variance 0: a plain eps keeps the derivative smooth.
      const eps = columns === 1 ? 0.1 : 1e-5;
      await checkLayerNorm(5, columns, { weight: true, bias: true }, eps);
    }
    // Rows that several lanes hold, and one too long for that.
    for (const columns of [300, 768, 1000, 2052, 4100]) {
      await checkLayerNorm(3, columns, { weight: true, bias: true });
    }
    await checkLayerNorm(70, 33, { weight: true, bias: true });
    await checkLayerNorm(37, 132, { weight: true, bias: true });
    await checkLayerNorm(130, 8, { weight: true, bias: true }, 1e-2);
  },
);

eachVariant(
  "layer_norm",
  "layerNorm() takes weight, bias and residual in any combination",
  async () => {
    for (let bits = 0; bits < 8; bits++) {
      const given = {
        weight: (bits & 1) > 0,
        bias: (bits & 2) > 0,
        residual: (bits & 4) > 0,
      };
      for (const columns of [12, 7]) await checkLayerNorm(9, columns, given);
    }
  },
);

eachVariant(
  "layer_norm",
  "layerNorm() keeps its precision when the mean is large",
  async () => {
    const x = randomValues(256, 3).map((v) => 1000 + v);
    const y = await layerNorm(tensor(x, { shape: [4, 64] })).data();
    // The input itself is rounded to 6e-5 of a deviation of 0.6.
    assertClose(y, reference(x, { columns: 64 }), {
      absolute: 3e-4,
      relative: 3e-4,
    });
  },
);

eachVariant(
  "layer_norm",
  "addLayerNorm() gives sum and norm, and both have gradients",
  async () => {
    const [rows, columns] = [5, 17];
    // Two outputs weighed differently, as a pre-norm block uses them.
    for (const which of ["sum", "both"] as const) {
      const x = tensor(randomValues(85, 1), {
        shape: [rows, columns],
        requiresGrad: true,
      });
      const r = tensor(randomValues(85, 2), {
        shape: [rows, columns],
        requiresGrad: true,
      });
      const { y, sum } = addLayerNorm(x, r);
      const again = which === "both" ? addLayerNorm(y, sum).sum : sum;
      backward(again, { gradient: ones([rows, columns]) });
      assert(x.grad && r.grad);
      const [a, b, s, dx, dr] = await readAll([x, r, sum, x.grad, r.grad]);
      assert(a && b && s && dx && dr);
      assertClose(s, a.map((v, i) => v + (b[i] ?? 0)));
      // A norm without weight has a gradient of zero towards a sum of ones.
      assertClose(dx, new Float32Array(85).fill(1), SUMS);
      assertEquals(dx, dr);
    }
  },
);

gpuTest("layerNorm() adds to gradients that exist", async () => {
  const [x, weight, bias] = [[3, 8], [8], [8]].map((shape, i) =>
    tensor(randomValues(shape.reduce((a, b) => a * b), i), {
      shape,
      requiresGrad: true,
    })
  );
  assert(x && weight && bias);
  const once: Float64Array[] = [];
  for (const factor of [1, 2]) {
    backward(layerNorm(x, { weight, bias }), { gradient: ones([3, 8]) });
    for (const [i, p] of [x, weight, bias].entries()) {
      assert(p.grad);
      const grad = Float64Array.from(await p.grad.data());
      if (factor === 1) once.push(grad);
      else assertClose(grad, once[i]?.map((g) => 2 * g) ?? []);
    }
  }
});

eachVariant(
  "layer_norm",
  "layerNorm() works in windows when a binding is small",
  async (device) => {
    const limit = device.maxBindingSize;
    try {
      Object.assign(device, { maxBindingSize: 64 * 7 * 4 + 256 });
      await checkLayerNorm(150, 7, {
        weight: true,
        bias: true,
        residual: true,
      });
    } finally {
      Object.assign(device, { maxBindingSize: limit });
    }
  },
);

gpuTest("layerNorm() throws when the arguments do not fit", () => {
  const x = ones([2, 3]);
  assertThrows(
    () => layerNorm(x, { weight: ones([2]) }),
    TypeError,
    "Cannot normalize [2, 3] with a weight of [2]: expected [3]",
  );
  assertThrows(
    () => layerNorm(x, { residual: ones([3, 2]) }),
    TypeError,
    "Cannot normalize [2, 3] plus a residual of [3, 2]: the shapes must be equal",
  );
  assertThrows(
    // @ts-expect-error -- the types ask for floats
    () => layerNorm(ones([2], { dtype: "i32" })),
    TypeError,
    "Cannot normalize a tensor of i32: cast() it to f32",
  );
});
