// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { maskedLanguageModel as task } from "../../../cli/tasks/masked_language_model.ts";
import type { MaskedBatch } from "../../../cli/tasks/masked_collator.ts";
import type { MaskedModel } from "../../../cli/tasks/masked_outputs.ts";
import type { MaskedRow } from "../../../cli/tasks/masked_rows.ts";
import { scope, tensor } from "../../../engine/mod.ts";
import {
  BertConfig,
  BertForMaskedLM,
  DataCollatorForLanguageModeling,
  DataCollatorForWholeWordMask,
  type TokenBatchWithLabels,
  toTensors,
  trainTokenizer,
} from "../../../models/mod.ts";
import { logSoftmaxRows } from "../../../nn/metrics/mod.ts";
import { gpuTest } from "../../_check.ts";
import {
  argumentsOf,
  listener,
  outputsOf,
  trainOn,
  withFiles,
} from "./_task.ts";
import {
  bert,
  CONTEXT,
  logProbabilities,
  modernBert,
  prepared,
  SMALL,
  TEXTS,
  TOKENIZER,
  vocabSize,
} from "./_masked.ts";

gpuTest("fill-mask hides tokens by seed, epoch and row", async () => {
  const model = modernBert();
  await withFiles({ "a.txt": TEXTS.join("\n") }, async (data) => {
    const options = [...data, "--block-size", "16", "--mlm-probability", "0.3"];
    const { rows } = await prepared(options, { isTraining: true });
    const labelsOf = (
      some: MaskedRow[],
      { seed = "5", epoch = 0, more = [] as string[] } = {},
    ) => {
      using _ = scope();
      const args = argumentsOf(task, "finetune", [
        ...options,
        ...more,
        "--seed",
        seed,
      ]);
      const collate = task.collator({
        args,
        progress: listener().progress,
        model,
        tokenizer: TOKENIZER,
        maxLength: 32,
        epoch: () => epoch,
      });
      const batch = collate(some) as TokenBatchWithLabels;
      return Array.from({ length: some.length }, (_, i) => [
        ...batch.labels.data.subarray(i * 16, (i + 1) * 16),
      ]);
    };
    const all = labelsOf(rows);
    const collator = new DataCollatorForLanguageModeling(TOKENIZER, {
      mlmProbability: 0.3,
      seed: 5,
    });
    const texts = rows.flatMap((row) => row.kind === "text" ? [row] : []);
    const { labels } = collator.collate(texts, { rows: rows.map((_, i) => i) });
    assertEquals(all.flat(), [...labels.data]);
    assertEquals(labelsOf(rows.slice(2)), all.slice(2));
    assertNotEquals(labelsOf(rows, { epoch: 1 }), all);
    assertNotEquals(labelsOf(rows, { seed: "6" }), all);
    const words = labelsOf(rows, { more: ["--whole-word-mask"] });
    const whole = new DataCollatorForWholeWordMask(TOKENIZER, {
      mlmProbability: 0.3,
      seed: 5,
    }).collate(texts, { rows: rows.map((_, i) => i) });
    assertEquals(words.flat(), [...whole.labels.data]);
    // Rows to be measured on keep what is hidden.
    const { rows: fixed } = await prepared(options);
    assertEquals(
      labelsOf(fixed, { epoch: 3 }),
      labelsOf(fixed, { seed: "6" }),
    );
  });
  model.dispose();
});

gpuTest(
  "fill-mask has the loss of all hidden tokens, and scores no others",
  async () => {
    const model = modernBert();
    await withFiles({ "a.txt": TEXTS.join("\n") }, async (data) => {
      const options = [...data, "--line-by-line", "--mlm-probability", "0.3"];
      const { rows } = await prepared(options, { isTraining: true });
      using _ = scope();
      const collate = task.collator({
        args: argumentsOf(task, "finetune", options),
        progress: listener().progress,
        model,
        tokenizer: TOKENIZER,
        maxLength: 32,
        epoch: () => 0,
      });
      const { predictions, ...batch } = collate(rows) as MaskedBatch;
      const hidden = batch.labels.data.filter((label) => label !== -100).length;
      assert(predictions && predictions.tokens >= hidden);
      assert(predictions.tokens < rows.length * 8);
      const { loss } = model.forward({ ...toTensors(batch), predictions });
      const { loss: whole } = model.forward(toTensors(batch));
      assertAlmostEquals(await loss.item(), await whole.item(), 1e-5);
    });
    model.dispose();
  },
);

Deno.test("fill-mask hides a token of each batch, however short", async () => {
  await withFiles({ "a.txt": "the\n" }, async (data) => {
    const options = [...data, "--line-by-line", "--mlm-probability", "1e-9"];
    const { rows } = await prepared(options, { isTraining: true });
    const args = argumentsOf(task, "finetune", options);
    const { progress } = listener();
    const collate = task.collator({
      args,
      progress,
      model: { usesPacking: false } as MaskedModel,
      tokenizer: TOKENIZER,
      maxLength: 32,
      epoch: () => 0,
    });
    const { inputIds, labels } = collate(rows) as TokenBatchWithLabels;
    assertEquals([...inputIds.data.slice(0, 3)], [2, 4, 3]);
    assertEquals([...labels.data.slice(0, 3)], [-100, 5, -100]);
  });
});

for (const make of [bert, modernBert]) {
  gpuTest(`fill-mask scores the hidden tokens of ${make.name}()`, async () => {
    const model = make();
    await withFiles({ "a.txt": TEXTS.join("\n") }, async (data) => {
      const given = ["--line-by-line", "--mlm-probability", "0.4"];
      const { rows } = await prepared([...data, ...given]);
      const outputs = await outputsOf(task, { model, rows }, {
        ...{ tokenizer: TOKENIZER, given },
      });
      const again = await outputsOf(task, { model, rows }, {
        ...{ tokenizer: TOKENIZER, given, batchSize: 64 },
      });
      const texts = rows.flatMap((row) => row.kind === "text" ? [row] : []);
      const batch = new DataCollatorForLanguageModeling(TOKENIZER, {
        mlmProbability: 0.4,
      }).collate(texts, { rows: texts.map((_, i) => i) });
      const expected = await logProbabilities(model, batch);
      const [, length = 0] = batch.labels.shape;
      let correct = 0;
      let sum = 0;
      let count = 0;
      outputs.forEach((own, row) => {
        let k = 0;
        for (let at = row * length; at < (row + 1) * length; at++) {
          const label = batch.labels.data[at] ?? -100;
          if (label === -100) continue;
          const all = expected.subarray(at * vocabSize, (at + 1) * vocabSize);
          const logarithm = all[label] ?? NaN;
          const best = all.indexOf(Math.max(...all));
          assertEquals([own.labels[k], own.best[k]], [label, best]);
          assertAlmostEquals(own.logProbabilities[k] ?? NaN, logarithm, 1e-4);
          assertAlmostEquals(
            again[row]?.logProbabilities[k] ?? NaN,
            logarithm,
            1e-4,
          );
          if (best === label) correct++;
          sum += logarithm;
          count++;
          k++;
        }
        assertEquals(own.labels.length, k);
      });
      assert(count > 10);
      const { nll = NaN, perplexity, accuracy } = task.scores(
        [outputs],
        rows,
        CONTEXT,
      );
      assertAlmostEquals(nll, -sum / count, 1e-4);
      assertAlmostEquals(perplexity ?? NaN, Math.exp(nll), 1e-6);
      assertEquals(accuracy, correct / count);
    });
    model.dispose();
  });
}

Deno.test("fill-mask averages probabilities over members", () => {
  const member = (probabilities: number[], best: number[], sure: number[]) => [{
    labels: Int32Array.of(7, 8),
    logProbabilities: Float32Array.from(probabilities, Math.log),
    best: Int32Array.from(best),
    bestLogProbabilities: Float32Array.from(sure, Math.log),
  }];
  const members = [
    member([0.5, 0.1], [7, 9], [0.5, 0.4]),
    member([0.25, 0.1], [5, 9], [0.3, 0.4]),
    member([0.75, 0.9], [5, 8], [0.1, 0.9]),
  ];
  const { nll = NaN, accuracy } = task.scores(members, [], CONTEXT);
  const expected = -(Math.log(0.5) + Math.log(1.1 / 3)) / 2;
  assertAlmostEquals(nll, expected, 1e-6);
  // 7 wins by 0.5 to 0.4, and 8 by 0.9 to 0.8.
  assertEquals(accuracy, 1);
  assertThrows(
    () => task.scores([[]], [], CONTEXT),
    RangeError,
    "no token is hidden",
  );
});

for (const make of [bert, modernBert]) {
  gpuTest(`fill-mask prefers sentences by ${make.name}()`, async () => {
    const model = make().eval();
    const pairs = [
      ["the dog barks", "the dog meows"],
      ["a cat meows at night", "a cat barks at night"],
      ["the cat played", "the cat playing in"],
      ["a dog", "A dog"],
    ];
    const file = pairs.map(([sentence_good, sentence_bad]) =>
      JSON.stringify({ sentence_good, sentence_bad }) + "\n"
    ).join("");
    await withFiles({ "a.jsonl": file }, async (data) => {
      const { rows, said } = await prepared(data);
      assertEquals(said.length, 1);
      assert(said[0]?.startsWith("1 of 4 pairs"), said[0]);
      const outputs = await outputsOf(task, { model, rows }, {
        ...{ tokenizer: TOKENIZER, batchSize: 5 },
      });
      let preferred = 0;
      const ofGood: number[] = [];
      for (const sentences of pairs) {
        const sums: number[] = [];
        for (const [second, text] of sentences.entries()) {
          const { inputIds } = TOKENIZER.encode(text);
          let sum = 0;
          for (let i = 1; i < inputIds.length - 1; i++) {
            const ids = inputIds.with(i, TOKENIZER.maskTokenId ?? 0);
            using _ = scope();
            const { logits } = model.forward({
              inputIds: tensor([ids], { dtype: "i32" }),
            });
            const all = logSoftmaxRows(await logits.data(), {
              classes: vocabSize,
            });
            const value = all[i * vocabSize + (inputIds[i] ?? 0)] ?? NaN;
            sum += value;
            if (second === 0) ofGood.push(value);
          }
          sums.push(sum);
        }
        if ((sums[0] ?? NaN) - (sums[1] ?? NaN) > 1e-4) preferred++;
      }
      const scores = task.scores([outputs], rows, CONTEXT);
      assertEquals(scores.accuracy, preferred / pairs.length);
      assertAlmostEquals(
        scores.nll ?? NaN,
        -ofGood.reduce((a, b) => a + b) / ofGood.length,
        1e-4,
      );
    });
    model.dispose();
  });
}

for (const make of [bert, modernBert]) {
  gpuTest(`fill-mask trains ${make.name}()`, async () => {
    const model = make();
    await withFiles({ "a.txt": TEXTS.join("\n") }, async (data) => {
      const given = ["--line-by-line", "--mlm-probability", "0.3"];
      const options = [...data, ...given];
      const { rows } = await prepared(options, { isTraining: true });
      const { rows: measured } = await prepared(options);
      const before = task.scores(
        [
          await outputsOf(task, { model, rows: measured }, {
            ...{ tokenizer: TOKENIZER, given },
          }),
        ],
        measured,
        CONTEXT,
      );
      await trainOn(model, rows, {
        epochs: 50,
        learningRate: 1e-2,
        collate: (epoch) =>
          task.collator({
            args: argumentsOf(task, "finetune", options),
            progress: listener().progress,
            model,
            tokenizer: TOKENIZER,
            maxLength: 32,
            epoch,
          }),
      });
      const after = task.scores(
        [
          await outputsOf(task, { model, rows: measured }, {
            ...{ tokenizer: TOKENIZER, given },
          }),
        ],
        measured,
        CONTEXT,
      );
      assert((after.nll ?? NaN) < 0.7 * (before.nll ?? NaN), `${after.nll}`);
      const { accuracy = NaN } = after;
      assert(accuracy > Math.max(0.4, before.accuracy ?? NaN), `${accuracy}`);
    });
    model.dispose();
  });
}

gpuTest("fill-mask names the row whose scores are not finite", async () => {
  const model = bert();
  const [first] = [...model.parameters()];
  first?.write(new Float32Array(first.size).fill(NaN));
  await withFiles({ "a.txt": TEXTS.join("\n") }, async (data) => {
    const { rows } = await prepared([...data, "--block-size", "16"]);
    await assertRejects(
      () => outputsOf(task, { model, rows }, { tokenizer: TOKENIZER }),
      RangeError,
      `Cannot use the scores of block 1 of ${data[1]}`,
    );
  });
  model.dispose();
});

gpuTest("fill-mask works with byte-level tokenizers", async () => {
  const tokenizer = await trainTokenizer(TEXTS, {
    type: "bpe",
    vocabSize: 300,
  });
  const model = new BertForMaskedLM(
    new BertConfig({
      ...SMALL,
      vocabSize: tokenizer.vocabSize,
      padTokenId: tokenizer.padTokenId,
    }),
  );
  await withFiles({ "a.txt": TEXTS.join("\n") }, async (data) => {
    const given = ["--whole-word-mask"];
    const { rows } = await prepared([...data, ...given], { tokenizer });
    const how = { tokenizer, given };
    const outputs = await outputsOf(task, { model, rows }, how);
    assert((task.scores([outputs], rows, CONTEXT).nll ?? NaN) > 0);
  });
  model.dispose();
});
