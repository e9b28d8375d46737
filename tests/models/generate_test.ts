// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { embedding, Generator, type Tensor, tensor } from "../../engine/mod.ts";
import { PretrainedConfig } from "../../models/config.ts";
import {
  type CausalInputs,
  type CausalModel,
  generate,
} from "../../models/generate.ts";
import { gpuTest } from "../_check.ts";

const END = 0;
const PAD = 4;

// Probabilities of the next token by the last.
const CHAIN = [
  [0.6, 0.1, 0.1, 0.1, 0.1],
  [0.05, 0.94, 0.006, 0.003, 0.001],
  [0.9, 0.05, 0.025, 0.015, 0.01],
  [0.45, 0.4, 0.1, 0.04, 0.01],
  [0.1, 0.1, 0.5, 0.2, 0.1],
];

/** A model whose next token depends on the last one alone. */
class ChainModel implements CausalModel {
  readonly config: PretrainedConfig;
  /** Masks and positions that the model was given, call by call. */
  readonly masks: Promise<Iterable<number>>[] = [];
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
    this.masks.push(inputs.attentionMask.data());
    this.positions.push(inputs.positionIds.data());
    return { logits: embedding(inputs.inputIds, this.#logits) };
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

gpuTest("generate() goes past the end without end tokens", async () => {
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
  "generate() gives masks and positions of the tokens that count",
  async () => {
    const model = new ChainModel();
    await generate(model, {
      inputIds: [[PAD, PAD, 1], [2, 3, 1]],
      maxNewTokens: 2,
    });
    const masks = await Promise.all(model.masks);
    const positions = await Promise.all(model.positions);
    assertEquals([...masks[0] ?? []], [0, 0, 1, 1, 1, 1]);
    assertEquals([...masks[1] ?? []], [0, 0, 1, 1, 1, 1, 1, 1]);
    assertEquals([...positions[1] ?? []], [1, 1, 0, 1, 0, 1, 2, 3]);
  },
);

gpuTest("generate() draws tokens as often as they are probable", async () => {
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
    // Four standard deviations: a fixed seed passes or fails for good.
    const spread = 4 * Math.sqrt(2000 * p * (1 - p));
    assertAlmostEquals(counts[token] ?? 0, 2000 * p, spread);
  }
});

gpuTest(
  "generate() draws the same from the same seed, and not from another",
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
  "generate() throws when the prompts or options make no sense",
  async () => {
    const model = new ChainModel();
    const inputIds = [[3, 3]];
    await assertRejects(
      () => generate(model, { inputIds: [[1], [1, 2]] }),
      TypeError,
      "Cannot generate from inputIds of 1, 2 tokens: the rows must be equally",
    );
    await assertRejects(
      () => generate(model, { inputIds, attentionMask: [[1]] }),
      TypeError,
      "Cannot generate from attentionMask [1, 1]: it must be [1, 2] like",
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
    const broken = new ChainModel([[NaN], [NaN], [NaN], [NaN]]);
    await assertRejects(
      () => generate(broken, { inputIds }),
      RangeError,
      "Cannot choose token 3: the model's logits hold NaN",
    );
  },
);
