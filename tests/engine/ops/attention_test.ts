// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../../engine/gpu/device.ts";
import {
  attention,
  type AttentionOptions,
  attentionProbabilities,
} from "../../../engine/ops/attention.ts";
import { ones, tensor, zeros } from "../../../engine/ops/creation.ts";
import { scope } from "../../../engine/scope.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import { keysOf, queriesOf } from "../../../engine/kernels/attention.ts";
import { variantsOf } from "../../../engine/tuning/choice.ts";
import { eachVariant, withVariant } from "../../_variants.ts";
import {
  assertClose,
  gpuTest,
  randomValues,
  type Tolerance,
} from "../../_check.ts";
import {
  attention as reference,
  attentionBackward,
  attentionProbabilities as probabilities,
} from "../../reference/attention.ts";
import { philox4x32 } from "../../../engine/philox.ts";

/** 32-bit exponentials and sums of up to about a hundred products. */
const ATTENTION: Tolerance = { absolute: 2e-5, relative: 5e-5 };

interface Case
  extends Omit<AttentionOptions, "mask" | "segments" | "dropout" | "heads"> {
  batch?: number;
  sq: number;
  sk?: number;
  heads?: number;
  depth: number;
  /** One row of mask for each batch row. */
  mask?: number[];
  /** Tokens of each text, where there are several in the one batch row. */
  lengths?: number[];
  /** Keys of each text, where they are other tokens than the queries. */
  keyLengths?: number[];
  rate?: number;
}

/**
 * The first and one-past-last token of the text of each token, as texts of
 * other lengths have them.
 */
function segmentsOf(
  lengths: readonly number[],
  others: readonly number[] = lengths,
): number[] {
  let start = 0;
  return lengths.flatMap((length, text) => {
    const row = [start, start += others[text] ?? 0];
    return Array.from({ length }, () => row).flat();
  });
}

const STREAM = { key: [7, 11], stream: [3, 5] } as const;

/** Compares y, dq, dk and dv with the float64 twin. */
async function check(c: Case): Promise<void> {
  using _ = scope();
  const { lengths, keyLengths, batch = lengths ? 1 : 2 } = c;
  const { sq, sk = sq, heads = 2, depth, mask, rate } = c;
  const segments = lengths && segmentsOf(lengths, keyLengths);
  const ofKeys = lengths && keyLengths && segmentsOf(keyLengths, lengths);
  const width = heads * depth;
  const options = {
    heads,
    ...(c.causal === undefined ? {} : { causal: c.causal }),
    ...(c.window === undefined ? {} : { window: c.window }),
    ...(c.scale === undefined ? {} : { scale: c.scale }),
  };
  const host = [sq, sk, sk, sq].map((rows, i) =>
    randomValues(batch * rows * width, 31 * i + depth + sq, -1.5, 1.5)
  );
  const [q, k, v, dy] = host.map((values, i) =>
    tensor(values, {
      shape: [batch, i === 0 || i === 3 ? sq : sk, width],
      requiresGrad: i < 3,
    })
  );
  assert(q && k && v && dy);
  const y = attention(q, k, v, {
    ...options,
    ...(mask
      ? { mask: tensor(Int32Array.from(mask), { shape: [batch, sk] }) }
      : {}),
    ...(segments
      ? { segments: tensor(Int32Array.from(segments), { shape: [sq, 2] }) }
      : {}),
    ...(ofKeys
      ? { segmentsOfKeys: tensor(Int32Array.from(ofKeys), { shape: [sk, 2] }) }
      : {}),
    ...(rate === undefined ? {} : { dropout: { rate, stream: STREAM } }),
  });
  backward(y, { gradient: dy });
  assert(q.grad && k.grad && v.grad);
  const actual = await readAll([y, q.grad, k.grad, v.grad]);
  const twin = {
    batch,
    sq,
    sk,
    depth,
    ...options,
    ...(mask ? { mask } : {}),
    ...(segments ? { segments } : {}),
    ...(rate === undefined ? {} : {
      keep: (b: number, h: number, i: number, j: number) =>
        kept(rate, (b * heads + h) * sq + i, j) / (1 - rate),
    }),
  };
  const [q64, k64, v64, dy64] = host.map((x) => Float64Array.from(x));
  assert(q64 && k64 && v64 && dy64);
  const expected = [
    reference(q64, k64, v64, twin),
    ...attentionBackward(q64, k64, v64, dy64, twin),
  ];
  expected.forEach((values, i) =>
    assertClose(
      actual[i] ?? [],
      values,
      ATTENTION,
      `${JSON.stringify(c)} ${["y", "dq", "dk", "dv"][i]}`,
    )
  );
}

/** 1 where the generator keeps probability j of a row, else 0. */
function kept(rate: number, row: number, j: number): number {
  const words = philox4x32([j >> 2, row, ...STREAM.stream], [...STREAM.key]);
  return ((words[j & 3] ?? 0) >>> 8) / 2 ** 24 >= rate ? 1 : 0;
}

const left = (length: number, pad: number) =>
  Array.from({ length }, (_, i) => i < pad ? 0 : 1);
const right = (length: number, pad: number) => left(length, pad).reverse();

/** Runs backward with the variant that runs forward, where it has it. */
function withBackward(variant: string, run: () => Promise<void>) {
  const known = variantsOf("attention_backward").includes(variant);
  return withVariant("attention_backward", known ? variant : "tiled64", run);
}

/** Runs every case with each variant of the kernels. */
function variantsTest(claim: string, cases: readonly Case[]): void {
  eachVariant(
    "attention",
    `attention() ${claim}`,
    (_, variant) =>
      withBackward(variant, async () => {
        for (const c of cases) await check(c);
      }),
  );
}

/**
 * Runs cases with the two ways to write a kernel, and those of every rule at
 * once with the variants of other sizes, whose text is the same.
 */
function kindsTest(
  claim: string,
  cases: readonly Case[],
  ofSizes: readonly Case[] = [],
): void {
  const runs = [
    ["serial", cases],
    ["tiled32", cases],
    ["wide", ofSizes],
    ["tiled64", ofSizes],
  ] as const;
  for (const [variant, own] of runs) {
    if (own.length === 0) continue;
    gpuTest(
      `attention() ${claim} (${variant})`,
      () =>
        withVariant(
          "attention",
          variant,
          () =>
            withBackward(variant, async () => {
              for (const c of own) await check(c);
            }),
        ),
    );
  }
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

// Few rows of many columns: the size of a kernel, and with it the time that
// the driver takes to compile it, grows with rows times columns.
variantsTest("takes heads of an odd number of columns", [
  { sq: 2, depth: 1, heads: 3 },
  { sq: 5, sk: 9, depth: 7 },
]);

const COLUMNS = [{ sq: 3, sk: 2, depth: 36 }];
kindsTest("takes heads of 36 columns", COLUMNS, COLUMNS);

for (
  const [variant, depths] of [
    ["serial", [20, 48, 128]],
    ["tiled32", [20, 128]],
    ["resident32", [36]],
    ["tiled64", [96]],
  ] as const
) {
  gpuTest(
    `attention() takes heads of ${depths} columns (${variant})`,
    () =>
      withVariant(
        "attention",
        variant,
        () =>
          withBackward(variant, async () => {
            for (const depth of depths) {
              const sq = variant === "serial" ? 2 : 17;
              const sk = variant === "serial" && depth > 20 ? 3 : 129;
              await check({ sq, sk, depth, heads: 1, batch: 1 });
            }
          }),
      ),
  );
}

kindsTest("masks padding left, right, inside and everywhere", [
  { sq: 17, depth: 4, mask: [...left(17, 4), ...right(17, 9)] },
  { sq: 5, sk: 33, depth: 4, mask: [...right(33, 32), ...left(33, 0)] },
  {
    sq: 17,
    depth: 4,
    mask: [...Array.from({ length: 17 }, (_, i) => i % 3), ...left(17, 17)],
  },
]);

kindsTest("sees no later key when causal", [
  { sq: 17, depth: 4, causal: true },
  { sq: 1, sk: 17, depth: 4, causal: true },
  { sq: 5, sk: 33, depth: 4, causal: true },
  { sq: 33, sk: 5, depth: 4, causal: true },
  { sq: 17, depth: 4, causal: true, mask: [...left(17, 4), ...right(17, 5)] },
]);

kindsTest("sees no key outside its window", [
  { sq: 70, depth: 4, window: 0, heads: 1 },
  { sq: 70, depth: 4, window: 3, heads: 1 },
  { sq: 33, sk: 17, depth: 4, window: 5 },
  { sq: 33, depth: 4, window: 4, causal: true },
  { sq: 33, depth: 4, window: 4, mask: [...right(33, 20), ...left(33, 9)] },
  { sq: 17, depth: 4, window: 100 },
]);

const EVERY_RULE = {
  sq: 65,
  sk: 129,
  depth: 4,
  heads: 1,
  window: 70,
  causal: true,
  rate: 0.4,
  mask: [...left(129, 40), ...right(129, 5)],
};

kindsTest("drops the same probabilities backward as forward", [
  { sq: 17, depth: 4, rate: 0.3 },
  { sq: 6, sk: 33, depth: 4, rate: 0.1 },
  { sq: 33, sk: 2, depth: 4, rate: 0.5 },
  EVERY_RULE,
], [EVERY_RULE]);

const TEXTS_AND_RULES = {
  sq: 70,
  depth: 4,
  lengths: [6, 64],
  window: 8,
  causal: true,
  rate: 0.3,
};

kindsTest("keeps texts that share a row apart", [
  { sq: 17, depth: 4, lengths: [5, 1, 11] },
  { sq: 90, depth: 4, lengths: [3, 40, 2, 1, 44], heads: 1 },
  { sq: 70, depth: 4, lengths: [41, 29], window: 5 },
  TEXTS_AND_RULES,
], [TEXTS_AND_RULES]);

kindsTest("lets texts of one row attend to texts of another", [
  { sq: 17, sk: 40, depth: 4, lengths: [5, 1, 11], keyLengths: [9, 28, 3] },
  // Queries without keys give 0, keys without queries have no gradient.
  {
    sq: 41,
    sk: 36,
    depth: 4,
    lengths: [3, 2, 0, 33, 3],
    keyLengths: [2, 0, 30, 4, 0],
    rate: 0.2,
  },
], [{ sq: 17, sk: 40, depth: 4, lengths: [5, 12], keyLengths: [9, 31] }]);

// What lies outside the window's tiles is NaN: a kernel that so much as visited
// it would spread it, since 0 · NaN is NaN.
for (const variant of ["serial", "wide", "tiled32", "tiled64"]) {
  gpuTest(
    `attention() never visits what its rules exclude (${variant})`,
    () =>
      withVariant(
        "attention",
        variant,
        () =>
          withBackward(variant, async () => {
            const [length, width, window] = [512, 4, 20];
            const reach = window + 64 + 32;
            for (const rule of [{ window }, { causal: true }]) {
              using _ = scope();
              const host = [1, 2, 3, 4].map((seed) => {
                const x = randomValues(length * width, seed);
                x.fill(NaN, (128 + reach) * width);
                return x;
              });
              const [q, k, v, dy] = host.map((values, i) =>
                tensor(values, {
                  shape: [1, length, width],
                  requiresGrad: i < 3,
                })
              );
              assert(q && k && v && dy);
              const y = attention(q, k, v, { heads: 1, ...rule });
              backward(y, { gradient: dy });
              assert(q.grad && k.grad && v.grad);
              const [out, dq, dk, dv] = await readAll([
                y,
                q.grad,
                k.grad,
                v.grad,
              ]);
              const finite = (x: ArrayLike<number> | undefined) =>
                Array.from(x ?? [NaN]).slice(0, 128 * width).every(isFinite);
              assert(
                finite(out) && finite(dq),
                `${JSON.stringify(rule)} y, dq`,
              );
              // Later queries see every key when causal: their NaN must come.
              assertEquals(finite(dk) && finite(dv), "window" in rule);
            }
          }),
      ),
  );
}

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

gpuTest(
  "attention() works in windows of the batch when a binding is small",
  async (device: Device) => {
    const limit = device.maxBindingSize;
    try {
      Object.assign(device, { maxBindingSize: 64 * 3 * 8 * 4 + 256 });
      await check({ batch: 130, sq: 3, depth: 4, rate: 0.2 });
    } finally {
      Object.assign(device, { maxBindingSize: limit });
    }
  },
);

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

for (const variant of ["serial", "tiled32"]) {
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
      await withVariant(
        "attention",
        variant,
        () =>
          withBackward(variant, async () => {
            const [y, dx, y3, dx3] = await readAll([...run(1), ...run(texts)]);
            assertEquals(y, y3);
            assertEquals(dx, dx3);
          }),
      );
    },
  );
}
