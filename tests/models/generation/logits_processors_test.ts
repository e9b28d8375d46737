// Copyright 2026 the swagpu authors. MIT license.

// Compares each processor on the GPU with results by hand, many of them from
// transformers' own tests, and with its twin on the host over random scores.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { readAll, scope, tensor } from "../../../engine/mod.ts";
import type { Device } from "../../../engine/gpu/device.ts";
import {
  GenerationConfig,
  type GenerationOptions,
} from "../../../models/generation/mod.ts";
import {
  listOf,
  logitsProcessors,
} from "../../../models/generation/processors.ts";
import { assertClose, gpuTest, randomValues } from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";
import {
  logitsProcessors as reference,
  softmax,
} from "../../reference/logits_processors.ts";

/**
 * The tolerance of a division, an exponential or a sum, for scores of order 10.
 */
const SCORES = { absolute: 1e-5, relative: 1e-5 };

/** The lengths of rows: one token of the prompt, and five at most. */
const CONTEXT = { promptLength: 1, maxLength: 5 };

/** The scores after all processors of some options. Rows have the same length. */
async function apply(
  device: Device,
  options: GenerationOptions,
  rows: readonly (readonly number[])[],
  scores: readonly (ArrayLike<number>)[],
): Promise<number[][]> {
  using _ = scope();
  const capacity = 8;
  const length = rows[0]?.length ?? 0;
  const vocabulary = scores[0]?.length ?? 0;
  const tokens = new Int32Array(rows.length * capacity).fill(2);
  for (const [r, row] of rows.entries()) tokens.set(row, r * capacity);
  const step = {
    scores: tensor(
      Float32Array.from(scores.flatMap((row) => [...Array.from(row)])),
      {
        shape: [rows.length, vocabulary],
      },
    ),
    tokens: tensor(tokens, { shape: [rows.length, capacity] }),
    length,
  };
  const config = new GenerationConfig(options);
  const tables: { dispose(): void }[] = [];
  const processors = logitsProcessors(config, {
    ...CONTEXT,
    device,
    eosTokenIds: listOf(config.eosTokenId),
    own: (table) => tables.push(table),
  });
  try {
    for (const processor of processors) processor(step);
    const [changed = []] = await readAll([step.scores]);
    return scores.map((_, r) => [
      ...changed.slice(r * vocabulary, (r + 1) * vocabulary),
    ]);
  } finally {
    for (const table of tables) table.dispose();
  }
}

/** The same scores from the twin. */
function expected(
  options: GenerationOptions,
  rows: readonly (readonly number[])[],
  scores: readonly ArrayLike<number>[],
): number[][] {
  const config = new GenerationConfig(options);
  const eosTokenIds = listOf(config.eosTokenId);
  return scores.map((row, r) => {
    const changed = Float32Array.from(row);
    for (const processor of reference(config, { ...CONTEXT, eosTokenIds })) {
      processor(rows[r] ?? [], changed);
    }
    return [...changed];
  });
}

/** The tokens that options forbid after a row, in a vocabulary of that size. */
async function forbidden(
  device: Device,
  options: GenerationOptions,
  row: readonly number[],
  vocabulary: number,
): Promise<number[]> {
  const scores = [new Array<number>(vocabulary).fill(1)];
  const [changed = []] = await apply(device, options, [row], scores);
  return [...changed.keys()].filter((i) => changed[i] === -Infinity);
}

/** The indices of the tokens that are kept of a distribution. */
async function kept(
  device: Device,
  options: GenerationOptions,
  probabilities: readonly number[],
): Promise<number[]> {
  const scores = [probabilities.map(Math.log)];
  const drawn = { doSample: true, topK: 0, ...options };
  const [changed = []] = await apply(device, drawn, [[0, 0]], scores);
  return [...changed.keys()].filter((i) => changed[i] !== -Infinity);
}

gpuTest(
  "noRepeatNgramSize forbids tokens that complete a run again",
  async (device) => {
    const run = (size: number, row: number[]) =>
      forbidden(device, { noRepeatNgramSize: size }, row, 3);
    assertEquals(await run(2, [1, 1, 2, 1]), [1, 2]);
    assertEquals(await run(2, [0, 1, 0, 1]), [0]);
    assertEquals(await run(3, [1, 1, 2, 1]), []);
    assertEquals(await run(3, [0, 1, 0, 1]), [0]);
    assertEquals(await run(3, [1]), []);
    assertEquals(await run(1, [2, 0]), [0, 2]);
  },
);

gpuTest(
  "badWordsIds forbids the last token of a word, but no end token",
  async (device) => {
    const badWordsIds = [[1], [4], [1, 0], [0, 1, 2], [1, 3, 1, 3]];
    const run = (row: number[]) =>
      forbidden(device, { badWordsIds, eosTokenId: 4 }, row, 5);
    assertEquals(await run([0, 1, 3, 1]), [0, 1, 3]);
    assertEquals(await run([0, 1, 0, 1]), [0, 1, 2]);
    // As in transformers, a word longer than the row is ignored.
    assertEquals(await run([1]), [1]);
    assertEquals(await run([3, 1]), [0, 1]);
  },
);

gpuTest(
  "sequenceBias changes the last token where it completes a sequence",
  async (device) => {
    const sequenceBias = [[[4], 100], [[1, 0], 10], [[1, 2], -5], [
      [3, 0],
      7,
    ]] as const;
    const rows = [[3, 1], [1, 3]];
    const zeros = [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]];
    assertEquals(await apply(device, { sequenceBias }, rows, zeros), [
      [10, 0, -5, 0, 100],
      [7, 0, 0, 0, 100],
    ]);
    await assertRejects(
      () => apply(device, { sequenceBias }, [[1, 3]], [[0, 0]]),
      RangeError,
      "Cannot bias token 4: there are 2 tokens",
    );
  },
);

gpuTest(
  "repetitionPenalty makes tokens less likely once each",
  async (device) => {
    const scores = [[-0.5, 0.5, 0.25, 1]];
    assertEquals(
      await apply(device, { repetitionPenalty: 2 }, [[0, 1, 1, 3]], scores),
      [[-1, 0.25, 0.25, 0.5]],
    );
  },
);

gpuTest(
  "minLength and minNewTokens forbid early end tokens",
  async (device) => {
    const run = (options: GenerationOptions, row: number[]) =>
      forbidden(device, { eosTokenId: [1, 2], ...options }, row, 4);
    assertEquals(await run({ minLength: 3 }, [0, 0]), [1, 2]);
    assertEquals(await run({ minLength: 3 }, [0, 0, 0]), []);
    assertEquals(await run({ minLength: 9, minNewTokens: 2 }, [0, 0]), [1, 2]);
    assertEquals(await run({ minLength: 9, minNewTokens: 2 }, [0, 0, 0]), []);
  },
);

gpuTest("forced and suppressed tokens act at their lengths", async (device) => {
  const none = -Infinity;
  const run = async (options: GenerationOptions, row: number[]) =>
    (await apply(device, options, [row], [[1, 2, 3]]))[0];
  assertEquals(await run({ forcedBosTokenId: 1 }, [7]), [none, 0, none]);
  assertEquals(await run({ forcedBosTokenId: 1 }, [7, 7]), [1, 2, 3]);
  const end = { forcedEosTokenId: [0, 2], badWordsIds: [[2]] };
  assertEquals(await run(end, [1, 1, 1]), [1, 2, none]);
  assertEquals(await run(end, [1, 1, 1, 1]), [0, none, 0]);
  assertEquals(await run({ suppressTokens: [0, 9] }, [1]), [none, 2, 3]);
  const begin = { beginSuppressTokens: [0, 2] };
  assertEquals(await run(begin, [1]), [none, 2, none]);
  assertEquals(await run(begin, [1, 1]), [1, 2, 3]);
});

gpuTest("removeInvalidValues keeps finite numbers", async (device) => {
  const largest = Math.fround(3.4028234663852886e38);
  const scores = [[NaN, Infinity, -Infinity, 2]];
  assertEquals(
    await apply(device, { removeInvalidValues: true }, [[0]], scores),
    [[0, largest, -largest, 2]],
  );
});

eachVariant(
  "generation",
  "topK keeps the best, and those as good as the last",
  async (device) => {
    const run = (topK: number, p: number[]) => kept(device, { topK }, p);
    assertEquals(await run(3, [0.1, 0.4, 0.2, 0.25, 0.05]), [1, 2, 3]);
    assertEquals(await run(2, [0.3, 0.1, 0.3, 0.3]), [0, 2, 3]);
    assertEquals(await run(10, [0.3, 0.1, 0.6]), [0, 1, 2]);
    assertEquals(
      await kept(device, { topK: 1, numBeams: 2 }, [0.3, 0.1, 0.6]),
      [0, 2],
    );
  },
);

eachVariant(
  "generation",
  "topP keeps the best that together reach a share",
  async (device) => {
    const run = (topP: number, p: number[]) => kept(device, { topP }, p);
    // Two tokens of a tenth each are within the fifth that may be left out.
    assertEquals(await run(0.8, [0.3, 0.1, 0.1, 0.5]), [0, 3]);
    assertEquals(await run(0.8 - 1e-5, [0.3, 0.1, 0.1, 0.5]), [0, 3]);
    assertEquals(await run(0.8 + 1e-4, [0.3, 0.1, 0.1, 0.5]), [0, 1, 2, 3]);
    assertEquals(await run(0.5, [0.3, 0.1, 0.1, 0.5]), [3]);
    assertEquals(await run(0.7, [0.1, 0.2, 0.3, 0.4]), [2, 3]);
    assertEquals(await run(0.9, [0.1, 0.2, 0.3, 0.4]), [1, 2, 3]);
    assertEquals(await run(1, [0.1, 0.2, 0.3, 0.4]), [0, 1, 2, 3]);
    assertEquals(await run(0.8, [0.15, 0.3, 0.3, 0.25]), [1, 2, 3]);
    assertEquals(await run(0, [0.2, 0.7, 0.1]), [1]);
    assertEquals(
      await kept(device, { topP: 0, numBeams: 2 }, [0.2, 0.7, 0.1]),
      [0, 1],
    );
  },
);

eachVariant(
  "generation",
  "minP keeps what is near the best",
  async (device) => {
    const run = (p: number[]) => kept(device, { minP: 0.05 }, p);
    assertEquals(await run([0.9, 0.0274, 0.047, 0.0256]), [0, 2]);
    assertEquals(await run([0.15, 0.3, 0.3, 0.25]), [0, 1, 2, 3]);
    assertEquals(await run([0.97, 0.01, 0.01, 0.01]), [0]);
    assertEquals(
      await kept(device, { minP: 0.05, numBeams: 2 }, [
        0.97,
        0.01,
        0.012,
        0.008,
      ]),
      [0, 2],
    );
  },
);

const RANDOM: GenerationOptions[] = [
  { noRepeatNgramSize: 2, repetitionPenalty: 1.3 },
  { badWordsIds: [[1], [2, 3], [0, 1, 2], [1, 1]], eosTokenId: 5 },
  { sequenceBias: [[[4], 0.5], [[2, 4], -1.5], [[0, 4], 3], [[1, 1], 2]] },
  { minLength: 5, eosTokenId: [5, 6], renormalizeLogits: true },
  { doSample: true, temperature: 0.7, topK: 20 },
  { doSample: true, temperature: 1.5, topK: 0, topP: 0.77 },
  { doSample: true, topK: 0, minP: 0.2, numBeams: 3, eosTokenId: [5, 6] },
  { doSample: true, topK: 9, topP: 0.6, minP: 0.1, suppressTokens: [3] },
];

for (const vocabulary of [7, 300]) {
  eachVariant(
    "generation",
    `logitsProcessors() agree with their twins on ${vocabulary} tokens`,
    async (device) => {
      const rows = Array.from(
        { length: 5 },
        (_, r) => Array.from(randomValues(4, r, 0, 4), Math.floor),
      );
      const scores = rows.map((_, r) => randomValues(vocabulary, 9 + r, -5, 5));
      for (const options of RANDOM) {
        const actual = await apply(device, options, rows, scores);
        const twin = expected(options, rows, scores);
        assertClose(
          actual.flat(),
          twin.flat(),
          SCORES,
          JSON.stringify(options),
        );
      }
    },
  );
}

eachVariant(
  "generation",
  "topP keeps the least number of tokens of a large vocabulary",
  async (device) => {
    const scores = randomValues(5003, 3, -4, 4);
    const options = { doSample: true, topK: 0, topP: 0.9 };
    const [changed = []] = await apply(device, options, [[0, 0]], [scores]);
    const probabilities = softmax(scores);
    const left = [...changed.keys()].filter((i) => changed[i] !== -Infinity);
    const share = left.reduce((sum, i) => sum + (probabilities[i] ?? 0), 0);
    const least = Math.min(...left.map((i) => probabilities[i] ?? 0));
    // Sums of five thousand terms in 32 bits.
    assert(share > 0.9 - 1e-5 && share - least < 0.9 + 1e-5);
  },
);
