// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { openDevice } from "../../../engine/gpu/device.ts";
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

gpuTest("tensor() takes typed arrays of every kind", async () => {
  const kinds: [Parameters<typeof tensor>[0], string][] = [
    [Float64Array.of(1.5, -2), "f32"],
    [Float32Array.of(1.5, -2), "f32"],
    [Float16Array.of(1.5, -2), "f32"],
    [Int8Array.of(1, -2), "i32"],
    [Int16Array.of(1, -2), "i32"],
    [Int32Array.of(1, -2), "i32"],
    [BigInt64Array.of(1n, -2n), "i32"],
    [Uint8Array.of(1, 2), "u32"],
    [Uint8ClampedArray.of(1, 2), "u32"],
    [Uint16Array.of(1, 2), "u32"],
    [Uint32Array.of(1, 2), "u32"],
    [BigUint64Array.of(1n, 2n), "u32"],
  ];
  for (const [values, dtype] of kinds) {
    const name = values.constructor.name;
    const x = tensor(values);
    assertEquals(x.dtype, dtype, name);
    const wanted = Array.from(values as ArrayLike<number>, Number);
    assertEquals([...await x.data()], wanted, name);
    const y = tensor(values, { dtype: "f32", shape: [2, 1] });
    assertEquals([...await y.data()], wanted, name);
  }
  // 64 bits are taken as far as 32 hold them.
  assertThrows(
    () => tensor(BigInt64Array.of(0n, 2n ** 31n)),
    RangeError,
    "Cannot convert 2147483648, at 1, to i32: i32 holds whole numbers",
  );
  assertThrows(() => tensor(BigUint64Array.of(2n ** 64n - 1n)), RangeError);
  assertThrows(() => tensor(Int8Array.of(-1), { dtype: "u32" }), RangeError);
});

gpuTest("tensor() names what is no number", () => {
  const cases: [unknown, string][] = [
    [["a"], "Cannot make a tensor from a string: expected numbers"],
    ["12", "Cannot make a tensor from a string"],
    [[true], "Cannot make a tensor from a boolean: convert it with Number()"],
    [[1n], "Cannot make a tensor from a bigint: convert it with Number()"],
    [null, "Cannot make a tensor from null"],
    [undefined, "Cannot make a tensor from undefined"],
    [[1, null], "Cannot make a tensor from null"],
    [[{}], "Cannot make a tensor from a Object"],
    [
      [new Float32Array(2)],
      "Cannot make a tensor from a Float32Array: join typed arrays to one",
    ],
    [new DataView(new ArrayBuffer(4)), "Cannot make a tensor of a DataView"],
  ];
  for (const [values, message] of cases) {
    assertThrows(() => tensor(values as number[]), TypeError, message);
  }
  assertThrows(
    () => tensor([1], { dtype: "f16" as "f32" }),
    TypeError,
    "Cannot make a tensor of f16: the types are f32, i32, u32",
  );
  assertThrows(
    () => zeros(3 as unknown as number[]),
    TypeError,
    "Cannot make a tensor of shape 3: expected an array of lengths",
  );
  for (const value of [NaN, Infinity, 2 ** 31]) {
    assertThrows(() => tensor([value], { dtype: "i32" }), RangeError, "i32");
  }
});

gpuTest("tensors too large for any GPU are refused at once", (device) => {
  assertThrows(
    () => zeros([2 ** 40, 2 ** 40]),
    RangeError,
    "Cannot make a tensor of shape [1099511627776, 1099511627776]: it would " +
      "have more than 2^53 elements",
  );
  const { maxBufferSize } = device.gpu.limits;
  const message = `exceed the device's largest buffer of ${maxBufferSize}`;
  assertThrows(() => zeros([maxBufferSize, 2]), RangeError, message);
  assertThrows(() => arange(maxBufferSize), RangeError, message);
});
