// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { manualSeed, tensor, zeros } from "../../engine/mod.ts";
import { Conv1d, type Conv1dOptions, type Parameter } from "../../nn/mod.ts";
import { checkOp, gpuTest } from "../_check.ts";
import {
  type ConvolutionCase,
  convolutionReference,
} from "../reference/convolution.ts";

const CASES: [Omit<Conv1dOptions, "kernelSize">, ConvolutionCase][] = [
  [{}, { batch: 1, inputs: 1, outputs: 1, length: 4, size: 1 }],
  [
    { padding: 1, stride: 2 },
    {
      ...{ batch: 2, inputs: 3, outputs: 5, length: 9, size: 3 },
      ...{ padding: [1, 1], stride: 2 },
    },
  ],
  [
    { padding: "same" }, // One more zero stands after an even kernel's input.
    {
      ...{ batch: 2, inputs: 3, outputs: 2, length: 7, size: 4 },
      padding: [1, 2],
    },
  ],
  [
    { padding: "same", dilation: 3 },
    {
      ...{ batch: 1, inputs: 2, outputs: 2, length: 8, size: 2 },
      ...{ padding: [1, 2], dilation: 3 },
    },
  ],
  [
    { padding: "valid", groups: 3, dilation: 2 },
    {
      ...{ batch: 2, inputs: 6, outputs: 9, length: 11, size: 3 },
      ...{ groups: 3, dilation: 2 },
    },
  ],
];

gpuTest("Conv1d matches the reference", async () => {
  for (const [options, given] of CASES) {
    const { batch, inputs, outputs, length, size, groups = 1 } = given;
    await checkOp(
      [
        { shape: [batch, inputs, length] },
        { shape: [outputs, inputs / groups, size] },
        { shape: [outputs] },
      ],
      (x, weight, bias) => {
        const layer = new Conv1d(inputs, outputs, {
          ...options,
          kernelSize: size,
        });
        layer.weight = weight as Parameter;
        layer.bias = bias as Parameter;
        return layer.forward(x);
      },
      (x, weight, bias) =>
        convolutionReference(x ?? [], weight ?? [], bias ?? [], given),
      { label: JSON.stringify(options) },
    );
  }
});

gpuTest("Conv1d starts as PyTorch's, and takes one text alone", async () => {
  manualSeed(1);
  const layer = new Conv1d(6, 4, { kernelSize: 3, groups: 2 });
  assertEquals([...layer.namedParameters().keys()], ["weight", "bias"]);
  assertEquals(layer.weight.shape, [4, 3, 3]);
  const bound = 1 / Math.sqrt(9);
  for (const parameter of layer.parameters()) {
    const values = [...await parameter.data()].map(Math.abs);
    assert(Math.max(...values) <= bound && Math.max(...values) > bound / 2);
  }
  assertEquals(layer.forward(zeros([6, 5])).shape, [4, 3]);
  assertEquals(layer.forward(zeros([0, 6, 5])).shape, [0, 4, 3]);
  const bare = new Conv1d(1, 1, { kernelSize: 1, bias: false });
  assertEquals(bare.bias, undefined);
  layer.dispose();
});

gpuTest("Conv1d refuses what does not fit", () => {
  const build = (options: Partial<Conv1dOptions>) => () =>
    new Conv1d(6, 4, { kernelSize: 3, ...options });
  assertThrows(
    build({ groups: 4 }),
    RangeError,
    "Cannot split 6 channels, and 4 of the result, into 4 groups",
  );
  assertThrows(
    build({ padding: "same", stride: 2 }),
    RangeError,
    'Cannot pad "same" with a stride of 2',
  );
  assertThrows(
    build({ padding: -1 }),
    RangeError,
    "Cannot build a Conv1d with padding -1",
  );
  assertThrows(
    build({ kernelSize: 0 }),
    RangeError,
    "Cannot build a Conv1d with kernelSize 0",
  );
  assertThrows(
    build({ kernel: 2 } as never),
    TypeError,
    'Cannot build a Conv1d with option "kernel"',
  );
  const layer = new Conv1d(6, 4, { kernelSize: 3 });
  assertThrows(
    () => layer.forward(tensor([[[1, 2, 3]]])),
    TypeError,
    "Cannot convolve [1, 1, 3]: expected [batch, 6, length] or [6, length]",
  );
  assertThrows(
    () => layer.forward(zeros([1, 6, 2])),
    RangeError,
    "Cannot unfold [1, 6, 2] into stretches over 3 elements",
  );
});
