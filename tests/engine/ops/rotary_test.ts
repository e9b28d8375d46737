// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../../engine/gpu/device.ts";
import { ones, tensor } from "../../../engine/ops/creation.ts";
import { concat } from "../../../engine/ops/movement.ts";
import { rotary, rotaryQkv } from "../../../engine/ops/rotary.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import {
  assertClose,
  checkOp,
  gpuTest,
  randomValues,
  type Tolerance,
} from "../../_check.ts";
import {
  type ReferenceRotary,
  rotary as reference,
} from "../../reference/rotary.ts";

/** Sine and cosine to a few units in the last place. */
const TURNS: Tolerance = { absolute: 2e-6, relative: 2e-6 };

interface Case {
  batch?: number;
  length: number;
  heads?: number;
  depth: number;
  theta?: number;
  /** Places, for all texts or for each. */
  places?: number[];
}

const CASES: readonly Case[] = [
  { length: 1, depth: 2 },
  { length: 5, depth: 6, heads: 3 },
  { length: 7, depth: 8, theta: 160000 },
  { length: 3, depth: 36, heads: 1 },
  { length: 3, depth: 64, places: [4, 0, 11] },
  { length: 3, depth: 8, places: [0, 1, 2, 0, 0, 1] },
  { length: 2, depth: 128, heads: 1 },
  { length: 2, depth: 102, heads: 1 },
];

function setting(c: Case): {
  twin: ReferenceRotary;
  options: Parameters<typeof rotary>[1];
} {
  const { batch = 2, length, heads = 2, depth, theta = 10000, places } = c;
  const positions = places &&
    tensor(Int32Array.from(places), {
      shape: [places.length / length, length],
    });
  return {
    options: { heads, positions, ...(c.theta ? { theta } : {}) },
    twin: {
      batch,
      length,
      heads,
      depth,
      theta,
      ...(places ? { positions: places } : {}),
    },
  };
}

/** The columns of the one or three tensors that x has. */
function widthOf(c: Case, parts: number): number {
  return (c.heads ?? 2) * c.depth * parts;
}

/** Both ways of sharing the angle between heads: a GPU's and a CPU's. */
function bothWays(
  claim: string,
  run: () => Promise<void>,
): void {
  for (const isSoftware of [true, false]) {
    gpuTest(
      `${claim} (${isSoftware ? "all heads" : "one head"} an invocation)`,
      async (device: Device) => {
        const before = device.isSoftware;
        try {
          Object.assign(device, { isSoftware });
          await run();
        } finally {
          Object.assign(device, { isSoftware: before });
        }
      },
    );
  }
}

bothWays("rotary() matches the reference", async () => {
  for (const c of CASES) {
    const { options, twin } = setting(c);
    await checkOp(
      [{ shape: [twin.batch, twin.length, widthOf(c, 1)] }],
      (x) => rotary(x, options),
      (x) => reference(x, twin),
      { forward: TURNS, label: JSON.stringify(c) },
    );
  }
});

bothWays("rotaryQkv() matches the reference", async () => {
  for (const c of CASES) {
    const { options, twin } = setting(c);
    await checkOp(
      [{ shape: [twin.batch, twin.length, widthOf(c, 3)] }],
      (x) => concat(rotaryQkv(x, options)),
      (x) => {
        const parts = [0, 1, 2].flatMap((part) => [
          ...reference(x, { ...twin, parts: 3, part, turn: part < 2 }),
        ]);
        return Float64Array.from(parts);
      },
      { forward: TURNS, label: JSON.stringify(c) },
    );
  }
});

gpuTest("rotary() turns by places up to 8191 without loss", async () => {
  const places = [8191, 8190, 4097, 6000];
  const c = { batch: 1, length: 4, depth: 64, places, theta: 160000 };
  const { options, twin } = setting(c);
  const values = randomValues(4 * widthOf(c, 1), 4);
  const y = await rotary(tensor(values, { shape: [1, 4, 128] }), options)
    .data();
  // 8191 frequencies, each half a unit of 2⁻³² turns off at most.
  const absolute = 1.5 * 2 * Math.PI * 8191 * 2 ** -33 + 1e-6;
  assertClose(y, reference(values, twin), { absolute, relative: 0 });
});

gpuTest("rotaryQkv() takes outputs without gradients as zero", async () => {
  const c = { batch: 1, length: 3, depth: 4 };
  const { options, twin } = setting(c);
  const x = tensor(randomValues(72, 1), {
    shape: [1, 3, 24],
    requiresGrad: true,
  });
  const [, k] = rotaryQkv(x, options);
  backward(k, { gradient: ones([1, 3, 8]) });
  assert(x.grad);
  const dx = await x.grad.data();
  // Turning back is turning by the places' negatives.
  const back = reference(new Float64Array(24).fill(1), {
    ...twin,
    positions: [0, -1, -2],
  });
  const expected = new Float64Array(72);
  for (let t = 0; t < 3; t++) {
    expected.set(back.subarray(t * 8, t * 8 + 8), t * 24 + 8);
  }
  assertClose(dx, expected, TURNS);
});

gpuTest("rotaryQkv() adds up the gradients of two uses of x", async () => {
  const run = (uses: number) => {
    const x = tensor(randomValues(48, 1), {
      shape: [1, 2, 24],
      requiresGrad: true,
    });
    const parts = Array.from(
      { length: uses },
      () => rotaryQkv(x, { heads: 2 }),
    );
    const y = concat(parts.flat());
    backward(y, { gradient: ones(y.shape) });
    assert(x.grad);
    return x.grad;
  };
  const [once, twice] = await readAll([run(1), run(2)]);
  assertClose(twice ?? [], [...once ?? []].map((g) => 2 * g));
});

gpuTest(
  "rotaryQkv() works in windows of tokens when a binding is small",
  async (device: Device) => {
    const limit = device.maxBindingSize;
    const values = randomValues(300 * 12, 8);
    const run = () => {
      const x = tensor(values, { shape: [2, 150, 12], requiresGrad: true });
      const y = concat(rotaryQkv(x, { heads: 1 }), 2);
      backward(y, { gradient: tensor(values, { shape: y.shape }) });
      assert(x.grad);
      return [y, x.grad];
    };
    const whole = run();
    try {
      Object.assign(device, { maxBindingSize: 128 * 12 * 4 + 256 });
      const [y, dx, yWhole, dxWhole] = await readAll([...run(), ...whole]);
      assertEquals(y, yWhole);
      assertEquals(dx, dxWhole);
    } finally {
      Object.assign(device, { maxBindingSize: limit });
    }
  },
);

gpuTest("rotary() throws when the arguments do not fit", () => {
  const x = ones([2, 3, 12]);
  assertThrows(
    () => rotary(ones([3, 12]), { heads: 2 }),
    TypeError,
    "Cannot rotate f32 [3, 12] by positions",
  );
  assertThrows(
    () => rotary(x, { heads: 4 }),
    RangeError,
    "Cannot rotate 12 columns in 4 heads: expected an even number of columns",
  );
  assertThrows(
    () => rotaryQkv(x, { heads: 4 }),
    RangeError,
    "expected 3 times an even number",
  );
  assertThrows(
    () => rotary(x, { heads: 2, theta: 0 }),
    RangeError,
    "Cannot rotate by powers of 0",
  );
  assertThrows(
    () => rotary(x, { heads: 2, positions: ones([2, 4], { dtype: "i32" }) }),
    TypeError,
    "Cannot rotate tokens [2, 3] by positions i32 [2, 4]: expected integers [2, 3] or [1, 3]",
  );
});
