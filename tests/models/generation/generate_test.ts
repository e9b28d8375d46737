// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import {
  embedding,
  Generator,
  slice,
  type Tensor,
  tensor,
  zeros,
} from "../../../engine/mod.ts";
import { ConfigReader, PretrainedConfig } from "../../../models/config.ts";
import {
  type CausalInputs,
  type CausalModel,
  generate,
  GenerationConfig,
} from "../../../models/generation/mod.ts";
import { checkSteps } from "../../../models/generation/search.ts";
import { gpuTest } from "../../_check.ts";
import { beamSearch, extend } from "../../reference/generation.ts";
import { TinyAnswerer, TinyDecoder } from "../_tiny_decoder.ts";
import { warningsOf } from "../../_warnings.ts";

const END = 0;
const PAD = 4;

// Probabilities of the next token, by the last token.
const CHAIN = [
  [0.6, 0.1, 0.1, 0.1, 0.1],
  [0.05, 0.94, 0.006, 0.003, 0.001],
  [0.9, 0.05, 0.025, 0.015, 0.01],
  [0.45, 0.4, 0.1, 0.04, 0.01],
  [0.1, 0.1, 0.5, 0.2, 0.1],
];

/** A model whose next token depends only on the last one. */
class ChainModel implements CausalModel {
  readonly config: PretrainedConfig;
  /** The masks and positions of each call. */
  readonly masks: (Promise<Iterable<number>> | undefined)[] = [];
  readonly positions: Promise<Iterable<number>>[] = [];
  readonly #logits: Tensor;

  constructor(chain = CHAIN, isEncoderDecoder = false) {
    this.config = new PretrainedConfig({
      eosTokenId: END,
      padTokenId: PAD,
      isEncoderDecoder,
    }, { modelType: "chain" });
    this.#logits = tensor(chain.map((row) => row.map(Math.log)));
  }

  forward(inputs: CausalInputs): { logits: Tensor } {
    this.masks.push(inputs.attentionMask?.data());
    this.positions.push(inputs.positionIds.data());
    const [rows = 0, length = 0] = inputs.inputIds.shape;
    const x = zeros([rows, length, 1]);
    inputs.cache.attend(0, [x, x, x], { heads: 1 });
    const logits = embedding(inputs.inputIds, this.#logits);
    return { logits: slice(logits, { axis: 1, start: -1 }) };
  }
}

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
  "generate() refuses invalid prompts and options",
  async () => {
    const model = new ChainModel();
    const inputIds = [[3, 3]];
    await assertRejects(
      () => generate(model, { inputIds: [[1], [1, 2]] }),
      TypeError,
      "Cannot generate from inputIds of 1, 2 tokens: the rows must be equally" +
        " long; fill prompts up with padTokenId on the left",
    );
    await assertRejects(
      () => generate(model, { inputIds, attentionMask: [[1]] }),
      TypeError,
      "Cannot generate from attentionMask [1, 1]: expected [1, 2] like",
    );
    await assertRejects(
      () => generate(model, { inputIds, maxLength: 2 }),
      RangeError,
      "Cannot generate after 2 tokens: maxLength is 2, raise it",
    );
    await assertRejects(
      () => generate(model, { inputIds, numReturnSequences: 2 }),
      RangeError,
      "without beams and sampling there is one",
    );
    await assertRejects(
      () => generate(model, { inputIds, numReturnSequences: 3, numBeams: 2 }),
      RangeError,
      "Cannot return 3 rows for each prompt: there are 2 beams",
    );
    await assertRejects(
      () => generate(new ChainModel(CHAIN, true), { inputIds }),
      TypeError,
      'Cannot generate with a model of type "chain": it has an encoder',
    );
    await assertRejects(
      () => generate(model, { inputIds, decoderInputIds: inputIds }),
      TypeError,
      "it has no encoder beside its decoder",
    );
    await assertRejects(
      () => generate(model, { inputIds, numBeams: 2, streamer: () => {} }),
      TypeError,
      "Cannot stream with 2 beams",
    );
    await assertRejects(
      () =>
        generate(model, { inputIds, numBeams: 3, eosTokenId: [0, 1, 2, 3, 4] }),
      RangeError,
      "Cannot follow 3 beams: they need 18 continuations, and 5 tokens give 15",
    );
    const forgetful = {
      config: model.config,
      forward: ({ inputIds }: CausalInputs) => ({
        logits: zeros([inputIds.shape[0] ?? 0, 1, 5]),
      }),
    };
    await assertRejects(
      () => generate(forgetful, { inputIds }),
      TypeError,
      "Cannot generate with a model whose forward() does not use the cache",
    );
    const answerer = new TinyAnswerer(9, 1);
    await assertRejects(
      () => generate(answerer, { inputIds }),
      TypeError,
      "Cannot begin to generate: set decoderStartTokenId, bosTokenId or",
    );
    const broken = new ChainModel([[NaN], [NaN], [NaN], [NaN]]);
    await assertRejects(
      () => generate(broken, { inputIds }),
      RangeError,
      "Cannot choose token 3: the model's logits hold NaN",
    );
  },
);

gpuTest(
  "generate() stops for NaN that appears later, unless it is removed",
  async () => {
    const chain = [[0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [
      NaN,
      0,
      0,
      0,
      0,
    ]];
    const run = (options: Record<string, unknown> = {}) =>
      generate(new ChainModel([...chain, [0, 0, 0, 0, 1]]), {
        inputIds: [[1]],
        eosTokenId: null,
        maxLength: 12,
        ...options,
      });
    await assertRejects(run, RangeError, "Cannot choose token 4: the model's");
    const { sequences } = await run({ removeInvalidValues: true });
    assertEquals(sequences[0]?.slice(0, 4), [1, 2, 3, 0]);
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

gpuTest(
  "generate() refuses options that forbid every token of a row",
  async () => {
    const model = new ChainModel();
    const suppressTokens = [0, 1, 2, 3, 4];
    for (const options of [{}, { doSample: true }, { numBeams: 2 }]) {
      await assertRejects(
        () =>
          generate(model, { inputIds: [[3], [2]], suppressTokens, ...options }),
        RangeError,
        "Cannot choose token 2: a row's scores forbid every token",
      );
    }
    // One token is allowed, so it is sampled each time.
    const { sequences } = await generate(model, {
      inputIds: [[3]],
      suppressTokens: [0, 1, 3, 4],
      doSample: true,
      maxNewTokens: 3,
    });
    assertEquals(sequences, [[3, 2, 2, 2]]);
  },
);

gpuTest(
  "generate() refuses impossible requests before it computes",
  async () => {
    const model = new ChainModel();
    const inputIds = [[3]];
    const file = (fields: Record<string, unknown>) =>
      new GenerationConfig(new ConfigReader(fields, { source: "a.json" }));
    const cases: [Record<string, unknown>, string][] = [
      [{ numBeams: 1e9 }, "lower numBeams, numReturnSequences or maxLength"],
      [
        { numReturnSequences: 1e9, doSample: true },
        "in 1000000000 rows for each of 1 prompts",
      ],
      [{ maxNewTokens: 1e9 }, "Cannot generate 1000000001 tokens"],
      [{ maxNewTokens: 0 }, "maxNewTokens is 0, expected a positive integer"],
      [
        { temperature: 0, doSample: true },
        "temperature is 0, expected a number",
      ],
      [{ temperature: NaN, doSample: true }, "expected a number above 0"],
      [{ topP: 1.5 }, "topP is 1.5, expected a number from 0 to 1"],
      [{ topp: 0.5 }, "there is no topp, did you mean topP?"],
      [{ numBeam: 2 }, "there is no numBeam, did you mean numBeams?"],
      [
        { generationConfig: file({ typical_p: 0.9, do_sample: true }) },
        "Cannot read a.json: typical_p is 0.9, expected 1",
      ],
      [
        { generationConfig: file({ top_p: -1, do_sample: true }) },
        "top_p is -1, expected a number from 0 to 1",
      ],
      [
        { generationConfig: file({ num_beam_groups: 2 }) },
        "num_beam_groups is 2, expected 1: it is not supported",
      ],
      [
        { generationConfig: file({ num_beams: 0 }) },
        "Cannot read a.json: num_beams is 0",
      ],
      [
        {
          generationConfig: file({ num_beams: 0 }).with({ topK: 3 }),
          temperature: 0,
          doSample: true,
        },
        "Cannot read a.json: num_beams is 0",
      ],
      [{ inputIds: [[3, -1]], vocab: 1 }, "there is no vocab"],
      [{ inputIds: [[1, 1.5]] }, "row 0 holds token 1.5, and tokens are whole"],
      [{ inputIds: tensor([[1, 2], [0.5, 1]]) }, "row 1 holds token 0.5"],
    ];
    for (const [options, message] of cases) {
      await assertRejects(
        () => generate(model, { inputIds, ...options }),
        Error,
        message,
      );
    }
  },
);

gpuTest("a temperature of 0 has no effect without sampling", async () => {
  const heard = await warningsOf(async () => {
    const { sequences } = await generate(new ChainModel(), {
      inputIds: [[3]],
      temperature: 0,
      maxLength: 4,
    });
    assertEquals(sequences, [[3, END]]);
  });
  assertEquals(heard, [
    "the generation options: temperature 0 has no effect, as doSample is " +
    "not set",
  ]);
});
