// Copyright 2026 the swagpu authors. MIT license.

// Texts that samples of the weights write in pipelines.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { manualSeed, readAll } from "../../../engine/mod.ts";
import {
  BartConfig,
  BartForConditionalGeneration,
  BertLMHeadModel,
  generateWithUncertainty,
  pipeline,
} from "../../../models/mod.ts";
import { SwagModel, TemperatureScaled } from "../../../swag/mod.ts";
// Makes folders of posteriors known.
import "../../../auto_swag.ts";
import { inFolder } from "../../_folder.ts";
import { collectAround } from "../../_tiny_models.ts";
import { gpuTest } from "../../_check.ts";
import { idsOf, tinyConfig, tinyTokenizer } from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const [PAD = 0, START = 0, END = 0] = idsOf("[PAD]", "[CLS]", "[SEP]");
const SAMPLING = { numPredictions: 5, seed: 3, scale: 1 };
const TEXTS = ["I like the dog", "Anna", "who lives in New York ?"];

/** A tiny BART with a wide posterior over its weights. */
async function writer() {
  manualSeed(7);
  const model = new BartForConditionalGeneration(
    new BartConfig({
      vocabSize: tokenizer.vocabSize,
      dModel: 8,
      encoderLayers: 1,
      decoderLayers: 1,
      encoderAttentionHeads: 2,
      decoderAttentionHeads: 2,
      encoderFfnDim: 12,
      decoderFfnDim: 12,
      maxPositionEmbeddings: 24,
      initStd: 0.7,
      padTokenId: PAD,
      bosTokenId: START,
      eosTokenId: END,
      decoderStartTokenId: START,
      forcedEosTokenId: null,
    }),
  ).eval();
  const swag = SwagModel.fromBase(model, { noCovMat: false });
  await collectAround(swag, { size: 0.5 });
  return { model, swag };
}

gpuTest("a translation is the one that samples agree with most", async () => {
  const { model, swag } = await writer();
  const own = await readAll(model.parameters());
  const translate = await pipeline("translation", { model, tokenizer }, {
    posterior: swag,
    sampling: SAMPLING,
    batchSize: 2,
  });
  const options = { maxNewTokens: 6, numBeams: 2 };
  // Two calls at a time wait for each other.
  const [all, again] = await Promise.all([
    translate(TEXTS, options),
    translate(TEXTS, options),
  ]);
  assertEquals(all, again);
  let differ = 0;
  for (const [i, text] of TEXTS.entries()) {
    const [answer] = await generateWithUncertainty(model, {
      ...options,
      posterior: swag,
      sampling: SAMPLING,
      tokenizer,
      inputIds: [tokenizer.encode(text).inputIds],
    });
    assert(answer);
    const { translationText, ...found } = all[i] ?? {};
    assertEquals(translationText, answer.text);
    const expected = {
      expectedUtility: answer.candidates[0]?.expectedUtility,
      entropy: answer.tokenTotalUncertainty,
      mutualInformation: answer.tokenMutualInformation,
      semanticEntropy: answer.semanticEntropy.discrete,
    };
    assertEquals(Object.keys(found), Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) {
      assertAlmostEquals(
        (found as Record<string, number>)[name] ?? NaN,
        value ?? NaN,
        1e-4,
        name,
      );
    }
    differ += answer.candidates.length - 1;
  }
  assert(differ > 0);
  assertEquals(await readAll(model.parameters()), own);
  swag.dispose();
  model.dispose();
});

gpuTest(
  "several texts are different ones, and the caller says what counts",
  async () => {
    const { model, swag } = await writer();
    const parts = { model, tokenizer };
    const summarize = await pipeline("summarization", parts, {
      posterior: swag,
      sampling: SAMPLING,
    });
    const [list] = await summarize(TEXTS.slice(0, 1), {
      maxNewTokens: 6,
      numReturnSequences: 4,
      // The shortest is the best, and all mean the same.
      utility: (a) => -a.length,
      equivalent: () => true,
    });
    assert(list && list.length > 1 && list.length <= 4);
    const texts = list.map(({ summaryText }) => summaryText);
    assertEquals(new Set(texts).size, texts.length);
    const lengths = texts.map(({ length }) => length);
    assertEquals(lengths, lengths.toSorted((a, b) => a - b));
    assertEquals(list.map((one) => one.semanticEntropy), list.map(() => 0));
    assertEquals(
      list.map((one) => one.expectedUtility),
      lengths.map((n) => -n),
    );

    const plain = await pipeline("text2text-generation", parts);
    const [text] = await plain("Anna", { maxNewTokens: 3 });
    assertEquals(Object.keys(text ?? {}), ["generatedText"]);
    await assertRejects(
      () => plain("Anna", { equivalent: () => true }),
      TypeError,
      "Cannot use equivalent without a posterior",
    );
    await assertRejects(
      () =>
        pipeline("translation_en_to_de", parts, {
          posterior: { getLogits: () => swag.getLogits(() => ({} as never)) },
        }),
      TypeError,
      "expected a SwagModel, or another object with mapSamples()",
    );
    swag.dispose();
    model.dispose();
  },
);

gpuTest(
  "texts are continued by samples, with and without the prompt",
  async () => {
    manualSeed(5);
    const model = new BertLMHeadModel(
      tinyConfig({ isDecoder: true, padTokenId: PAD, eosTokenId: END }),
    ).eval();
    const swag = SwagModel.fromBase(model, { noCovMat: false });
    await collectAround(swag, { size: 0.5 });
    const write = await pipeline("text-generation", { model, tokenizer }, {
      posterior: swag,
      sampling: SAMPLING,
    });
    const options = {
      maxNewTokens: 5,
      doSample: false,
      addSpecialTokens: false,
    };
    const full = await write(["the dog", "Anna lives in"], options);
    const rest = await write(["the dog", "Anna lives in"], {
      ...options,
      returnFullText: false,
    });
    for (const [i, prompt] of ["the dog", "Anna lives in"].entries()) {
      const [one] = full[i] ?? [];
      const [two] = rest[i] ?? [];
      assertEquals(one?.generatedText, `${prompt}${two?.generatedText}`);
      const [answer] = await generateWithUncertainty(model, {
        ...{ maxNewTokens: 5, doSample: false },
        posterior: swag,
        sampling: SAMPLING,
        tokenizer: {
          batchDecode: (rows, decoding) =>
            tokenizer.batchDecode(rows, { ...decoding, cleanUpSpaces: true }),
        },
        inputIds: [
          tokenizer.encode(prompt, { addSpecialTokens: false }).inputIds,
        ],
      });
      assertEquals(two?.generatedText, answer?.text);
      assertAlmostEquals(
        two?.mutualInformation ?? NaN,
        answer?.tokenMutualInformation ?? NaN,
        1e-4,
      );
    }
    swag.dispose();
    model.dispose();
  },
);

gpuTest(
  "the folder of a posterior brings its own, of 10 samples",
  () =>
    inFolder(async (folder) => {
      const { model, swag } = await writer();
      await swag.savePretrained(folder);
      await tokenizer.save(folder);
      using translate = await pipeline("translation", folder);
      const options = { maxNewTokens: 4, numBeams: 1 };
      const [own] = await translate("Anna", options);
      const given = await pipeline("translation", { model, tokenizer }, {
        posterior: swag,
        sampling: { numPredictions: 10 },
      });
      const [expected] = await given("Anna", options);
      assertEquals(own?.translationText, expected?.translationText);
      assertAlmostEquals(
        own?.mutualInformation ?? NaN,
        expected?.mutualInformation ?? NaN,
        1e-3,
      );
      using alone = await pipeline("translation", folder, { posterior: null });
      const [plain] = await alone("Anna", options);
      assertEquals(Object.keys(plain ?? {}), ["translationText"]);
      swag.dispose();
      model.dispose();
    }),
);

gpuTest(
  "a pipeline without a posterior waits for the samples of another",
  async () => {
    const { model, swag } = await writer();
    const write = await pipeline("translation", { model, tokenizer });
    const short = { maxNewTokens: 9, numBeams: 1 };
    const plain = (texts: string[]) => write(texts, short);
    const average = await pipeline("translation", { model, tokenizer }, {
      posterior: swag,
      sampling: { ...SAMPLING, scale: 9 },
    });
    const sampled = (texts: string[], options = {}) =>
      average(texts, { ...short, ...options });
    const [own, both] = [await plain(TEXTS), await sampled(TEXTS)];
    const [first, second, third, fourth] = await Promise.all([
      plain(TEXTS),
      sampled(TEXTS),
      plain(TEXTS),
      sampled(TEXTS),
    ]);
    assertEquals([first, third], [own, own]);
    assertEquals([second, fourth], [both, both]);
    // What compares the texts may write with the same model meanwhile.
    let calls = 0;
    await sampled(TEXTS, {
      equivalent: async (a: string, b: string) => {
        const [x, y] = await plain([a, b]);
        if (a !== "" && b !== "") calls++;
        return x?.translationText === y?.translationText;
      },
    });
    assert(calls > 0);
    // A call that fails lets the next one begin.
    const failed = sampled(TEXTS, { maxNewTokens: -1 });
    await assertRejects(() => failed, RangeError);
    assertEquals(await plain(TEXTS), own);
    swag.dispose();
    model.dispose();
  },
);

gpuTest("a posterior must be over the model, a count above 0", async () => {
  const [one, other] = [await writer(), await writer()];
  await assertRejects(
    () =>
      pipeline("translation", { model: one.model, tokenizer }, {
        posterior: other.swag,
      }),
    TypeError,
    "Cannot use a posterior over another model",
  );
  const write = await pipeline("translation", { model: one.model, tokenizer }, {
    posterior: one.swag,
  });
  const scaled = await pipeline(
    "translation",
    { model: one.model, tokenizer },
    {
      posterior: new TemperatureScaled(one.model, 2),
    },
  );
  await assertRejects(() => scaled(TEXTS), TypeError, "at temperature 2");
  for (const numReturnSequences of [0, 1.5]) {
    await assertRejects(
      () => write(TEXTS, { numReturnSequences }),
      RangeError,
      `Cannot use numReturnSequences ${numReturnSequences}: it must be a whole`,
    );
  }
  for (const { model, swag } of [one, other]) {
    swag.dispose();
    model.dispose();
  }
});
