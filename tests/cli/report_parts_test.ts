// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { counterRandom } from "../../nn/counter_random.ts";
import {
  checkReportOutputs,
  writeReportOutputs,
} from "../../cli/report_outputs.ts";
import type { MethodScores } from "../../cli/report_predictions.ts";
import { regressionResults } from "../../cli/report_regression.ts";
import { readTraining } from "../../cli/report_training.ts";
import { TokenizedTexts } from "../../cli/tokenized_texts.ts";
import { AutoTokenizer } from "../../models/mod.ts";
import { inFolder, names } from "../_folder.ts";

const lines = (list: readonly object[]) =>
  list.map((entry) => JSON.stringify(entry) + "\n").join("");

Deno.test("the curves of a training come from its log", async () => {
  const log = [
    { loss: 1, learning_rate: 0.1, epoch: 0.5, step: 1 },
    { loss: null, learning_rate: 0.05, epoch: 1, step: 2 },
    { eval_loss: 0.9, epoch: 1, step: 2 },
    { train_loss: 0.8, train_runtime: 3, epoch: 1, step: 2 },
  ];
  const expected = {
    losses: [
      { name: "training", steps: [1], values: [1] },
      { name: "validation", steps: [2], values: [0.9] },
    ],
    learningRates: [{ name: "rate", steps: [1, 2], values: [0.1, 0.05] }],
  };
  await inFolder(async (folder) => {
    assertEquals(await readTraining(folder), undefined);
    assertEquals(await readTraining(folder, [3]), {
      losses: [],
      snapshots: [3],
    });
    await Deno.writeTextFile(
      `${folder}/trainer_state.json`,
      JSON.stringify({ log_history: log }),
    );
    assertEquals(await readTraining(folder), expected);
    await Deno.writeTextFile(`${folder}/trainer_state.json`, "{}");
    await assertRejects(() => readTraining(folder), SyntaxError, "log_history");
    // A run that was killed has not finished its last line.
    const path = `${folder}/log.jsonl`;
    await Deno.writeTextFile(path, lines(log) + '{"loss":0.');
    assertEquals(await readTraining(folder, [2]), {
      ...expected,
      snapshots: [2],
    });
    await Deno.writeTextFile(path, lines(log.slice(0, 1)) + "1\n");
    await assertRejects(
      () => readTraining(folder),
      SyntaxError,
      `line 2 of ${path}`,
    );
  });
});

Deno.test("only cards and pages that report wrote are replaced", async () => {
  await inFolder(async (folder) => {
    const outputs = { folder, withCard: true };
    const card = `${folder}/README.md`;
    const page = `${folder}/report.html`;
    const write = () => writeReportOutputs({ title: "A run" }, outputs);
    await checkReportOutputs(outputs);
    assertEquals(await write(), [page, card]);
    assertEquals(names(folder), ["README.md", "report.html"]);
    await checkReportOutputs(outputs);
    await write();

    const refuses = (path: string) =>
      assertRejects(
        () => checkReportOutputs(outputs),
        Deno.errors.AlreadyExists,
        `Cannot replace ${path}`,
      );
    const own = await Deno.readTextFile(card);
    await Deno.writeTextFile(card, own.replace("# A run", "# My run"));
    await refuses(card);
    await checkReportOutputs({ folder, withCard: false });
    await Deno.writeTextFile(card, `${own}More.\n`);
    await refuses(card);
    await Deno.writeTextFile(card, "Mine.\n");
    await refuses(card);
    await Deno.writeTextFile(card, own);
    await checkReportOutputs(outputs);
    await Deno.writeTextFile(page, "<html></html>");
    await refuses(page);
  });
});

Deno.test("deviations of numbers are the spread and the noise that is left", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/vocab.txt`,
      "[PAD]\n[UNK]\n[CLS]\n[SEP]\n",
    );
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    const random = counterRandom(1);
    const normal = () =>
      Math.sqrt(-2 * Math.log(1 - random())) *
      Math.cos(2 * Math.PI * random());
    const rows = 4000;
    const texts = Array.from({ length: rows }, () => "");
    const truth = Float32Array.from(texts, () => 3 * normal());
    // Two samples, 0.4 to both sides of the mean, and noise of 0.3.
    const mean = truth.map((value) => value + 0.5 * normal());
    const samples = [mean.map((x) => x - 0.4), mean.map((x) => x + 0.4)];
    const scores = (
      name: string,
      test: Float32Array<ArrayBuffer>[],
    ): MethodScores => ({
      name,
      test,
      fit: undefined,
      ood: undefined,
      secondsPerExample: 1,
    });
    const test = {
      texts: new TokenizedTexts(tokenizer, texts, { maxLength: 4 }),
      labels: truth,
      source: { path: "test.csv" },
    };
    const inputs = { test, fit: undefined, ood: undefined };
    const { methods, note } = regressionResults(
      [scores("last iterate", [mean]), scores("SWAG", samples)],
      inputs,
      texts,
    );
    assertEquals(methods.map(({ name }) => name), [
      "last iterate",
      "SWAG, spread alone",
      "SWAG",
    ]);
    // The errors are 0.5 in all: the noise is what the spread leaves of them.
    const [first, alone, swag] = methods.map(({ deviation }) => deviation);
    assert(first && alone && swag);
    assertAlmostEquals(first[0] ?? NaN, 0.5, 0.02);
    assertAlmostEquals(alone[0] ?? NaN, 0.4, 1e-6);
    assertAlmostEquals(swag[0] ?? NaN, 0.5, 0.02);
    // Each half has the noise of the other.
    assert(first[0] !== first[1] && first[0] === first[2]);
    assert(note?.includes("each half of the rows for the other half"));

    // On other rows, whose predictions are all off by 2.
    const off = mean.map(() => 2);
    const zeros = { ...test, labels: new Float32Array(rows) };
    const fitted = regressionResults(
      [{ ...scores("last iterate", [mean]), fit: [off] }],
      { ...inputs, fit: zeros },
      texts,
    );
    assertEquals(fitted.methods[0]?.deviation[5], 2);
    assert(fitted.note?.includes("given to fit on"));
  });
});
