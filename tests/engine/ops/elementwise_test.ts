// Copyright 2026 the swagpu authors. MIT license.
// Longer than most files: every case of one module, a line or a block each.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Device, openDevice } from "../../../engine/gpu/device.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import {
  abs,
  type Activation,
  add,
  cast,
  clamp,
  cos,
  div,
  elu,
  equal,
  erf,
  exp,
  gelu,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  maskedFill,
  matmul,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  type Operand,
  pow,
  relu,
  reshape,
  sigmoid,
  silu,
  sin,
  sqrt,
  sub,
  tanh,
  where,
} from "../../../engine/mod.ts";
import { sum } from "../../../engine/ops/reduce.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll, type Tensor } from "../../../engine/tensor.ts";
import { forAngles } from "../../_adapter.ts";
import {
  assertClose,
  checkOp,
  FUNCTIONS,
  gpuTest,
  randomValues,
  ROUNDING,
  type Tolerance,
} from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";
import { broadcastShape, mapBroadcast } from "../../reference/array.ts";
import {
  erfReference,
  geluReference,
  geluTanhReference,
  sigmoidReference,
} from "../../reference/functions.ts";

/** erf is good to a few units in the last place. */
const ERF: Tolerance = { absolute: 4e-7, relative: 4e-7 };

interface UnaryCase {
  op: (x: Tensor) => Tensor;
  reference: (x: number) => number;
  low?: number;
  high?: number;
  /** Where the derivative jumps: no inputs near it. */
  kinks?: number[];
  forward?: Tolerance;
  /** Computed by the adapter's sin and cos, which may be as coarse as 2⁻¹¹. */
  angles?: boolean;
}

const UNARY: Record<string, UnaryCase> = {
  neg: { op: neg, reference: (x) => -x, forward: ROUNDING },
  abs: { op: abs, reference: Math.abs, kinks: [0], forward: ROUNDING },
  exp: { op: exp, reference: Math.exp, low: -5, high: 5 },
  log: { op: log, reference: Math.log, low: 0.1, high: 5 },
  sqrt: { op: sqrt, reference: Math.sqrt, low: 0.1, high: 5 },
  sin: { op: sin, reference: Math.sin, low: -3, high: 3, angles: true },
  cos: { op: cos, reference: Math.cos, low: -3, high: 3, angles: true },
  tanh: { op: tanh, reference: Math.tanh, low: -4, high: 4 },
  erf: { op: erf, reference: erfReference, low: -4.5, high: 4.5, forward: ERF },
  sigmoid: { op: sigmoid, reference: sigmoidReference, low: -8, high: 8 },
  relu: {
    op: relu,
    reference: (x) => Math.max(x, 0),
    kinks: [0],
    forward: ROUNDING,
  },
  elu: {
    op: elu,
    reference: (x) => x > 0 ? x : Math.exp(x) - 1,
    low: -4,
    high: 4,
    kinks: [0],
  },
  "elu(0.3)": {
    op: (x) => elu(x, 0.3),
    reference: (x) => x > 0 ? x : 0.3 * (Math.exp(x) - 1),
    kinks: [0],
  },
  silu: {
    op: silu,
    reference: (x) => x * sigmoidReference(x),
    low: -8,
    high: 8,
  },
  gelu: { op: gelu, reference: geluReference, low: -6, high: 6 },
  'gelu("tanh")': {
    op: (x) => gelu(x, { approximate: "tanh" }),
    reference: geluTanhReference,
    low: -6,
    high: 6,
  },
  clamp: {
    op: (x) => clamp(x, -0.5, 0.25),
    reference: (x) => Math.min(Math.max(x, -0.5), 0.25),
    kinks: [-0.5, 0.25],
    forward: ROUNDING,
  },
  "pow(3)": {
    op: (x) => pow(x, 3),
    reference: (x) => x ** 3,
    low: -2,
    high: 2,
  },
  "pow(2)": {
    op: (x) => pow(x, 2),
    reference: (x) => x ** 2,
    low: -2,
    high: 2,
  },
  "pow(0)": { op: (x) => pow(x, 0), reference: () => 1 },
  "pow(-1.5)": {
    op: (x) => pow(x, -1.5),
    reference: (x) => x ** -1.5,
    low: 0.5,
    high: 3,
  },
};

for (const [name, c] of Object.entries(UNARY)) {
  const { op, reference, low = -1, high = 1, kinks = [], angles = false } = c;
  eachVariant(
    "elementwise",
    `${name} matches the reference`,
    async (device) => {
      const functions = angles ? await forAngles(FUNCTIONS, device) : FUNCTIONS;
      for (const size of [1, 7, 17, 33, 1025]) {
        const values = randomValues(size, size, low, high).map((v) => {
          const kink = kinks.find((k) => Math.abs(v - k) < 1e-3);
          return kink === undefined ? v : kink + 2e-3;
        });
        await checkOp(
          [{ shape: [size], values }],
          op,
          (x) => x.map(reference),
          {
            forward: c.forward ?? functions,
            backward: functions,
            elements: 20,
            label: `${size} elements`,
          },
        );
      }
    },
  );
}

interface BinaryCase {
  op: (a: Tensor, b: Tensor) => Tensor;
  reference: (a: number, b: number) => number;
  low?: number;
  high?: number;
}

const BINARY: Record<string, BinaryCase> = {
  add: { op: add, reference: (a, b) => a + b },
  sub: { op: sub, reference: (a, b) => a - b },
  mul: { op: mul, reference: (a, b) => a * b },
  div: { op: div, reference: (a, b) => a / b, low: 0.5, high: 2 },
  pow: { op: pow, reference: (a, b) => a ** b, low: 0.5, high: 2 },
  // Spread out, so that no step of a difference changes which is larger.
  minimum: { op: minimum, reference: Math.min, low: -50, high: 50 },
  maximum: { op: maximum, reference: Math.max, low: -50, high: 50 },
};

const PAIRS: [number[], number[]][] = [
  [[1], [1]],
  [[7], [7]],
  [[17, 33], [33]],
  [[17, 33], [17, 1]],
  [[1, 33], [17, 1]],
  [[1025], [1]],
  [[], [2, 3]],
  [[2, 1, 3, 1, 5], [4, 1, 6, 1]],
];

for (
  const [name, { op, reference, low = -1, high = 1 }] of Object.entries(BINARY)
) {
  eachVariant(
    "elementwise",
    `${name}() matches the reference and broadcasts`,
    async () => {
      for (const [a, b] of PAIRS) {
        await checkOp(
          [{ shape: a, low, high }, { shape: b, low, high }],
          op,
          (x, y) => mapBroadcast(reference, [[x, a], [y, b]]),
          { forward: FUNCTIONS, backward: FUNCTIONS, elements: 8 },
        );
      }
    },
  );

  gpuTest(`${name}() takes numbers on either side`, async () => {
    const numeric = op as (a: Operand, b: Operand) => Tensor;
    await checkOp(
      [{ shape: [33], low, high }],
      (x) => numeric(x, 0.75),
      (x) => x.map((v) => reference(v, 0.75)),
      { forward: FUNCTIONS, backward: FUNCTIONS, elements: 10 },
    );
    if (name === "pow") return;
    await checkOp(
      [{ shape: [33], low, high }],
      (x) => numeric(0.75, x),
      (x) => x.map((v) => reference(0.75, v)),
      { forward: FUNCTIONS, backward: FUNCTIONS, elements: 10 },
    );
  });
}

gpuTest("mul() broadcasts any two shapes that NumPy would", async () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 });
  const mask = fc.array(fc.boolean(), { minLength: 5, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(
      lengths,
      mask,
      mask,
      fc.nat(5),
      async (full, m, n, cut) => {
        const a = full.map((length, i) => m[i] ? 1 : length);
        const b = full.map((length, i) => n[i] ? 1 : length).slice(cut);
        const x = randomValues(a.reduce((s, v) => s * v, 1), 1);
        const y = randomValues(b.reduce((s, v) => s * v, 1), 2);
        const z = mul(tensor(x, { shape: a }), tensor(y, { shape: b }));
        assertEquals(z.shape, broadcastShape(a, b));
        assertClose(
          await z.data(),
          mapBroadcast((v, w) => v * w, [[x, a], [y, b]]),
        );
      },
    ),
    { numRuns: 40, seed: 7 },
  );
});

gpuTest("an operand used twice gets both gradients", async () => {
  const x = tensor([1, -2, 3], { requiresGrad: true });
  backward(sum(add(mul(x, x), x)));
  assertEquals([...await x.grad?.data() ?? []], [3, -3, 7]);
  x.dropGradient();
  backward(sum(where(tensor([1, 0, 1], { dtype: "u32" }), x, x)));
  assertEquals([...await x.grad?.data() ?? []], [1, 1, 1]);
});

gpuTest("minimum() and maximum() share the gradient of equals", async () => {
  const a = tensor([1, 2, 3], { requiresGrad: true });
  const b = tensor([1, 3, 2], { requiresGrad: true });
  backward(sum(maximum(a, b)));
  backward(sum(minimum(a, b)));
  const [da, db] = await readAll([a.grad ?? a, b.grad ?? b]);
  assertEquals([...da ?? [], ...db ?? []], [1, 1, 1, 1, 1, 1]);
});

gpuTest("comparisons give 1 and 0 for every type", async () => {
  const a = [1, 2, 3];
  const b = [2, 2, 2];
  for (const dtype of ["f32", "i32", "u32"] as const) {
    const [x, y] = [tensor(a, { dtype }), tensor(b, { dtype })];
    const ops = [equal, notEqual, less, lessEqual, greater, greaterEqual];
    const results = await readAll(ops.map((op) => op(x, y)));
    assertEquals(results.map((r) => [...r]), [
      [0, 1, 0],
      [1, 0, 1],
      [1, 0, 0],
      [1, 1, 0],
      [0, 0, 1],
      [0, 1, 1],
    ]);
    assert(results.every((r) => r instanceof Uint32Array));
  }
});

gpuTest("arithmetic keeps integers exact", async () => {
  const a = tensor(Int32Array.of(2 ** 30 + 1, -7, 3));
  const b = tensor(Int32Array.of(5, 2, -2));
  const u = tensor(Uint32Array.of(2 ** 32 - 1));
  const results = await readAll([
    add(a, b),
    mul(a, 2),
    div(a, b),
    maximum(a, b),
    sub(u, 1),
  ]);
  assertEquals(results, [
    Int32Array.of(2 ** 30 + 6, -5, 1),
    Int32Array.of(-(2 ** 31) + 2, -14, 6),
    Int32Array.of(214748365, -3, -1),
    Int32Array.of(2 ** 30 + 1, 2, 3),
    Uint32Array.of(2 ** 32 - 2),
  ]);
});

gpuTest(
  "cast() converts towards zero, and passes gradients within f32",
  async () => {
    const x = tensor([1.9, -1.9, 0]);
    const i = cast(x, "i32");
    const [a, b, c] = await readAll([
      i,
      cast(i, "f32"),
      cast(tensor(Uint32Array.of(7)), "i32"),
    ]);
    assertEquals(a, Int32Array.of(1, -1, 0));
    assertEquals(b, Float32Array.of(1, -1, 0));
    assertEquals(c, Int32Array.of(7));
    const y = tensor([2], { requiresGrad: true });
    backward(mul(cast(y, "f32"), 3));
    assertEquals(await y.grad?.item(), 3);
  },
);

gpuTest("where() matches the reference and broadcasts", async () => {
  const cases: [number[], number[], number[]][] = [
    [[7], [7], [7]],
    [[17, 1], [33], [17, 33]],
    [[3, 1, 5], [4, 1], []],
  ];
  for (const [c, a, b] of cases) {
    const size = c.reduce((s, v) => s * v, 1);
    const condition = Uint32Array.from(randomValues(size, 5, 0, 2));
    await checkOp(
      [{ shape: a }, { shape: b }],
      (x, y) => where(tensor(condition, { shape: c }), x, y),
      (x, y) =>
        mapBroadcast((p, v, w) => p ? v : w, [[condition, c], [x, a], [y, b]]),
      { elements: 12 },
    );
  }
  const mask = tensor([1, 0], { dtype: "i32" });
  assertEquals([...await where(mask, 1, -1).data()], [1, -1]);
});

gpuTest("maskedFill() fills, and stops the gradient there", async () => {
  const mask = Uint32Array.of(1, 0, 0, 1, 0);
  await checkOp(
    [{ shape: [3, 5] }],
    (x) => maskedFill(x, tensor(mask), -2),
    (x) => x.map((v, i) => mask[i % 5] ? -2 : v),
  );
  const x = tensor([1, 2]);
  const filled = maskedFill(x, tensor([1, 0], { dtype: "u32" }), -Infinity);
  assertEquals([...await filled.data()], [-Infinity, 2]);
});

gpuTest("functions behave at the ends of their domains", async () => {
  const cases: [(x: Tensor) => Tensor, number[], number[]][] = [
    [exp, [-200, 0], [0, 1]],
    [log, [0, 1], [-Infinity, 0]],
    [tanh, [-100, 100, 0], [-1, 1, 0]],
    [sigmoid, [-200, 200], [0, 1]],
    [erf, [-50, 50], [-1, 1]],
    [gelu, [-50, 50], [0, 50]],
    [(x) => gelu(x, { approximate: "tanh" }), [-50, 50], [0, 50]],
    [silu, [-200, 200], [0, 200]],
    [elu, [-200, 200], [-1, 200]],
    [(x) => pow(x, 2), [-3, 0], [9, 0]],
    [(x) => pow(x, 0.5), [-4, 4], [NaN, 2]],
  ];
  for (const [op, values, expected] of cases) {
    assertClose(await op(tensor(values)).data(), expected, FUNCTIONS);
  }
  const x = tensor([0, 0, -200, 200], { requiresGrad: true });
  backward(sum(add(pow(x, 2), add(pow(x, 0), sigmoid(x)))));
  assertClose(await x.grad?.data() ?? [], [0.25, 0.25, -400, 400], FUNCTIONS);
});

gpuTest("element-wise ops take empty tensors", async () => {
  const x = zeros([0, 3], { requiresGrad: true });
  const y = mul(exp(x), tensor([1, 2, 3]));
  assertEquals(y.shape, [0, 3]);
  assertEquals((await y.data()).length, 0);
});

gpuTest("element-wise ops refuse what does not fit", () => {
  const f = zeros([2, 3]);
  const i = zeros([3], { dtype: "i32" });
  assertThrows(
    () => add(f, zeros([4, 3])),
    TypeError,
    "Cannot add [2, 3] and [4, 3]: lengths must be equal or 1 at every axis, " +
      "counted from the last",
  );
  assertThrows(
    () => mul(f, i),
    TypeError,
    "Cannot mul f32 and i32: cast() one of them",
  );
  assertThrows(
    () => add(1, 2),
    TypeError,
    "Cannot add two numbers: give a tensor",
  );
  assertThrows(
    // @ts-expect-error -- the types ask for floats
    () => exp(i),
    TypeError,
    "Cannot exp a tensor of i32: cast() it to f32",
  );
  // @ts-expect-error -- the types ask for floats
  assertThrows(() => pow(i, i), TypeError, "cast() it to f32");
  assertThrows(
    // @ts-expect-error -- the types ask for integers
    () => where(f, f, f),
    TypeError,
    "Cannot choose by a condition of f32: compare it, or cast() to u32",
  );
  assertThrows(
    () => where(i, f, i),
    TypeError,
    "Cannot choose between f32 and i32: cast() one of them",
  );
  assertThrows(
    () => maskedFill(zeros([3]), zeros([2, 3], { dtype: "u32" }), 0),
    TypeError,
    "Cannot mask [3] by [2, 3]: the mask must broadcast to the tensor",
  );
});

gpuTest(
  "element-wise ops give the same bits through windows",
  async (whole) => {
    const small = await openDevice({ maxBindingSize: 8192 });
    const run = (device: Device) => {
      const make = (shape: number[], seed: number) =>
        tensor(randomValues(shape.reduce((s, v) => s * v, 1), seed, 0.5, 2), {
          shape,
          device,
          requiresGrad: true,
        });
      const leaves = [
        make([70, 50], 1),
        make([70, 50], 2),
        make([50], 3),
        make([70, 1], 4),
        make([7, 1, 50], 5),
        make([1, 3000], 6),
        make([3, 1], 7),
      ];
      const [a, b, row, column, wide, long, few] = leaves;
      assert(a && b && row && column && wide && long && few);
      const ys = [
        add(gelu(a), mul(b, 3)),
        div(a, row),
        pow(mul(column, row), a),
        where(greater(b, 1), a, row),
        sub(wide, column),
        mul(long, few),
      ];
      for (const y of ys) {
        backward(y, {
          gradient: tensor(randomValues(y.size, 9), { shape: y.shape, device }),
        });
      }
      return readAll([...ys, ...leaves.map((leaf) => leaf.grad ?? leaf)]);
    };
    assertEquals(await run(small), await run(whole));
    await small.destroy();
  },
);

gpuTest("activations keep NaN", async () => {
  const x = tensor([NaN]);
  for (const op of [tanh, gelu, sigmoid, silu, erf, relu, elu]) {
    assertEquals(await op(x).item(), NaN, op.name);
  }
  assertEquals(await clamp(x, -1, 1).item(), NaN);
  const one = tensor([[1]]);
  const activations = ["gelu", "gelu_tanh", "relu", "sigmoid", "silu", "tanh"];
  for (const activation of activations as Activation[]) {
    const y = matmul(reshape(x, [1, 1]), one, { activation });
    assertEquals(await y.item(), NaN, activation);
  }
});
