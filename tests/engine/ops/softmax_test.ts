// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertThrows } from "@std/assert";
import { ones, tensor } from "../../../engine/ops/creation.ts";
import { logSoftmax, softmax } from "../../../engine/ops/softmax.ts";
import { readAll } from "../../../engine/tensor.ts";
import {
  assertClose,
  checkOp,
  gpuTest,
  SUMS,
  type Tolerance,
} from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";
import * as twin from "../../reference/softmax.ts";

/** Gradients of logarithms are sums over rows of numbers of order 1. */
const GRADIENTS: Tolerance = { absolute: 1e-4, relative: 1e-4 };

eachVariant(
  "softmax",
  "softmax() and logSoftmax() match the reference along every axis",
  async () => {
    const cases: [number[], number][] = [
      [[3, 1], -1],
      [[5, 7], 1],
      [[17, 33], -1],
      [[3, 32], -1],
      [[2, 1025], -1],
      [[9, 132], -1],
      [[2, 772], -1],
      [[2, 4100], -1],
      [[7, 5], 0],
      [[3, 17, 5], 1],
      [[2, 4, 8], -2],
    ];
    for (const [shape, axis] of cases) {
      const at = axis < 0 ? axis + shape.length : axis;
      const n = shape[at] ?? 1;
      const inner = shape.slice(at + 1).reduce((a, b) => a * b, 1);
      const inputs = [{ shape, low: -4, high: 4 }];
      const label = (name: string) => ({ label: `${name} [${shape}] ${axis}` });
      await checkOp(
        inputs,
        (x) => softmax(x, { axis }),
        (x) => twin.softmax(x, n, inner),
        { elements: 12, ...label("softmax") },
      );
      await checkOp(
        inputs,
        (x) => logSoftmax(x, { axis }),
        (x) => twin.logSoftmax(x, n, inner),
        { elements: 12, backward: GRADIENTS, ...label("logSoftmax") },
      );
    }
  },
);

eachVariant(
  "softmax",
  "softmax() takes large and infinite values",
  async () => {
    const x = [
      [1000, 1001, -1000, -Infinity],
      [-1e30, -1e30, -3e38, -3e38],
      [-Infinity, -Infinity, -Infinity, -Infinity],
    ];
    const [y, z] = await readAll([softmax(tensor(x)), logSoftmax(tensor(x))]);
    const e = Math.exp(-1);
    assertClose(
      y ?? [],
      [e / (1 + e), 1 / (1 + e), 0, 0, 0.5, 0.5, 0, 0, NaN, NaN, NaN, NaN],
    );
    assertClose([...z ?? []].slice(0, 4), [
      Math.log(e / (1 + e)),
      -Math.log(1 + e),
      -2001 - Math.log(1 + e),
      -Infinity,
    ], SUMS);
    assert([...z ?? []].slice(8).every(Number.isNaN));
  },
);

gpuTest(
  "softmax() works in windows when a binding is small",
  async (device) => {
    const limit = device.maxBindingSize;
    try {
      Object.assign(device, { maxBindingSize: 64 * 9 * 4 + 256 });
      await checkOp(
        [{ shape: [150, 3, 3] }],
        (x) => softmax(x, { axis: 1 }),
        (x) => twin.softmax(x, 3, 3),
      );
    } finally {
      Object.assign(device, { maxBindingSize: limit });
    }
  },
);

gpuTest("softmax() throws when there is no such axis", () => {
  assertThrows(
    () => softmax(ones([2, 3]), { axis: 2 }),
    RangeError,
    "Cannot take the softmax along axis 2: the tensor has 2 axes",
  );
});
