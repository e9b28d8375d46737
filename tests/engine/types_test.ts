// Copyright 2026 the swagpu authors. MIT license.

// What the type checker knows of results. `deno check` is the test: each line
// assigns a result to its exact type, and each `@ts-expect-error` must be one.

import { assertEquals } from "@std/assert";
import {
  add,
  type AnyTensor,
  arange,
  argmax,
  cast,
  concat,
  type DType,
  embedding,
  equal,
  full,
  gather,
  greater,
  hasDType,
  type HostValues,
  type IntegerTensor,
  matmul,
  mul,
  ones,
  readAll,
  reshape,
  softmax,
  sum,
  Tensor,
  tensor,
  type TypedArray,
  where,
  zeros,
} from "../../engine/mod.ts";
import { Linear, type StepInputs } from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";

type Floats = Float32Array<ArrayBuffer>;
type Integers = Int32Array<ArrayBuffer>;
type Unsigned = Uint32Array<ArrayBuffer>;

/** Holds if both types are the same, and not only assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;

/** Takes a value whose type is exactly `T`. */
function exactly<T>() {
  return <V>(value: V & (Same<T, V> extends true ? V : never)): V => value;
}

gpuTest("data() gives the typed array of the element type", async () => {
  const floats: Floats = await tensor([1, 2]).data();
  const integers: Integers = await tensor([1], { dtype: "i32" }).data();
  const unsigned: Unsigned = await cast(tensor([1]), "u32").data();
  assertEquals([floats, integers, unsigned].map(({ length }) => length), [
    2,
    1,
    1,
  ]);
  // @ts-expect-error -- floats are no integers
  const wrong: Integers = await tensor([1, 2]).data();
  // @ts-expect-error -- a union of arrays is not one of them
  const unknown: Floats = await (tensor([1]) as AnyTensor).data();
  assertEquals(wrong.length + unknown.length, 3);
});

gpuTest("values decide the type of tensor()", () => {
  exactly<Tensor>()(tensor(1));
  exactly<Tensor>()(tensor([[1, 2], [3, 4]], { requiresGrad: true }));
  exactly<Tensor>()(tensor(new Float64Array(2)));
  exactly<Tensor<"i32">>()(tensor(new Int8Array(2)));
  exactly<Tensor<"i32">>()(tensor(new BigInt64Array(2), { shape: [2, 1] }));
  exactly<Tensor<"u32">>()(tensor(new Uint8Array(2)));
  exactly<Tensor<"u32">>()(tensor(new Float32Array(2), { dtype: "u32" }));
  exactly<Tensor>()(zeros([2]));
  exactly<Tensor<"i32">>()(zeros([2], { dtype: "i32" }));
  exactly<Tensor<"u32">>()(full([2], 3, { dtype: "u32" }));
  exactly<Tensor<"i32">>()(arange(3));
  exactly<Tensor>()(arange(3, { dtype: "f32" }));
  for (const dtype of ["f32", "i32"] as DType[]) {
    exactly<AnyTensor>()(zeros([2], { dtype }));
  }
});

gpuTest("ops pass the element type on", () => {
  const x = ones([2, 2]);
  const i = ones([2, 2], { dtype: "i32" });
  exactly<Tensor>()(add(x, 1));
  exactly<Tensor<"i32">>()(add(i, i));
  exactly<Tensor<"i32">>()(reshape(sum(i, { axis: 0 }), [2, 1]));
  exactly<Tensor<"i32">>()(concat([i, i]));
  exactly<Tensor<"u32">>()(greater(x, 0));
  exactly<Tensor<"u32">>()(equal(i, 1));
  exactly<Tensor<"i32">>()(argmax(x));
  exactly<Tensor>()(where(greater(x, 0), x, 0));
  exactly<Tensor<"i32">>()(where(greater(x, 0), i, 0));
  exactly<Tensor>()(where(greater(x, 0), 1, 0));
  exactly<Tensor<"i32">>()(gather(i, zeros([1, 2], { dtype: "i32" })));
  exactly<Tensor | undefined>()(x.grad);
  // @ts-expect-error -- the type is known exactly
  exactly<AnyTensor>()(x);
  // @ts-expect-error -- here, too
  exactly<IntegerTensor>()(i);
});

gpuTest("an op says which element types it takes", () => {
  const x = ones([2, 2]);
  const ids: IntegerTensor = zeros([2], { dtype: "u32" });
  exactly<Tensor>()(embedding(ids, x));
  const layer = new Linear(2, 1);
  exactly<Tensor>()(layer.forward(x));
  exactly<Tensor>()(mul(2, layer.weight));
  layer.dispose();
  const bad = [
    // @ts-expect-error -- ids are integers
    () => embedding(x, x),
    // @ts-expect-error -- products are of floats
    () => matmul(reshape(ids, [1, 2]), x),
    // @ts-expect-error -- so is softmax
    () => softmax(ids),
    // @ts-expect-error -- a condition is of integers
    () => where(x, 1, 0),
  ];
  assertEquals(bad.length, 4);
});

gpuTest("readAll() gives an array for each tensor", async () => {
  const x = tensor([1]);
  const i = tensor([2], { dtype: "i32" });
  const pair: [Floats, Integers] = await readAll([x, i]);
  exactly<[Floats, Integers]>()(pair);
  const list: Tensor[] = [x, x];
  exactly<Floats[]>()(await readAll(list));
  const mixed: AnyTensor[] = [x, i];
  exactly<TypedArray[]>()(await readAll(mixed));
  const [first = new Float32Array()] = await readAll(i.size > 1 ? [] : [x]);
  assertEquals([...pair[0], ...pair[1], ...first], [1, 2, 1]);
});

gpuTest("hasDType() narrows a tensor of any type", () => {
  const x: AnyTensor = tensor([1]);
  if (hasDType(x, "f32")) exactly<Tensor>()(x);
  assertEquals([hasDType(x, "f32"), hasDType(x, "i32")], [true, false]);
  const any: readonly AnyTensor[] = [x, ones([1]), arange(2)];
  assertEquals(any.map((each) => each instanceof Tensor), [true, true, true]);
});

gpuTest("a captured step's inputs have the types of their values", () => {
  interface Feed {
    ids: Int32Array<ArrayBuffer>;
    x: HostValues;
    y: { data: Float32Array<ArrayBuffer>; shape: number[] };
    mask: Tensor<"u32">;
    factor: number;
  }
  const check = (inputs: StepInputs<Feed>) => {
    exactly<Tensor<"i32">>()(inputs.ids);
    exactly<Tensor<DType>>()(inputs.x);
    exactly<Tensor>()(inputs.y);
    exactly<Tensor<"u32">>()(inputs.mask);
    exactly<number>()(inputs.factor);
  };
  assertEquals(check.length, 1);
});
