// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import {
  add,
  capture,
  crossEntropy,
  embedding,
  gather,
  indexSelect,
  reshape,
  tensor,
  zeros,
} from "../../engine/mod.ts";
import { fillInto } from "../../engine/launch/flat.ts";
import { HostIntegers } from "../../engine/gpu/host_integers.ts";
import { gpuTest } from "../_check.ts";

Deno.test("HostIntegers find what is out of range, but for one value", () => {
  const of = (...values: number[]) =>
    new HostIntegers(Int32Array.of(...values));
  assertEquals(of().outside(3), undefined);
  assertEquals(of(0, 2, 1).outside(3), undefined);
  assertEquals(of(0, 3, 3).outside(3), { value: 3, at: 1 });
  assertEquals(of(5, -1, 2).outside(6), { value: -1, at: 1 });
  assertEquals(of(1, -100, 0, -100).outside(3, -100), undefined);
  assertEquals(of(-100, -5, 1).outside(3, -100), { value: -5, at: 1 });
  assertEquals(of(-5, 1, -100).outside(3, -100), { value: -5, at: 0 });
  assertEquals(of(255, 1, 255).outside(3, 255), undefined);
  assertEquals(of(1, 255, 7, 255).outside(3, 255), { value: 7, at: 2 });
  assertEquals(of(7, 255).outside(3, 255), { value: 7, at: 0 });
  assertEquals(of(-100, -5, 0, 1).outside(3, -100), { value: -5, at: 1 });
  assertEquals(of(255, 7, 1, 0).outside(3, 255), { value: 7, at: 1 });
});

gpuTest("ids and classes out of range are named where they enter", async () => {
  const ids = tensor([[0, 1, 2, 99]], { dtype: "i32" });
  const table = zeros([50, 4]);
  assertThrows(
    () => embedding(ids, table),
    RangeError,
    "Cannot look up id 99 at [0, 3]: the table has 50 rows",
  );
  assertThrows(
    () => embedding(reshape(ids, [2, 2]), table),
    RangeError,
    "id 99 at [1, 1]",
  );
  assertThrows(
    () => indexSelect(table, tensor(Int32Array.of(0, -1))),
    RangeError,
    "Cannot select index -1 at [1]: the axis has 50 elements",
  );
  assertThrows(
    () => gather(table, tensor([[0, 1, 2, 50]], { dtype: "u32" })),
    RangeError,
    "Cannot gather index 50 at [0, 3]",
  );
  const logits = zeros([3, 2]);
  assertThrows(
    () => crossEntropy(logits, tensor([0, 7, 1], { dtype: "i32" })),
    RangeError,
    "Cannot take the cross-entropy with class 7 at [1]: the logits have 2 " +
      "classes, from 0",
  );
  const ignored = tensor([0, -100, 1], { dtype: "i32" });
  assertEquals(await crossEntropy(logits, ignored).item() > 0.69, true);
  assertThrows(
    () => crossEntropy(logits, ignored, { ignoreIndex: -1 }),
    RangeError,
    "class -100 at [1]",
  );
  assertThrows(
    () => crossEntropy(logits, ignored, { ignoreIndex: 0.5 }),
    RangeError,
    "Cannot ignore class 0.5: it must be a whole number",
  );
  assertThrows(
    () => crossEntropy(zeros([2, 2]), tensor([0, 1])),
    TypeError,
    'for classes say dtype: "i32"',
  );
});

gpuTest("what the host wrote is forgotten once it changes", async () => {
  const table = tensor([[1], [2]]);
  const ids = tensor([0, 5], { dtype: "i32" });
  ids.write([1, 0]);
  assertEquals([...await embedding(ids, table).data()], [2, 1]);
  ids.write([1, 9]);
  assertThrows(() => embedding(ids, table), RangeError, "id 9 at [1]");
  fillInto(ids, 1); // By the GPU, which the host does not follow.
  assertEquals([...await embedding(ids, table).data()], [2, 2]);
  const made = add(tensor([0, 5], { dtype: "i32" }), 0);
  assertEquals([...await embedding(made, table).data()], [1, NaN]);
  ids.write([7, 7]);
  ids.dispose();
  const other = zeros([2], { dtype: "i32" }); // In the same block.
  assertEquals([...await embedding(other, table).data()], [1, 1]);
});

gpuTest("captured steps test the ids of every call", async () => {
  const table = tensor([[1], [2]]);
  using step = capture(({ ids }) => ({ y: embedding(ids, table) }));
  const call = (...values: number[]) => step({ ids: Int32Array.of(...values) });
  for (let i = 0; i < 4; i++) {
    assertEquals([...await call(0, 1).y.data()], [1, 2]);
  }
  assertEquals(step.reason, undefined); // The last was a replay.
  assertThrows(() => call(0, 2), RangeError, "Cannot look up id 2 at [1]");
  assertEquals([...await call(1, 0).y.data()], [2, 1]);
  const given = tensor([-1, 0], { dtype: "i32" });
  assertThrows(() => step({ ids: given }), RangeError, "id -1 at [0]");
});
