// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  broadcastShapes,
  broadcastStrides,
  checkShape,
  collapseAxes,
  formatShape,
  normalizeAxis,
  sameShape,
  sizeOf,
  stridesOf,
} from "../../engine/shape.ts";
import { broadcastShape, indicesOf, placeOf } from "../reference/array.ts";

const LENGTHS = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 });
const MASK = fc.array(fc.boolean(), { minLength: 5, maxLength: 5 });

/** The places that strides lead to, in row-major order of the shape. */
function walk(shape: readonly number[], strides: readonly number[]): number[] {
  return indicesOf(shape).map((index) =>
    index.reduce((at, i, axis) => at + i * (strides[axis] ?? 0), 0)
  );
}

Deno.test("stridesOf() and sizeOf() are those of row-major order", () => {
  fc.assert(fc.property(LENGTHS, (shape) => {
    const size = sizeOf(shape);
    const places = Array.from({ length: size }, (_, i) => i);
    assertEquals(walk(shape, stridesOf(shape)), places);
  }));
  assertEquals(sizeOf([3, 0]), 0);
});

Deno.test("broadcastShapes() and broadcastStrides() follow NumPy's rule", () => {
  fc.assert(fc.property(LENGTHS, MASK, MASK, fc.nat(5), (full, m, n, cut) => {
    const a = full.map((length, i) => m[i] ? 1 : length);
    const b = full.map((length, i) => n[i] ? 1 : length).slice(cut);
    const shape = broadcastShapes("add", a, b);
    assertEquals(shape, broadcastShape(a, b));
    assertEquals(
      walk(shape, broadcastStrides(b, shape)),
      indicesOf(shape).map((index) => placeOf(index, b)),
    );
  }));
  assertThrows(
    () => broadcastShapes("add", [2, 3], [4]),
    TypeError,
    "Cannot add [2, 3] and [4]: lengths must be equal or 1 at every axis",
  );
});

Deno.test("collapseAxes() keeps every operand's walk", () => {
  fc.assert(fc.property(LENGTHS, MASK, MASK, (full, m, n) => {
    const shapes = [m, n].map((mask) =>
      full.map((length, i) => mask[i] ? 1 : length)
    );
    const strides = shapes.map((shape) => broadcastStrides(shape, full));
    const axes = collapseAxes(full, strides);
    assertEquals(sizeOf(axes.shape), sizeOf(full));
    axes.strides.forEach((merged, k) => {
      assertEquals(walk(axes.shape, merged), walk(full, strides[k] ?? []));
    });
  }));
  const strides = [stridesOf([2, 3, 4]), broadcastStrides([4], [2, 3, 4])];
  assertEquals(collapseAxes([2, 3, 4], strides), {
    shape: [6, 4],
    strides: [[4, 1], [0, 1]],
  });
  assertEquals(collapseAxes([1, 1], [[0, 0]]), { shape: [1], strides: [[0]] });
});

Deno.test("normalizeAxis() counts from either end", () => {
  assertEquals([normalizeAxis("sum", -1, 3), normalizeAxis("sum", 0, 3)], [
    2,
    0,
  ]);
  for (const axis of [3, -4, 0.5, NaN]) {
    assertThrows(
      () => normalizeAxis("sum", axis, 3),
      RangeError,
      `Cannot sum axis ${axis}: the tensor has 3 axes`,
    );
  }
});

Deno.test("formatShape(), sameShape() and checkShape() agree on shapes", () => {
  assertEquals([formatShape([2, 3]), formatShape([])], ["[2, 3]", "[]"]);
  assert(sameShape([2, 3], [2, 3]) && !sameShape([2], [2, 1]));
  checkShape("make a tensor", [0, 2]);
  assertThrows(() => checkShape("make a tensor", [2.5]), RangeError, "[2.5]");
});
