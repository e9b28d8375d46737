// Copyright 2026 the swagpu authors. MIT license.

// Each rule of attention() alone, and heads of many columns, where the kernels
// take seconds to compile. tests/engine/ops/attention_test.ts has all rules at once.

import { gpuTest } from "../_check.ts";
import { eachVariant } from "../_variants.ts";
import {
  type Case,
  check,
  checkVisits,
  EVERY_RULE,
  left,
  right,
  TEXTS_AND_RULES,
  withAttention,
  withFlash,
} from "../engine/ops/_attention.ts";

/**
 * Runs cases with the three ways to write a kernel, and those of every rule at
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
    ["flash64", cases],
    ["wide", ofSizes],
    ["tiled64", ofSizes],
  ] as const;
  for (const [variant, own] of runs) {
    if (own.length === 0) continue;
    gpuTest(
      `attention() ${claim} (${variant})`,
      () =>
        withAttention(variant, async () => {
          for (const c of own) await check(c);
        }),
    );
  }
}

// Few rows of many columns: the size of a kernel, and with it the time that
// the driver takes to compile it, grows with rows times columns.
eachVariant(
  "attention",
  "attention() takes heads of an odd number of columns",
  (_, variant) =>
    withAttention(variant, async () => {
      await check({ sq: 2, depth: 1, heads: 3 });
      await check({ sq: 5, sk: 9, depth: 7 });
    }),
);

for (const variant of ["serial", "wide", "tiled32", "tiled64"]) {
  gpuTest(
    `attention() takes heads of 36 columns (${variant})`,
    () => withAttention(variant, () => check({ sq: 3, sk: 2, depth: 36 })),
  );
}

for (
  const [variant, depths] of [
    ["serial", [20, 48, 128]],
    ["tiled32", [20, 128]],
    ["tiled64", [96]],
  ] as const
) {
  gpuTest(
    `attention() takes heads of ${depths} columns (${variant})`,
    () =>
      withAttention(variant, async () => {
        for (const depth of depths) {
          const sq = variant === "serial" ? 2 : 17;
          const sk = variant === "serial" && depth > 20 ? 3 : 129;
          await check({ sq, sk, depth, heads: 1, batch: 1 });
        }
      }),
  );
}

gpuTest(
  "attention() takes heads of 9 to 64 columns (flash64)",
  (device) =>
    withFlash(device, async (most) => {
      for (const depth of [9, 16, 20, 36, 48, 63, 64]) {
        if (depth > most) break;
        await check({ sq: 70, sk: 129, depth, heads: 1, batch: 1 });
      }
    }),
);

gpuTest(
  "attention() takes texts of wide heads (flash64)",
  (device) =>
    withFlash(device, async (depth) => {
      await check({ ...TEXTS_AND_RULES, depth: depth - 1 });
    }),
);

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

kindsTest("drops the same probabilities backward as forward", [
  { sq: 17, depth: 4, rate: 0.3 },
  { sq: 6, sk: 33, depth: 4, rate: 0.1 },
  { sq: 33, sk: 2, depth: 4, rate: 0.5 },
  EVERY_RULE,
], [EVERY_RULE]);

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

// The variants of other sizes, whose text is that of those that
// tests/engine/ops/attention_test.ts checks.
for (const variant of ["wide", "tiled64"]) {
  gpuTest(
    `attention() keeps all its rules at once (${variant})`,
    () =>
      withAttention(variant, async () => {
        await check(EVERY_RULE);
        await check(TEXTS_AND_RULES);
      }),
  );
  gpuTest(
    `attention() never visits what its rules exclude (${variant})`,
    () => withAttention(variant, checkVisits),
  );
}
