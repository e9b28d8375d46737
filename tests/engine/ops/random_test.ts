// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { openDevice } from "../../../engine/gpu/device.ts";
import { defineKernel, type Kernel } from "../../../engine/gpu/kernel.ts";
import { PHILOX } from "../../../engine/kernels/random.ts";
import { launch } from "../../../engine/launch/launch.ts";
import {
  defaultGenerator,
  Generator,
  manualSeed,
} from "../../../engine/generator.ts";
import {
  philox4x32,
  philoxNormal,
  philoxUniform,
  type Words,
} from "../../../engine/philox.ts";
import {
  bernoulli,
  fillRandom,
  normal,
  uniform,
} from "../../../engine/ops/random.ts";
import { allocate } from "../../../engine/tensor.ts";
import { tensor } from "../../../engine/ops/creation.ts";
import { forAngles } from "../../_adapter.ts";
import { assertClose, gpuTest, type Tolerance } from "../../_check.ts";

/** Known answers of Random123: counter, key, result. */
const KNOWN: [Words, [number, number], Words][] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

/** The GPU's log, sin and cos: absolute errors near 1e-6 at radii up to 6. */
const BOX_MULLER: Tolerance = { absolute: 1e-5, relative: 1e-4 };

/** The largest radius that sin and cos are multiplied by: √(2·log 2²⁴). */
const RADIUS = 5.77;

Deno.test("philox4x32() gives Random123's known answers", () => {
  for (const [counter, key, expected] of KNOWN) {
    assertEquals(philox4x32(counter, key), [...expected]);
  }
});

const KNOWN_ANSWERS: Kernel = defineKernel({
  name: "philox_known_answers",
  wgsl: /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<u32>>;
@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let at = id.x * 6u;
  y[id.x] = philox4x32(vec4<u32>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]), vec2<u32>(x[at + 4u], x[at + 5u]));
}
` + PHILOX,
});

gpuTest("PHILOX gives Random123's known answers on the GPU", async (device) => {
  const x = tensor(Uint32Array.from(KNOWN.flatMap(([c, k]) => [...c, ...k])));
  const y = allocate(device, [KNOWN.length, 4], "u32");
  launch(device, KNOWN_ANSWERS, { bind: [x, y], groups: [KNOWN.length] });
  assertEquals([...await y.data()], KNOWN.flatMap(([, , words]) => [...words]));
});

gpuTest("uniform() gives the host's numbers exactly", async () => {
  for (const size of [1, 7, 1025]) {
    const stream = new Generator(42).next();
    const values = await uniform([size], { generator: new Generator(42) })
      .data();
    assertEquals(
      [...values],
      Array.from({ length: size }, (_, k) => philoxUniform(stream, k)),
    );
  }
});

gpuTest("normal() matches the float64 twin", async (device) => {
  const stream = new Generator(-5n).next();
  const values = await normal([4099], { generator: new Generator(-5n) }).data();
  const expected = Array.from(values, (_, k) => philoxNormal(stream, k));
  assertClose(values, expected, await forAngles(BOX_MULLER, device, RADIUS));
});

gpuTest(
  "normal() shifts and scales, and has the moments it should",
  async () => {
    const n = 100_000;
    const values = await normal([n], {
      mean: 3,
      std: 2,
      generator: new Generator(1),
    })
      .data();
    let mean = 0;
    let square = 0;
    let fourth = 0;
    for (const value of values) mean += value / n;
    for (const value of values) {
      const z = (value - mean) / 2;
      square += z ** 2 / n;
      fourth += z ** 4 / n;
    }
    // Five standard errors: 2/√n, √(2/n), √(96/n).
    assert(Math.abs(mean - 3) < 0.032);
    assert(Math.abs(square - 1) < 0.023);
    assert(Math.abs(fourth - 3) < 0.16);
  },
);

gpuTest("bernoulli() is 1 where the uniform number is below p", async () => {
  const u = await uniform([1000], { generator: new Generator(3) }).data();
  const b = await bernoulli([1000], 0.3, { generator: new Generator(3) })
    .data();
  assertEquals([...b], [...u].map((value) => value < 0.3 ? 1 : 0));
  assertEquals(new Set(await bernoulli([99], 1).data()), new Set([1]));
  assertEquals(new Set(await bernoulli([99], 0).data()), new Set([0]));
});

gpuTest("fillRandom() continues a stream at any offset", async (device) => {
  const stream = new Generator(9).next();
  const whole = await normal([300], { generator: new Generator(9) }).data();
  for (const offset of [1, 2, 3, 4, 130, 255]) {
    const y = allocate(device, [40]);
    fillRandom(y, "normal", stream, { a: 0, b: 1, offset });
    assertEquals(await y.data(), whole.slice(offset, offset + 40));
  }
});

gpuTest("fillRandom() reaches places beyond 32 bits", async (device) => {
  const stream = new Generator(9).next();
  const y = allocate(device, [4]);
  const offset = 2 ** 33 + 1;
  fillRandom(y, "uniform", stream, { a: 0, b: 1, offset });
  assertEquals(
    [...await y.data()],
    [0, 1, 2, 3].map((k) => philoxUniform(stream, offset + k)),
  );
});

gpuTest("uniform() is the same when storage is split", async () => {
  const small = await openDevice({ maxBindingSize: 4096 });
  const generator = () => new Generator(11);
  const split = uniform([5000], { generator: generator(), device: small });
  const whole = uniform([5000], { generator: generator() });
  assertEquals(await split.data(), await whole.data());
  await small.destroy();
});

gpuTest(
  "Generator gives a new stream each time, and again after a reset",
  async () => {
    manualSeed(123);
    const a = await normal([8]).data();
    const b = await normal([8]).data();
    const { position } = defaultGenerator();
    const c = await normal([8]).data();
    assertNotEquals(a, b);
    manualSeed(123);
    assertEquals(await normal([8]).data(), a);
    defaultGenerator().position = position;
    assertEquals(await normal([8]).data(), c);
    manualSeed(124);
    assertNotEquals(await normal([8]).data(), a);
    manualSeed(0);
  },
);

Deno.test("Generator keeps all 64 bits of a seed", () => {
  assertEquals(new Generator(2n ** 63n + 5n).next().key, [5, 2 ** 31]);
  assertEquals(new Generator(-1).next().key, [0xffffffff, 0xffffffff]);
  const generator = new Generator(1);
  generator.position = 2 ** 33 + 7;
  assertEquals(generator.next().stream, [7, 2]);
});

gpuTest("random functions refuse what they cannot draw", () => {
  for (const [low, high] of [[NaN, 1], [0, Infinity], [2, 1]] as const) {
    assertThrows(
      () => uniform([1], { low, high }),
      RangeError,
      `Cannot draw from [${low}, ${high}): the ends must be finite`,
    );
  }
  assertThrows(
    () => new Generator(0.5),
    RangeError,
    "Cannot seed with 0.5: it must be a whole number",
  );
  assertThrows(
    () => bernoulli([1], 1.5),
    RangeError,
    "Cannot draw with probability 1.5: it must be between 0 and 1",
  );
  assertThrows(
    () => normal([1], { std: -1 }),
    RangeError,
    "must not be negative",
  );
  assertThrows(() => uniform([-1]), RangeError, "non-negative integers");
});

gpuTest("a generator continues from its state", async () => {
  for (const seed of [7, -1n, 2n ** 63n + 5n]) {
    const generator = new Generator(seed);
    generator.position = 2 ** 40;
    const state = JSON.parse(JSON.stringify(generator.stateDict()));
    const again = new Generator(0);
    again.loadStateDict(state);
    assertEquals(again.stateDict(), state);
    assertEquals(again.next(), generator.next());
    assertEquals(
      await normal([5], { generator: again }).data(),
      await normal([5], { generator }).data(),
    );
  }
});

Deno.test("a generator refuses states that are none", () => {
  const generator = new Generator(3);
  const before = generator.stateDict();
  const cases: [object, string][] = [
    [{ position: -1 }, "the position is -1"],
    [{ position: 0.5 }, "the position is 0.5"],
    [{ key: [1] }, "the seed is [1]"],
    [{ key: [1, 2 ** 32] }, "the seed is [1, 4294967296]"],
  ];
  for (const [change, message] of cases) {
    assertThrows(
      () => generator.loadStateDict({ ...before, ...change }),
      RangeError,
      message,
    );
  }
  assertEquals(generator.stateDict(), before);
});
