// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { rmsNorm } from "../../examples/custom_op.ts";
import {
  backward,
  capture,
  mul,
  readAll,
  type Tensor,
  tensor,
  zeros,
} from "../../engine/mod.ts";
import { checkOp, gpuTest, randomValues } from "../_check.ts";
import { eachVariant } from "../_variants.ts";

const EPS = 1e-3;

function reference(x: ArrayLike<number>, size: number): number[] {
  return Array.from(x, (value, i) => {
    const start = i - i % size;
    let squares = 0;
    for (let k = start; k < start + size; k++) squares += (x[k] ?? 0) ** 2;
    return value / Math.sqrt(squares / size + EPS);
  });
}

async function check(shape: readonly number[]): Promise<void> {
  const size = shape.at(-1) ?? 1;
  await checkOp(
    [{ shape }],
    (x) => rmsNorm(x, { eps: EPS }),
    (x) => reference(x, size),
  );
}

eachVariant(
  "rms_norm",
  "an op of the user's matches plain numbers",
  async () => {
    for (const shape of [[3], [5, 1], [70, 7], [2, 3, 65], [3, 300]]) {
      await check(shape);
    }
  },
);

eachVariant(
  "rms_norm",
  "an op of the user's takes tensors larger than a binding",
  async (device) => {
    const limit = device.maxBindingSize;
    try {
      Object.assign(device, { maxBindingSize: 64 * 5 * 4 + 256 });
      await check([200, 5]);
    } finally {
      Object.assign(device, { maxBindingSize: limit });
    }
  },
);

eachVariant(
  "rms_norm",
  "an op of the user's has the same bits in a captured step",
  async () => {
    const run = ({ x }: { x: Tensor }) => {
      x.requiresGrad = true;
      const y = rmsNorm(x);
      backward(y, { gradient: x });
      // A copy, because the gradient is freed with x, which the step frees.
      return { y, dx: mul(x.grad as Tensor, 1) };
    };
    using step = capture(run);
    for (let i = 0; i < 5; i++) {
      const data = randomValues(130, i, -1, 1);
      const captured = step({ x: { data, shape: [2, 65] } });
      const eager = run({ x: tensor(data, { shape: [2, 65] }) });
      const [y, dx, ...expected] = await readAll([
        captured.y,
        captured.dx,
        eager.y,
        eager.dx,
      ]);
      assertEquals([y, dx], expected);
    }
    assertStrictEquals(step.reason, undefined);
  },
);

gpuTest("an op of the user's refuses what it cannot take", () => {
  assertThrows(
    () => rmsNorm(zeros([2, 0])),
    TypeError,
    "Cannot normalize f32 of shape [2, 0]",
  );
  // @ts-expect-error: the types refuse it, too.
  assertThrows(() => rmsNorm(tensor([1], { dtype: "i32" })), TypeError);
});
