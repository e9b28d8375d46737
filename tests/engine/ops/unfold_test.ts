// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../../engine/gpu/device.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import { unfold, type UnfoldOptions } from "../../../engine/ops/unfold.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import { checkOp, gpuTest, randomValues } from "../../_check.ts";

/** The stretches of rows, one element after the other. */
function unfoldReference(
  x: ArrayLike<number>,
  length: number,
  { size, stride = 1, dilation = 1, padding: [before, after] = [0, 0] }:
    UnfoldOptions,
): number[] {
  const y: number[] = [];
  for (let row = 0; row * length < x.length; row++) {
    const padded = [
      ...new Array(before).fill(0),
      ...Array.from({ length }, (_, i) => x[row * length + i] ?? NaN),
      ...new Array(after).fill(0),
    ];
    const starts: number[] = [];
    for (let at = 0; at + dilation * (size - 1) < padded.length; at += stride) {
      starts.push(at);
    }
    for (let j = 0; j < size; j++) {
      for (const at of starts) y.push(padded[at + j * dilation]);
    }
  }
  return y;
}

const CASES: [number[], UnfoldOptions][] = [
  [[5], { size: 1 }],
  [[3, 9], { size: 3 }],
  [[2, 3, 9], { size: 2, padding: [1, 1] }],
  [[2, 8], { size: 3, stride: 2, padding: [2, 0] }],
  [[4, 11], { size: 3, stride: 3, dilation: 2, padding: [0, 5] }],
  [[2, 7], { size: 2, stride: 5, dilation: 3 }],
  [[2, 3], { size: 4, padding: [3, 3], dilation: 2 }],
  [[70, 33], { size: 5, padding: [2, 2] }],
];

gpuTest("unfold() matches the reference", async () => {
  for (const [shape, options] of CASES) {
    await checkOp(
      [{ shape }],
      (x) => unfold(x, options),
      (x) => unfoldReference(x, shape.at(-1) ?? 1, options),
      { label: `[${shape}] ${JSON.stringify(options)}` },
    );
  }
  const none = unfold(zeros([0, 4], { requiresGrad: true }), { size: 3 });
  assertEquals(none.shape, [0, 3, 2]);
});

gpuTest("unfold() of rows that exceed a binding", async (device: Device) => {
  const limit = device.maxBindingSize;
  const run = () => {
    const x = tensor(randomValues(90 * 13, 3), {
      shape: [90, 13],
      requiresGrad: true,
    });
    const y = unfold(x, { size: 3, padding: [1, 1] });
    const gradient = tensor(randomValues(y.size, 4), { shape: y.shape });
    backward(y, { gradient });
    assert(x.grad);
    return [y, x.grad];
  };
  const whole = run();
  try {
    Object.assign(device, { maxBindingSize: 2048 });
    const [y, dx, yWhole, dxWhole] = await readAll([...run(), ...whole]);
    assertEquals(y, yWhole);
    assertEquals(dx, dxWhole);
  } finally {
    Object.assign(device, { maxBindingSize: limit });
  }
});

gpuTest("unfold() refuses numbers out of range", () => {
  const x = zeros([2, 4]);
  assertThrows(
    () => unfold(x, { size: 3, dilation: 2 }),
    RangeError,
    "Cannot unfold [2, 4] into stretches over 5 elements: " +
      "a row has 4 with its padding",
  );
  assertThrows(
    () => unfold(x, { size: 0 }),
    RangeError,
    "Cannot unfold with size 0: expected a whole number of at least 1",
  );
  assertThrows(
    () => unfold(x, { size: 2, padding: [0, 0.5] }),
    RangeError,
    "Cannot unfold with a padding of 0.5 after each row",
  );
  assertThrows(() => unfold(zeros([]), { size: 1 }), TypeError, "a scalar");
});
