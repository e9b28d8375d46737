// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../../engine/gpu/device.ts";
import { ones, tensor } from "../../../engine/ops/creation.ts";
import { gatedActivation } from "../../../engine/ops/gated.ts";
import type { Activation } from "../../../engine/ops/matmul.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import { checkOp, FUNCTIONS, gpuTest, randomValues } from "../../_check.ts";
import {
  geluReference,
  geluTanhReference,
  sigmoidReference,
} from "../../reference/functions.ts";

const TWINS: Readonly<Record<Activation, (z: number) => number>> = {
  gelu: geluReference,
  gelu_tanh: geluTanhReference,
  relu: (z) => Math.max(z, 0),
  sigmoid: sigmoidReference,
  silu: (z) => z * sigmoidReference(z),
  tanh: Math.tanh,
};

const SHAPES = [[1, 2], [3, 14], [2, 3, 8], [5, 72]] as const;

for (const [name, twin] of Object.entries(TWINS)) {
  gpuTest(`gatedActivation() matches the reference for ${name}`, async () => {
    for (const shape of SHAPES) {
      const wide = shape.at(-1) ?? 0;
      await checkOp(
        [{ shape, low: -4, high: 4 }],
        (x) => gatedActivation(x, name as Activation),
        (x) => {
          const width = wide / 2;
          return Float64Array.from({ length: x.length / 2 }, (_, i) => {
            const at = Math.floor(i / width) * wide + i % width;
            return twin(x[at] ?? NaN) * (x[at + width] ?? NaN);
          });
        },
        {
          forward: FUNCTIONS,
          backward: FUNCTIONS,
          label: `${name} [${shape}]`,
        },
      );
    }
  });
}

gpuTest(
  "gatedActivation() works in windows of rows when a binding is small",
  async (device: Device) => {
    const limit = device.maxBindingSize;
    const values = randomValues(300 * 12, 8);
    const run = () => {
      const x = tensor(values, { shape: [300, 12], requiresGrad: true });
      const y = gatedActivation(x, "gelu");
      backward(y, {
        gradient: tensor(values.slice(0, 1800), { shape: y.shape }),
      });
      assert(x.grad);
      return [y, x.grad];
    };
    const whole = run();
    try {
      Object.assign(device, { maxBindingSize: 128 * 12 * 4 + 256 });
      const [y, dx, yWhole, dxWhole] = await readAll([...run(), ...whole]);
      assertEquals(y, yWhole);
      assertEquals(dx, dxWhole);
    } finally {
      Object.assign(device, { maxBindingSize: limit });
    }
  },
);

gpuTest("gatedActivation() throws for an odd last axis", () => {
  assertThrows(
    () => gatedActivation(ones([2, 3]), "gelu"),
    TypeError,
    "Cannot gate f32 [2, 3]: expected f32 with a last axis of two halves",
  );
});
