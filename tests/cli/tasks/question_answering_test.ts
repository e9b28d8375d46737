// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { questionAnswering as task } from "../../../cli/tasks/question_answering.ts";
import {
  averageOutputs,
  type WindowOutput,
} from "../../../cli/tasks/question_outputs.ts";
import type { WindowRow } from "../../../cli/tasks/question_rows.ts";
import { answersOf } from "../../../cli/tasks/question_scores.ts";
import { manualSeed, readAll } from "../../../engine/mod.ts";
import { BertForQuestionAnswering } from "../../../models/mod.ts";
import { logSoftmaxRows, squadV2, Trainer } from "../../../nn/mod.ts";
import { assertClose, FUNCTIONS, gpuTest, randomValues } from "../../_check.ts";
import {
  probabilities,
  rowOf,
  tinyConfig,
  tinyTokenizer,
} from "../../models/pipelines/_tiny.ts";
import { contextOf, type Listener, listener, readText } from "./_task.ts";

const tokenizer = tinyTokenizer();
const CONTEXT = "Anna lives in New York, the dog lives in Paris.";
const answer = (text: string, context = CONTEXT) => ({
  text,
  answer_start: context.indexOf(text),
});
const QUESTIONS = [
  { id: "a", question: "where is Anna", answers: [answer("New York")] },
  { id: "b", question: "where is the dog", answers: [answer("Paris")] },
  { id: "c", question: "who is the cat", answers: [] },
];
/** A file of SQuAD's form, with so many of the questions. */
const squadFile = (count: number) =>
  JSON.stringify({
    version: "v2.0",
    data: [{
      title: "Anna",
      paragraphs: [{ context: CONTEXT, qas: QUESTIONS.slice(0, count) }],
    }],
  });

/** The windows of the first questions. */
async function rowsOf(
  { count = 3, maxLength = 24, isTraining = false, argv = [], told }: {
    count?: number;
    maxLength?: number;
    isTraining?: boolean;
    argv?: readonly string[];
    told?: Listener;
  } = {},
): Promise<WindowRow[]> {
  const data = await readText(task, { name: "a.json", text: squadFile(count) });
  return task.prepare(data, {
    ...contextOf(task, argv, told),
    config: tinyConfig(),
    tokenizer,
    maxLength,
    isTraining,
  });
}

/** Scores of 0 but for a window's best first and last tokens. */
function scoresOf(
  { length }: WindowRow,
  [first, last]: readonly [number, number],
  high = 6,
): WindowOutput {
  const one = (at: number) =>
    Float32Array.from({ length }, (_, i) => (i === at ? high : 0));
  return { startLogits: one(first), endLogits: one(last) };
}

/** The tokens of the true answer. */
function placeOf(row: WindowRow): [number, number] {
  return [row.startPositions, row.endPositions];
}

Deno.test("question-answering reads SQuAD's files and tables", async () => {
  const squad = await readText(task, { name: "a.json", text: squadFile(3) });
  assertEquals(
    squad.examples.map(({ question }) => question),
    QUESTIONS.map(({ question }) => question),
  );
  assertMatch(
    squad.examples[2]?.place ?? "",
    /^row 3 of .*a\.json \(line 1\)$/,
  );
  const [a, , c] = squad.examples;
  assert(a && c);
  assertEquals([task.stratum?.(a), task.stratum?.(c)], [true, false]);
  const flat = [{
    question: "where is Anna",
    context: CONTEXT,
    answers: { text: ["New York"], answer_start: [14] },
  }];
  const expected = [{ text: "New York", start: 14 }];
  for (
    const [name, text, ...argv] of [
      ["a.json", JSON.stringify(flat)],
      ["a.json", JSON.stringify({ data: flat }), "--field", "data"],
      ["a.jsonl", JSON.stringify(flat[0])],
      [
        "a.csv",
        `question,context,answers,answer_start
where is Anna,"${CONTEXT}",New York,14
who,"${CONTEXT}",,
`,
      ],
      [
        "a.csv",
        `where is Anna,"${CONTEXT}",New York,14\n`,
        ..."--columns q,c,a,s --question-column q --context-column c".split(
          " ",
        ),
        ..."--answers-column a --answer-start-column s".split(" "),
      ],
    ] as const
  ) {
    const { examples } = await readText(task, { name, text, argv });
    assertEquals(examples[0]?.answers, expected, name);
    if (examples[1]) assertEquals(examples[1].answers, []);
  }
});

Deno.test("question-answering refuses answers that are not where they should be", async () => {
  const wrong = JSON.stringify({
    question: "where is Anna",
    context: CONTEXT,
    answers: { text: ["New York"], answer_start: [3] },
  });
  await assertRejects(
    () => readText(task, { name: "a.jsonl", text: wrong }),
    TypeError,
    '"New York" at 3, but at 14',
  );
  await assertRejects(
    () => readText(task, { name: "a.jsonl", text: '{"context": "a"}' }),
    TypeError,
    '"answers" is missing',
  );
  await assertRejects(
    () => readText(task, { name: "a.json", text: "[1, " }),
    SyntaxError,
    "Cannot read",
  );
  await assertRejects(
    () => readText(task, { name: "a.txt", text: "a" }),
    RangeError,
    "as text: expected squad, csv",
  );
});

Deno.test("question-answering cuts contexts into windows", async () => {
  const whole = await rowsOf();
  assertEquals(whole.map(({ length }) => length), [18, 19, 19]);
  assertEquals(whole.map(placeOf), [[8, 9], [16, 16], [0, 0]]);
  const told = listener();
  const argv = ["--doc-stride", "2"];
  const cut = await rowsOf({ maxLength: 12, argv, told });
  assert(cut.length > 3 && cut.every(({ length }) => length <= 12));
  assertMatch(
    told.said.join("\n"),
    /3 questions of .* read in \d+ windows of at most 12 tokens/,
  );
  // Every window knows its question; the answer is in some of them alone.
  const own = cut.filter(({ asked }) => asked.answers[0] === "Paris");
  assert(
    own.length > 1 && own.some(({ startPositions }) => startPositions === 0),
  );
  for (const { startPositions, endPositions, offsetMapping } of own) {
    if (startPositions === 0) continue;
    const [start] = offsetMapping[startPositions] ?? [];
    const [, end] = offsetMapping[endPositions] ?? [];
    assertEquals(CONTEXT.slice(start, end), "Paris");
  }
  const learned = await rowsOf({ isTraining: true });
  assertEquals(learned.map(placeOf), whole.map(placeOf));
  assertEquals(learned[0]?.offsetMapping, []);
  await assertRejects(
    () => rowsOf({ maxLength: 5 }),
    RangeError,
    "Cannot prepare question row 1 of",
  );
});

Deno.test("question-answering notes whether questions may have no answer", async () => {
  const read = (count: number) =>
    readText(task, { name: "a.json", text: squadFile(count) });
  const config = tinyConfig();
  const fields = async (count: number, ...argv: string[]) =>
    task.configFields(await read(count), { ...contextOf(task, argv), config });
  assertEquals(await fields(3), {
    num_labels: 2,
    id2label: { 0: "LABEL_0", 1: "LABEL_1" },
    label2id: { LABEL_0: 0, LABEL_1: 1 },
    swagpu: { unanswerable: true },
  });
  assertEquals((await fields(2)).swagpu, { unanswerable: false });
  const asked = await fields(2, "--unanswerable");
  assertEquals(asked.swagpu, { unanswerable: true });
  // A threshold without use is refused before anything is trained.
  await assertRejects(
    () => rowsOf({ count: 2, argv: ["--null-threshold", "1"] }),
    TypeError,
    "every question has an answer; say --unanswerable",
  );
  const both = ["--null-threshold", "1", "--unanswerable"];
  assertEquals((await rowsOf({ count: 2, argv: both })).length, 2);
});

Deno.test("question-answering measures as SQuAD's first script does", async () => {
  const rows = await rowsOf({ count: 2 });
  const [anna, dog] = rows;
  assert(anna && dog);
  const config = tinyConfig();
  const context = { ...contextOf(task), config };
  // "York" in place of "New York": F1 is 2 · 1 · ½ / (1 + ½).
  const outputs = [scoresOf(anna, [9, 9]), scoresOf(dog, placeOf(dog))];
  const scores = task.scores([outputs], rows, context);
  assertEquals(Object.keys(scores), ["exact_match", "f1", "nll"]);
  assertClose(
    [scores.exact_match ?? NaN, scores.f1 ?? NaN],
    [50, 100 * (2 / 3 + 1) / 2],
    FUNCTIONS,
  );
  const log = (row: WindowRow, value: number) =>
    Math.log(Math.exp(6) + row.length - 1) - value;
  const nll = (log(anna, 0) + log(anna, 6) + 2 * log(dog, 6)) / 4;
  assertClose([scores.nll ?? NaN], [nll], FUNCTIONS);
  // From "Anna" to "Paris" is best, and too long if a length is given.
  const wide = scoresOf(dog, [6, 16]);
  wide.startLogits[16] = 5;
  const long = [scoresOf(anna, placeOf(anna)), wide];
  const short = { ...contextOf(task, ["--max-answer-length", "2"]), config };
  assertEquals(task.scores([long], rows, context).exact_match, 50);
  assertEquals(task.scores([long], rows, short).exact_match, 100);
});

Deno.test("question-answering measures as SQuAD's second script does", async () => {
  const rows = await rowsOf();
  const config = tinyConfig();
  const of = (...argv: string[]) => ({ ...contextOf(task, argv), config });
  // The second gets no answer, the third one that it should not get.
  const outputs = rows.map((row, i) =>
    scoresOf(row, ([placeOf(row), [0, 0], [8, 9]] as const)[i] ?? [0, 0])
  );
  const scores = task.scores([outputs], rows, of());
  assertEquals(Object.keys(scores), [
    "exact_match",
    "f1",
    "has_ans_exact",
    "has_ans_f1",
    "no_ans_exact",
    "no_ans_f1",
    "best_f1",
    "best_f1_threshold",
    "nll",
  ]);
  assertClose(
    [scores.exact_match ?? NaN, scores.has_ans_f1 ?? NaN],
    [100 / 3, 50],
    FUNCTIONS,
  );
  assertEquals(scores.no_ans_exact, 0);
  // At any threshold, as the official scores of the texts that are given.
  for (let seed = 0; seed < 20; seed++) {
    const random = rows.map(({ length }, i): WindowOutput => ({
      startLogits: randomValues(length, 3 * seed + i),
      endLogits: randomValues(length, 50 + 3 * seed + i),
    }));
    const threshold = (seed - 10) / 10;
    const found = answersOf(rows, random, {
      version2WithNegative: true,
      nullScoreDiffThreshold: threshold,
    });
    const official = squadV2(
      Object.fromEntries(found.map(({ prediction }) => [
        prediction.id,
        prediction.predictionText,
      ])),
      found.map(({ asked }) => asked),
    );
    const own = task.scores(
      [random],
      rows,
      of(`--null-threshold=${threshold}`),
    );
    assertEquals(
      [own.exact_match, own.f1, own.has_ans_f1, own.no_ans_f1],
      [official.exact, official.f1, official.hasAnsF1, official.noAnsF1],
    );
    const best = own.best_f1_threshold ?? NaN;
    const again = task.scores([random], rows, of(`--null-threshold=${best}`));
    // If no answer at all is best, no threshold of the script says so.
    if (best !== 0) assertEquals(again.f1, own.best_f1);
  }
});

Deno.test("samples of the weights average the probabilities of places", () => {
  const of = (seed: number, shift: number): WindowOutput => ({
    startLogits: randomValues(7, seed).map((x) => 3 * x + shift),
    endLogits: randomValues(7, seed + 9).map((x) => 3 * x - shift),
  });
  const members = [[of(1, 0)], [of(2, 5)], [of(3, -1)]];
  const [mean] = averageOutputs(members);
  for (const name of ["startLogits", "endLogits"] as const) {
    const all = members.map(([own]) => [...own?.[name] ?? []]);
    const expected = all[0]?.map((_, token) =>
      all.reduce((sum, own) =>
        sum + (probabilities(own)[token] ?? NaN) / 3, 0)
    ) ?? [];
    const values = [...mean?.[name] ?? []];
    assertClose(probabilities(values), expected, FUNCTIONS);
    // Windows stay comparable: the logarithm of the sum is the mean of the members'.
    const sumOf = (own: number[]) =>
      (own[0] ?? NaN) -
      (logSoftmaxRows(own, { classes: own.length })[0] ?? NaN);
    const sums = all.reduce((sum, own) =>
      sum + sumOf(own) / 3, 0);
    assertClose([sumOf(values)], [sums], FUNCTIONS);
  }
  assertEquals(averageOutputs(members.slice(0, 1)), members[0]);
});

gpuTest("question-answering computes the scores of windows", async () => {
  manualSeed(3);
  const model = new BertForQuestionAnswering(tinyConfig()).eval();
  const rows = await rowsOf();
  const options = {
    ...contextOf(task),
    model,
    tokenizer,
    maxLength: 24,
    batchSize: 2,
    isSample: false,
    advance: () => {},
  };
  const outputs = await task.outputs(rows, options);
  for (const [i, { question }] of QUESTIONS.entries()) {
    const { startLogits, endLogits } = model.forward(
      rowOf(tokenizer.encode([question, CONTEXT])),
    );
    const [start = [], end = []] = await readAll([startLogits, endLogits]);
    assertClose(outputs[i]?.startLogits ?? [], start, FUNCTIONS);
    assertClose(outputs[i]?.endLogits ?? [], end, FUNCTIONS);
  }
  model.qaOutputs.bias?.write(Float32Array.of(Infinity, 0));
  await assertRejects(
    () => task.outputs(rows, options),
    RangeError,
    "Cannot use the scores of row ",
  );
  model.dispose();
});

gpuTest("question-answering learns answers in captured steps", async () => {
  manualSeed(3);
  const model = new BertForQuestionAnswering(tinyConfig({
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
  }));
  const learned = await rowsOf({ isTraining: true });
  const context = { ...contextOf(task), model, tokenizer, maxLength: 24 };
  const trainer = new Trainer({
    model,
    args: {
      numTrainEpochs: 40,
      learningRate: 0.02,
      perDeviceTrainBatchSize: 3,
    },
    trainDataset: learned,
    dataCollator: task.collator({ ...context, epoch: () => 0 }),
  });
  const { trainingLoss } = await trainer.train();
  const rows = await rowsOf();
  const outputs = await task.outputs(rows, {
    ...context,
    batchSize: 8,
    isSample: false,
    advance: () => {},
  });
  const { config } = model;
  const scores = task.scores([outputs], rows, { ...contextOf(task), config });
  assertEquals(
    [scores.exact_match, scores.has_ans_f1, scores.no_ans_f1],
    [100, 100, 100],
  );
  assertLess(scores.nll ?? NaN, trainingLoss / 2);
  model.dispose();
});

Deno.test("question-answering refuses rules that are out of range", async () => {
  const rows = await rowsOf();
  const config = tinyConfig();
  const outputs = rows.map((row) => scoresOf(row, [0, 0]));
  for (const name of ["max-answer-length", "n-best"]) {
    assertThrows(
      () =>
        task.scores([outputs], rows, {
          ...contextOf(task, [`--${name}`, "0"]),
          config,
        }),
      RangeError,
      `Cannot use --${name} 0`,
    );
  }
});
