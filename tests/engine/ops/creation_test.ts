// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { openDevice } from "../../../engine/device.ts";
import {
  arange,
  full,
  ones,
  tensor,
  zeros,
} from "../../../engine/ops/creation.ts";
import { gpuTest } from "../../_check.ts";

gpuTest("tensor() takes numbers, nested arrays and typed arrays", async () => {
  const scalar = tensor(3);
  assertEquals([scalar.shape, await scalar.item()], [[], 3]);
  const nested = tensor([[[1, 2]], [[3, 4]], [[5, 6]]]);
  assertEquals(nested.shape, [3, 1, 2]);
  assertEquals([...await nested.data()], [1, 2, 3, 4, 5, 6]);
  const typed = tensor(Int32Array.of(1, -2, 3, -4), { shape: [2, 2] });
  assertEquals([typed.dtype, typed.shape], ["i32", [2, 2]]);
  assertEquals(await typed.data(), Int32Array.of(1, -2, 3, -4));
  assertEquals(tensor(new Uint32Array(2)).dtype, "u32");
  assertEquals(tensor([]).shape, [0]);
});

gpuTest("tensor() converts values to the type asked for", async () => {
  const x = tensor([1.7, -2.2], { dtype: "i32" });
  assertEquals(await x.data(), Int32Array.of(1, -2));
  const y = tensor(Int32Array.of(5), { dtype: "f32" });
  assertEquals(await y.data(), Float32Array.of(5));
});

gpuTest("tensor() keeps the values given at the call", async () => {
  const values = Float32Array.of(1, 2);
  const x = tensor(values);
  values[0] = 9;
  assertEquals(await x.data(), Float32Array.of(1, 2));
});

gpuTest("full(), zeros(), ones() and arange() fill all sizes", async () => {
  for (const size of [1, 7, 33, 1025]) {
    assertEquals(
      await full([size], 2.5).data(),
      new Float32Array(size).fill(2.5),
    );
    assertEquals(
      await full([size], -3, { dtype: "i32" }).data(),
      new Int32Array(size).fill(-3),
    );
    assertEquals(
      await ones([size], { dtype: "u32" }).data(),
      new Uint32Array(size).fill(1),
    );
    assertEquals(await zeros([size]).data(), new Float32Array(size));
    assertEquals(
      await arange(size).data(),
      Int32Array.from({ length: size }, (_, i) => i),
    );
  }
  assertEquals(zeros([2, 0, 3]).size, 0);
  assertEquals(arange(3, { dtype: "f32" }).dtype, "f32");
});

gpuTest("tensors are made where and as the options say", async () => {
  const other = await openDevice();
  const x = ones([3], { device: other, requiresGrad: true });
  assert(x.device === other && x.requiresGrad);
  assertEquals(await x.data(), Float32Array.of(1, 1, 1));
  await other.destroy();
});

gpuTest("creation functions refuse what makes no tensor", () => {
  assertThrows(
    () => tensor([[1, 2], [3]]),
    TypeError,
    "Cannot make a tensor from ragged arrays: expected shape [2, 2] throughout",
  );
  assertThrows(() => tensor([[1], 2]), TypeError, "ragged arrays");
  assertThrows(
    () => tensor([1, 2, 3], { shape: [2, 2] }),
    TypeError,
    "Cannot make a tensor of shape [2, 2] from 3 values: it has 4 elements",
  );
  assertThrows(
    () => zeros([-1]),
    RangeError,
    "Cannot make a tensor of shape [-1]: lengths must be non-negative integers",
  );
  assertThrows(() => zeros([1.5]), RangeError, "non-negative integers");
  assertThrows(
    () => arange(-2),
    RangeError,
    "Cannot make a range of shape [-2]",
  );
  assertThrows(
    () => zeros([1], { dtype: "i32", requiresGrad: true }),
    TypeError,
    "Cannot require a gradient of a i32 tensor: it must be f32",
  );
});
