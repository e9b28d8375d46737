// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  summarization,
  translation,
} from "../../../cli/tasks/sequence_to_sequence.ts";
import { manualSeed, scope, tensor } from "../../../engine/mod.ts";
import { AutoModelForSeq2SeqLM, pipeline } from "../../../models/mod.ts";
import { corpusBleu, corpusChrf, rougeScore } from "../../../nn/metrics/mod.ts";
import { gpuTest } from "../../_check.ts";
import { argumentsOf, listener, outputsOf, trainOn } from "./_task.ts";
import {
  BPE,
  configOf,
  CONTEXT,
  EXAMPLES,
  PAIRS,
  PIECES,
  rowsOf,
} from "./_writing.ts";

Deno.test("translation refuses a model without a token to begin with", () => {
  const config = configOf("marian", BPE, { decoder_start_token_id: null });
  assertThrows(
    () =>
      translation.configFields({ path: "a.csv", examples: EXAMPLES }, {
        ...CONTEXT,
        config,
      }),
    TypeError,
    "its configuration has no decoder_start_token_id",
  );
});

for (
  const [type, tokenizer] of [
    ["bart", BPE],
    ["marian", BPE],
    ["marian", PIECES],
  ] as const
) {
  const name = tokenizer === BPE ? "byte-level BPE" : "word pieces";
  gpuTest(
    `translation trains a ${type} with ${name} from scratch`,
    async () => {
      manualSeed(1);
      const config = configOf(type, tokenizer);
      const model = AutoModelForSeq2SeqLM.fromConfig(config);
      const { rows } = rowsOf(EXAMPLES, { tokenizer, config });
      await trainOn(model, rows, {
        epochs: 60,
        learningRate: 1e-2,
        collate: (epoch) =>
          translation.collator({
            args: argumentsOf(translation, "finetune", []),
            progress: listener().progress,
            model,
            tokenizer,
            maxLength: 32,
            epoch,
          }),
      });
      const outputs = await outputsOf(translation, { model, rows }, {
        tokenizer,
      });
      const scores = translation.scores([outputs], rows, CONTEXT);
      assertEquals(outputs.texts, PAIRS.map(([, target]) => target));
      assertEquals(scores.exact_match, 1);
      assertAlmostEquals(scores.chrf ?? NaN, 100, 1e-9);
      assert((scores.nll ?? NaN) < 0.5, `${scores.nll}`);
      model.dispose();
    },
  );
}

gpuTest(
  "translation scores targets, and writes what the pipeline writes",
  async () => {
    manualSeed(2);
    const config = configOf("bart", BPE, { prefix: "fr: " });
    const model = AutoModelForSeq2SeqLM.fromConfig(config).eval();
    const { rows } = rowsOf(EXAMPLES, { tokenizer: BPE, config });
    const given = ["--num-beams", "2", "--max-new-tokens", "6"];
    const outputs = await outputsOf(translation, { model, rows }, {
      tokenizer: BPE,
      given,
    });
    let sum = 0;
    let count = 0;
    for (const [i, { inputIds, labels }] of rows.entries()) {
      using _ = scope();
      const { loss } = model.forward({
        inputIds: tensor([[...inputIds]], { dtype: "i32" }),
        labels: tensor([[...labels]], { dtype: "i32" }),
      });
      const own = Array.from(outputs.logProbabilities[i] ?? []);
      assertEquals(own.length, labels.length);
      const total = own.reduce((a, b) => a + b, 0);
      assertAlmostEquals(-total / labels.length, await loss.item(), 1e-4);
      sum += total;
      count += labels.length;
    }
    const translate = await pipeline("translation", { model, tokenizer: BPE });
    const sources = PAIRS.map(([source]) => source);
    const expected = await translate(sources, { numBeams: 2, maxNewTokens: 6 });
    assertEquals(
      outputs.texts,
      expected.map(({ translationText }) => translationText),
    );
    const targets = PAIRS.map(([, target]) => target);
    const scores = translation.scores([outputs], rows, CONTEXT);
    assertAlmostEquals(scores.nll ?? NaN, -sum / count, 1e-4);
    assertAlmostEquals(scores.perplexity ?? NaN, Math.exp(-sum / count), 1e-2);
    const texts = outputs.texts ?? [];
    assertEquals(scores.bleu, corpusBleu(texts, targets).score);
    assertEquals(scores.chrf, corpusChrf(texts, targets));
    const longer = await outputsOf(translation, { model, rows }, {
      tokenizer: BPE,
      given: ["--no-generate"],
    });
    assertEquals(longer.texts, undefined);
    assertEquals(
      Object.keys(translation.scores([longer], rows, CONTEXT)),
      ["nll", "perplexity"],
    );
    const sample = await outputsOf(translation, { model, rows }, {
      tokenizer: BPE,
      isSample: true,
    });
    assertEquals(sample.texts, undefined);
    model.dispose();
  },
);

Deno.test("translation averages probabilities over members, and no texts", () => {
  const { rows } = rowsOf(EXAMPLES.slice(0, 1), {
    tokenizer: BPE,
    config: CONTEXT.config,
  });
  const member = (...probabilities: number[]) => ({
    logProbabilities: [Float32Array.from(probabilities, Math.log)],
    texts: undefined,
  });
  const members = [member(0.5, 0.1), member(0.3, 0.8)];
  const { nll = NaN, ...others } = translation.scores(members, rows, CONTEXT);
  assertAlmostEquals(nll, -(Math.log(0.4) + Math.log(0.45)) / 2, 1e-6);
  assertEquals(Object.keys(others), ["perplexity"]);
});

Deno.test("summarization scores texts by ROUGE", () => {
  const { rows } = rowsOf(EXAMPLES.slice(0, 2), {
    tokenizer: BPE,
    config: CONTEXT.config,
    task: summarization,
  });
  const texts = ["the black cats", "a dog"];
  const outputs = {
    logProbabilities: rows.map(() => Float32Array.of(-1)),
    texts,
  };
  const scores = summarization.scores([outputs], rows, CONTEXT);
  const expected = (type: "rouge1" | "rouge2" | "rougeL") =>
    texts.reduce((sum, text, i) => {
      const found = rougeScore(text, rows[i]?.target ?? "", {
        useStemmer: true,
      });
      return sum + 50 * (found[type]?.fmeasure ?? NaN);
    }, 0);
  assertEquals(Object.keys(scores), [
    "nll",
    "perplexity",
    "rouge1",
    "rouge2",
    "rougeL",
    "chrf",
    "exact_match",
  ]);
  for (const type of ["rouge1", "rouge2", "rougeL"] as const) {
    assertAlmostEquals(scores[type] ?? NaN, expected(type), 1e-9);
  }
  // Cats and cat have one stem: 3 of 3 words, and 1 of 2 and of 3.
  assertAlmostEquals(scores.rouge1 ?? NaN, (100 + 40) / 2, 1e-9);
});

gpuTest("summarization names the row whose scores are not finite", async () => {
  const config = configOf("bart", BPE);
  const model = AutoModelForSeq2SeqLM.fromConfig(config);
  const [first] = [...model.parameters()];
  first?.write(new Float32Array(first.size).fill(NaN));
  const { rows } = rowsOf(EXAMPLES, {
    tokenizer: BPE,
    config,
    task: summarization,
  });
  await assertRejects(
    () => outputsOf(summarization, { model, rows }, { tokenizer: BPE }),
    RangeError,
    "Cannot use the scores of row ",
  );
  model.dispose();
});
