// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  argmax,
  backward,
  bernoulli,
  capture,
  defaultGenerator,
  dropout,
  Generator,
  manualSeed,
  matmul,
  mean,
  mul,
  normal,
  readAll,
  ReplicaError,
  Replicas,
  scope,
  sum,
  tanh,
  type Tensor,
  tensor,
  uniform,
  zeros,
} from "../../engine/mod.ts";
import {
  addInto,
  allocate,
  fillInto,
  philoxUniform,
} from "../../engine/kernel_kit.ts";
import { gpuTest, randomValues } from "../_check.ts";

import { assertSameBits, OPS, SEEDS, stacked } from "./_replicas.ts";

// One of each kind; tests/sweeps/replicas_test.ts has them all.
const FEW = [
  "matmul with bias, activation and residual",
  "layerNorm",
  "attention with dropout",
  "cross-entropy",
];

for (const item of OPS.filter(([name]) => FEW.includes(name))) {
  gpuTest(
    `replicas of ${item[0]} get the bits of one alone`,
    () => assertSameBits(item),
  );
}

gpuTest("a replica draws what its seed alone would give", async () => {
  using replicas = new Replicas([5, -1n, 2 ** 40]);
  const draw = () => [
    uniform([5]),
    normal([3, 4]),
    bernoulli([9], 0.4),
  ];
  const together = replicas.run(draw);
  const found = await Promise.all(together.map((x) => replicas.data(x)));
  for (const [j, seed] of [5, -1n, 2 ** 40].entries()) {
    manualSeed(seed);
    assertEquals(found.map((x) => x[j]), await readAll(draw()));
  }
  assertEquals(replicas.position, 3);
  replicas.position = 0;
  assertEquals(
    await replicas.data(replicas.run(() => uniform([5]))),
    found[0],
  );
  assertEquals(
    (await replicas.only(1, () => uniform([2])).data()).length,
    2,
    "one replica draws an ordinary tensor",
  );
});

gpuTest(
  "a generator with a seed of its own gives all replicas the same",
  async () => {
    using replicas = new Replicas(SEEDS);
    const x = replicas.run(() => uniform([4], { generator: new Generator(9) }));
    const expected = await uniform([4], { generator: new Generator(9) }).data();
    assertEquals(await replicas.data(x), SEEDS.map(() => expected));
    const y = replicas.run(() => {
      manualSeed(9);
      return uniform([4]);
    });
    assertEquals(await replicas.data(y), SEEDS.map(() => expected));
  },
);

gpuTest(
  "a captured step of replicas is replayed with other random numbers",
  async () => {
    const data = [1, 2, 3, 4, 5].map((k) => randomValues(24, k));
    const weights = randomValues(12, 99);
    /** Runs five steps, and gives the weights and the losses. */
    const train = (
      run: <T>(step: () => T) => T,
      keepLoss: (loss: Tensor) => Promise<unknown>,
      isCaptured: boolean,
    ) => {
      const w = run(() => {
        const w = mul(tensor(weights, { shape: [4, 3] }), uniform([4, 3]));
        w.requiresGrad = true;
        return w;
      });
      using step = capture(({ x }: { x: Tensor }) => {
        const y = dropout(tanh(matmul(x, w)), { rate: 0.3 });
        const loss = mean(mul(y, y));
        backward(loss);
        return { loss, noise: uniform([3]) };
      }, { enabled: isCaptured });
      const losses: Promise<unknown>[] = [];
      for (const values of data) {
        run(() => {
          using _ = scope();
          const feed = { x: { data: values, shape: [6, 4] } };
          const { loss, noise } = step(feed) as Record<string, Tensor>;
          losses.push(keepLoss(loss as Tensor), keepLoss(noise as Tensor));
        });
      }
      if (isCaptured) assertEquals(step.reason, undefined);
      return { grad: w.grad as Tensor, losses: Promise.all(losses) };
    };
    using replicas = new Replicas(SEEDS);
    const together = train(
      (step) => replicas.run(step),
      (loss) => replicas.data(loss),
      true,
    );
    const gradients = await replicas.data(together.grad);
    const losses = await together.losses as Float32Array[][];
    for (const [j, seed] of SEEDS.entries()) {
      manualSeed(seed);
      const alone = train((step) => step(), (loss) => loss.data(), false);
      assertEquals(gradients[j], await alone.grad.data());
      assertEquals(losses.map((loss) => loss[j]), await alone.losses);
    }
  },
);

gpuTest("an input of a captured step may differ between replicas", async () => {
  using replicas = new Replicas([1, 2]);
  using step = capture(({ x }: { x: Tensor }) => mul(x, 2));
  for (let k = 0; k < 4; k++) {
    const x = k % 2 === 0
      ? replicas.stack([tensor([k, 1]), tensor([k, 10])])
      : replicas.tensor([Float32Array.of(k, 1), Float32Array.of(k, 10)], [2]);
    const y = replicas.run(() => step({ x }));
    assertEquals(await replicas.data(y), [
      Float32Array.of(2 * k, 2),
      Float32Array.of(2 * k, 20),
    ]);
    const shared = replicas.run(() => step({ x: Float32Array.of(k, k) }));
    assertEquals(await replicas.data(shared), [
      Float32Array.of(2 * k, 2 * k),
      Float32Array.of(2 * k, 2 * k),
    ]);
  }
});

gpuTest("an op of replicas is one dispatch", ({ stream }) => {
  using replicas = new Replicas(SEEDS);
  const [a, b] = stacked(replicas, [[8, 16], [16, 16]]);
  const count = (run: () => void) => {
    const { dispatches } = stream.statistics();
    run();
    return stream.statistics().dispatches - dispatches;
  };
  const step = () => {
    const y = matmul(a as Tensor, b as Tensor, { activation: "tanh" });
    backward(sum(mul(y, y)));
  };
  const alone = count(() => replicas.only(0, step));
  assertEquals(count(() => replicas.run(step)), alone);
});

gpuTest("a replica reads and writes its part alone", async () => {
  using replicas = new Replicas(SEEDS);
  const x = replicas.run(() => zeros([2], { dtype: "i32" }));
  replicas.only(1, () => x.write([4, 5]));
  replicas.only(2, () => fillInto(x, 7));
  assertEquals(await replicas.data(x), [
    Int32Array.of(0, 0),
    Int32Array.of(4, 5),
    Int32Array.of(7, 7),
  ]);
  assertEquals(await replicas.only(1, () => x.data()), Int32Array.of(4, 5));
  replicas.run(() => x.write([1, 2]));
  assertEquals(await replicas.take(x, 2).data(), Int32Array.of(1, 2));
  const y = replicas.only(1, () => argmax(mul(x, 1)));
  assertEquals(await y.data(), Int32Array.of(1));
});

gpuTest("what replicas cannot do is refused", async (device) => {
  using replicas = new Replicas(SEEDS);
  using others = new Replicas([1, 2]);
  const x = replicas.run(() => uniform([3]));
  const shared = uniform([3]);
  const cases: readonly [() => unknown, string][] = [
    [() => new Replicas([]), "Cannot make 0 replicas: give at least one seed"],
    [() => new Replicas([0.5]), "Cannot seed with 0.5"],
    [
      () => mul(x, 2),
      "of 3 replicas outside of them: call run() or only() of the Replicas",
    ],
    [() => others.run(() => mul(x, 2)), "a tensor of 3 replicas among 2"],
    [
      () => replicas.run(() => addInto(shared, x)),
      "to a tensor that several replicas share",
    ],
    [
      () => replicas.run(() => philoxUniform(defaultGenerator().next(), 0)),
      "Cannot draw random numbers on the host for several replicas at once",
    ],
    [
      () => replicas.run(async () => await Promise.resolve(1)),
      "Cannot run an asynchronous function for replicas",
    ],
    [
      () => replicas.only(3, () => 0),
      "Cannot run for replica 3: there are 3, from 0",
    ],
    [
      () => replicas.stack([shared, shared]),
      "Cannot stack 2 tensors: there are 3 replicas",
    ],
    [
      () => replicas.stack([shared, shared, uniform([4])]),
      "Cannot stack f32 [3] and f32 [4]: they must be of one shape and type",
    ],
    [
      () => replicas.stack([x, x, x]),
      "Cannot stack a tensor that is replicated already",
    ],
    [
      () => replicas.tensor([Float32Array.of(1), Float32Array.of(2)], [1]),
      "Cannot make a tensor of 2 arrays: there are 3 replicas",
    ],
    [
      () =>
        replicas.tensor(
          [Int32Array.of(1), Int32Array.of(2), Int32Array.of(3, 4)],
          [1],
        ),
      "Cannot make a i32 tensor of shape [1] of 2 values of i32: each replica " +
      "needs 1",
    ],
    [
      () => replicas.take(shared, 0),
      "of shape [3]: it is not replicated: all replicas share it",
    ],
    [() => others.take(x, 0), "of shape [3]: it has 3 replicas, and not 2"],
    [
      () => replicas.run(() => allocate(device, [2 ** 31])),
      "for 3 replicas: its 25769803776 bytes exceed the device's largest buffer",
    ],
  ];
  for (const [run, message] of cases) {
    assertThrows(run, Error, message);
  }
  const isRefusal = ([run]: (typeof cases)[number]) => {
    try {
      run();
    } catch (error) {
      return error instanceof ReplicaError;
    }
  };
  assertEquals(cases.filter((item) => !isRefusal(item)).map(([, m]) => m), [
    "Cannot make 0 replicas: give at least one seed",
    "Cannot seed with 0.5",
    "Cannot run an asynchronous function for replicas",
    "Cannot run for replica 3: there are 3, from 0",
  ]);
  await assertRejects(
    () => x.data(),
    ReplicaError,
    "Cannot read a tensor of 3 replicas outside of them",
  );
  await assertRejects(
    () => replicas.run(() => ({ read: x.data() })).read,
    ReplicaError,
    "Cannot read a tensor of 3 replicas as one: call data() of the Replicas",
  );
  await assertRejects(
    () => replicas.data(shared),
    ReplicaError,
    "it is not replicated",
  );
});
