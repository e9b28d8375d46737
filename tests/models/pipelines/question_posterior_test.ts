// Copyright 2026 the swagpu authors. MIT license.

// Answers to questions by samples of the weights.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { manualSeed } from "../../../engine/mod.ts";
import { BertForQuestionAnswering, pipeline } from "../../../models/mod.ts";
import { MCDropout, SwagModel } from "../../../swag/mod.ts";
// Makes folders of posteriors known.
import "../../../auto_swag.ts";
import { inFolder } from "../../_folder.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import {
  collectWaves,
  probabilities as softmax,
  rowOf,
  tinyConfig,
  tinyTokenizer,
} from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const SAMPLING = { numPredictions: 5, seed: 3 };
const QUESTION = "where is Anna";
const CONTEXT = "Anna lives in New York, the dog lives in Paris.";

function reader(places = 64): BertForQuestionAnswering {
  manualSeed(4);
  return new BertForQuestionAnswering(
    tinyConfig({ maxPositionEmbeddings: places }),
  ).eval();
}

function posteriorOf(model: BertForQuestionAnswering): SwagModel {
  const swag = SwagModel.fromBase(model, { modulePrefixList: ["qa_outputs"] });
  collectWaves(swag, model.qaOutputs.weight);
  return swag;
}

/** The probabilities of each sample for the tokens of a pair, without padding. */
async function samplesOf(
  swag: SwagModel,
  question: string,
  context: string,
): Promise<{ starts: number[][]; ends: number[][]; offsets: number[][] }> {
  const model = swag.base as BertForQuestionAnswering;
  const encoding = tokenizer.encode([question, context]);
  const logits = swag.getLogits(
    () => model.forward(rowOf(encoding)),
    SAMPLING,
  );
  const length = encoding.inputIds.length;
  assertEquals(logits.shape, [1, 5, 2, length]);
  const values = await logits.data();
  const allowed = encoding.inputIds.map((id, i) =>
    encoding.sequenceIds[i] === 1 || id === tokenizer.clsTokenId
  );
  const of = (odd: number) =>
    Array.from({ length: 5 }, (_, s) => {
      const own = [...values.subarray(
        (s * 2 + odd) * length,
        (s * 2 + odd + 1) * length,
      )];
      const kept = softmax(own.filter((_, i) => allowed[i]));
      return own.map((_, i) => allowed[i] ? kept.shift() ?? NaN : 0);
    });
  return {
    starts: of(0),
    ends: of(1),
    offsets: encoding.offsets.map(([from, to]) => [from, to]),
  };
}

const meanOf = (lists: readonly number[][]) =>
  (lists[0] ?? []).map((_, i) =>
    lists.reduce((sum, own) => sum + (own[i] ?? NaN), 0) / lists.length
  );
const plogp = (list: readonly number[]) =>
  list.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);

gpuTest(
  "an answer has the mean probabilities of its first and last token",
  async () => {
    const model = reader();
    using swag = posteriorOf(model);
    const before = [...await model.qaOutputs.weight.data()];
    const ask = await pipeline("question-answering", { model, tokenizer }, {
      posterior: swag,
      sampling: SAMPLING,
    });
    const answers = await ask({ question: QUESTION, context: CONTEXT }, {
      topK: 4,
      alignToWords: false,
      handleImpossibleAnswer: true,
      maxAnswerLen: 4,
    });
    const { starts, ends, offsets } = await samplesOf(swag, QUESTION, CONTEXT);
    const [start, end] = [meanOf(starts), meanOf(ends)];
    const entropy = plogp(start) + plogp(end);
    const own = [...starts, ...ends].reduce((sum, p) => sum + plogp(p) / 5, 0);
    assertEquals(answers.length, 4);
    for (const answer of answers) {
      const at = answer.answer === "" ? [0, 0] : [
        offsets.findIndex(([from], i) => i > 5 && from === answer.start),
        offsets.findIndex(([, to], i) => i > 5 && to === answer.end),
      ];
      const [first = 0, last = 0] = at;
      const scores = starts.map((p, s) =>
        (p[first] ?? NaN) * (ends[s]?.[last] ?? NaN)
      );
      const mean = scores.reduce((sum, x) => sum + x / 5, 0);
      const std = Math.sqrt(
        scores.reduce((sum, x) => sum + (x - mean) ** 2 / 5, 0),
      );
      assertClose(
        [
          ...[answer.score, answer.std ?? NaN],
          ...[answer.entropy ?? NaN, answer.mutualInformation ?? NaN],
        ],
        [
          (start[first] ?? NaN) * (end[last] ?? NaN),
          std,
          entropy,
          entropy - own,
        ],
        { ...FUNCTIONS, absolute: 1e-5 },
      );
      assert(std > 1e-4);
    }
    // All candidates, the best first.
    const scores = answers.map(({ score }) => score);
    assertEquals(scores, scores.toSorted((a, b) => b - a));
    assertEquals([...await model.qaOutputs.weight.data()], before);
    model.dispose();
  },
);

gpuTest("windows of a long context are merged sample by sample", async () => {
  const model = reader(24);
  using swag = posteriorOf(model);
  const parts = { model, tokenizer };
  const ask = await pipeline("question-answering", parts, {
    posterior: swag,
    sampling: SAMPLING,
    batchSize: 2,
  });
  const context = Array(6).fill("the dog lives in Paris,").join(" ");
  const options = {
    topK: 30,
    maxSeqLen: 16,
    docStride: 4,
    alignToWords: false,
  };
  const inputs = [
    { question: "who", context },
    { question: QUESTION, context: CONTEXT },
  ];
  const both = await ask(inputs, options);
  for (const [i, input] of inputs.entries()) {
    const alone = await ask(input, options);
    assertEquals(
      both[i]?.map(({ answer }) => answer),
      alone.map((one) => one.answer),
    );
    for (const [k, one] of alone.entries()) {
      assertAlmostEquals(both[i]?.[k]?.score ?? NaN, one.score, 1e-6);
      assertAlmostEquals(both[i]?.[k]?.std ?? NaN, one.std ?? NaN, 1e-6);
    }
  }
  // A single sample is a model, and has no spread.
  const single = await pipeline("question-answering", parts, {
    posterior: swag,
    sampling: { numPredictions: 1, scale: 0 },
  });
  const mean = await single(inputs, options);
  const plain = await swag.withSample({ scale: 0 }, async () => {
    const read = await pipeline("question-answering", parts);
    return await read(inputs, options);
  });
  for (const [i, list] of mean.entries()) {
    for (
      const [k, { std, mutualInformation, entropy, ...rest }] of list.entries()
    ) {
      assertEquals([std, mutualInformation], [0, 0]);
      assert((entropy ?? 0) > 0);
      const { score, ...place } = plain[i]?.[k] ?? { score: NaN };
      assertAlmostEquals(rest.score, score, 1e-6);
      const { score: _, ...own } = rest;
      assertEquals(own as object, place);
    }
  }
  model.dispose();
});

gpuTest(
  "answers by other posteriors, and by that of a folder",
  () =>
    inFolder(async (folder) => {
      const model = reader();
      using swag = posteriorOf(model);
      await swag.savePretrained(folder);
      await tokenizer.save(folder);
      const input = { question: QUESTION, context: CONTEXT };
      const given = await pipeline("question-answering", { model, tokenizer }, {
        posterior: swag,
      });
      const expected = await given(input);
      using ask = await pipeline("question-answering", folder);
      const own = await ask(input);
      assertEquals(own.answer, expected.answer);
      assertAlmostEquals(own.score, expected.score, 1e-4);
      assertAlmostEquals(own.std ?? NaN, expected.std ?? NaN, 1e-4);
      using alone = await pipeline("question-answering", folder, {
        posterior: null,
      });
      assertEquals((await alone(input)).std, undefined);
      // 30 samples, as for the other tasks.
      const dropped = await pipeline(
        "question-answering",
        { model, tokenizer },
        {
          posterior: new MCDropout(model),
        },
      );
      assert(((await dropped(input)).std ?? 0) > 0);

      model.dispose();
    }),
);
