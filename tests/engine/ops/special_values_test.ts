// Copyright 2026 the swagpu authors. MIT license.

// NaN, infinities and zeros with a sign: IEEE 754 and the array API standard say
// what comes of them, WGSL leaves much of it open.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import * as engine from "../../../engine/mod.ts";
import {
  type AnyTensor,
  backward,
  sum,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import {
  allocate,
  defineKernel,
  grid,
  launch,
} from "../../../engine/kernel_kit.ts";
import { ACTIVATIONS } from "../../../engine/kernels/matmul_activation.ts";
import { scalarFunctions } from "../../../engine/kernels/scalar_functions.ts";
import { assertClose, gpuTest, randomValues } from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";

/** A NaN with its sign bit set, as 0/0 is on x86. */
const NEGATIVE_NAN = new Float32Array(
  new Uint32Array([0xffc00000]).buffer,
)[0] ?? NaN;

/** The bits of floats; a number of JavaScript may lose a NaN's sign. */
function floats(...values: (number | "-NaN")[]): Float32Array<ArrayBuffer> {
  const array = new Float32Array(values.map((v) => v === "-NaN" ? 0 : v));
  const bits = new Uint32Array(array.buffer);
  values.forEach((v, i) => v === "-NaN" && (bits[i] = 0xffc00000));
  return array;
}

async function assertValues(
  x: AnyTensor | undefined,
  expected: readonly number[],
  label = "result",
): Promise<void> {
  const values = [...await x?.data() ?? []];
  assertEquals(values.length, expected.length, label);
  values.forEach((v, i) =>
    assertEquals(Object.is(v, expected[i]), true, `${label}[${i}] is ${v}`)
  );
}

const FLAT = [1, "-NaN", 3, 5, -1, 2, 0, NaN, 7, 8, 9, 1] as const;

eachVariant(
  "reduce",
  "max(), min() and argmax() let NaN through",
  async () => {
    for (const tail of [0, 1, 1030]) { // Fours, single elements, several parts.
      const rows = tensor(
        floats(
          ...[0, 1, 2].flatMap((r) => [
            ...FLAT.slice(r * 4, r * 4 + 4),
            ...new Array(tail).fill(0.5),
          ]),
        ),
        { shape: [3, 4 + tail] },
      );
      const last = { axis: 1 };
      await assertValues(engine.max(rows, last), [NaN, NaN, 9]);
      await assertValues(
        engine.min(rows, last),
        [NaN, NaN, tail > 0 ? 0.5 : 1],
      );
      await assertValues(engine.argmax(rows, last), [1, 3, 2]);
      await assertValues(engine.max(rows), [NaN]);
      await assertValues(engine.argmax(rows), [1]);
    }
    const columns = tensor(floats(...FLAT), { shape: [3, 4] });
    await assertValues(engine.max(columns, { axis: 0 }), [7, NaN, 9, NaN]);
    await assertValues(engine.min(columns, { axis: 0 }), [-1, NaN, 0, NaN]);
    await assertValues(engine.argmax(columns, { axis: 0 }), [2, 0, 2, 1]);
    await assertValues(engine.max(tensor([-0, 0])), [0]);
    await assertValues(engine.min(tensor([0, -0])), [-0]);
    await assertValues(engine.argmax(tensor([-0, 0])), [0]);
    await assertValues(
      engine.max(tensor([-Infinity, -3, -Infinity])),
      [-3],
    );
  },
);

gpuTest("the gradient of max() goes to the first NaN", async () => {
  const x = tensor([1, NaN, 3, NaN], { requiresGrad: true });
  backward(engine.max(x));
  await assertValues(x.grad, [0, 1, 0, 0]);
});

gpuTest("maximum(), minimum() and comparisons keep to IEEE 754", async () => {
  const a = tensor(floats(NaN, 1, "-NaN", -0, 0, Infinity));
  const b = tensor(floats(1, NaN, 2, 0, -0, NaN));
  await assertValues(engine.maximum(a, b), [NaN, NaN, NaN, 0, 0, NaN]);
  await assertValues(engine.minimum(a, b), [NaN, NaN, NaN, -0, -0, NaN]);
  await assertValues(engine.equal(a, b), [0, 0, 0, 1, 1, 0]);
  await assertValues(engine.equal(a, a), [0, 1, 0, 1, 1, 1]);
  await assertValues(engine.notEqual(a, a), [1, 0, 1, 0, 0, 0]);
  await assertValues(engine.notEqual(a, b), [1, 1, 1, 0, 0, 1]);
  for (const op of [engine.less, engine.lessEqual]) {
    await assertValues(op(a, 2), [0, 1, 0, 1, 1, 0], op.name);
  }
  for (const op of [engine.greater, engine.greaterEqual]) {
    await assertValues(op(a, -1), [0, 1, 0, 1, 1, 1], op.name);
  }
});

/** Functions whose derivative depends on where it is taken, everywhere. */
const CURVED = [
  "abs",
  "exp",
  "log",
  "sqrt",
  "sin",
  "cos",
  "tanh",
  "erf",
  "sigmoid",
  "silu",
  "gelu",
] as const;

gpuTest("functions of NaN are NaN", async () => {
  const names = [
    "neg",
    "abs",
    "exp",
    "log",
    "sqrt",
    "tanh",
    "erf",
    "sigmoid",
    "relu",
    "elu",
    "silu",
    "gelu",
    "softmax",
    "logSoftmax",
    "logSumExp",
    "cumsum",
    "sum",
    "mean",
    "variance",
    "layerNorm",
  ] as const;
  for (const bits of [NaN, "-NaN"] as const) {
    const x = tensor(floats(bits, 1));
    for (const name of names) {
      assertEquals((await engine[name](x).data())[0], NaN, name);
    }
    assertEquals((await engine.clamp(x, 0, 1).data())[0], NaN);
    for (const name of CURVED) {
      const leaf = tensor(floats(bits, 1), { requiresGrad: true });
      backward(sum(engine[name](leaf)));
      assertEquals(
        (await leaf.grad?.data())?.[0],
        NaN,
        `derivative of ${name}`,
      );
    }
  }
  assertThrows(
    () => engine.clamp(tensor([1]), NaN, 1),
    RangeError,
    "Cannot clamp to [NaN, 1]: the limits must be numbers",
  );
  await assertValues(engine.clamp(tensor([1, 5]), 4, 2), [2, 2]);
  assertEquals(Number.isNaN(NEGATIVE_NAN), true);
});

gpuTest("activations have limits, also of their derivatives", async () => {
  const ops: [(x: Tensor) => Tensor, number[], number[]][] = [
    [engine.tanh, [-1, 1], [0, 0]],
    [engine.sigmoid, [0, 1], [0, 0]],
    [engine.relu, [0, Infinity], [0, 1]],
    [engine.elu, [-1, Infinity], [0, 1]],
    [(x) => engine.gelu(engine.mul(x, 1e-19)), [-0, 1e19], [0, 1e-19]],
    [
      (x) => engine.gelu(engine.mul(x, 1e-18), { approximate: "tanh" }),
      [-0, 1e20],
      [0, 1e-18],
    ],
  ];
  for (const [op, values, derivatives] of ops) {
    const x = tensor([-1e38, 1e38], { requiresGrad: true });
    const y = op(x);
    const expected = values.map((v) => v === Infinity ? 1e38 : v);
    assertClose(await y.data(), expected);
    backward(sum(y));
    assertClose(await x.grad?.data() ?? [], derivatives, {
      absolute: 0,
      relative: 1e-6,
    });
  }
});

// WGSL allows an error of 2.5 units in the last place for a quotient, and that it
// is added to before it is rounded: erf(-∞) + 1 need not be 0 where erf is one.
gpuTest(
  "activations have limits where quotients are rounded badly",
  async (device) => {
    const limits = { gelu: 0, gelu_tanh: 0, tanh: -1 } as const;
    for (const [name, low] of Object.entries(limits)) {
      const { y, dz } = ACTIVATIONS[name as keyof typeof limits];
      for (const factor of ["0.9999997", "1.0000003"]) {
        const exact = scalarFunctions(`${y} ${dz}`);
        const text = exact.replaceAll("/ q", `/ (q * ${factor})`);
        assertNotEquals(text, exact);
        const kernel = defineKernel({
          name: `rounded_${name}_${factor.slice(0, 1)}`,
          wgsl: `${text}
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<vec2<f32>>;
@group(0) @binding(2) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let z = x[id.x];
  let dy = 1.0;
  result[id.x] = vec2<f32>(${y}, ${dz});
}`,
        });
        const x = tensor([-1e20, -1e12, -20, 20, 1e12, 1e20]);
        const result = allocate(device, [x.size, 2]);
        launch(device, kernel, {
          bind: [x, result],
          params: { count: x.size },
          groups: grid(x.size, kernel.workgroupSize),
        });
        const high = (v: number) => low === 0 ? [v, 1] : [1, 0];
        const wanted = [...await x.data()].flatMap((v) =>
          v < 0 ? [low, 0] : high(v)
        );
        assertClose(await result.data(), wanted, {
          absolute: 1e-16, // tanh's derivative at 20
          relative: 1e-6,
        }, `${name}, quotients times ${factor}`);
      }
    }
  },
);

const { NaN: N, Infinity: I } = globalThis;
const BASES = [0, -0, 1, -1, 2, -2, 0.5, -0.5, I, -I, N, 5, 19, -2000, 1e30];
const EXPONENTS = [
  ...[0, -0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1.5, -1.5, I, -I, N],
  ...[7, 65, 66, -65, 100.5, 2 ** 24],
];

/** Math.pow is ECMAScript's, which differs from IEEE 754-2019 where |a| is 1. */
function ieeePow(a: number, b: number): number {
  if (a === 1 || (a === -1 && Math.abs(b) === Infinity)) return 1;
  return Math.fround(a ** b);
}

gpuTest("pow() is IEEE 754's for numbers and for tensors", async () => {
  const agree = (actual: ArrayLike<number>, b: (i: number) => number) =>
    Array.from(actual, (value, i) => {
      const a = Math.fround(BASES[i % BASES.length] ?? 0);
      const wanted = ieeePow(a, b(i));
      if (Math.abs(wanted) < 1.2e-38) { // Zeros and what GPUs flush to them.
        assertEquals(Math.abs(value) < 1.2e-38, true, `${a} ** ${b(i)}`);
        if (wanted === 0) assertEquals(Object.is(value, wanted), true);
        return;
      }
      // A whole exponent up to 16 is as many products.
      assertClose([value], [wanted], { absolute: 0, relative: 1e-6 });
    });
  for (const b of EXPONENTS) {
    agree(await engine.pow(tensor(BASES), b).data(), () => b);
  }
  const all = EXPONENTS.flatMap((b) => BASES.map(() => b));
  const bases = EXPONENTS.flatMap(() => BASES);
  agree(
    await engine.pow(tensor(bases), tensor(all)).data(),
    (i) => all[i] ?? 0,
  );
});

gpuTest("pow() is right within 2 units in the last place", async () => {
  const u = randomValues(4096, 5, 0, 1);
  const v = randomValues(4096, 6, -1, 1);
  const kinds: [string, (u: number, v: number) => [number, number]][] = [
    ["common", (u, v) => [10 ** (12 * u - 6), 6 * v]],
    ["nearly 0 or infinite", (u, v) => {
      const a = 2 ** (200 * u - 100);
      return [a, Math.sign(v) * (100 + 25 * Math.abs(v)) / Math.log2(a)];
    }],
    ["of nearly 1", (u, v) => {
      const a = Math.fround(1 + (u - 0.5) * 10 ** (-6 * Math.abs(v)));
      return [a, a === 1 ? v : 125 * v / Math.log2(a)];
    }],
    ["whole and large", (u, v) => [10 ** (2 * u - 1), Math.round(25 + 8 * v)]],
  ];
  for (const [kind, make] of kinds) {
    const pairs = Array.from(u, (x, i) => make(x, v[i] ?? 0).map(Math.fround));
    const [a, b] = [0, 1].map((j) => pairs.map((pair) => pair[j] ?? 0));
    const y = await engine.pow(tensor(a ?? []), tensor(b ?? [])).data();
    pairs.forEach(([a = 0, b = 0], i) => {
      const wanted = a ** b;
      const unit = 2 ** (Math.floor(Math.log2(wanted)) - 23);
      const off = Math.abs((y[i] ?? NaN) - wanted) / unit;
      assert(off <= 2, `${kind}: ${a} ** ${b} is off by ${off} units`);
    });
  }
});

gpuTest("small whole powers of small whole numbers are exact", async () => {
  const x = Array.from({ length: 20 }, (_, i) => i).concat(-2000);
  for (const b of [2, 3]) {
    const y = await engine.pow(tensor(x), b).data();
    const z = await engine.pow(tensor(x), tensor(b)).data();
    const wanted = x.map((v) => Math.fround(v ** b));
    assertEquals([...y], wanted);
    assertEquals([...z], wanted);
  }
  assertEquals([...await engine.pow(tensor([2]), -10).data()], [2 ** -10]);
  const twos = [-126, -101, -17, 17, 64, 65, 100, 127];
  const powers = engine.pow(tensor(twos.map(() => 2)), tensor(twos));
  assertEquals([...await powers.data()], twos.map((b) => 2 ** b));
  assertEquals([...await engine.pow(tensor([3]), 15).data()], [3 ** 15]);
});

gpuTest("pow() has PyTorch's derivatives at its special values", async () => {
  const cases: [number, number, number, number][] = [
    [0, 0, 0, 0],
    [0, 1, 1, 0],
    [0, 2, 0, 0],
    [0, -1, -I, -I],
    [2, 0, 0, Math.LN2],
    [-2, 2, -4, N],
    [N, 0, 0, N],
    [3, 0.5, 0.5 / Math.sqrt(3), Math.sqrt(3) * Math.log(3)],
    [-2, 0.5, N, N],
    [1, -3, -3, 0],
  ];
  const x = tensor(cases.map(([a]) => a), { requiresGrad: true });
  const e = tensor(cases.map(([, b]) => b), { requiresGrad: true });
  backward(sum(engine.pow(x, e)));
  const near = { absolute: 1e-7, relative: 1e-5 };
  assertClose(await x.grad?.data() ?? [], cases.map((c) => c[2]), near);
  assertClose(await e.grad?.data() ?? [], cases.map((c) => c[3]), near);
  for (const [a, b, dx] of cases) {
    const one = tensor([a], { requiresGrad: true });
    backward(engine.pow(one, b));
    assertClose(await one.grad?.data() ?? [], [dx], near, `${a} ** ${b}`);
  }
});

gpuTest("cast() of what integers do not hold", async () => {
  const x = tensor([NaN, -1.5, Infinity, -Infinity]);
  const [a, b] = [engine.cast(x, "i32"), engine.cast(x, "u32")];
  const signed = [...await a.data()];
  const unsigned = [...await b.data()];
  assertEquals(signed.slice(0, 2), [0, -1]);
  assertEquals(unsigned.slice(0, 2), [0, 0]);
  assertEquals(signed[3], -(2 ** 31));
  assertEquals((signed[2] ?? 0) >= 2 ** 31 - 128, true);
  assertEquals((unsigned[2] ?? 0) >= 2 ** 32 - 256, true);
});

gpuTest("numbers beside integers must be integers", async () => {
  const i = tensor([7, 6], { dtype: "i32" });
  const u = engine.cast(i, "u32");
  const mask = tensor([1, 0], { dtype: "u32" });
  const { add, sub, mul, div, minimum, maximum } = engine;
  const { equal, less, greaterEqual, where, maskedFill, full } = engine;
  for (const number of [0.5, NaN, Infinity, -Infinity, 2 ** 31, -1e10]) {
    for (const op of [add, sub, mul, div, minimum, maximum, equal, less]) {
      for (const run of [() => op(i, number), () => op(number, i)]) {
        assertThrows(
          run,
          TypeError,
          `Cannot ${op.name} i32 and ${number}: i32 holds whole numbers from ` +
            "-2147483648 to 2147483647; cast() the tensor to f32",
        );
      }
    }
    assertThrows(() => where(mask, i, number), TypeError, `i32 and ${number}`);
    assertThrows(() => maskedFill(i, mask, number), TypeError, "cast()");
    assertThrows(() => full([1], number, { dtype: "i32" }), RangeError);
  }
  assertThrows(() => greaterEqual(u, -1), TypeError, "u32 and -1");
  assertThrows(() => i.write([1, 0.5]), RangeError, "Cannot convert 0.5, at 1");
  assertThrows(() => u.write([-1, 0]), RangeError, "Cannot convert -1, at 0");
  for (const integers of [i, u]) {
    assertThrows(() => div(integers, 0), RangeError, "by 0: there is no");
    assertThrows(() => div(integers, -0), RangeError, "by 0: there is no");
  }
  await assertValues(div(i, -2), [-3, -3]);
  await assertValues(div(0, i), [0, 0]);
  await assertValues(i, [7, 6]);
  await assertValues(add(u, 2 ** 32 - 8), [2 ** 32 - 1, 2 ** 32 - 2]);
  await assertValues(where(mask, i, -2), [7, -2]);
});
