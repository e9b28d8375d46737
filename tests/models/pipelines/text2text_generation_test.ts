// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { manualSeed } from "../../../engine/mod.ts";
import {
  BartConfig,
  type BartConfigOptions,
  BartForConditionalGeneration,
  ConfigReader,
  generate,
  GenerationConfig,
  type GenerationOptions,
  pipeline,
} from "../../../models/mod.ts";
import { gpuTest } from "../../_check.ts";
import { idsOf, tinyTokenizer } from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const [PAD = 0, START = 0, END = 0] = idsOf("[PAD]", "[CLS]", "[SEP]");
const TEXTS = ["I like the dog", "Anna", "who lives in New York ?", "the cat"];

const TINY = {
  vocab_size: tokenizer.vocabSize,
  d_model: 8,
  encoder_layers: 1,
  decoder_layers: 1,
  encoder_attention_heads: 2,
  decoder_attention_heads: 2,
  encoder_ffn_dim: 12,
  decoder_ffn_dim: 12,
  max_position_embeddings: 24,
  init_std: 0.7,
  pad_token_id: PAD,
  bos_token_id: START,
  eos_token_id: END,
  decoder_start_token_id: START,
  forced_eos_token_id: null,
} satisfies Record<string, unknown>;

function writer(
  fields: Record<string, unknown> = {},
  options: GenerationOptions = {},
): BartForConditionalGeneration {
  manualSeed(7);
  const reader = new ConfigReader({ ...TINY, ...fields });
  const model = new BartForConditionalGeneration(
    new BartConfig(reader as ConfigReader & BartConfigOptions),
  );
  model.generationConfig = new GenerationConfig({
    padTokenId: PAD,
    bosTokenId: START,
    eosTokenId: END,
    decoderStartTokenId: START,
    ...options,
  });
  return model;
}

/** Generates for a text without a pipeline. */
async function written(
  model: BartForConditionalGeneration,
  text: string,
  options: GenerationOptions,
): Promise<string[]> {
  const { inputIds } = tokenizer.encode(text);
  const { sequences } = await generate(model.eval(), {
    inputIds: [inputIds],
    ...options,
  });
  return tokenizer.batchDecode(sequences, {
    skipSpecialTokens: true,
    cleanUpSpaces: false,
  });
}

gpuTest(
  "text2text-generation gives the same result for a text alone and in a batch",
  async () => {
    const model = writer();
    const write = await pipeline("text2text-generation", { model, tokenizer });
    const options = { numBeams: 1, maxNewTokens: 6 };
    const expected = [];
    for (const text of TEXTS) {
      const [generatedText = ""] = await written(model, text, options);
      expected.push({ generatedText });
    }
    assertEquals(new Set(expected.map((e) => e.generatedText)).size > 1, true);
    for (const batchSize of [1, 3]) {
      assertEquals(await write(TEXTS, { ...options, batchSize }), expected);
    }
    assertEquals(await write("Anna", options), expected.slice(1, 2));
    model.dispose();
  },
);

gpuTest(
  "text2text-generation gives numReturnSequences for each text",
  async () => {
    const model = writer();
    const write = await pipeline("text2text-generation", { model, tokenizer });
    const options = { numBeams: 3, numReturnSequences: 2, maxNewTokens: 5 };
    const [first, second] = await write(["Anna", "the cat"], options);
    const expected = await written(model, "the cat", options);
    assertEquals(second?.map((one) => one.generatedText), expected);
    assertEquals(await write("Anna", options), first);
    const one = { ...options, numReturnSequences: 1 };
    assertEquals(await write(["Anna"], one), [first?.slice(0, 1)]);
    // A configuration asks for several, too; the call decides.
    const generationConfig = GenerationConfig.fromModelConfig(model.config)
      .with(options);
    assertEquals(await write("Anna", { generationConfig }), first);
    assertEquals(await write(["Anna", "the cat"], { generationConfig }), [
      ...first ?? [],
      ...second ?? [],
    ]);
    assertEquals(
      await write(["Anna"], { generationConfig, numReturnSequences: 1 }),
      [first?.slice(0, 1)],
    );
    model.dispose();
  },
);

gpuTest("translation and summarization name their results", async () => {
  const model = writer();
  const parts = { model, tokenizer };
  const options = { maxNewTokens: 4 };
  const translate = await pipeline("translation", parts);
  const summarize = await pipeline("summarization", parts);
  // Four beams are the task's default.
  const [text = ""] = await written(model, "Anna", { ...options, numBeams: 4 });
  assertEquals(await translate("Anna", options), [{ translationText: text }]);
  assertEquals(await summarize(["Anna"], options), [{ summaryText: text }]);
  model.dispose();
});

gpuTest(
  "the model's generation configuration takes precedence over the task's defaults",
  async () => {
    const model = writer({}, { numBeams: 2, maxLength: 5, minLength: 5 });
    const write = await pipeline("summarization", { model, tokenizer });
    const [text] = await written(model, "the cat", {});
    assertEquals((await write("the cat"))[0]?.summaryText, text);
    const [short] = await written(model, "the cat", { numBeams: 1 });
    const one = await write("the cat", { numBeams: 1 });
    assertEquals(one[0]?.summaryText, short);
    // With a given configuration, the task's defaults do not apply.
    const generationConfig = model.generationConfig?.with({
      numBeams: 1,
      maxLength: 12,
      minLength: 0,
    });
    const [given] = await written(model, "Anna", {
      numBeams: 1,
      maxLength: 12,
      minLength: 0,
    });
    const two = await write("Anna", { generationConfig });
    assertEquals(two[0]?.summaryText, given);
    model.dispose();
  },
);

gpuTest("a configuration may hold parameters of a task", async () => {
  const model = writer({
    prefix: "dog ",
    task_specific_params: {
      translation_en_to_mg: {
        prefix: "the cat ",
        max_length: 6,
        num_beams: 2,
        unknown: 1,
      },
    },
  });
  const parts = { model, tokenizer };
  const translate = await pipeline("translation_en_to_mg", parts);
  const [special] = await written(model, "the cat Anna", {
    maxLength: 6,
    numBeams: 2,
  });
  assertEquals((await translate("Anna"))[0]?.translationText, special);
  const summarize = await pipeline("summarization", parts);
  const [plain] = await written(model, "dog Anna", {
    numBeams: 4,
    maxNewTokens: 23,
  });
  assertEquals((await summarize("Anna"))[0]?.summaryText, plain);
  model.dispose();
});
