// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { Generator, tensor } from "../../../engine/mod.ts";
import { generate, GenerationConfig } from "../../../models/generation/mod.ts";
import { checkSteps } from "../../../models/generation/search.ts";
import { gpuTest } from "../../_check.ts";
import { beamSearch, extend } from "../../reference/generation.ts";
import { TinyAnswerer, TinyDecoder } from "../_tiny_decoder.ts";
import { CHAIN, ChainModel, END, PAD } from "./_chain_model.ts";

gpuTest(
  "generate() takes the best token until each row has ended",
  async () => {
    const { sequences, sequencesScores } = await generate(new ChainModel(), {
      inputIds: [[2, 3], [3, 4], [3, 2]],
      maxLength: 8,
    });
    assertEquals(sequences, [
      [2, 3, END, PAD],
      [3, 4, 2, END],
      [3, 2, END, PAD],
    ]);
    assertEquals(sequencesScores, undefined);
  },
);

gpuTest("generate() stops at maxLength and at maxNewTokens", async () => {
  const model = new ChainModel();
  const inputIds = tensor([[2, 1]], { dtype: "i32" });
  const { sequences } = await generate(model, { inputIds, maxLength: 4 });
  assertEquals(sequences, [[2, 1, 1, 1]]);
  const more = await generate(model, {
    inputIds,
    maxLength: 4,
    maxNewTokens: 3,
  });
  assertEquals(more.sequences, [[2, 1, 1, 1, 1]]);
  const standard = await generate(model, { inputIds });
  assertEquals(standard.sequences[0]?.length, 22);
});

gpuTest("generate() continues to maxLength without end tokens", async () => {
  const { sequences } = await generate(new ChainModel(), {
    inputIds: [[3]],
    eosTokenId: null,
    maxLength: 4,
  });
  assertEquals(sequences, [[3, 0, 0, 0]]);
});

gpuTest(
  "generate() with beams finds rows that the best token misses",
  async () => {
    const { sequences, sequencesScores = [] } = await generate(
      new ChainModel(),
      {
        inputIds: [[3], [2]],
        numBeams: 2,
        numReturnSequences: 2,
        maxLength: 5,
      },
    );
    assertEquals(sequences, [
      [3, 1, 1, 1, 1],
      [3, END, PAD, PAD, PAD],
      [2, END, PAD, PAD, PAD],
      [2, 1, 1, 1, 1],
    ]);
    const expected = [
      Math.log(0.4 * 0.94 ** 3) / 4,
      Math.log(0.45),
      Math.log(0.9),
      Math.log(0.05 * 0.94 ** 3) / 4,
    ];
    for (const [i, score] of expected.entries()) {
      assertAlmostEquals(sequencesScores[i] ?? 0, score, 1e-5);
    }
  },
);

gpuTest("generate() with beams follows the length penalty", async () => {
  const run = (lengthPenalty: number) =>
    generate(new ChainModel(), {
      inputIds: [[3]],
      numBeams: 2,
      lengthPenalty,
      earlyStopping: "never",
      maxLength: 5,
    });
  assertEquals((await run(0)).sequences, [[3, END]]);
  assertEquals((await run(1)).sequences, [[3, 1, 1, 1, 1]]);
});

gpuTest("generate() forbids and forces tokens", async () => {
  const run = async (options: Record<string, unknown>) =>
    (await generate(new ChainModel(), {
      inputIds: [[3]],
      maxLength: 5,
      ...options,
    })).sequences[0];
  assertEquals(await run({ minLength: 4 }), [3, 1, 1, 1, 1]);
  assertEquals(await run({ badWordsIds: [[1, 1]], minLength: 2 }), [3, 1, END]);
  assertEquals(await run({ suppressTokens: [0, 1] }), [3, 2, 2, 2, 2]);
  assertEquals(await run({ beginSuppressTokens: [0] }), [3, 1, 1, 1, 1]);
  assertEquals(await run({ forcedBosTokenId: 2 }), [3, 2, END]);
  assertEquals(
    await run({ forcedBosTokenId: 1, forcedEosTokenId: 0 }),
    [3, 1, 1, 1, END],
  );
  assertEquals(
    await run({ forcedBosTokenId: 1, noRepeatNgramSize: 2 }),
    [3, 1, 1, END],
  );
});

gpuTest(
  "generate() passes masks, and positions without padding",
  async () => {
    const model = new ChainModel();
    await generate(model, {
      inputIds: [[PAD, PAD, 1], [2, 3, 1]],
      maxNewTokens: 2,
    });
    const masks = await Promise.all(model.masks);
    const positions = await Promise.all(model.positions);
    assertEquals([...masks[0] ?? []], [0, 0, 1, 1, 1, 1]);
    assertEquals(masks[1], undefined);
    assertEquals([...positions[0] ?? []], [1, 1, 0, 0, 1, 2]);
    assertEquals([...positions[1] ?? []], [1, 3]);
  },
);

gpuTest("generate() samples tokens with their probabilities", async () => {
  const { sequences } = await generate(new ChainModel(), {
    inputIds: [[3]],
    doSample: true,
    numReturnSequences: 2000,
    maxNewTokens: 1,
    generator: new Generator(5),
  });
  const counts = [0, 0, 0, 0, 0];
  for (const [, token = 0] of sequences) {
    counts[token] = (counts[token] ?? 0) + 1;
  }
  for (const [token, p] of (CHAIN[3] ?? []).entries()) {
    // Four standard deviations; with a fixed seed the result is always the same.
    const spread = 4 * Math.sqrt(2000 * p * (1 - p));
    assertAlmostEquals(counts[token] ?? 0, 2000 * p, spread);
  }
});

gpuTest(
  "generate() samples the same tokens from the same seed, and others from another",
  async () => {
    const run = async (seed: number, options: Record<string, unknown> = {}) =>
      (await generate(new ChainModel(), {
        inputIds: [[3], [4]],
        doSample: true,
        eosTokenId: null,
        maxLength: 12,
        generator: new Generator(seed),
        ...options,
      })).sequences;
    assertEquals(await run(1), await run(1));
    assert(JSON.stringify(await run(1)) !== JSON.stringify(await run(2)));
    const beams = { numBeams: 2, numReturnSequences: 2 };
    assertEquals(await run(1, beams), await run(1, beams));
    assertEquals(await run(1, { topK: 1 }), [
      [3, ...new Array(11).fill(0)],
      [4, 2, ...new Array(10).fill(0)],
    ]);
  },
);

gpuTest(
  "generate() samples rows of beams with their probabilities",
  async () => {
    const runs = 300;
    const inputIds = Array.from({ length: runs }, () => [3]);
    const { sequences } = await generate(new ChainModel(), {
      inputIds,
      doSample: true,
      numBeams: 2,
      eosTokenId: null,
      maxNewTokens: 1,
      generator: new Generator(8),
    });
    // The better of two tokens that are sampled without replacement.
    const p = CHAIN[3] ?? [];
    const both = (a: number, b: number) => {
      const [x = 0, y = 0] = [p[a], p[b]];
      return x * y / (1 - x) + x * y / (1 - y);
    };
    const best = [0, 1, 2, 3].map((a) =>
      [0, 1, 2, 3, 4].filter((b) => b > a).reduce(
        (sum, b) => sum + both(a, b),
        0,
      )
    );
    for (const [token, share] of best.entries()) {
      const count = sequences.filter((row) => row[1] === token).length;
      const spread = 4 * Math.sqrt(runs * share * (1 - share));
      assertAlmostEquals(count, runs * share, spread);
    }
  },
);

gpuTest("generate() samples only tokens that topK and topP leave", async () => {
  const drawn = async (options: Record<string, unknown>) => {
    const { sequences } = await generate(new ChainModel(), {
      inputIds: [[4]],
      doSample: true,
      numReturnSequences: 200,
      maxNewTokens: 1,
      generator: new Generator(3),
      ...options,
    });
    return [...new Set(sequences.map(([, token]) => token))].sort();
  };
  assertEquals(await drawn({ topK: 2 }), [2, 3]);
  assertEquals(await drawn({ topP: 0.6 }), [2, 3]);
  assertEquals(await drawn({}), [0, 1, 2, 3, 4]);
});

gpuTest(
  "generate() reads ten times at most, and keeps no memory",
  async (device) => {
    const model = new TinyDecoder(30, 1);
    const answerer = new TinyAnswerer(30, 1, { bosTokenId: 2 });
    const options = {
      inputIds: tensor([[4, 5], [6, 7]], { dtype: "i32" }),
      attentionMask: tensor([[1, 1], [0, 1]], { dtype: "i32" }),
      maxNewTokens: 64,
    };
    let held: number[] = [];
    for (const repeat of [1, 2, 3]) {
      const after: number[] = [];
      for (const more of [{}, { numBeams: 3 }, { doSample: true, topP: 0.9 }]) {
        for (const decoder of [model, answerer]) {
          const { reads } = device.stream.statistics();
          const { sequences } = await generate(decoder, {
            ...options,
            ...more,
          });
          const rows = decoder === model ? 2 + 64 : 1 + 64;
          assertEquals(sequences[0]?.length, rows);
          assert(device.stream.statistics().reads - reads <= 10);
          const { inUse, created } = device.pool.statistics();
          after.push(inUse, created);
        }
      }
      // The first call allocates the pool's blocks.
      if (repeat === 3) assertEquals(after, held);
      held = after;
    }
  },
);

Deno.test("checkSteps() checks eight times at most", () => {
  assertEquals(checkSteps(8), []);
  assertEquals(checkSteps(20), [8, 12, 18]);
  for (const count of [1, 9, 64, 100, 1000, 1e5]) {
    const steps = checkSteps(count);
    assert(steps.length <= 8);
    assert(steps.every((step) => step < count));
  }
});

gpuTest("generate() passes the tokens of each step to a streamer", async () => {
  const steps: number[][][] = [];
  const { sequences } = await generate(new ChainModel(), {
    inputIds: [[2, 3], [3, 4]],
    maxLength: 8,
    streamer: (tokens) => void steps.push(tokens),
  });
  assertEquals(steps, [[[END], [2]], [[PAD], [END]]]);
  assertEquals(sequences, [[2, 3, END, PAD], [3, 4, 2, END]]);
});

const SOURCES = [[5, 6, 7, 3], [8, 9, 3, 0]];
const SOURCE_MASKS = [[1, 1, 1, 1], [1, 1, 1, 0]];
const ANSWERS = {
  padTokenId: 0,
  bosTokenId: 4,
  decoderStartTokenId: 2,
  eosTokenId: 3,
  maxLength: 14,
};

for (const numBeams of [1, 3]) {
  gpuTest(
    `generate() answers sources as without a cache, with ${numBeams} beams`,
    async () => {
      const model = new TinyAnswerer(21, 6, { ...ANSWERS });
      const config = new GenerationConfig({ ...ANSWERS, numBeams });
      const each = <T>(rows: readonly T[]) =>
        rows.flatMap((row) => new Array<T>(numBeams).fill(row));
      const twin = await (numBeams > 1 ? beamSearch : extend)(
        [[2], [2]],
        (rows) => model.scores(rows, each(SOURCES), each(SOURCE_MASKS)),
        {
          config,
          maxLength: 14,
          eosTokenIds: [3],
          processors: [],
          generator: new Generator(0),
        },
      );
      const { sequences } = await generate(model, {
        inputIds: SOURCES,
        maxLength: 14,
        numBeams,
      });
      assertEquals(sequences, Array.isArray(twin) ? twin : twin.sequences);
      assertEquals(model.encoded, 1);
    },
  );
}

gpuTest(
  "generate() puts the start token before answers that lack it",
  async () => {
    const model = new TinyAnswerer(21, 6, ANSWERS);
    const run = async (decoderInputIds: number[][]) =>
      (await generate(model, {
        inputIds: SOURCES,
        decoderInputIds,
        maxLength: 8,
      })).sequences;
    const sequences = await run([[7], [8]]);
    assertEquals(sequences.map((row) => row.slice(0, 2)), [[2, 7], [2, 8]]);
    assertEquals(await run([[2, 7], [2, 8]]), sequences);
  },
);

gpuTest("generate() uses the model's own generationConfig", async () => {
  const model = new ChainModel();
  const own = Object.assign(model, {
    generationConfig: new GenerationConfig({ maxLength: 5, eosTokenId: null }),
  });
  const { sequences } = await generate(own, { inputIds: [[1]] });
  assertEquals(sequences, [[1, 1, 1, 1, 1]]);
});

gpuTest("generate() begins empty prompts with bosTokenId", async () => {
  const model = new ChainModel();
  const options = { bosTokenId: 3, maxNewTokens: 2 };
  const expected = [[3, 0, 4], [3, 0, 4]];
  for (
    const inputIds of [[[], []], tensor(new Int32Array(0), { shape: [2, 0] })]
  ) {
    const { sequences } = await generate(model, { inputIds, ...options });
    assertEquals(sequences.map((row) => row.slice(0, 2)), [[3, 0], [3, 0]]);
    assertEquals(sequences.length, expected.length);
  }
  await assertRejects(
    () => generate(model, { inputIds: [[]] }),
    TypeError,
    "Cannot generate from prompts without a token: set bosTokenId",
  );
});
