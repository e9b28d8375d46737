// Copyright 2026 the swagpu authors. MIT license.

// Every op takes axes of length 0, forward and backward: what is left of the
// result follows from its definition, a sum over nothing is 0, and a gradient is
// there, of zeros. Each test ends by itself within seconds, or a loop does not.

import { assertEquals, assertThrows } from "@std/assert";
import * as engine from "../../../engine/mod.ts";
import {
  backward,
  type IntegerTensor,
  type Shape,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../../engine/mod.ts";
import { gpuTest } from "../../_check.ts";

const SHAPES: number[][] = [[0], [0, 3], [3, 0], [2, 0, 4], [0, 0], [1, 0, 1]];
const REDUCTIONS = ["mean", "sum", "none"] as const;

/** A leaf of this shape: ones, where there is any element. */
function leaf(shape: Shape): Tensor {
  return engine.ones(shape, { requiresGrad: true });
}

function integers(shape: Shape): IntegerTensor {
  return zeros(shape, { dtype: "i32" });
}

/**
 * Checks shape and values of an op's result, and that the leaves' gradients of
 * its sum are zeros of their shapes.
 */
async function check(
  label: string,
  leaves: readonly Tensor[],
  run: () => Tensor,
  shape: readonly number[],
  value?: number,
): Promise<void> {
  using _ = engine.scope();
  const y = run();
  assertEquals(y.shape, shape, label);
  const expected = new Array(y.size).fill(value ?? 0);
  assertEquals([...await y.data()].map((v) => v + 0), expected, label);
  backward(sum(y));
  for (const x of leaves) {
    assertEquals(x.grad?.shape, x.shape, `${label}: gradient`);
    assertEquals([...await x.grad?.data() ?? []], new Array(x.size).fill(0));
    x.dropGradient();
  }
}

const UNARY = {
  ...Object.fromEntries(
    ([
      "neg",
      "abs",
      "exp",
      "log",
      "sqrt",
      "sin",
      "cos",
      "tanh",
      "erf",
      "sigmoid",
      "relu",
      "elu",
      "silu",
      "gelu",
      "dropout",
      "softmax",
      "logSoftmax",
      "layerNorm",
      "cumsum",
    ] as const).map((name) => [name, (x: Tensor) => engine[name](x)]),
  ),
  pow: (x: Tensor) => engine.pow(x, 3),
  clamp: (x: Tensor) => engine.clamp(x, 0, 1),
  cast: (x: Tensor) => engine.cast(x, "f32"),
  add: (x: Tensor) => engine.add(x, 1),
  div: (x: Tensor) => engine.div(1, x),
  maximum: (x: Tensor) => engine.maximum(x, x),
  "softmax along 0": (x: Tensor) => engine.softmax(x, { axis: 0 }),
  "cumsum along 0": (x: Tensor) => engine.cumsum(x, { axis: 0, reverse: true }),
  "whole slice": (x: Tensor) => engine.slice(x, { start: 0 }),
  maskedFill: (x: Tensor) => engine.maskedFill(x, integers(x.shape), 1),
  where: (x: Tensor) => engine.where(integers(x.shape), x, x),
};

gpuTest("ops of one shape take axes of length 0", async () => {
  for (const shape of SHAPES) {
    const x = leaf(shape);
    for (const [name, op] of Object.entries(UNARY)) {
      await check(`${name} of [${shape}]`, [x], () => op(x), shape);
    }
    x.dispose();
  }
});

gpuTest("reductions take axes of length 0, and record", async () => {
  for (const shape of SHAPES) {
    const x = leaf(shape);
    for (let axis = 0; axis < shape.length; axis++) {
      const rest = shape.toSpliced(axis, 1);
      const label = `[${shape}] over ${axis}`;
      const none = shape[axis] === 0;
      await check(`sum of ${label}`, [x], () => sum(x, { axis }), rest);
      await check(
        `mean of ${label}`,
        [x],
        () => engine.mean(x, { axis }),
        rest,
        NaN,
      );
      await check(
        `variance of ${label}`,
        [x],
        () => engine.variance(x, { axis }),
        rest,
        NaN,
      );
      await check(
        `logSumExp of ${label}`,
        [x],
        () => engine.logSumExp(x, { axis }),
        rest,
        -Infinity,
      );
      for (const op of [engine.max, engine.min]) {
        if (none) assertThrows(() => op(x, { axis }), RangeError, "no element");
        else await check(label, [x], () => op(x, { axis }), rest);
      }
      if (!none) assertEquals(engine.argmax(x, { axis }).shape, rest);
    }
    await check(`sum of [${shape}]`, [x], () => sum(x), []);
    x.dispose();
  }
  assertEquals([...await sum(integers([0, 2]), { axis: 0 }).data()], [0, 0]);
});

gpuTest("losses of no rows end: NaN, 0 or nothing", async () => {
  const x = leaf([0, 3]);
  const t = zeros([0, 3]);
  const values = { mean: NaN, sum: 0, none: 0 };
  for (const reduction of REDUCTIONS) {
    const losses: [string, Tensor, number[]][] = [
      ["classes", engine.crossEntropy(x, integers([0]), { reduction }), [0]],
      ["shares", engine.crossEntropy(x, t, { reduction }), [0]],
      ["mse", engine.mseLoss(x, t, { reduction }), [0, 3]],
      ["bce", engine.bceWithLogits(x, t, { reduction }), [0, 3]],
      ["kl", engine.klDivergence(x, t, { reduction }), [0, 3]],
    ];
    for (const [name, loss, shape] of losses) {
      await check(
        `${name} ${reduction}`,
        [x],
        () => loss,
        reduction === "none" ? shape : [],
        values[reduction],
      );
    }
  }
  const batch = engine.klDivergence(x, t, { reduction: "batchmean" });
  assertEquals(await batch.item(), NaN);
  x.dispose();
});

gpuTest("broadcasting with length 0 sums gradients to 0", async () => {
  const cases = [
    [[1], [0], [0]],
    [[3], [0, 3], [0, 3]],
    [[2, 1], [2, 0], [2, 0]],
    [[1, 3], [0, 1], [0, 3]],
  ];
  for (const [first = [], second = [], result = []] of cases) {
    const leaves = [leaf(first), leaf(second)] as const;
    for (const op of [engine.add, engine.mul, engine.pow, engine.minimum]) {
      await check(op.name, leaves, () => op(...leaves), result);
    }
    await check(
      "expand",
      [leaves[0]],
      () => engine.expand(leaves[0], result),
      result,
    );
    for (const x of leaves) x.dispose();
  }
});

gpuTest("products over nothing are zeros, with their bias", async () => {
  for (
    const [m, k, n] of [[2, 0, 3], [0, 4, 3], [2, 4, 0], [0, 0, 3]] as const
  ) {
    for (const batch of [[], [2], [0]]) {
      const a = leaf([...batch, m, k]);
      const b = leaf([k, n]);
      const bias = leaf([n]);
      const label = `[${batch}] ${m}·${k}·${n}`;
      const shape = [...batch, m, n];
      await check(label, [a, b], () => engine.matmul(a, b), shape);
      const y = engine.matmul(a, b, { bias, activation: "relu" });
      assertEquals([...await y.data()], new Array(y.size).fill(1), label);
      backward(sum(y));
      const rows = y.size / (n || 1);
      assertEquals(
        [...await bias.grad?.data() ?? []],
        new Array(n).fill(rows),
        `${label}: gradient of the bias`,
      );
      for (const x of [a, b, bias]) x.dispose();
    }
  }
});

gpuTest("parameters of layers over no rows get gradients of 0", async () => {
  const x = leaf([0, 4]);
  const [weight, bias] = [leaf([4]), leaf([4])];
  await check(
    "layerNorm",
    [x, weight, bias],
    () => engine.layerNorm(x, { weight, bias, residual: x }),
    [0, 4],
  );
  const table = leaf([5, 4]);
  await check(
    "embedding",
    [table],
    () => engine.embedding(integers([0, 2]), table),
    [0, 2, 4],
  );
  // What made the table must hear of it, too.
  const raw = leaf([5, 4]);
  await check(
    "embedding of a product",
    [raw],
    () => engine.embedding(integers([0]), engine.mul(raw, 2)),
    [0, 4],
  );
  await check(
    "indexSelect",
    [table],
    () => engine.indexSelect(table, integers([0]), 1),
    [5, 0],
  );
  await check(
    "gather",
    [table],
    () => engine.gather(table, integers([0, 4])),
    [0, 4],
  );
  await check(
    "slice",
    [table],
    () => engine.slice(table, { start: 0, end: 0 }),
    [0, 4],
  );
  for (const each of [x, weight, bias, table, raw]) each.dispose();
});

gpuTest("attention and places take no tokens", async () => {
  for (const [b, s, k] of [[0, 2, 2], [1, 0, 3], [1, 3, 0]] as const) {
    const q = leaf([b, s, 4]);
    const keys = leaf([b, k, 4]);
    const values = leaf([b, k, 4]);
    await check(
      `attention of [${b}, ${s}, ${k}]`,
      [q, keys, values],
      () => engine.attention(q, keys, values, { heads: 2 }),
      [b, s, 4],
    );
    for (const x of [q, keys, values]) x.dispose();
  }
  const x = leaf([1, 0, 12]);
  await check("rotary", [x], () => engine.rotary(x, { heads: 2 }), [1, 0, 12]);
  await check(
    "rotaryQkv",
    [x],
    () => engine.concat(engine.rotaryQkv(x, { heads: 1 }), 2),
    [1, 0, 12],
  );
  await check(
    "gated",
    [x],
    () => engine.gatedActivation(x, "gelu"),
    [1, 0, 6],
  );
  x.dispose();
});

gpuTest("moving nothing gives nothing", async () => {
  const x = leaf([2, 0, 3]);
  await check("transpose", [x], () => engine.transpose(x), [2, 3, 0]);
  await check("permute", [x], () => engine.permute(x, [2, 0, 1]), [3, 2, 0]);
  await check("reshape", [x], () => engine.reshape(x, [0, 7]), [0, 7]);
  await check("concat", [x], () => engine.concat([x, x], 1), [2, 0, 3]);
  await check("stack", [x], () => engine.stack([x, x]), [2, 2, 0, 3]);
  await check("split", [x], () => engine.split(x, [1, 1])[1] ?? x, [1, 0, 3]);
  const y = leaf([1, 0]);
  await check("squeeze", [y], () => engine.squeeze(y, 0), [0]);
  const z = leaf([2, 2]);
  const joined = engine.concat([z, zeros([0, 2])]);
  assertEquals([...await joined.data()], [1, 1, 1, 1]);
  assertThrows(
    () => engine.reshape(x, [0, -1]),
    TypeError,
    "Cannot reshape [2, 0, 3] to [0, -1]: beside a length of 0",
  );
  for (const each of [x, y, z]) each.dispose();
  assertEquals(tensor([]).shape, [0]);
});
