// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../../engine/gpu/device.ts";
import {
  attention,
  attentionProbabilities,
} from "../../../engine/ops/attention.ts";
import { ones, tensor, zeros } from "../../../engine/ops/creation.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import { keysOf, queriesOf } from "../../../engine/kernels/attention.ts";
import {
  type AttentionStep,
  blockKernel,
} from "../../../engine/kernels/attention_blocks.ts";
import { usualVariant } from "../../../engine/ops/attention_plan.ts";
import { eachVariant } from "../../_variants.ts";
import {
  ATTENTION,
  type Case,
  check,
  checkVisits,
  EVERY_RULE,
  left,
  right,
  segmentsOf,
  STREAM,
  TEXTS_AND_RULES,
  withAttention,
  withFlash,
} from "./_attention.ts";
import { assertClose, gpuTest, randomValues } from "../../_check.ts";
import {
  attentionProbabilities as probabilities,
} from "../../reference/attention.ts";

/** Runs every case with each variant of the kernels. */
function variantsTest(claim: string, cases: readonly Case[]): void {
  eachVariant(
    "attention",
    `attention() ${claim}`,
    (_, variant) =>
      withAttention(variant, async () => {
        for (const c of cases) await check(c);
      }),
  );
}

eachVariant(
  "attention_backward",
  "attention() has the reference's gradients, whatever ran forward",
  async () => {
    await check({ sq: 17, sk: 65, depth: 4, causal: true, rate: 0.2 });
    await check({ sq: 5, sk: 3, depth: 3 });
  },
);

variantsTest("matches the reference for 1, 5, 17, 33 and 70 rows", [
  { sq: 1, depth: 4 },
  { sq: 5, depth: 4, heads: 3 },
  { sq: 17, sk: 33, depth: 4 },
  { sq: 70, sk: 5, depth: 4, heads: 1 },
  { sq: 33, sk: 70, depth: 4, batch: 1 },
  { sq: 1, sk: 17, depth: 4, scale: 0.2 },
]);

// One variant of each text.
const TEXTS = ["serial", "tiled32", "flash64"];

for (const variant of TEXTS) {
  gpuTest(
    `attention() keeps all its rules at once (${variant})`,
    () =>
      withAttention(variant, async () => {
        await check(EVERY_RULE);
        await check(TEXTS_AND_RULES);
      }),
  );
}

for (const variant of TEXTS) {
  gpuTest(
    `attention() never visits what its rules exclude (${variant})`,
    () => withAttention(variant, checkVisits),
  );
}

gpuTest(
  "attention() takes wide heads with all its rules (flash64)",
  (device) => withFlash(device, (depth) => check({ ...EVERY_RULE, depth })),
);

for (const variant of TEXTS) {
  gpuTest(
    `attention() reads no row of another batch row (${variant})`,
    () =>
      withAttention(variant, async () => {
        const values = randomValues(2 * 5 * 4, 1).fill(NaN, 5 * 4);
        const x = tensor(values, { shape: [2, 5, 4] });
        const y = await attention(x, x, x, { heads: 1 }).data();
        const finite = Array.from(y, Number.isFinite);
        assertEquals(finite, finite.map((_, i) => i < 5 * 4));
      }),
  );
}

Deno.test("attention() chooses by the number of workgroups and their memory", () => {
  const choice = (
    step: AttentionStep,
    sizes: { batch?: number; depth?: number; sk?: number },
    device = { isSoftware: false, workgroupMemory: 48 * 1024 },
  ) => {
    const { batch = 32, depth = 64, sk = 128 } = sizes;
    const form = { depth, aligned: true, texels: false };
    const work = { form, step, batch, heads: 12, sq: 128, sk };
    return usualVariant(device, work);
  };
  assertEquals(choice("forward", {}), "flash64");
  assertEquals(choice("queries", {}), "tiled64");
  assertEquals(choice("keys", {}), "tiled64");
  assertEquals(choice("forward", { depth: 68 }), "tiled64");
  assertEquals(choice("forward", { batch: 22 }), "flash64"); // 528 workgroups
  assertEquals(choice("forward", { batch: 21 }), "tiled32");
  assertEquals(choice("forward", { sk: 64 }), "tiled32");
  const small = { isSoftware: false, workgroupMemory: 32 * 1024 };
  assertEquals(choice("forward", {}, small), "tiled64");
  assertEquals(choice("forward", { depth: 16 }, small), "flash64");
  const software = { isSoftware: true, workgroupMemory: 48 * 1024 };
  assertEquals(choice("forward", {}, software), "serial");
});

Deno.test("blockKernel() falls back where workgroup memory is too small", () => {
  const name = (step: AttentionStep, variant: string, memory: number) => {
    const form = { depth: 64, aligned: true, texels: false };
    const work = { form, step, variant, rows: 100, memory };
    const { kernel, rows } = blockKernel(work);
    return `${kernel.name} ${rows}`;
  };
  const needed = 43008; // 16 KiB of queries and of weights, 8 of slices, 2 of partials
  assertEquals(name("forward", "flash64", needed), "attention_flash 64");
  assertEquals(name("forward", "flash64", needed - 1), "attention_tiled 64");
  assertEquals(name("forward", "flash64", 12 * 1024), "attention_tiled 32");
  assertEquals(name("forward", "tiled64", 48 * 1024), "attention_tiled 64");
  assertEquals(name("forward", "tiled32", 48 * 1024), "attention_tiled 32");
  assertEquals(name("queries", "tiled64", 48 * 1024), "attention_tiled_dq 64");
});

Deno.test("blocks meet as many rows as their rules let them", () => {
  const met = (length: number, rule: { causal?: boolean; window?: number }) => {
    const { causal = false, window } = rule;
    const all = { sq: length, sk: length, offset: 0, causal, window };
    let sum = 0;
    for (let first = 0; first < length; first += 32) {
      for (const range of [keysOf, queriesOf]) {
        const [start, end] = range(all, first, first + 31);
        sum += end - start;
      }
    }
    return sum / 32;
  };
  // Every block meets 32 + 2 · 128 rows, but for those at the two ends.
  const ends = 2 * 2 * (128 + 96 + 64 + 32) / 32;
  for (const length of [1024, 8192]) {
    const blocks = length / 32;
    assertEquals(met(length, { window: 128 }), 2 * 9 * blocks - ends);
    assertEquals(met(length, {}), 2 * blocks ** 2);
    assertEquals(met(length, { causal: true }), blocks * (blocks + 1));
  }
});

gpuTest("attention() sees all of 8,192 tokens", async () => {
  const length = 8192;
  const x = tensor(randomValues(length * 4, 7), {
    shape: [1, length, 4],
    requiresGrad: true,
  });
  // Equal scores: y is the mean, and each key has the same share of dy.
  const q = zeros([1, length, 4]);
  const y = attention(q, q, x, { heads: 1 });
  backward(y, { gradient: ones([1, length, 4]) });
  assert(x.grad);
  const values = await x.data();
  const mean = [0, 1, 2, 3].map((c) => {
    let sum = 0;
    for (let i = c; i < values.length; i += 4) sum += values[i] ?? NaN;
    return sum / length;
  });
  const last = (a: ArrayLike<number>) => Array.from(a).slice(-4);
  const [out, dv] = await readAll([y, x.grad]);
  assertClose(last(out ?? []), mean, ATTENTION);
  assertClose(last(dv ?? []), [1, 1, 1, 1], ATTENTION);
});

gpuTest("attention() drops the share that is asked for", async () => {
  const v = ones([4, 64, 8]);
  const q = zeros([4, 64, 8]);
  const y = await attention(q, q, v, {
    heads: 2,
    dropout: { rate: 0.25, stream: STREAM },
  }).data();
  // Each y is the mean of 64 factors of variance 1/3: 512 rows give a mean of 1.
  const mean = [...y].reduce((sum, x) => sum + x, 0) / y.length;
  assert(Math.abs(mean - 1) < 4 * Math.sqrt(1 / 3 / 64 / 512), `mean ${mean}`);
});

gpuTest("attention() gives the same bits when run again", async () => {
  const runs = [0, 1].map(() => {
    const x = tensor(randomValues(2 * 33 * 16, 3), {
      shape: [2, 33, 16],
      requiresGrad: true,
    });
    backward(attention(x, x, x, { heads: 2, causal: true }), {
      gradient: ones([2, 33, 16]),
    });
    assert(x.grad);
    return x.grad;
  });
  const [a, b] = await readAll(runs);
  assertEquals(a, b);
});

for (const variant of ["serial", "flash64"]) {
  gpuTest(
    `attention() works in windows of the batch when a binding is small (${variant})`,
    async (device: Device) => {
      const limit = device.maxBindingSize;
      try {
        Object.assign(device, { maxBindingSize: 64 * 3 * 8 * 4 + 256 });
        await withAttention(
          variant,
          () => check({ batch: 130, sq: 3, depth: 4, rate: 0.2 }),
        );
      } finally {
        Object.assign(device, { maxBindingSize: limit });
      }
    },
  );
}

gpuTest("attention() finds only the gradients that are wanted", () => {
  const x = ones([1, 5, 8]);
  const k = tensor(randomValues(40, 1), {
    shape: [1, 5, 8],
    requiresGrad: true,
  });
  backward(attention(x, k, x, { heads: 1 }), { gradient: ones([1, 5, 8]) });
  assert(k.grad && !x.grad);
});

gpuTest("attentionProbabilities() matches the reference", async () => {
  const [batch, sq, sk, heads, depth] = [2, 5, 17, 2, 7];
  const q = randomValues(batch * sq * heads * depth, 1);
  const k = randomValues(batch * sk * heads * depth, 2);
  const mask = [...right(17, 3), ...left(17, 17)];
  const a = attentionProbabilities(
    tensor(q, { shape: [batch, sq, heads * depth] }),
    tensor(k, { shape: [batch, sk, heads * depth] }),
    {
      heads,
      mask: tensor(Int32Array.from(mask), { shape: [batch, sk] }),
      window: 4,
    },
  );
  const expected = probabilities(Float64Array.from(q), Float64Array.from(k), {
    batch,
    sq,
    sk,
    heads,
    depth,
    mask,
    window: 4,
  });
  assertEquals(a.shape, [batch, heads, sq, sk]);
  assertClose(await a.data(), expected, ATTENTION);
});

gpuTest("attention() throws when the arguments do not fit", () => {
  const x = ones([2, 3, 8]);
  assertThrows(
    () => attention(x, ones([1, 3, 8]), x, { heads: 2 }),
    TypeError,
    "Cannot attend with [2, 3, 8], [1, 3, 8] and [2, 3, 8]",
  );
  assertThrows(
    () => attention(x, x, ones([2, 4, 8]), { heads: 2 }),
    TypeError,
    "there must be as many keys as values",
  );
  assertThrows(
    () => attention(x, x, x, { heads: 3 }),
    RangeError,
    "Cannot attend with 3 heads: they must divide the 8 columns",
  );
  assertThrows(
    () => attention(x, x, x, { heads: 2, mask: ones([2, 3]) }),
    TypeError,
    "Cannot mask by a tensor of f32",
  );
  assertThrows(
    () =>
      attention(x, x, x, { heads: 2, mask: ones([2, 4], { dtype: "i32" }) }),
    TypeError,
    "Cannot mask 3 keys in 2 rows by [2, 4]: expected [2, 3]",
  );
  assertThrows(
    () => attention(x, x, x, { heads: 2, window: 1.5 }),
    RangeError,
    "Cannot attend within a window of 1.5",
  );
  assertThrows(
    () =>
      attention(x, x, x, { heads: 2, dropout: { rate: 1, stream: STREAM } }),
    RangeError,
    "Cannot drop a share of 1",
  );
  const segments = ones([3, 2], { dtype: "i32" });
  assertThrows(
    () => attention(x, x, x, { heads: 2, segments }),
    TypeError,
    "expected a batch of 1, no mask, segments, and segmentsOfKeys where",
  );
  const y = ones([1, 4, 8]);
  assertThrows(
    () => attention(y, y, y, { heads: 2, segments }),
    TypeError,
    "Cannot attend in segments i32 [3, 2]: expected integers [4, 2]",
  );
});

for (const variant of TEXTS) {
  gpuTest(
    `attention() gives texts in one row the bits of texts alone (${variant})`,
    async () => {
      const [length, texts, width] = [64, 3, 8];
      const values = randomValues(texts * length * width, 3);
      const weights = randomValues(values.length, 5);
      const run = (batch: number) => {
        const shape = [batch, values.length / batch / width, width];
        const x = tensor(values, { shape, requiresGrad: true });
        const segments = tensor(
          Int32Array.from(segmentsOf(Array(texts).fill(length))),
          { shape: [texts * length, 2] },
        );
        const y = attention(x, x, x, {
          heads: 2,
          window: 20,
          ...(batch === 1 ? { segments } : {}),
        });
        backward(y, { gradient: tensor(weights, { shape }) });
        assert(x.grad);
        return [y, x.grad];
      };
      await withAttention(variant, async () => {
        const [y, dx, y3, dx3] = await readAll([...run(1), ...run(texts)]);
        assertEquals(y, y3);
        assertEquals(dx, dx3);
      });
    },
  );
}
