// Copyright 2026 the swagpu authors. MIT license.

// How calls are cut to bindings, as arithmetic alone: no GPU. That the ops give
// the same bits through cuts is tested beside each of them, at lowered limits.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Box,
  boxes,
  elementsThatFit,
  inOrder,
  rowsThatFit,
  spanOf,
  texelWindows,
  view,
  viewOf,
  wholeBox,
  windows,
  windowsOf,
} from "../../../engine/launch/cut.ts";
import { TEXEL_WINDOW } from "../../../engine/gpu/texels.ts";
import { sizeOf, stridesOf } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { randomValues } from "../../_check.ts";

/** Integers in [low, high] that depend on the seed alone. */
function randomIntegers(seed: number, low: number, high: number): () => number {
  let calls = 0;
  return () =>
    Math.floor(randomValues(1, seed * 1000 + calls++, low, high + 1)[0] ?? low);
}

/** The indices of a box as offsets in the row-major space of `lengths`. */
function indicesOf(
  { start, count }: Box,
  lengths: readonly number[],
): number[] {
  const strides = stridesOf(lengths);
  const walk = count.map((n) => Array.from({ length: n }, (_, i) => i));
  return walk.reduce<number[]>(
    (found, steps, axis) =>
      found.flatMap((at) =>
        steps.map((i) => at + ((start[axis] ?? 0) + i) * (strides[axis] ?? 0))
      ),
    [0],
  );
}

function assertCovers(list: readonly Box[], lengths: readonly number[]): void {
  const indices = list.flatMap((box) => indicesOf(box, lengths));
  assertEquals(
    indices.sort((a, b) => a - b),
    Array.from({ length: sizeOf(lengths) }, (_, i) => i),
    `[${lengths}]`,
  );
}

/** What `view` reads of a tensor, with windows as plain records. */
function fakeTensor(size: number, maxBindingSize: number): Tensor {
  const fake = {
    fitsBinding: size * 4 <= maxBindingSize,
    window: (start: number, count: number) => ({ start, count }),
  };
  return fake as unknown as Tensor;
}

Deno.test("windowsOf() covers an axis with windows of one length", () => {
  assertEquals(windowsOf(7, 3).map(({ count }) => count), [3, 3, 1]);
  assertEquals(windowsOf(7, 3).map(({ start }) => start), [0, 3, 6]);
  assertEquals(windowsOf(6, 3).length, 2);
  assertEquals(windowsOf(7, Infinity), [{ start: 0, count: 7 }]);
  assertEquals(windowsOf(0, 3), [{ start: 0, count: 0 }]);
});

Deno.test("boxes() covers every index once for cuts in order", () => {
  const length = randomIntegers(1, 1, 9);
  const step = randomIntegers(2, 1, 5);
  for (let i = 0; i < 200; i++) {
    const lengths = [length(), length(), length()];
    const chunk = step() * 2;
    const cuts = [
      { axis: 0, step: step() },
      { axis: 2, step: chunk },
      { axis: 1, step: step() },
      { axis: 2, step: step() },
    ];
    const list = boxes(lengths, inOrder(...cuts));
    assertCovers(list, lengths);
    for (const { start, count } of list) {
      for (const cut of cuts) assert((count[cut.axis] ?? 0) <= cut.step);
      // A later cut along an axis does not straddle an earlier one.
      const [, , k = 0] = start;
      assert(k % chunk + (count[2] ?? 0) <= chunk);
    }
  }
});

Deno.test("boxes() covers every index once for halves", () => {
  const length = randomIntegers(3, 1, 12);
  for (let i = 0; i < 100; i++) {
    const lengths = [length(), length(), length()];
    const room = length() * 3;
    const list = boxes(lengths, (count) => {
      if (sizeOf(count) <= room) return undefined;
      const axis = count.findIndex((n) => n > 1);
      return { axis, step: Math.ceil((count[axis] ?? 1) / 2) };
    });
    assertCovers(list, lengths);
    for (const { count } of list) assert(sizeOf(count) <= room);
  }
});

Deno.test("boxes() leaves a space that fits whole, even an empty one", () => {
  for (const lengths of [[3, 4], [0, 5], []]) {
    assertEquals(boxes(lengths, inOrder({ axis: 0, step: 9 })), [
      wholeBox(lengths),
    ]);
  }
});

Deno.test("boxes() makes later cuts vary fastest", () => {
  const list = boxes(
    [2, 3],
    inOrder({ axis: 1, step: 2 }, { axis: 0, step: 1 }),
  );
  assertEquals(list.map(({ start }) => start), [[0, 0], [1, 0], [0, 2], [
    1,
    2,
  ]]);
});

Deno.test("rowsThatFit() gives whole units that fit with their slack", () => {
  const size = randomIntegers(4, 1, 300);
  const unit = randomIntegers(5, 1, 64);
  const limit = randomIntegers(6, 8, 4096);
  for (let i = 0; i < 500; i++) {
    const device = { maxBindingSize: 256 * limit() };
    const row = { action: "test", size: size(), unit: unit() };
    const fit = elementsThatFit(device);
    if (row.size * row.unit > fit) {
      assertThrows(
        () => rowsThatFit(device, row),
        RangeError,
        `Cannot test rows of ${row.size} elements: `,
      );
      continue;
    }
    const rows = rowsThatFit(device, row);
    assertEquals(rows % row.unit, 0);
    assert(rows * row.size <= fit);
    assert((rows + row.unit) * row.size > fit, "a larger window fits, too");
  }
});

Deno.test("rowsThatFit() says how many rows do not fit", () => {
  const device = { maxBindingSize: 1024 };
  const row = { action: "test", size: 100 };
  assertEquals(rowsThatFit(device, row), 1);
  assertThrows(
    () => rowsThatFit(device, { ...row, size: 129 }),
    RangeError,
    "Cannot test rows of 129 elements: one exceeds the device's largest " +
      "binding of 1024 bytes",
  );
  assertThrows(
    () => rowsThatFit(device, { ...row, least: 2 }),
    RangeError,
    "Cannot test rows of 100 elements: 2 of them exceed",
  );
});

Deno.test("view() and viewOf() bind all that a box reaches, at legal offsets", () => {
  const length = randomIntegers(7, 1, 30);
  const device = { maxBindingSize: 2048 };
  const room = elementsThatFit(device);
  for (let i = 0; i < 200; i++) {
    const lengths = [length(), length(), length()];
    const start = length() * 3;
    const operand = {
      tensor: fakeTensor(start + sizeOf(lengths), device.maxBindingSize),
      start,
      strides: stridesOf(lengths),
    };
    const list = boxes(lengths, (count) => {
      if (spanOf(operand.strides, count) <= room) return undefined;
      const axis = count.findIndex((n) => n > 1);
      return { axis, step: Math.ceil((count[axis] ?? 1) / 2) };
    });
    for (const box of list) {
      const indices = indicesOf(box, lengths).map((at) => at + start);
      const { binding, offset } = viewOf(operand, box);
      if (operand.tensor.fitsBinding) {
        assertEquals(binding, operand.tensor);
        assertEquals(offset, Math.min(...indices));
        continue;
      }
      const bound = binding as unknown as { start: number; count: number };
      assertEquals(bound.start % 64, 0);
      assert(Math.ceil(bound.count / 64) * 256 <= device.maxBindingSize);
      assertEquals(bound.start + offset, Math.min(...indices));
      assertEquals(bound.start + bound.count, Math.max(...indices) + 1);
    }
  }
  const x = fakeTensor(10, 2048);
  assertEquals(view(x, 3, 4), { binding: x, offset: 3 });
});

Deno.test("windows() covers rows of any length at legal offsets", () => {
  const rows = randomIntegers(8, 1, 5000);
  const size = randomIntegers(9, 1, 200);
  for (let i = 0; i < 300; i++) {
    const [count, sizes] = [rows(), [size(), size()]];
    const device = { maxBindingSize: 64 * 1024 };
    let next = 0;
    for (const window of windows(device, count, sizes)) {
      assertEquals(window.start, next);
      for (const row of sizes) {
        assertEquals(window.start * row % 64, 0);
        assert(Math.ceil(window.count * row / 64) * 256 <= 64 * 1024);
      }
      next += window.count;
    }
    assertEquals(next, count);
  }
});

Deno.test("texelWindows() makes small windows, or of 64 rows if these are long", () => {
  const device = { maxBindingSize: 2 ** 30 };
  for (const size of [4, 1000, 100_000]) {
    const rows = 4_000_000 / size * 4;
    const list = texelWindows(device, rows, [size, 4]);
    assert(list.length > 1);
    const most = Math.max(TEXEL_WINDOW, 64 * size * 4);
    for (const { count } of list) assert(count * size * 4 <= most);
    assertEquals(list.reduce((sum, { count }) => sum + count, 0), rows);
  }
  assertEquals(texelWindows(device, 10, [4]), [{ start: 0, count: 10 }]);
});
