// Copyright 2026 the swagpu authors. MIT license.

// Frozen weights that are stored as f16. The twin of each model has weights that
// JavaScript has rounded to f16, in f32: it must compute the same bits.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  add,
  backward,
  capture,
  cast,
  initialize,
  type IntegerTensor,
  manualSeed,
  matmul,
  mul,
  ones,
  openDevice,
  readAll,
  scope,
  setDevice,
  sum,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  AdamW,
  castFrozen,
  Embedding,
  estimateTrainingMemory,
  GradualUnfreezingCallback,
  Linear,
  Module,
  mseLoss,
  Parameter,
  PriorDecay,
  segmentsOf,
  SGD,
  Trainer,
} from "../../nn/mod.ts";
import { probesOf } from "../../engine/tuning/probe.ts";
import { gpuTest, randomValues } from "../_check.ts";

const WIDTH = 24;

/** A table, two layers and a head; the output layer is tied to the table. */
class Net extends Module {
  table = new Embedding(11, WIDTH);
  lower = new Linear(WIDTH, 40);
  upper = new Linear(40, WIDTH);
  output = new Linear(WIDTH, 11);
  head = new Linear(WIDTH, 3);
  gain = new Parameter([WIDTH]);

  constructor() {
    super();
    this.output.weight = this.table.weight;
  }

  forward(ids: IntegerTensor, x?: Tensor): Tensor {
    const words = this.table.forward(ids);
    const wide = this.lower.forward(x ? add(words, x) : words, {
      activation: "gelu",
    });
    const y = add(this.upper.forward(wide, { residual: words }), this.gain);
    return add(
      sum(this.output.forward(y)),
      sum(mul(this.head.forward(y), this.head.forward(y))),
    );
  }
}

function build(): Net {
  manualSeed(9);
  const net = new Net();
  net.placeParameters();
  return net;
}

/** Rounds weights as f16, and keeps them as f32. */
async function round(...weights: Parameter[]): Promise<void> {
  for (const weight of weights) {
    weight.write(new Float32Array(Float16Array.from(await weight.data())));
  }
}

const FROZEN = ["table", "lower", "upper"];
const IDS = [3, 1, 4, 1, 5, 9, 2, 6];

function inputs(): { ids: IntegerTensor; x: Tensor } {
  return {
    ids: tensor(IDS, { dtype: "i32" }),
    x: tensor(randomValues(8 * WIDTH, 3), {
      shape: [8, WIDTH],
      requiresGrad: true,
    }),
  };
}

/** A net with frozen weights as f16, and its twin in f32. */
async function twins(): Promise<[Net, Net]> {
  const half = build().freeze(...FROZEN);
  await castFrozen(half, "f16");
  const twin = build().freeze(...FROZEN);
  await round(twin.table.weight, twin.lower.weight, twin.upper.weight);
  return [half, twin];
}

gpuTest(
  "outputs and gradients are those of rounded weights, bit for bit",
  async () => {
    const nets = await twins();
    const results = nets.map((net) => {
      const { ids, x } = inputs();
      const y = net.forward(ids, x);
      backward(y);
      const { head, gain, output, lower } = net;
      assertEquals(lower.weight.grad, undefined);
      const gradients = [x, head.weight, head.bias, gain, output.bias]
        .map((leaf) => leaf?.grad);
      assert(gradients.every((gradient) => gradient !== undefined));
      return [y, ...gradients as Tensor[]];
    });
    const [own = [], expected = []] = await Promise.all(results.map(readAll));
    assertEquals(own, expected);
    assert(expected.every((values) => values.some((value) => value !== 0)));
    for (const net of nets) net.dispose();
  },
);

gpuTest("products take f16 on either side, transposed or not", async () => {
  const values = randomValues(10 * 7, 6);
  const held = new Linear(7, 10, { bias: false });
  held.weight.write(values);
  held.freeze();
  await castFrozen(held, "f16");
  const twin = tensor(new Float32Array(Float16Array.from(values)), {
    shape: [10, 7],
  });
  const leaf = (...shape: number[]) =>
    tensor(randomValues(30, 2).slice(0, (shape[0] ?? 0) * (shape[1] ?? 0)), {
      shape,
      requiresGrad: true,
    });
  const cases: [Tensor, (x: Tensor, w: Tensor) => Tensor][] = [
    [leaf(3, 7), (x, w) => matmul(x, w, { transposeB: true })],
    [leaf(3, 10), (x, w) => matmul(x, w)],
    [leaf(7, 3), (x, w) => matmul(w, x)],
    [leaf(10, 3), (x, w) => matmul(w, x, { transposeA: true })],
  ];
  for (const [x, product] of cases) {
    const results: Float32Array[][] = [];
    for (const weight of [held.weight, twin]) {
      const y = product(x, weight);
      backward(sum(mul(y, y)));
      assert(x.grad);
      results.push(await readAll([y, x.grad]));
      x.dropGradient();
    }
    assertEquals(results[0], results[1]);
  }
  held.dispose();
});

gpuTest("rows of any width are looked up, beyond a binding too", async () => {
  const whole = await initialize();
  const small = await openDevice({ maxBindingSize: 4096 });
  try {
    for (const device of [whole, small]) {
      setDevice(device);
      for (const width of [1, 3, 6, 8, 12]) await checkTable(width);
      if (device === small) assertEquals(small.pool.statistics().inUse, 0);
    }
  } finally {
    setDevice(whole);
    await small.destroy();
  }
});

async function checkTable(width: number): Promise<void> {
  using _ = scope();
  const table = new Embedding(500, width, { paddingIdx: 2 });
  const values = randomValues(500 * width, width);
  table.weight.write(values);
  table.freeze();
  assertEquals(await castFrozen(table, "f16"), ["weight"]);
  const exact = new Float32Array(Float16Array.from(values));
  assertEquals(await table.weight.data(), exact);
  const rows = [499, 0, 250, 2, 131, 132, 499];
  const ids = tensor(rows, { dtype: "i32" });
  const bad = cast(add(tensor([498, 499]), 1), "i32"); // 500 is no row.
  const [own, beyond] = await readAll([
    table.forward(ids),
    table.forward(bad),
  ]);
  const row = (i: number) => exact.slice(i * width, (i + 1) * width);
  assertEquals([...own ?? []], rows.flatMap((i) => [...row(i)]));
  assertEquals(beyond?.slice(0, width), row(499));
  assert(beyond?.slice(width).every(Number.isNaN));
  table.dispose();
}

gpuTest("a captured step of a half-stored model trains the same", async () => {
  const losses: number[][] = [];
  const trained: Float32Array[][] = [];
  for (const net of await twins()) {
    const optimizer = new AdamW(net.parameters(), { learningRate: 0.01 });
    using step = capture(({ ids }: { ids: IntegerTensor }) => {
      const loss = net.forward(ids);
      backward(loss);
      optimizer.step();
      return { loss };
    });
    const own: number[] = [];
    for (let i = 0; i < 5; i++) {
      const { loss } = step({
        ids: Int32Array.from(IDS, (id) => (id + i) % 11),
      });
      own.push(await loss.item());
    }
    assertEquals(step.reason, undefined, "the last call is a replay");
    losses.push(own);
    trained.push(
      await readAll([...net.namedParameters().values()]),
    );
    // The state of an optimizer that was given frozen parameters of both kinds.
    const state = await optimizer.stateDict();
    const again = new AdamW(net.parameters());
    again.loadStateDict(state);
    assertEquals(await again.stateDict(), state);
    const { lower, head } = net;
    const index = [...net.namedParameters().values()].indexOf(head.weight);
    assertEquals(state.parameters[index]?.moments[0]?.length, head.weight.size);
    assertEquals(optimizer.parameterSteps.get(lower.weight), 0);
    again.dispose();
    optimizer.dispose();
    net.dispose();
  }
  assertEquals(losses[0], losses[1]);
  assertEquals(trained[0], trained[1]);
});

gpuTest(
  "frozen weights take half the memory, and gradients none",
  async (device) => {
    const { pool } = device;
    const net = new Linear(512, 1024);
    const head = new Linear(64, 64);
    const both = new (class extends Module {
      net = net;
      head = head;
    })();
    both.placeParameters();
    net.freeze();
    const f32 = estimateTrainingMemory(both);
    const before = pool.statistics().inUse;
    await castFrozen(both, "f16");
    await probesOf(device); // The tuner's, which takes memory for a while.
    const after = pool.statistics().inUse;
    const half = estimateTrainingMemory(both);
    assertEquals(before - after, f32.weights - half.weights);
    const [weight, rest] = [512 * 1024, 64 * 64 + 64 + 1024];
    assertEquals(net.weight.halves?.bytes, 2 * weight);
    assertEquals(half.weights, 2 * weight + pool.sizeOf(4 * rest));
    assertEquals(half.gradients, pool.sizeOf(4 * rest));
    // A product holds one weight in f32 for its own time.
    pool.resetPeak();
    {
      using _ = scope();
      const y = net.forward(ones([1, 512]));
      assertEquals(
        pool.statistics().inUse - after,
        pool.sizeOf(4 * 512) + y.bytes,
      );
      const peak = pool.statistics().peak - after;
      assert(peak >= 4 * weight && peak < 1.1 * 4 * weight, `${peak} bytes`);
    }
    // Back again: the same memory as before, the same names, the rounded values.
    const rounded = await net.weight.data();
    assertEquals(await castFrozen(both, "f32"), ["net.weight"]);
    assertEquals(net.weight.halves, undefined);
    assertEquals(await net.weight.data(), rounded);
    assertEquals(await castFrozen(both, "f32"), []);
    net.unfreeze();
    const optimizer = new SGD(both.parameters(), { learningRate: 1 });
    backward(sum(net.forward(ones([1, 512]))));
    optimizer.step();
    assertEquals(
      await net.weight.data(),
      rounded.map((value) => Math.fround(value - 1)),
    );
    optimizer.dispose();
    both.dispose();
  },
);

gpuTest(
  "values that were not rounded keep their bits and their ties",
  async () => {
    const net = build().freeze(...FROZEN);
    const kept = [
      "lower.bias",
      "upper.bias",
      "output.bias",
      "head.weight",
      "gain",
    ];
    const read = () =>
      readAll(kept.map((name) => net.namedParameters().get(name) as Parameter));
    net.gain.write(randomValues(WIDTH, 4));
    const names = [...net.namedParameters().keys()];
    const before = await read();
    assertEquals(await castFrozen(net, "f16"), [
      "table.weight",
      "lower.weight",
      "upper.weight",
    ]);
    assertEquals(await castFrozen(net, "f16"), []);
    assertEquals(await read(), before);
    assertEquals([...net.namedParameters().keys()], names);
    assertStrictEquals(net.output.weight, net.table.weight);
    assertEquals(net.tiedNames().get("output.weight"), "table.weight");
    // All others lie in one segment, without gaps for those that left.
    const [segment, ...others] = segmentsOf(net.parameters());
    assertEquals(others, []);
    assertEquals(segment?.length, 64 + 64 + 64 + 2 * 64 + 64 + 64);
    // Padding stays zero, also in f32 again.
    await castFrozen(net, "f32");
    const [, wide] = segmentsOf(net.parameters());
    const values = await wide?.values.data() ?? [];
    const used = net.table.weight.size;
    assertEquals(
      values.slice(used, Math.ceil(used / 64) * 64).every((x) => x === 0),
      true,
    );
    net.dispose();
  },
);

gpuTest("a state is loaded into f16 rounded, and read as f32", async () => {
  const net = build().freeze(...FROZEN);
  await castFrozen(net, "f16");
  const read = async () => {
    const named = [...net.namedParameters()];
    const values = await readAll(named.map(([, parameter]) => parameter));
    return new Map(named.map(([name, { shape }], i) => [name, {
      shape,
      data: values[i] as Float32Array,
    }]));
  };
  const state = await read();
  const { data } = state.get("lower.weight") ?? { data: new Float32Array() };
  const old = data.slice();
  assertEquals(old, new Float32Array(Float16Array.from(old)));
  data.set([0.1, -65504, 6e-8]);
  await net.loadStateDict(state);
  const loaded = await net.lower.weight.data();
  assertEquals([...loaded.subarray(0, 3)], [
    0.0999755859375,
    -65504,
    2 ** -24,
  ]);
  assertEquals(loaded.subarray(3), old.subarray(3));
  data[0] = 65505;
  await assertRejects(
    () => net.loadStateDict(state),
    RangeError,
    "Cannot write 65505 into a parameter of shape [40, 24] that is stored as " +
      "f16: it must be between -65504 and 65504",
  );
  assertThrows(
    () => net.lower.weight.write([1]),
    TypeError,
    "Cannot write 1 values into a tensor of shape [40, 24]",
  );
  net.dispose();
});

gpuTest("weights that f16 does not hold are refused by name", async () => {
  for (const value of [65504.01, -1e6, Infinity, NaN]) {
    const net = build();
    const values = randomValues(40 * WIDTH, 2);
    values[values.length - 1] = value;
    net.upper.weight.write(values);
    net.gain.write(new Array(WIDTH).fill(1e9)); // This one stays as it is.
    net.freeze(...FROZEN, "gain");
    await assertRejects(
      () => castFrozen(net, "f16"),
      RangeError,
      "Cannot store upper.weight as f16: it holds a number that is not between",
    );
    assertEquals(net.table.weight.halves, undefined);
    assertEquals(await net.upper.weight.data(), values);
    values[values.length - 1] = Math.sign(value) * 65504 || 1;
    net.upper.weight.write(values);
    await castFrozen(net, "f16");
    net.dispose();
  }
});

gpuTest(
  "nothing is cast below an optimizer, a gradient or nothing frozen",
  async () => {
    const net = build();
    await assertRejects(
      () => castFrozen(net, "f16"),
      RangeError,
      "Cannot store frozen weights as f16: no weight of a Linear or Embedding",
    );
    net.freeze("gain", "lower.bias");
    await assertRejects(() => castFrozen(net, "f16"), RangeError, "is frozen");
    net.freeze(...FROZEN);
    await assertRejects(
      // @ts-expect-error A type that is not known.
      () => castFrozen(net, "bf16"),
      TypeError,
      'Cannot store frozen weights as bf16: expected "f16" or "f32"',
    );
    const optimizer = new AdamW(net.head.parameters());
    const refusal =
      "they share memory with what AdamW works on; call castFrozen()";
    await assertRejects(() => castFrozen(net, "f16"), TypeError, refusal);
    using prior = new PriorDecay(net, optimizer);
    optimizer.dispose();
    await assertRejects(
      () => castFrozen(net, "f16"),
      TypeError,
      "what PriorDecay works on",
    );
    prior.dispose();
    backward(net.forward(tensor(IDS, { dtype: "i32" })));
    await assertRejects(
      () => castFrozen(net, "f16"),
      TypeError,
      "has a gradient, which would be lost",
    );
    for (const parameter of net.parameters()) parameter.dropGradient();
    // An optimizer that is built while the weights are checked.
    const cast = castFrozen(net, "f16");
    const late = new AdamW(net.head.parameters());
    await assertRejects(() => cast, TypeError, "AdamW");
    assertEquals(net.lower.weight.halves, undefined);
    late.dispose();
    assertEquals((await castFrozen(net, "f16")).length, 3);
    net.dispose();
  },
);

gpuTest("weights in f16 cannot be trained or changed in place", async () => {
  const [net, twin] = await twins();
  twin.dispose();
  assertThrows(
    () => (net.lower.weight.requiresGrad = true),
    TypeError,
    "Cannot train a parameter of shape [40, 24] that is stored as f16",
  );
  assertThrows(
    () => net.unfreeze("head", "gain", "lower"),
    TypeError,
    "Cannot unfreeze lower.weight: it is stored as f16",
  );
  assertEquals(net.lower.bias?.requiresGrad, false, "none is unfrozen");
  assertThrows(
    () => add(net.lower.weight, 1),
    TypeError,
    "that is stored as f16 here: only matmul() and embedding() take it as it " +
      'is; cast() it to "f32"',
  );
  assertThrows(() => net.lower.weight.initialize(), TypeError, "stored as f16");
  const wide = cast(net.lower.weight, "f32");
  const [own, values, whole] = await readAll([
    wide,
    net.lower.weight,
    cast(net.lower.weight, "i32"),
  ]);
  assertEquals(own, values);
  assertEquals([...whole], [...values].map((x) => Math.trunc(x)));
  // A product that was computed before the weights were rounded.
  const later = new Linear(WIDTH, 2, { bias: false }).freeze();
  const loss = sum(later.forward(inputs().x));
  await castFrozen(later, "f16");
  assertThrows(() => backward(loss), TypeError, "in-place operation");
  later.dispose();
  net.dispose();
  assertThrows(
    () => net.lower.forward(ones([1, WIDTH])),
    ReferenceError,
    "Cannot use a tensor of shape [40, 24]: it was disposed",
  );
});

gpuTest("decay to a prior leaves weights in f16 alone", async () => {
  const net = build().freeze(...FROZEN);
  await castFrozen(net, "f16");
  const optimizer = new AdamW(net.parameters(), { learningRate: 0.1 });
  using prior = new PriorDecay(net, optimizer);
  assertEquals(prior.names.includes("lower.weight"), false);
  assert(prior.names.includes("head.weight"));
  const frozen = await net.lower.weight.data();
  backward(net.forward(tensor(IDS, { dtype: "i32" })));
  optimizer.step();
  assert(await prior.distance() > 0);
  assertEquals(await net.lower.weight.data(), frozen);
  optimizer.dispose();
  net.dispose();
});

class Rows extends Module {
  lower = new Linear(2, 3);
  upper = new Linear(3, 3);
  head = new Linear(3, 1);
  forward({ x, labels }: { x: Tensor; labels: Tensor }): { loss: Tensor } {
    const y = this.upper.forward(this.lower.forward(x, { activation: "tanh" }));
    return { loss: mseLoss(this.head.forward(y), labels) };
  }
}

gpuTest("gradual unfreezing leaves weights in f16 frozen", async () => {
  manualSeed(3);
  const model = new Rows().freeze("lower");
  await castFrozen(model, "f16");
  const before = await readAll([model.lower.weight, model.upper.weight]);
  const trainer = new Trainer({
    model,
    args: { numTrainEpochs: 3, learningRate: 0.1 },
    trainDataset: [0, 1, 2, 3].map((i) => ({
      x: [i / 3, 1],
      labels: [i + 0.5],
    })),
    callbacks: [
      new GradualUnfreezingCallback([["head"], ["upper"], ["lower"]]),
    ],
  });
  await trainer.train();
  const after = await readAll([model.lower.weight, model.upper.weight]);
  assertEquals(after[0], before[0]);
  assert(after[1]?.some((value, i) => value !== before[1]?.[i]));
  assertEquals(model.lower.weight.requiresGrad, false);
  model.dispose();
});
