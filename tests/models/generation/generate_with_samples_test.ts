// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { Generator, manualSeed, readAll } from "../../../engine/mod.ts";
import {
  AutoModelForCausalLM,
  AutoModelForSeq2SeqLM,
  type CausalModel,
  generate,
  type GenerateOutput,
  generateWithSamples,
  GenerationConfig,
  type PretrainedConfig,
  type PreTrainedModel,
  type Seq2SeqModel,
} from "../../../models/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { gpuTest } from "../../_check.ts";
import { collectAround, tinyConfigOf } from "../../_tiny_models.ts";

type Model =
  & PreTrainedModel<PretrainedConfig>
  & (CausalModel | Seq2SeqModel);

/** A tiny model that generates, and a wide posterior over its weights. */
async function posteriorOver(
  modelType: string,
  isDecoder: boolean,
): Promise<{ model: Model; posterior: SwagModel; own: Float32Array[] }> {
  manualSeed(3);
  const config = tinyConfigOf(modelType, { is_decoder: isDecoder });
  const model =
    (isDecoder
      ? AutoModelForCausalLM.fromConfig(config)
      : AutoModelForSeq2SeqLM.fromConfig(config)) as unknown as Model;
  model.eval();
  const posterior = SwagModel.fromBase(model, { noCovMat: false });
  await collectAround(posterior, { size: 0.5 });
  return { model, posterior, own: await readAll(model.parameters()) };
}

function free({ model, posterior }: { model: Model; posterior: SwagModel }) {
  posterior.dispose();
  model.dispose();
}

/** What a model generates with a sample, by its posterior's other methods. */
async function byHand(
  { model, posterior }: { model: Model; posterior: SwagModel },
  sample: { seed: number; index: number; scale?: number },
  options: Parameters<typeof generate>[1],
): Promise<GenerateOutput> {
  posterior.sampleParameters(sample);
  const output = await generate(model, options);
  posterior.restoreWeights();
  return output;
}

const PROMPTS = [[4, 5, 6], [7, 8, 9]];

for (
  const [modelType, isDecoder] of [
    ["bart", false],
    ["marian", false],
    ["bert", true],
    ["roberta", true],
    ["bart", true],
    ["marian", true],
  ] as const
) {
  const kind = `${modelType} as ${isDecoder ? "a decoder" : "a pair"}`;
  gpuTest(
    `generateWithSamples() is generate() with a sample: ${kind}`,
    async () => {
      const setUp = await posteriorOver(modelType, isDecoder);
      const { model, posterior, own } = setUp;
      for (const numBeams of [1, 2]) {
        const options = { inputIds: PROMPTS, maxNewTokens: 5, numBeams };
        const all: GenerateOutput[] = [];
        for (const index of [0, 1, 2]) {
          const output = await generateWithSamples(model, {
            ...options,
            posterior,
            sampling: { seed: 7, index, scale: 0.5 },
          });
          assertEquals(
            output,
            await byHand(setUp, { seed: 7, index, scale: 0.5 }, options),
          );
          assertEquals(await readAll(model.parameters()), own);
          all.push(output);
        }
        // The samples matter: not all of them write the same.
        const texts = all.map(({ sequences }) => JSON.stringify(sequences));
        assert(new Set(texts).size > 1);
      }
      free(setUp);
    },
  );
}

gpuTest("each returned sequence comes from another sample", async () => {
  const setUp = await posteriorOver("marian", false);
  const { model, posterior, own } = setUp;
  for (const [numBeams, maxNewTokens] of [[1, 12], [3, 6]] as const) {
    const options = {
      inputIds: PROMPTS,
      maxNewTokens,
      numBeams,
      padTokenId: 18,
    };
    const { sequences, sequencesScores } = await generateWithSamples(model, {
      ...options,
      posterior,
      sampling: { seed: 5, index: 2 },
      samplePerSequence: true,
      numReturnSequences: 4,
    });
    const outputs: GenerateOutput[] = [];
    for (let i = 0; i < 4; i++) {
      outputs.push(await byHand(setUp, { seed: 5, index: 2 + i }, options));
    }
    // The four answers to the first source come first, as in transformers.
    const lengths = outputs.map(({ sequences: [row] }) => row?.length ?? 0);
    const length = Math.max(...lengths);
    // Some are shorter, so that they must be filled.
    assert(lengths.some((own) => own < length));
    assertEquals(
      sequences,
      [0, 1].flatMap((row) =>
        outputs.map(({ sequences }) => {
          const own = sequences[row] ?? [];
          return [...own, ...Array(length - own.length).fill(18)];
        })
      ),
    );
    assertEquals(
      sequencesScores,
      numBeams === 1
        ? undefined
        : [0, 1].flatMap((row) =>
          outputs.map(({ sequencesScores }) => sequencesScores?.[row])
        ),
    );
    assert(new Set(sequences.map((row) => JSON.stringify(row))).size > 2);
    assertEquals(await readAll(model.parameters()), own);
  }
  free(setUp);
});

gpuTest(
  "the number of sequences may stand in the model's configuration",
  async () => {
    const setUp = await posteriorOver("bert", true);
    const { model, posterior } = setUp;
    model.generationConfig = new GenerationConfig({
      numBeams: 3,
      numReturnSequences: 3,
      maxNewTokens: 2,
    });
    const { sequences } = await generateWithSamples(model, {
      inputIds: PROMPTS,
      posterior,
      samplePerSequence: true,
    });
    assertEquals(sequences.length, 6);
    free(setUp);
  },
);

gpuTest(
  "without a seed, each call and each sequence takes the next sample",
  async () => {
    const setUp = await posteriorOver("bert", true);
    const { model, posterior } = setUp;
    const options = { inputIds: PROMPTS, maxNewTokens: 6 };
    const first = await generateWithSamples(model, { ...options, posterior });
    const more = await generateWithSamples(model, {
      ...options,
      posterior,
      samplePerSequence: true,
      numReturnSequences: 2,
    });
    const last = await generateWithSamples(model, { ...options, posterior });
    const found = [
      first.sequences,
      [more.sequences[0], more.sequences[2]],
      [more.sequences[1], more.sequences[3]],
      last.sequences,
    ];
    for (const [index, sequences] of found.entries()) {
      const expected = await byHand(setUp, { seed: 0, index }, options);
      assertEquals(sequences, expected.sequences);
    }
    free(setUp);
  },
);

gpuTest("sampled tokens and sampled weights have their own seeds", async () => {
  const setUp = await posteriorOver("bart", false);
  const { model, posterior } = setUp;
  const write = (tokens: number, weights: number) =>
    generateWithSamples(model, {
      inputIds: PROMPTS,
      maxNewTokens: 8,
      doSample: true,
      generator: new Generator(tokens),
      posterior,
      sampling: { seed: weights },
      samplePerSequence: true,
      numReturnSequences: 3,
    });
  const { sequences } = await write(1, 2);
  assertEquals((await write(1, 2)).sequences, sequences);
  assertNotEquals((await write(3, 2)).sequences, sequences);
  assertNotEquals((await write(1, 4)).sequences, sequences);
  free(setUp);
});

gpuTest("after an error the model has its own weights", async () => {
  const setUp = await posteriorOver("bert", true);
  const { model, posterior, own } = setUp;
  await assertRejects(
    () =>
      generateWithSamples(model, {
        inputIds: PROMPTS,
        posterior,
        maxNewTokens: 4,
        streamer: () => {
          throw new Error("the reader has gone");
        },
      }),
    Error,
    "the reader has gone",
  );
  assertEquals(await readAll(model.parameters()), own);
  assertEquals(posterior.holdsSample, false);
  await assertRejects(
    () =>
      generateWithSamples(model, {
        inputIds: [[999]],
        posterior,
        samplePerSequence: true,
        numReturnSequences: 2,
        maxNewTokens: 4,
      }),
    RangeError,
  );
  assertEquals(await readAll(model.parameters()), own);
  free(setUp);
});

gpuTest("generateWithSamples() refuses what it cannot do", async () => {
  const setUp = await posteriorOver("bert", true);
  const { model, posterior, own } = setUp;
  const options = { inputIds: PROMPTS, maxNewTokens: 2 };
  await assertRejects(
    // @ts-expect-error: the types refuse it, too.
    () => generateWithSamples(model, options),
    TypeError,
    "Cannot generate with samples of undefined: expected a SwagModel",
  );
  await assertRejects(
    () =>
      generateWithSamples(model, {
        ...options,
        posterior,
        samplePerSequence: true,
        numReturnSequences: 2,
        streamer: () => {},
      }),
    TypeError,
    "Cannot stream 2 answers of different samples",
  );
  await assertRejects(
    () =>
      generateWithSamples(model, {
        ...options,
        posterior,
        sampling: { scale: -1 },
      }),
    RangeError,
    "Cannot sample weights with scale -1",
  );
  assertEquals(await readAll(model.parameters()), own);
  free(setUp);
});
