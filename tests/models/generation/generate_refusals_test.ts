// Copyright 2026 the swagpu authors. MIT license.

// What generate() refuses: inputs, options, scores and requests that are too
// large.

import { assertEquals, assertRejects } from "@std/assert";
import { tensor, zeros } from "../../../engine/mod.ts";
import { ConfigReader } from "../../../models/config.ts";
import {
  type CausalInputs,
  generate,
  GenerationConfig,
} from "../../../models/generation/mod.ts";
import { gpuTest } from "../../_check.ts";
import { TinyAnswerer } from "../_tiny_decoder.ts";
import { warningsOf } from "../../_warnings.ts";
import { CHAIN, ChainModel, END } from "./_chain_model.ts";

gpuTest(
  "generate() refuses invalid prompts and options",
  async () => {
    const model = new ChainModel();
    const inputIds = [[3, 3]];
    await assertRejects(
      () => generate(model, { inputIds: [[1], [1, 2]] }),
      TypeError,
      "Cannot generate from inputIds of 1, 2 tokens: the rows must be equally" +
        " long; pad prompts with padTokenId on the left",
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
