// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  add,
  backward,
  bernoulli,
  capture,
  type CapturedStep,
  defaultGenerator,
  type Device,
  dropout,
  Generator,
  initialize,
  type IntegerTensor,
  manualSeed,
  mul,
  noGrad,
  openDevice,
  pin,
  readAll,
  setDevice,
  sum,
  type Tensor,
  tensor,
  variantsOf,
  zeros,
} from "../../../engine/mod.ts";
import { persist } from "../../../engine/kernel_kit.ts";
import { fillInto } from "../../../engine/launch/flat.ts";
import { philoxUniform } from "../../../engine/philox.ts";
import {
  BertConfig,
  BertForSequenceClassification,
} from "../../../models/mod.ts";
import {
  AdamW,
  clipGradNorm,
  Dropout,
  linearSchedule,
  Scheduler,
  SGD,
} from "../../../nn/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { gpuTest } from "../../_check.ts";

const VOCABULARY = 40;

interface Sizes {
  hidden?: number;
  layers?: number;
}

function tinyBert({ hidden = 16, layers = 2 }: Sizes = {}) {
  manualSeed(5);
  const model = new BertForSequenceClassification(
    new BertConfig({
      vocabSize: VOCABULARY,
      hiddenSize: hidden,
      numHiddenLayers: layers,
      numAttentionHeads: 2,
      intermediateSize: 2 * hidden,
      maxPositionEmbeddings: 16,
    }),
  );
  const optimizer = new AdamW(model.parameters(), { learningRate: 1e-3 });
  return { model, optimizer };
}

function trainingStep({ model, optimizer }: ReturnType<typeof tinyBert>) {
  return (
    { inputIds, labels }: { inputIds: IntegerTensor; labels: IntegerTensor },
  ) => {
    const { loss } = model.forward({ inputIds, labels });
    assert(loss);
    backward(loss);
    const norm = clipGradNorm(optimizer, 1);
    optimizer.step();
    return { loss, norm };
  };
}

/** Batches of three lengths in turn, with other tokens every time. */
function batch(i: number, lengths: readonly number[]) {
  const length = lengths[i % lengths.length] ?? 1;
  return {
    inputIds: {
      data: Int32Array.from(
        { length: 3 * length },
        (_, j) => (i * 7 + j * 3) % VOCABULARY,
      ),
      shape: [3, length],
    },
    labels: Int32Array.of(i % 2, (i >> 1) % 2, 1),
  };
}

/** Trains a BERT with dropout, a schedule and clipping; returns its whole state. */
async function fit(
  { enabled, steps, lengths }: {
    enabled: boolean;
    steps: number;
    lengths: number[];
  },
) {
  const own = tinyBert();
  const { model, optimizer } = own;
  const scheduler = new Scheduler(
    optimizer,
    linearSchedule({ totalSteps: steps, warmupSteps: 5 }),
  );
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 3 });
  const step = capture(trainingStep(own), { enabled });
  const numbers: number[] = [];
  let replays = 0;
  for (let i = 0; i < steps; i++) {
    const { loss, norm } = step(batch(i, lengths));
    if (step.reason === undefined) replays++;
    scheduler.step();
    if (i % 5 === 4) swag.collectModel();
    const [a, b] = await readAll([loss, norm]);
    numbers.push(a?.[0] ?? NaN, b?.[0] ?? NaN);
  }
  const { position } = defaultGenerator();
  swag.sampleParameters({ scale: 0.5, cov: true, seed: 3 });
  const state = await readAll([
    ...model.parameters(),
    ...optimizer.moments.flat(),
  ]);
  for (const owner of [step, swag, optimizer, model]) owner.dispose();
  return { numbers, state, position, replays };
}

gpuTest("50 captured steps give the same bits as 50 eager ones", async () => {
  // Embedding, attention, clipping, AdamW, dropout, a schedule and SWAG.
  const sizes = { steps: 50, lengths: [8] };
  const eager = await fit({ enabled: false, ...sizes });
  const captured = await fit({ enabled: true, ...sizes });
  assertEquals(eager.replays, 0);
  assertEquals(captured.replays, 47); // The first call makes state, and two are compared.
  assertEquals(captured.numbers, eager.numbers);
  assertEquals(captured.state, eager.state);
  assertEquals(captured.position, eager.position);
});

gpuTest(
  "each of several shapes in turn is replayed by its own recording",
  async () => {
    const sizes = { steps: 24, lengths: [5, 9, 7] };
    const eager = await fit({ enabled: false, ...sizes });
    const captured = await fit({ enabled: true, ...sizes });
    assert(captured.replays >= 24 - 7, `${captured.replays}`);
    assertEquals(captured.numbers, eager.numbers);
    assertEquals(captured.state, eager.state);
  },
);

gpuTest(
  "replays make no buffer and no bind group, and need less memory",
  async (device) => {
    const own = tinyBert({ hidden: 32, layers: 3 });
    const cost = async (enabled: boolean) => {
      const step = capture(trainingStep(own), { enabled });
      for (let i = 0; i < 9; i++) step(batch(i, [16, 8, 12]));
      await device.synchronize();
      device.pool.resetPeak();
      const { inUse } = device.pool.statistics();
      const before = device.stream.statistics();
      const { created } = device.pool.statistics();
      for (let i = 0; i < 9; i++) step(batch(i, [16, 8, 12]));
      await device.synchronize();
      const after = device.stream.statistics();
      const pool = device.pool.statistics();
      const held = step.bytes;
      step.dispose();
      return {
        dispatches: after.dispatches - before.dispatches,
        made: [after.bindGroups - before.bindGroups, pool.created - created],
        peak: pool.peak,
        held: [held, inUse],
      };
    };
    const eager = await cost(false);
    const captured = await cost(true);
    const left = device.pool.statistics().inUse;
    assertEquals(captured.dispatches, eager.dispatches);
    assertEquals(captured.made, [0, 0]);
    assert(captured.peak < eager.peak, `${captured.peak} of ${eager.peak}`);
    assert((captured.held[0] ?? 0) > 0);
    assertEquals(captured.held[1], captured.peak);
    own.optimizer.dispose();
    own.model.dispose();
    assert(left < captured.peak, "dispose() frees what replays take");
  },
);

/** Calls with 0, 1, 2 …, and the reason after each call; [] for replays. */
function reasons(
  // deno-lint-ignore no-explicit-any -- any step of one input
  step: CapturedStep<any, unknown>,
  calls: number,
): string[] {
  return Array.from({ length: calls }, (_, i) => {
    step({ x: Float32Array.of(i, 2 * i) });
    return step.reason ?? "";
  });
}

const SELDOM = "inputs of these shapes have not been seen often enough";
const STALE = "something that it uses was freed, replaced or switched";

gpuTest("a step is replayed from the third call on", async () => {
  using step = capture(({ x }) => ({ y: mul(add(x, 1), x) }));
  assertEquals(reasons(step, 4), [SELDOM, SELDOM, "", ""]);
  const { y } = step({ x: Float32Array.of(3, -2) });
  assertEquals([...await y.data()], [12, 2]);
});

gpuTest(
  "a captured step takes tensors, plain values or no inputs",
  async () => {
    using step = capture((inputs: {
      x: Tensor;
      factor: number;
      bias?: Tensor | undefined;
    }) => {
      const y = mul(inputs.x, inputs.factor);
      return [inputs.bias ? add(y, inputs.bias) : y];
    });
    for (let i = 0; i < 5; i++) {
      const x = tensor([[i], [1]]);
      for (const factor of [2, 3]) {
        const [plain] = step({ x, factor });
        assertEquals([...await plain?.data() ?? []], [factor * i, factor]);
        const [y] = step({ x, factor, bias: Float32Array.of(1) });
        assertEquals([...await y?.data() ?? []], [factor * i + 1, factor + 1]);
        assertEquals(step.reason === undefined, i >= 2);
      }
    }
    assertThrows(
      () => step({ x: "text" as unknown as Tensor, factor: 1 }),
      TypeError,
    );
    const wrong = { data: new Float32Array(3), shape: [2] };
    assertThrows(
      () => step({ x: wrong, factor: 1 }),
      TypeError,
      "3 values do not fill [2]",
    );
  },
);

gpuTest("results live until the next call", async () => {
  using step = capture(({ x }: { x: Tensor }) => add(x, 1));
  const results: Tensor[] = [];
  for (let i = 0; i < 4; i++) results.push(step({ x: Float32Array.of(i) }));
  assertEquals(results.map((x) => x.isDisposed), [true, true, true, false]);
  assertEquals(await results[3]?.item(), 4);
  assertEquals(results[3]?.requiresGrad, false);
});

gpuTest(
  "tensors of fixed values keep them; tensors changed in place get them again",
  async () => {
    using step = capture(({ x }) => {
      const fixed = tensor([10, 20]);
      const counted = tensor([1, 1]);
      const y = add(x, fixed);
      fillInto(counted, 7);
      const written = tensor([3, 4]);
      const z = add(written, counted);
      return { y, z, written };
    });
    for (let i = 0; i < 5; i++) {
      const { y, z, written } = step({ x: Float32Array.of(i, i) });
      assertEquals([...await y.data()], [10 + i, 20 + i]);
      assertEquals([...await z.data()], [10, 11]);
      fillInto(written, 0); // A caller may change results; later results are not affected.
    }
    assertEquals(step.reason, undefined);
  },
);

gpuTest("replays draw the random numbers that calls would draw", async () => {
  const draw = async (enabled: boolean) => {
    manualSeed(9);
    const own = new Generator(4);
    using step = capture(({ x }) => {
      const fresh = new Generator(1); // It starts again at every call.
      return [
        dropout(x),
        bernoulli([8], 0.5, { generator: own }),
        dropout(x, { generator: fresh }),
        dropout(x),
      ];
    }, { enabled });
    const seen: number[][] = [];
    for (let i = 0; i < 8; i++) {
      if (i === 4) own.reset(77);
      if (i === 5) own.position = 2 ** 33 + 5;
      if (i === 6) manualSeed(-3);
      const results = step({ x: new Float32Array(8).fill(1) });
      for (const x of await readAll(results)) seen.push([...x]);
    }
    return { seen, at: [own.position, defaultGenerator().position] };
  };
  assertEquals(await draw(true), await draw(false));
});

gpuTest("a seed set inside a step is set at every replay", async () => {
  using step = capture(({ x }) => {
    manualSeed(3);
    return dropout(x);
  });
  const seen: number[][] = [];
  for (let i = 0; i < 5; i++) {
    seen.push([...await step({ x: new Float32Array(32).fill(1) }).data()]);
  }
  assertEquals(step.reason, undefined);
  for (const values of seen) assertEquals(values, seen[0]);
  assertEquals(defaultGenerator().position, 1);
});

/** Checks that a step runs again after `change`, shows its effect, and is replayed. */
async function assertRecordsAnew(
  step: CapturedStep<{ x: Tensor }, Tensor>,
  change: () => void,
  expected: [before: number, after: number],
): Promise<void> {
  const value = async () => await step({ x: Float32Array.of(1) }).item();
  for (let i = 0; i < 4; i++) assertEquals(await value(), expected[0]);
  assertStrictEquals(step.reason, undefined);
  change();
  assertEquals(await value(), expected[1]);
  assertEquals(step.reason, STALE);
  assertEquals(await value(), expected[1]);
  assertEquals(await value(), expected[1]);
  assertStrictEquals(step.reason, undefined);
}

gpuTest(
  "a step is recorded again after a tensor that it uses was replaced",
  async () => {
    let weight = persist(tensor([2]));
    using step = capture(({ x }: { x: Tensor }) => mul(x, weight));
    await assertRecordsAnew(step, () => {
      weight.dispose();
      weight = persist(tensor([5])); // It has the same block.
    }, [2, 5]);
    weight.dispose();
  },
);

gpuTest("a step is recorded again after train() and eval()", async () => {
  const layer = new Dropout(0.999).eval();
  using step = capture(({ x }: { x: Tensor }) => layer.forward(x));
  await assertRecordsAnew(step, () => void layer.train(), [1, 0]);
  for (const training of [false, true]) {
    layer.train(training);
    layer.train(); // As before, so nothing needs to be recorded.
    step({ x: Float32Array.of(1) });
    assertStrictEquals(step.reason, undefined);
  }
});

gpuTest("a step is recorded again after a change of requiresGrad", async () => {
  const a = tensor([3], { requiresGrad: true });
  const b = tensor([4], { requiresGrad: true });
  const total = zeros([1]);
  using step = capture(({ x }: { x: Tensor }) => {
    fillInto(a.gradientTarget(), 0);
    fillInto(b.gradientTarget(), 0);
    backward(sum(mul(mul(x, a), b)));
    return add(total, add(a.gradientTarget(), b.gradientTarget()));
  });
  await assertRecordsAnew(step, () => (b.requiresGrad = false), [7, 4]);
});

gpuTest("a step is recorded again after a variant was pinned", () => {
  const own = tinyBert();
  using step = capture(trainingStep(own));
  for (let i = 0; i < 5; i++) step(batch(i, [8]));
  assertStrictEquals(step.reason, undefined);
  pin("attention", variantsOf("attention")[1]);
  try {
    step(batch(0, [8]));
    assertEquals(step.reason, STALE);
  } finally {
    pin("attention", undefined);
  }
  own.optimizer.dispose();
  own.model.dispose();
});

gpuTest("a step that clips outside follows every call", async () => {
  const train = async (enabled: boolean) => {
    const x = tensor([1], { requiresGrad: false });
    const own = tinyBert();
    using step = capture(({ inputIds, labels }) => {
      const { loss } = own.model.forward({ inputIds, labels });
      assert(loss);
      backward(loss);
    }, { enabled });
    using update = capture(() => own.optimizer.step(), { enabled });
    for (let i = 0; i < 12; i++) {
      step(batch(i, [6]));
      if (i % 5 === 4) clipGradNorm(own.optimizer, 1e-3);
      update({});
    }
    const state = await readAll(own.model.parameters());
    own.optimizer.dispose();
    own.model.dispose();
    x.dispose();
    return state;
  };
  assertEquals(await train(true), await train(false));
});

gpuTest("each of two optimizers gets its own steps and rates", async () => {
  const train = async (enabled: boolean) => {
    const { model, optimizer } = tinyBert();
    optimizer.dispose();
    const all = model.parameters();
    const a = new AdamW(all.slice(0, 4), { learningRate: 1e-2 });
    const b = new SGD(all.slice(4), { learningRate: 0.1, momentum: 0.9 });
    using step = capture(({ inputIds, labels }) => {
      const { loss } = model.forward({ inputIds, labels });
      assert(loss);
      backward(loss);
      clipGradNorm(a, 0.5);
      a.step({ keepGradients: true });
      b.step();
      a.zeroGrad();
    }, { enabled });
    for (let i = 0; i < 10; i++) {
      if (i === 6) a.learningRate = 3e-2;
      if (i === 8) { for (const group of b.groups) group.momentum = 0.5; }
      if (i === 9) b.steps = 0; // Its momentum starts again.
      step(batch(i, [6]));
    }
    assertEquals(step.reason === undefined, enabled);
    assertEquals([a.steps, b.steps], [10, 1]);
    const state = await readAll(all);
    for (const owner of [a, b, model]) owner.dispose();
    return state;
  };
  assertEquals(await train(true), await train(false));
});

gpuTest(
  "a step that depends on data of the host is never replayed",
  async () => {
    let calls = 0;
    const cases: [(x: Tensor) => Tensor | undefined, RegExp][] = [
      [(x) => mul(x, calls), /parameters of .* changed/],
      [(x) => add(x, tensor([calls])), /made a tensor of other values/],
      [(x) => calls % 2 ? add(x, 1) : mul(add(x, 1), 2), /\w/],
      [(x) => {
        const drawn = philoxUniform(defaultGenerator().next(), 0);
        return drawn < 2 ? add(x, 1) : x;
      }, /random numbers on the host/],
      [(x) => void persist(add(x, 1)).dispose(), /^$/],
      [(x) => {
        held.push(persist(add(x, 1)));
        return undefined;
      }, /used other memory/],
      [(x) => {
        held.pop()?.dispose();
        return add(x, 1);
      }, /frees a tensor that was made before/],
    ];
    const held: Tensor[] = [];
    for (const [run, expected] of cases) {
      calls = 0;
      using step = capture(({ x }: { x: Tensor }) => {
        calls++;
        return run(x);
      });
      for (let i = 0; i < 7; i++) step({ x: Float32Array.of(i) });
      assertMatch(step.reason ?? "", expected);
      if (step.reason !== undefined) assertEquals(calls, 7);
    }
    using step = capture(({ x }: { x: Tensor }) => mul(x, ++calls));
    calls = 0;
    for (let i = 1; i < 8; i++) {
      assertEquals(await step({ x: Float32Array.of(1) }).item(), i);
    }
    for (const x of held) x.dispose();
  },
);

gpuTest(
  "a captured step refuses invalid functions, and works after errors",
  async () => {
    const x = Float32Array.of(1);
    using inner = capture(({ x }: { x: Tensor }) => add(x, 1));
    using outer = capture(({ x }: { x: Tensor }) => inner({ x }));
    assertThrows(() => outer({ x }), TypeError, "inside another");
    using reading = capture(async ({ x }: { x: Tensor }) => await x.data());
    assertThrows(() => reading({ x }), TypeError, "asynchronous");
    using throwing = capture(({ x }: { x: Tensor }) => {
      add(x, 1);
      throw new RangeError("mine");
    });
    for (let i = 0; i < 3; i++) {
      assertThrows(() => throwing({ x }), RangeError, "mine");
    }
    using odd = capture(() => ({ n: 3 }));
    assertThrows(() => odd({}), TypeError, "expected tensors");
    using failing = capture(({ x, fail }: { x: Tensor; fail: Tensor }) => {
      if (fail.shape[0] === 2) throw new RangeError("two");
      return add(x, fail);
    });
    for (let i = 0; i < 5; i++) {
      failing({ x, fail: x });
      const fail = Float32Array.of(1, 2);
      assertThrows(() => failing({ x, fail }), RangeError, "two");
    }
    assertEquals(await failing({ x, fail: x }).item(), 2);
    assertStrictEquals(failing.reason, undefined);
    inner.dispose();
    assertThrows(() => inner({ x }), ReferenceError, "disposed");
  },
);

gpuTest(
  "plain inputs that JSON writes alike have separate recordings",
  async () => {
    using step = capture(({ x, by }: { x: Tensor; by: number | null }) =>
      mul(x, by ?? 7)
    );
    for (const by of [Infinity, -Infinity, NaN, null, 0, -0]) {
      for (let i = 0; i < 3; i++) {
        const y = await step({ x: Float32Array.of(1), by }).item();
        assert(Object.is(y, by ?? 7), `${by} gave ${y}`);
      }
    }
  },
);

gpuTest("noGrad() and plain inputs have separate recordings", async () => {
  const a = tensor([3], { requiresGrad: true });
  using step = capture(({ x }: { x: Tensor }) => {
    const y = mul(x, a);
    return mul(y, y.requiresGrad ? 1 : -1);
  });
  for (let i = 0; i < 4; i++) {
    const x = Float32Array.of(i);
    assertEquals(await step({ x }).item(), 3 * i);
    assertEquals(await noGrad(() => step({ x })).item(), -3 * i + 0 || 0);
  }
  assertStrictEquals(step.reason, undefined);
});

gpuTest(
  "the oldest recording is dropped when there are too many, and clear() frees all",
  (device) => {
    const before = device.pool.statistics().inUse;
    const step = capture(({ x }) => add(mul(x, 2), 1), { maxRecordings: 2 });
    const call = (length: number) => {
      step({ x: new Float32Array(length) });
      return step.reason === undefined;
    };
    for (const length of [100, 200]) for (let i = 0; i < 3; i++) call(length);
    assertEquals([call(100), call(200)], [true, true]);
    call(300); // 100 goes.
    assertEquals([call(200), call(100)], [true, false]);
    step.clear();
    assertEquals([device.pool.statistics().inUse, step.bytes], [before, 0]);
    assertEquals([call(200), call(200), call(200)], [false, false, true]);
    step.dispose();
    assertEquals(device.pool.statistics().inUse, before);
    assertThrows(() => capture(() => {}, { maxRecordings: 0 }), RangeError);
  },
);

gpuTest("shapes that take turns are not recorded again and again", async () => {
  let runs = 0;
  using step = capture(({ x }: { x: Tensor }) => {
    runs++;
    return add(mul(x, 2), 1);
  }, { maxRecordings: 4 });
  const shapes = 7;
  const call = async (length: number) => {
    const y = step({ x: new Float32Array(length).fill(length) });
    assertEquals((await y.data())[0], 2 * length + 1);
    return step.reason === undefined;
  };
  for (let i = 0; i < 6 * shapes; i++) await call(1 + i % shapes);
  const before = runs;
  const replays = [];
  for (let i = 0; i < 4 * shapes; i++) replays.push(await call(1 + i % shapes));
  assertEquals(runs - before, 4 * (shapes - 4));
  assertEquals(replays.filter((x) => x).length, 4 * 4);
  // Recordings not used for long are dropped for shapes in use.
  for (let i = 0; i < 80; i++) await call(100);
  assertEquals(await call(100), true);
});

gpuTest("replays work with small bindings and after trim()", async () => {
  const device = await openDevice({ maxBindingSize: 65536 });
  const before = setDevice(device);
  try {
    using step = capture(({ x }) => {
      const y = mul(add(x, 1), x);
      return { y, total: sum(y) };
    });
    const length = 40_000; // The tensor is larger than a binding.
    for (let i = 0; i < 6; i++) {
      const { y, total } = step({ x: new Float32Array(length).fill(i) });
      const [values, sums] = await readAll([y, total]);
      assert(values?.every((value) => value === (i + 1) * i));
      assertEquals(sums?.[0], (i + 1) * i * length);
      device.pool.trim();
    }
    assertStrictEquals(step.reason, undefined);
  } finally {
    if (before) setDevice(before);
    await device.destroy();
  }
});

Deno.test("a captured step follows the device, and reports a lost one", async () => {
  const first = await openDevice();
  const before: Device = await initialize();
  using step = capture(({ x }: { x: Tensor }) => add(x, 1));
  const x = Float32Array.of(1);
  setDevice(first);
  try {
    for (let i = 0; i < 4; i++) step({ x });
    assertStrictEquals(step.reason, undefined);
    setDevice(before);
    assertEquals(await step({ x }).item(), 2);
    assertNotEquals(step.reason, undefined);
    setDevice(first);
    for (let i = 0; i < 4; i++) step({ x });
    first.gpu.destroy();
    await first.gpu.lost;
    assertThrows(() => step({ x }), Error, "device was lost");
  } finally {
    setDevice(before);
  }
});
