// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  add,
  backward,
  capture,
  checkpoint,
  defaultGenerator,
  type Device,
  dropout,
  gelu,
  Generator,
  isRecording,
  layerNorm,
  manualSeed,
  matmul,
  mul,
  noGrad,
  readAll,
  reshape,
  scope,
  slice,
  sum,
  tanh,
  type Tensor,
  tensor,
  uniform,
} from "../../engine/mod.ts";
import { fillInto, record } from "../../engine/kernel_kit.ts";
import { isOnlyUse } from "../../engine/tape.ts";
import { checkOp, gpuTest, randomValues, SUMS } from "../_check.ts";

/** Either `checkpoint`, or a plain call in its place. */
type Runner = typeof checkpoint;
const plainly: Runner = (run, ...inputs) => run(...inputs);

/** A leaf of random numbers. */
function leaf(shape: number[], seed: number): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(randomValues(count, seed), { shape, requiresGrad: true });
}

/** Runs a function with a checkpoint and without; gives both lists of numbers. */
async function both(
  run: (through: Runner) => Tensor[],
): Promise<[Float32Array[], Float32Array[]]> {
  const numbers: Float32Array[][] = [];
  for (const through of [checkpoint, plainly]) {
    manualSeed(3);
    using _ = scope();
    numbers.push(await readAll(run(through)));
  }
  const [one = [], other = []] = numbers;
  return [one, other];
}

/** The gradients of leaves, which must be there. */
function gradsOf(leaves: readonly Tensor[]): Tensor[] {
  return leaves.map(({ grad }) => {
    assert(grad);
    return grad;
  });
}

gpuTest("a checkpoint has the derivative of its function", async () => {
  // y = tanh(a · b) + a, element by element, of which the twin is in float64.
  await checkOp(
    [{ shape: [3, 5] }, { shape: [3, 5] }, {
      shape: [3, 5],
      differentiate: false,
    }],
    (a, b, c) =>
      checkpoint(
        (x: Tensor, z: Tensor) => add(add(tanh(mul(x, b)), x), z),
        a,
        c,
      ),
    (a, b, c) => a.map((x, i) => Math.tanh(x * (b[i] ?? 0)) + x + (c[i] ?? 0)),
    { backward: SUMS },
  );
});

/** Blocks with dropout, whose inputs and parameters are used in many places. */
function blocks(through: Runner): Tensor[] {
  const x = leaf([4, 16], 1);
  const w = leaf([16, 16], 2);
  const gain = leaf([16], 3);
  const shared = gelu(mul(x, 0.5)); // has history, and is used by every block
  const own = new Generator(9);
  let h = mul(x, 1.5);
  const states = [h];
  for (let i = 0; i < 3; i++) {
    h = through((h: Tensor) => {
      const y = dropout(matmul(h, w, { activation: "gelu" }), { rate: 0.3 });
      const z = dropout(matmul(y, w), { rate: 0.2, generator: own });
      const sum = add(add(z, shared), mul(h, shared));
      return layerNorm(sum, { weight: gain, residual: h });
    }, h);
    states.push(h);
  }
  // Every state is used again after the last block.
  const loss = sum(states.reduce((a, b) => add(a, mul(b, b))));
  backward(loss);
  backward(loss); // Going back a second time draws the same numbers.
  return [loss, ...states, ...gradsOf([x, w, gain])];
}

gpuTest("gradients are the same bits as without a checkpoint", async () => {
  const [one, other] = await both(blocks);
  assertEquals(one, other);
  assert(one.every((values) => values.some((value) => value !== 0)));
});

gpuTest("an activation before and after a checkpoint", async () => {
  const [one, other] = await both((through) => {
    const x = leaf([8, 16], 1);
    const w = leaf([16, 16], 2);
    const h = matmul(x, w, { activation: "gelu" });
    const y = through((h: Tensor) => matmul(h, w, { activation: "gelu" }), h);
    backward(sum(matmul(y, w)));
    return gradsOf([x, w]);
  });
  one.forEach((values, i) =>
    values.forEach((value, k) => {
      const expected = other[i]?.[k] ?? NaN;
      assert(Math.abs(value - expected) <= 1e-6 * Math.abs(expected));
    })
  );
});

gpuTest("checkpoints lie in each other", async () => {
  const [one, other] = await both((through) => {
    const x = leaf([4, 8], 1);
    const w = leaf([8, 8], 2);
    const layer = (h: Tensor) => dropout(tanh(matmul(h, w)), { rate: 0.25 });
    const y = through((h: Tensor) => {
      const a = through((h: Tensor) => add(layer(h), h), dropout(h));
      const b = through(() => through(() => mul(layer(a), x)));
      return layer(add(a, b));
    }, x);
    backward(sum(mul(y, dropout(y))));
    return [y, ...gradsOf([x, w])];
  });
  assertEquals(one, other);
});

gpuTest("a function may have several results, of several kinds", async () => {
  const [one, other] = await both((through) => {
    const x = leaf([4], 1);
    const c = tensor([1, 2, 3, 4]);
    const { a, list, same, fixed, none } = through(
      (x: Tensor, c: Tensor) => {
        const a = mul(x, c);
        return {
          a,
          list: [tanh(x), [a, mul(x, 7)]] as const,
          same: x,
          fixed: add(c, 1),
          none: undefined,
        };
      },
      x,
      c,
    );
    const [b, [again]] = list;
    assertStrictEquals(again, a);
    assertStrictEquals(same, x);
    assert(!fixed.requiresGrad && !fixed.isDisposed);
    assertEquals(none, undefined);
    backward(sum(add(mul(a, again), mul(mul(b, same), fixed))));
    return [a, b, fixed, ...gradsOf([x])];
  });
  assertEquals(one, other);
});

gpuTest("a result that is not used, and one that is a view", async () => {
  const x = leaf([6], 1);
  const [a, b] = checkpoint(() => [tanh(x), reshape(x, [2, 3])] as const);
  backward(sum(mul(slice(b, { axis: 0, start: 1 }), 2)));
  assertEquals([...await x.grad?.data() ?? []], [0, 0, 0, 2, 2, 2]);
  assert(a.requiresGrad);
});

gpuTest("derivatives know whether a tensor is used once", () => {
  const seen: boolean[] = [];
  const double = (x: Tensor) =>
    record(noGrad(() => mul(x, 2)), [x], (dy) => {
      seen.push(isOnlyUse(x));
      return [mul(dy, 2)];
    });
  const x = mul(leaf([3], 1), 3); // has history
  backward(sum(checkpoint(double, x)));
  backward(sum(checkpoint((x: Tensor) => add(double(x), x), x)));
  backward(sum(add(checkpoint(double, x), x)));
  // A result that is not used does not count either.
  backward(sum(checkpoint((x: Tensor) => [double(x), tanh(x)] as const, x)[0]));
  assertEquals(seen, [true, false, false, true]);
});

gpuTest("results live as long as the scope around, inputs as theirs", () => {
  const x = leaf([3], 1);
  const inner = scope();
  const c = tensor([1, 2, 3]);
  const run = () => checkpoint((c: Tensor) => [mul(x, c), c] as const, c);
  const [y, same] = run();
  const [z] = noGrad(run);
  assert(!y.isDisposed && !z.isDisposed && same === c);
  inner[Symbol.dispose]();
  assert(y.isDisposed && z.isDisposed && c.isDisposed);
});

gpuTest("the function runs once, and again for each way back", () => {
  const x = leaf([3], 1);
  const runs: boolean[] = [];
  const run = (x: Tensor) => {
    runs.push(isRecording());
    return mul(x, x);
  };
  const y = checkpoint(run, x);
  assertEquals(runs, [false]);
  backward(sum(y));
  backward(sum(y));
  assertEquals(runs, [false, true, true]);
  runs.length = 0;
  const z = noGrad(() => checkpoint(run, x));
  const fixed = checkpoint(run, tensor([1, 2]));
  assert(!z.requiresGrad && !fixed.requiresGrad);
  assertEquals(runs.length, 2);
  checkpoint(run, x); // Nothing goes back to it.
  backward(sum(mul(x, 2)));
  assertEquals(runs.length, 3);
});

gpuTest("a generator is where it would be without a checkpoint", async () => {
  const own = new Generator(4);
  const x = leaf([3], 1);
  const y = checkpoint(() => {
    own.reset(7);
    const u = uniform([3], { generator: own });
    own.loadStateDict({ key: [5, 0], position: 10 });
    own.position++;
    return mul(x, mul(u, uniform([3], { generator: own })));
  });
  assertEquals(own.position, 12);
  backward(sum(y));
  assertEquals(own.position, 12);
  const at = (seed: number, position: number) => {
    const generator = new Generator(seed);
    generator.position = position;
    return uniform([3], { generator });
  };
  assertEquals(
    await x.grad?.data(),
    await mul(at(7, 0), at(5, 11)).data(),
  );
});

/** Bytes that a chain of layers takes, and the gradient of its first layer. */
async function memoryOf(device: Device, through: (h: Tensor) => Tensor) {
  using _ = scope();
  const x = leaf([64, 64], 1);
  const { pool } = device;
  pool.resetPeak();
  const { inUse } = pool.statistics();
  let peak = 0;
  {
    using _ = scope();
    manualSeed(1);
    backward(sum(through(x)));
    peak = pool.statistics().peak - inUse;
  }
  const [grad] = gradsOf([x]);
  return { tensors: peak / (64 * 64 * 4), grad: await grad?.data() };
}

gpuTest("memory is freed between checkpoints", async (device) => {
  const layer = (h: Tensor) =>
    dropout(tanh(mul(tanh(mul(h, 1.5)), 1.5)), { rate: 0.1 });
  const repeat = (times: number, run: (h: Tensor) => Tensor) => (h: Tensor) => {
    for (let i = 0; i < times; i++) h = run(h);
    return h;
  };
  const of = (run: (h: Tensor) => Tensor) => memoryOf(device, run);
  const whole = await of(repeat(25, layer));
  const each = await of(repeat(25, (h) => checkpoint(layer, h)));
  const groups = await of(
    repeat(5, (h) => checkpoint(repeat(5, (h) => checkpoint(layer, h)), h)),
  );
  assertEquals(each.grad, whole.grad);
  assertEquals(groups.grad, whole.grad);
  assert(whole.tensors > 5 * 25, `${whole.tensors}`);
  // The 25 states, one layer's tensors, and gradients.
  assert(each.tensors < 25 + 12, `${each.tensors}`);
  // Five states, those of a group, one layer's tensors, and gradients.
  assert(groups.tensors < 10 + 13, `${groups.tensors}`);
});

/** Steps of a small net with dropout, captured; all that they gave. */
async function steps(through: Runner, enabled: boolean) {
  using _ = scope();
  manualSeed(6);
  const w = leaf([8, 8], 1);
  const v = leaf([8, 8], 2);
  using step = capture(({ x }: { x: Tensor }) => {
    const y = through((x: Tensor) => {
      const h = through(
        (x: Tensor) => dropout(gelu(matmul(x, w)), { rate: 0.2 }),
        x,
      );
      return dropout(matmul(h, v), { rate: 0.3 });
    }, x);
    const loss = sum(mul(y, y));
    for (const x of [w, v]) fillInto(x.gradientTarget(), 0);
    backward(loss);
    return { loss, grads: gradsOf([w, v]) };
  }, { enabled });
  const numbers: Float32Array[] = [];
  for (let i = 0; i < 6; i++) {
    const x = { data: randomValues(32, i), shape: [4, 8] };
    const { loss, grads } = step({ x });
    numbers.push(...await readAll([loss, ...grads]));
  }
  const { position } = defaultGenerator();
  return { numbers, position, reason: step.reason, bytes: step.bytes };
}

gpuTest("captured steps draw the same numbers in both runs", async () => {
  const expected = await steps(plainly, false);
  for (const through of [checkpoint, plainly]) {
    for (const enabled of [true, false]) {
      const actual = await steps(through, enabled);
      assertEquals(actual.numbers, expected.numbers);
      assertEquals(actual.position, expected.position);
      if (enabled) assertEquals(actual.reason, undefined);
    }
  }
  assertNotEquals(expected.numbers[0], expected.numbers[3]);
});

gpuTest("a replay takes less memory too", async () => {
  const bytesOf = async (through: Runner) => {
    const w = leaf([4096], 1);
    using step = capture(({ x }: { x: Tensor }) => {
      let h = mul(x, w);
      for (let i = 0; i < 12; i++) {
        h = through((h: Tensor) => {
          for (let k = 0; k < 4; k++) h = tanh(mul(h, 1.5));
          return h;
        }, h);
      }
      const y = sum(h);
      backward(y);
      return y;
    });
    for (let i = 0; i < 4; i++) step({ x: randomValues(4096, i) });
    assertEquals(step.reason, undefined);
    return { bytes: step.bytes, numbers: await w.grad?.data() };
  };
  const one = await bytesOf(checkpoint);
  const other = await bytesOf(plainly);
  assertEquals(one.numbers, other.numbers);
  assert(one.bytes < other.bytes / 2, `${one.bytes} of ${other.bytes}`);
});

gpuTest("a captured step notices that a leaf inside is trained", async () => {
  const w = tensor([2], {});
  using step = capture(({ x }: { x: Tensor }) => {
    const y = checkpoint((x: Tensor) => mul(x, w), x);
    if (y.requiresGrad) backward(y);
    return y;
  });
  for (let i = 0; i < 4; i++) step({ x: Float32Array.of(3) });
  assertEquals(step.reason, undefined);
  w.requiresGrad = true;
  for (let i = 0; i < 4; i++) step({ x: Float32Array.of(3) });
  assertEquals(await w.grad?.item(), 12);
  w.dropGradient();
});

gpuTest("checkpoint() refuses what it cannot run again", () => {
  const x = leaf([2], 1);
  assertThrows(
    () => checkpoint(() => Promise.resolve(mul(x, 2))),
    TypeError,
    "Cannot checkpoint an asynchronous function",
  );
  assertThrows(
    () => checkpoint(() => new Map([["y", mul(x, 2)]])),
    TypeError,
    "Cannot checkpoint a function that returns an object of class Map",
  );
  assert(isRecording());
  let runs = 0;
  const messages = [
    () => ++runs % 2 > 0 ? tanh(x) : slice(tanh(x), { axis: 0, end: 1 }),
    () => ++runs % 2 > 0 ? tanh(x) : tensor([1, 2]),
    () => ++runs % 2 > 0 ? dropout(x) : mul(x, 2),
    () => ++runs % 2 > 0 ? dropout(x) : dropout(dropout(x)),
  ].map((run) => {
    const y = checkpoint(run);
    const { message } = assertThrows(() => backward(sum(y)), TypeError);
    return message.replace("Cannot go backward through a checkpoint: ", "");
  });
  assertEquals(messages, [
    "where its function made a tensor f32 [2] with a derivative first, it made " +
    "f32 [1] when it ran again; it must do the same both times",
    "where its function made a tensor f32 [2] with a derivative first, it made " +
    "f32 [2] without one when it ran again; it must do the same both times",
    "its function drew random numbers 1 times first and 0 times when it ran " +
    "again; it must do the same both times",
    "its function drew random numbers 1 times first and more than 1 times when " +
    "it ran again; it must do the same both times",
  ]);
});

gpuTest("a variable that is assigned again is noticed", async () => {
  const x = leaf([2], 1);
  let h = mul(x, 2);
  for (let i = 0; i < 3; i++) h = checkpoint(() => tanh(h));
  assertThrows(
    () => backward(sum(h)),
    TypeError,
    "it used a tensor of shape [2] that it had not used first; give it " +
      "variables that are assigned again as inputs",
  );
  // A leaf that the function makes itself is another one each time.
  const y = checkpoint((x: Tensor) => mul(x, leaf([2], 5)), x);
  backward(sum(y));
  assertEquals([...await x.grad?.data() ?? []], [...randomValues(2, 5)]);
});

gpuTest("what a checkpoint uses must not change before the way back", () => {
  const x = leaf([2], 1);
  const c = tensor([1, 2]);
  // Without a checkpoint, the derivative of a sum would not read c.
  const y = checkpoint((x: Tensor) => add(x, c), x);
  c.write([3, 4]);
  assertThrows(
    () => backward(sum(y)),
    TypeError,
    "modified by an in-place operation",
  );
  // Nor may the function change what it reads.
  const z = checkpoint(() => {
    const z = mul(x, c);
    c.write([5, 6]);
    return z;
  });
  assertThrows(
    () => backward(sum(z)),
    TypeError,
    "modified by an in-place operation",
  );
});

gpuTest("an error in the second run leaves tape and memory right", (device) => {
  const x = leaf([2], 1);
  const { inUse } = device.pool.statistics();
  {
    using _ = scope();
    let runs = 0;
    const y = checkpoint(() => {
      const y = tanh(dropout(x));
      if (++runs > 1) throw new RangeError("in the second run");
      return y;
    });
    assertThrows(() => backward(sum(y)), RangeError, "in the second run");
  }
  assertEquals(device.pool.statistics().inUse, inUse);
  assert(isRecording());
  backward(sum(checkpoint((x: Tensor) => tanh(x), x)));
  assert(x.grad);
});
