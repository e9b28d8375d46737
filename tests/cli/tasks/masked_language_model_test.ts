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
  AutoConfig,
  BertConfig,
  BertForMaskedLM,
  ConfigReader,
  DataCollatorForLanguageModeling,
  DataCollatorForWholeWordMask,
  groupTexts,
  ModernBertConfig,
  ModernBertForMaskedLM,
  pipeline,
  type TokenBatchWithLabels,
  Tokenizer,
  toTensors,
  trainTokenizer,
} from "../../../models/mod.ts";
import { logSoftmaxRows, softmaxRows } from "../../../nn/metrics/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { gpuTest, randomValues } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { argumentsOf, listener, trainOn } from "./_text_task.ts";

const WORDS =
  "the dog cat barks meows in a garden barn at night play ##ed ##ing";
const TOKENIZER = new Tokenizer(
  new Map([[
    "vocab.txt",
    ["[PAD] [UNK] [CLS] [SEP] [MASK]", WORDS].join(" ").replaceAll(" ", "\n"),
  ]]),
);
const { vocabSize } = TOKENIZER;
const TEXTS = ["dog", "cat"].flatMap((animal) =>
  ["garden", "barn"].flatMap((place) => {
    const sound = animal === "dog" ? "barks" : "meows";
    return [
      `The ${animal} ${sound} in the ${place}`,
      `In a ${place} the ${animal} ${sound} at night`,
    ];
  })
);

const SMALL = {
  vocabSize,
  hiddenSize: 16,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 32,
  initializerRange: 0.2,
};

function bert(): BertForMaskedLM {
  return new BertForMaskedLM(
    new BertConfig({
      ...SMALL,
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
    }),
  );
}

function modernBert(): ModernBertForMaskedLM {
  return new ModernBertForMaskedLM(
    new ModernBertConfig({
      ...SMALL,
      padTokenId: 0,
      clsTokenId: 2,
      sepTokenId: 3,
    }),
  );
}

/** What reading and preparing a file gives, and what is said about it. */
async function prepared(
  given: readonly string[],
  { isTraining = false, maxLength = 32, tokenizer = TOKENIZER } = {},
): Promise<{ rows: MaskedRow[]; said: string[] }> {
  const { progress, said } = listener();
  const args = argumentsOf(task, "finetune", given);
  const data = await task.read("data", { args, progress });
  const config = new BertConfig(SMALL);
  const context = { args, progress, tokenizer, config, maxLength };
  const rows = task.prepare(data, { ...context, isTraining });
  return { rows, said };
}

/** Writes files to a folder, and gives the options that name the first one. */
async function withFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (data: string[], folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    for (const [name, content] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      if (typeof content === "string") await Deno.writeTextFile(path, content);
      else await Deno.writeFile(path, content);
    }
    await body(["--data", `${folder}/${Object.keys(files)[0]}`], folder);
  });
}

/** The outputs of a model, with options. */
async function outputsOf(
  model: MaskedModel,
  rows: readonly MaskedRow[],
  { given = [], batchSize = 4 }: { given?: string[]; batchSize?: number } = {},
) {
  const { progress } = listener();
  let done = 0;
  const outputs = await task.outputs(rows, {
    args: argumentsOf(task, "finetune", given),
    progress,
    model,
    tokenizer: TOKENIZER,
    maxLength: 32,
    batchSize,
    isSample: false,
    advance: (more) => done += more,
  });
  assertEquals(done, rows.length);
  return outputs;
}

const CONTEXT = {
  args: argumentsOf(task, "finetune", []),
  progress: listener().progress,
  config: new BertConfig(SMALL),
};

/** The logarithms of all probabilities of tokens, row by row, `[rows, vocabulary]`. */
async function logProbabilities(
  model: MaskedModel,
  batch: TokenBatchWithLabels,
): Promise<Float64Array> {
  using _ = scope();
  const { inputIds, attentionMask, tokenTypeIds } = batch;
  const { logits } = model.forward(
    toTensors({ inputIds, attentionMask, tokenTypeIds }),
  );
  return logSoftmaxRows(await logits.data(), { classes: vocabSize });
}

Deno.test("fill-mask reads lines, paragraphs, columns and gzip data", async () => {
  const text = "the dog\nbarks\n\nthe cat\n";
  const zipped = new Uint8Array(
    await new Response(
      new Blob([text]).stream().pipeThrough(new CompressionStream("gzip")),
    ).arrayBuffer(),
  );
  await withFiles({
    "a.txt": text,
    "b.txt.gz": zipped,
    "c.csv": "id,body\n1,the dog\n2,the cat\n",
    "d.jsonl": '{"text": "the dog"}\n',
  }, async (_, folder) => {
    const read = async (...given: string[]) => {
      const args = argumentsOf(task, "finetune", given);
      const { progress } = listener();
      const { examples } = await task.read("data", { args, progress });
      return examples.flatMap((one) =>
        "text" in one ? [[one.text, one.place]] : []
      );
    };
    const at = (name: string) => ["--data", `${folder}/${name}`];
    const lines = await read(...at("a.txt"));
    assertEquals(lines.map(([text]) => text), ["the dog", "barks", "the cat"]);
    assertEquals(lines[2]?.[1], `row 3 of ${folder}/a.txt (line 4)`);
    const paragraphs = await read(
      ...at("b.txt.gz"),
      "--sample-by",
      "paragraph",
    );
    assertEquals(paragraphs.map(([text]) => text), [
      "the dog\nbarks",
      "the cat",
    ]);
    const cells = await read(...at("c.csv"), "--text-column", "body");
    assertEquals(cells.map(([text]) => text), ["the dog", "the cat"]);
    assertEquals((await read(...at("d.jsonl")))[0]?.[0], "the dog");
    const plain = await read(...at("c.csv"), "--format", "txt");
    assertEquals(plain[1]?.[0], "1,the dog");
  });
});

Deno.test("fill-mask remembers the column of texts", async () => {
  await withFiles({ "a.csv": "id,body\n1,the dog\n" }, async (given) => {
    const named = argumentsOf(task, "finetune", [
      ...given,
      "--text-column",
      "body",
    ]);
    const { progress } = listener();
    const data = await task.read("data", { args: named, progress });
    const fields = task.configFields(data, {
      args: named,
      progress,
      config: new BertConfig(SMALL),
    });
    assertEquals(fields, {
      swagpu: { task: "fill-mask", text_column: "body" },
    });
    const args = argumentsOf(task, "finetune", given);
    await assertRejects(
      () => task.read("data", { args, progress }),
      RangeError,
      'Cannot find the column "text"',
    );
    const config = AutoConfig.fromFields(
      new ConfigReader({ model_type: "bert", ...fields }, { source: "a file" }),
    );
    const again = await task.read("data", { args, progress, config });
    assertEquals(again, data);
  });
});

Deno.test("fill-mask cuts texts into blocks", async () => {
  await withFiles(
    { "a.txt": [...TEXTS, "", "  "].join("\n") },
    async (data) => {
      const { rows } = await prepared([...data, "--block-size", "10"]);
      const expected = groupTexts(TEXTS.map((text) => TOKENIZER.encode(text)), {
        blockSize: 10,
      });
      assert(expected.length > 3);
      assertEquals(
        rows.map((row) => row.kind === "text" && Array.from(row.inputIds)),
        expected.map(({ inputIds }) => Array.from(inputIds)),
      );
      assertEquals(rows.map(({ length }) => length), expected.map(() => 10));
      assertEquals(rows[1]?.place, `block 2 of ${data[1]}`);
      // Without the option a block has as many tokens as a row may have.
      const { rows: whole } = await prepared(data, { maxLength: 16 });
      assertEquals(whole[0]?.length, 16);
    },
  );
});

Deno.test("fill-mask can keep texts apart", async () => {
  const file = '{"text": "the dog barks in the barn"}\n{"text": " "}\n' +
    '{"text": "a cat"}\n';
  await withFiles({ "a.jsonl": file }, async (data) => {
    const { rows, said } = await prepared([...data, "--line-by-line"], {
      maxLength: 6,
    });
    assertEquals(rows.map(({ length }) => length), [6, 4]);
    assertEquals(rows.map((row) => row.kind === "text" && row.number), [0, 2]);
    assertEquals(said, [
      `Left out 1 of 3 texts of ${data[1]} without tokens`,
      `1 of 3 rows of ${data[1]} cut to 6 tokens`,
    ]);
  });
});

Deno.test("fill-mask refuses what it cannot use", async () => {
  const files = {
    "a.txt": "the dog\n",
    "b.csv": "text,x,y\nthe dog,the cat,a cat\n",
    "c.jsonl": '{"sentence_good": "the dog", "sentence_bad": " "}\n',
    "d.txt": " \n",
  };
  await withFiles(files, async (_, folder) => {
    const refused = async (
      file: string,
      given: string[],
      message: string,
      options: Parameters<typeof prepared>[1] = {},
    ) => {
      const data = ["--data", `${folder}/${file}`];
      await assertRejects(
        () => prepared([...data, ...given], options),
        Error,
        message,
      );
    };
    await refused(
      "a.txt",
      ["--text-column", "x"],
      "Cannot use --text-column with",
    );
    await refused("a.txt", ["--pairs", "x,y"], "Cannot use --pairs with");
    await refused("a.txt", [], "have 4 tokens, and a block has 32; lower");
    await refused(
      "a.txt",
      ["--block-size", "64"],
      "Cannot use --block-size 64: a row has at most 32 tokens",
    );
    await refused("a.txt", ["--block-size", "2"], "--block-size 2: expected");
    await refused(
      "a.txt",
      ["--block-size", "8", "--line-by-line"],
      "Cannot use --block-size with --line-by-line",
    );
    for (const share of ["0", "1.5"]) {
      await refused(
        "a.txt",
        ["--mlm-probability", share],
        `Cannot use --mlm-probability ${share}: expected a number above 0 up to 1`,
      );
    }
    const specialTokens = ["<s>", "<pad>", "</s>", "<unk>"];
    await refused(
      "a.txt",
      ["--line-by-line"],
      "tokenizer has no mask token; na",
      {
        tokenizer: await trainTokenizer(TEXTS, { type: "bpe", specialTokens }),
      },
    );
    await refused(
      "b.csv",
      ["--sample-by", "line"],
      "Cannot use --sample-by with",
    );
    await refused(
      "b.csv",
      ["--pairs", "x"],
      "Cannot use --pairs x: expected two",
    );
    await refused(
      "b.csv",
      ["--pairs", "x,z"],
      'Cannot find the column "z"',
    );
    await refused(
      "b.csv",
      ["--pairs", "x,y", "--text-column", "text"],
      "Cannot use --pairs with --text-column",
    );
    await refused("b.csv", ["--pairs", "x,y"], "pairs of sentences are for", {
      isTraining: true,
    });
    await refused("c.jsonl", [], "row 1 of " + `${folder}/c.jsonl (line 1)`);
    await refused("d.txt", [], "it has no rows");
    await refused("missing.txt", [], "missing.txt");
  });
});

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
      const outputs = await outputsOf(model, rows, { given, batchSize: 3 });
      const again = await outputsOf(model, rows, { given, batchSize: 64 });
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
      const outputs = await outputsOf(model, rows, { batchSize: 5 });
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
      const options = [...data, "--line-by-line"];
      const { rows } = await prepared(options, { isTraining: true });
      const { rows: measured } = await prepared(options);
      const before = task.scores(
        [await outputsOf(model, measured)],
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
        [await outputsOf(model, measured)],
        measured,
        CONTEXT,
      );
      assert((after.nll ?? NaN) < 0.7 * (before.nll ?? NaN), `${after.nll}`);
      assert((after.accuracy ?? NaN) > 0.4, `${after.accuracy}`);
    });
    model.dispose();
  });
}

gpuTest("fill-mask predicts what the pipeline predicts", async () => {
  const model = modernBert();
  const texts = ["The [MASK] barks", "a [MASK] in the [MASK] at night"];
  const fill = await pipeline("fill-mask", { model, tokenizer: TOKENIZER });
  const expected = await fill(texts, { topK: 3 });
  await withFiles({
    "a.csv": `id,text\n7,${texts[0]}\n8,\n9,${texts[1]}\n`,
    "b.txt": texts.join("\n") + "\n\n",
  }, async (_, folder) => {
    const predicted = async (...given: string[]) => {
      const { progress, said } = listener();
      const args = argumentsOf(task, "predict", ["--top-k", "3", ...given]);
      const loaded = { model, tokenizer: TOKENIZER, swag: undefined };
      const context = { args, progress, maxLength: 32 };
      const lines = await Array.fromAsync(task.predict(loaded, context));
      return { lines: JSON.parse(JSON.stringify(lines)), said };
    };
    const { lines } = await predicted(
      ...texts.flatMap((text) => ["--text", text]),
    );
    assertEquals(lines.length, 2);
    for (const [i, { text, masks }] of lines.entries()) {
      assertEquals(text, texts[i]);
      const lists = i === 0 ? [expected[0]] : expected[1] ?? [];
      assertEquals(masks.length, lists.length);
      for (const [m, { fillings }] of masks.entries()) {
        const list = lists[m];
        assert(Array.isArray(list));
        assertEquals(fillings.length, 3);
        fillings.forEach((filling: { score: number }, k: number) => {
          const one = list[k];
          assert(one && "score" in one);
          assertAlmostEquals(filling.score, one.score, 1e-5);
          assertEquals({ ...filling, score: 0 }, { ...one, score: 0 });
        });
      }
    }
    const { lines: rows, said } = await predicted(
      "--data",
      `${folder}/a.csv`,
      "--keep-columns",
      "id",
    );
    assertEquals(said, ["Left out 1 blank text"]);
    assertEquals(rows.map(({ row }: { row: number }) => row), [1, 3]);
    assertEquals(rows[1].columns, { id: "9" });
    assertEquals(rows[1].masks, lines[1].masks);
    const { lines: plain } = await predicted("--data", `${folder}/b.txt`);
    assertEquals(plain.map(({ row }: { row: number }) => row), [1, 2]);
    const refused: [string[], string][] = [
      [["--text", "the dog"], "Cannot fill --text 1: it holds no [MASK]"],
      [
        ["--text", `${"dog ".repeat(40)} [MASK]`],
        "its mask is beyond the 32 tokens of a row",
      ],
      [[], "give either --data or --text"],
      [["--text", "x", "--keep-columns", "id"], "--keep-columns with --text"],
      [
        ["--data", `${folder}/b.txt`, "--text-column", "a"],
        "Cannot use --text-co",
      ],
      [["--text", "[MASK]", "--top-k", "0"], "Cannot use --top-k 0"],
    ];
    for (const [given, message] of refused) {
      await assertRejects(() => predicted(...given), Error, message);
    }
  });
  model.dispose();
});

gpuTest("fill-mask predicts with the mean over samples", async () => {
  const model = bert();
  const swag = SwagModel.fromBase(model, { maxNumModels: 3 });
  for (let i = 0; i < 3; i++) {
    [...model.parameters()].forEach((parameter, k) =>
      parameter.write(randomValues(parameter.size, 10 * k + i, -0.3, 0.3))
    );
    swag.collectModel();
  }
  const { progress } = listener();
  const args = argumentsOf(task, "predict", [
    "--text",
    "the [MASK] barks",
    "--swag-samples",
    "4",
    "--scale",
    "1",
    "--top-k",
    "2",
  ]);
  const [line] = await Array.fromAsync(
    task.predict({ model, tokenizer: TOKENIZER, swag }, {
      args,
      progress,
      maxLength: 32,
    }),
  );
  const inputIds = TOKENIZER.encode("the [MASK] barks").inputIds;
  const members: Float64Array[] = [];
  for (let index = 0; index < 4; index++) {
    members.push(
      await swag.withSample({ scale: 1, seed: 0, index }, async () => {
        using _ = scope();
        const { logits } = model.forward({
          inputIds: tensor([inputIds], { dtype: "i32" }),
        });
        const all = await logits.data();
        return softmaxRows(all.subarray(2 * vocabSize, 3 * vocabSize), {
          classes: vocabSize,
        });
      }),
    );
  }
  const mean = Array.from(
    { length: vocabSize },
    (_, k) => members.reduce((sum, own) => sum + (own[k] ?? NaN), 0) / 4,
  );
  const entropyOf = (p: ArrayLike<number>) =>
    -Array.from(p).reduce((sum, x) => sum + x * Math.log(x), 0);
  const { masks: [mask] } = JSON.parse(JSON.stringify(line));
  assertAlmostEquals(mask.fillings[0].score, Math.max(...mean), 1e-4);
  assertEquals(mask.fillings[0].token, mean.indexOf(Math.max(...mean)));
  assertAlmostEquals(mask.entropy, entropyOf(mean), 1e-3);
  const own = members.reduce((sum, p) => sum + entropyOf(p), 0) / 4;
  assertAlmostEquals(mask.expectedEntropy, own, 1e-3);
  assertAlmostEquals(mask.mutualInformation, entropyOf(mean) - own, 1e-3);
  swag.dispose();
  model.dispose();
});

gpuTest("fill-mask names the row whose scores are not finite", async () => {
  const model = bert();
  const [first] = [...model.parameters()];
  first?.write(new Float32Array(first.size).fill(NaN));
  await withFiles({ "a.txt": TEXTS.join("\n") }, async (data) => {
    const { rows } = await prepared([...data, "--block-size", "16"]);
    await assertRejects(
      () => outputsOf(model, rows),
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
    const outputs = await task.outputs(rows, {
      args: argumentsOf(task, "finetune", given),
      progress: listener().progress,
      model,
      tokenizer,
      maxLength: 32,
      batchSize: 8,
      isSample: false,
      advance: () => {},
    });
    assert((task.scores([outputs], rows, CONTEXT).nll ?? NaN) > 0);
  });
  model.dispose();
});
