// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { Generator, manualSeed } from "../../../engine/mod.ts";
import {
  BertLMHeadModel,
  generate,
  GenerationConfig,
  pipeline,
} from "../../../models/mod.ts";
import { gpuTest } from "../../_check.ts";
import { idsOf, tinyConfig, tinyTokenizer } from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const [END = 0] = idsOf("[SEP]");
const GREEDY = { doSample: false, addSpecialTokens: false } as const;

function writer(): BertLMHeadModel {
  manualSeed(6);
  return new BertLMHeadModel(tinyConfig({ isDecoder: true }));
}

/** Generates after a text without a pipeline. */
async function continuation(
  model: BertLMHeadModel,
  text: string,
  options: Parameters<typeof generate>[1] extends infer O ? Partial<O> : never,
): Promise<string[]> {
  const { inputIds } = tokenizer.encode(text, { addSpecialTokens: false });
  const { sequences } = await generate(model.eval(), {
    inputIds: [inputIds],
    ...options,
  });
  return sequences.map((row) =>
    tokenizer.decode(row, { skipSpecialTokens: true })
      .slice(tokenizer.decode(inputIds).length)
  );
}

gpuTest(
  "text-generation gives the same result for a text alone and in a batch",
  async () => {
    const model = writer();
    const write = await pipeline("text-generation", { model, tokenizer });
    const texts = ["I like the", "Anna", "who lives in New York , and", "dog"];
    for (const batchSize of [1, 3]) {
      const options = { ...GREEDY, batchSize, maxNewTokens: 5 };
      const written = await write(texts, options);
      assertEquals(written.length, 4);
      for (const [i, text] of texts.entries()) {
        const [expected] = await continuation(model, text, { maxNewTokens: 5 });
        assertEquals(written[i], [{ generatedText: `${text}${expected}` }]);
      }
      assertEquals(await write("Anna", options), written[1]);
      assertEquals(
        await write("Anna", { ...options, returnFullText: false }),
        await continuation(model, "Anna", { maxNewTokens: 5 }).then((all) =>
          all.map((generatedText) => ({ generatedText }))
        ),
      );
    }
    model.dispose();
  },
);

gpuTest("text-generation gives numReturnSequences for each text", async () => {
  const model = writer();
  const write = await pipeline("text-generation", { model, tokenizer });
  const options = { numBeams: 3, numReturnSequences: 3, maxNewTokens: 4 };
  const written = await write(["I like", "Anna lives in"], {
    ...GREEDY,
    ...options,
  });
  const expected = await continuation(model, "I like", options);
  assertEquals(
    written[0]?.map(({ generatedText }) => generatedText),
    expected.map((text) => `I like${text}`),
  );
  assertEquals(written.map((list) => list.length), [3, 3]);
  model.dispose();
});

gpuTest(
  "text-generation samples by default, from the given generator",
  async () => {
    const model = writer();
    const write = await pipeline("text-generation", { model, tokenizer });
    const draw = (seed: number) =>
      write("I like", { maxNewTokens: 12, generator: new Generator(seed) });
    assertEquals(await draw(1), await draw(1));
    const all = [await draw(1), await draw(2), await draw(3)];
    const texts = all.map(([one]) => one?.generatedText);
    assertEquals(new Set(texts).size > 1, true);
    model.dispose();
  },
);

gpuTest(
  "text-generation takes options from the call, the model, then the task",
  async () => {
    const model = writer();
    model.generationConfig = new GenerationConfig({
      maxNewTokens: 3,
      eosTokenId: END,
      doSample: true,
      topK: 1,
    });
    const write = await pipeline("text-generation", { model, tokenizer });
    const lengthOf = async (options = {}) => {
      const [one] = await write("I like", {
        addSpecialTokens: false,
        returnFullText: false,
        suppressTokens: [0, 1, 2, 3, 4],
        ...options,
      });
      return tokenizer.encode(one?.generatedText ?? "", {
        addSpecialTokens: false,
      }).inputIds.length;
    };
    assertEquals(await lengthOf(), 3);
    assertEquals(await lengthOf({ maxNewTokens: 5 }), 5);
    model.generationConfig = new GenerationConfig({ maxLength: 6, topK: 1 });
    assertEquals(await lengthOf(), 4);
    // By default, as many tokens as the model supports positions.
    model.generationConfig = new GenerationConfig({ topK: 1 });
    assertEquals(await lengthOf(), 22);
    assertEquals(await lengthOf({ maxLength: 9 }), 7);
    model.dispose();
  },
);
