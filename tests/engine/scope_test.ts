// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openDevice } from "../../engine/gpu/device.ts";
import { ones, tensor, zeros } from "../../engine/ops/creation.ts";
import {
  add,
  crossEntropy,
  layerNorm,
  logSumExp,
  max,
  mseLoss,
  softmax,
  sum,
  variance,
} from "../../engine/mod.ts";
import { reshape } from "../../engine/ops/movement.ts";
import { keep, persist, scope } from "../../engine/scope.ts";
import { alias, type Tensor } from "../../engine/tensor.ts";
import { gpuTest } from "../_check.ts";

gpuTest("a scope frees all that was not kept", async (device) => {
  const before = device.pool.statistics().inUse;
  let inside: Tensor | undefined;
  const make = () => {
    using _ = scope();
    inside = tensor([1, 2]);
    return keep(add(inside, 1));
  };
  const y = make();
  assertEquals(device.pool.statistics().inUse, before + 256);
  assert(inside?.isDisposed);
  assertEquals([...await y.data()], [2, 3]);
  const gone = inside;
  for (
    const use of [
      () => add(gone, 1),
      () => gone.write([1, 2]),
      () => alias(gone),
    ]
  ) {
    assertThrows(
      use,
      ReferenceError,
      "Cannot use a tensor of shape [2]: it was disposed or its scope has " +
        "ended; keep() it to use it later",
    );
  }
  await assertRejects(() => gone.data(), ReferenceError);
});

gpuTest("without a derivative an op keeps its result alone", (device) => {
  const x = zeros([3, 4, 5]);
  const labels = zeros([3, 4], { dtype: "i32" });
  const ops: Record<string, () => Tensor> = {
    sum: () => sum(x, { axis: [0, 2] }),
    max: () => max(x, { axis: [0, 2] }),
    logSumExp: () => logSumExp(x, { axis: 1 }),
    variance: () => variance(x),
    softmax: () => softmax(x, { axis: 1 }),
    layerNorm: () => layerNorm(x),
    crossEntropy: () => crossEntropy(x, labels),
    "crossEntropy of rows": () =>
      crossEntropy(x, labels, { reduction: "none" }),
    mseLoss: () => mseLoss(x, x),
  };
  for (const [name, op] of Object.entries(ops)) {
    const { inUse } = device.pool.statistics();
    op().dispose();
    assertEquals(device.pool.statistics().inUse, inUse, name);
  }
});

gpuTest("keep() hands a tensor to the scope outside", (device) => {
  const before = device.pool.statistics().inUse;
  {
    using _outer = scope();
    let kept: Tensor;
    {
      using _inner = scope();
      kept = keep(ones([4]));
      ones([4]);
    }
    assert(!kept.isDisposed);
    assertEquals(device.pool.statistics().inUse, before + 256);
  }
  assertEquals(device.pool.statistics().inUse, before);
});

gpuTest("persist() takes a tensor out of all scopes", () => {
  let x: Tensor;
  {
    using _outer = scope();
    using _inner = scope();
    x = persist(ones([4]));
  }
  assert(!x.isDisposed);
  x.dispose();
  x.dispose();
  assert(x.isDisposed);
});

gpuTest("a scope that an error leaves frees those inside it", (device) => {
  const before = device.pool.statistics().inUse;
  assertThrows(
    () => {
      using _ = scope();
      scope();
      ones([4]);
      throw new Error("on the way");
    },
    Error,
    "on the way",
  );
  assertEquals(device.pool.statistics().inUse, before);
});

gpuTest(
  "memory lives as long as the last tensor that shares it",
  async (device) => {
    const before = device.pool.statistics().inUse;
    const x = tensor([1, 2, 3, 4]);
    const y = reshape(x, [2, 2]);
    x.dispose();
    assertEquals(device.pool.statistics().inUse, before + 256);
    assertEquals([...await y.data()], [1, 2, 3, 4]);
    y.dispose();
    assertEquals(device.pool.statistics().inUse, before);
  },
);

gpuTest("Tensor refuses values and reads that do not fit", async () => {
  const x = tensor([1, 2]);
  assertThrows(
    () => x.write([1]),
    TypeError,
    "Cannot write 1 values into a tensor of shape [2]: it has 2 elements",
  );
  await assertRejects(
    () => x.item(),
    TypeError,
    "Cannot read the item of a tensor of shape [2]: it must have exactly one element",
  );
  const small = await openDevice({ maxBindingSize: 4096 });
  const large = zeros([2000], { device: small });
  assertThrows(
    () => large.binding,
    RangeError,
    "Cannot bind a tensor of shape [2000] at once",
  );
  await small.destroy();
});
