// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { questionAnswering as task } from "../../../cli/tasks/question_answering.ts";
import { manualSeed, readAll } from "../../../engine/mod.ts";
import {
  AutoConfig,
  AutoModelForQuestionAnswering,
  type Encoding,
  pipeline,
} from "../../../models/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import {
  collectWaves,
  probabilities,
  rowOf,
  tinyConfig,
  tinyTokenizer,
} from "../../models/pipelines/_tiny.ts";
import { linesOf, withFile } from "./_task.ts";

const tokenizer = tinyTokenizer();
const CONTEXT = "Anna lives in New York, the dog lives in Paris.";
const QUESTIONS = ["where is Anna", "where is the dog", "who"];
const ASKED = QUESTIONS.map((question) => ({ question, context: CONTEXT }));
const ARGV = [
  ...QUESTIONS.flatMap((question) => ["--question", question]),
  "--context",
  CONTEXT,
];

/** A model with random weights; its configuration holds what is noted. */
function reader(noted: Record<string, unknown> = {}) {
  manualSeed(5);
  const fields = { ...tinyConfig().toJSON(), swagpu: noted };
  const config = AutoConfig.fromFields(fields);
  return AutoModelForQuestionAnswering.fromConfig(config).eval();
}

/** The parts of a line that the pipeline gives too. */
function answerIn(
  { answer, start, end }: Record<string, unknown>,
): Record<string, unknown> {
  return { answer, start, end };
}

/** The probabilities of the tokens that may be answers. */
function maskedProbabilities(
  logits: readonly number[],
  { sequenceIds }: Encoding,
): number[] {
  return probabilities(
    logits.map((x, i) => (sequenceIds[i] === 1 || i === 0 ? x : -Infinity)),
  );
}

gpuTest(
  "question-answering gives the answers and scores of the pipeline",
  async () => {
    const model = reader();
    const loaded = { model, tokenizer, swag: undefined };
    const ask = await pipeline("question-answering", { model, tokenizer });
    const options = { alignToWords: false, maxAnswerLen: 3 };
    const argv = [...ARGV, "--max-answer-length", "3"];
    const lines = await linesOf(task, loaded, { argv });
    const expected = await ask(ASKED, options);
    assertEquals(lines.map(({ question }) => question), QUESTIONS);
    assertEquals(
      lines.map(answerIn),
      expected.map((own) => answerIn({ ...own })),
    );
    assertClose(
      lines.map(({ score }) => Number(score)),
      expected.map(({ score }) => score),
      FUNCTIONS,
    );
    assertEquals(Object.keys(lines[0] ?? {}), [
      "question",
      "answer",
      "score",
      "start",
      "end",
    ]);
    // The best answers, the best first.
    const [best] = await linesOf(task, loaded, {
      argv: [...argv, "--n-best", "3"],
    });
    const answers = best?.answers as Record<string, unknown>[];
    assertEquals(answers.length, 3);
    assertEquals(answerIn(answers[0] ?? {}), answerIn(best ?? {}));
    const scores = answers.map(({ score }) => Number(score));
    assertEquals(scores, scores.toSorted((a, b) => b - a));
    model.dispose();
  },
);

gpuTest(
  "question-answering gives no answer only where that may be",
  async () => {
    const model = reader();
    const loaded = { model, tokenizer, swag: undefined };
    const ask = await pipeline("question-answering", { model, tokenizer });
    const expected = await ask(ASKED, {
      alignToWords: false,
      maxAnswerLen: 30,
      handleImpossibleAnswer: true,
    });
    const allowed = await linesOf(task, loaded, {
      argv: [...ARGV, "--unanswerable"],
    });
    assertEquals(
      allowed.map(answerIn),
      expected.map((own) => answerIn({ ...own })),
    );
    assertClose(
      allowed.map(({ score }) => Number(score)),
      expected.map(({ score }) => score),
      FUNCTIONS,
    );
    // A threshold decides.
    const always = await linesOf(task, loaded, {
      argv: [...ARGV, "--unanswerable", "--null-threshold=-1e9"],
    });
    assertEquals(
      always.map(answerIn),
      QUESTIONS.map(() => ({ answer: "", start: 0, end: 0 })),
    );
    assert(always.every(({ score }) => Number(score) > 0));
    const never = await linesOf(task, loaded, {
      argv: [...ARGV, "--unanswerable", "--null-threshold", "1e9"],
    });
    assert(never.every(({ answer }) => answer !== ""));
    // A model that was trained on such questions needs no option.
    const trained = { ...loaded, model: reader({ unanswerable: true }) };
    assertEquals(await linesOf(task, trained, { argv: ARGV }), allowed);
    await assertRejects(
      () => linesOf(task, loaded, { argv: [...ARGV, "--null-threshold", "1"] }),
      TypeError,
      "the model was not trained on questions without an answer",
    );
    model.dispose();
    trained.model.dispose();
  },
);

gpuTest(
  "question-answering reads files, and long contexts in windows",
  async () => {
    const model = reader();
    const loaded = { model, tokenizer, swag: undefined };
    const [expected] = await linesOf(task, loaded, { argv: ARGV });
    const squad = JSON.stringify({
      data: [{
        title: "Anna",
        paragraphs: [{
          context: CONTEXT,
          qas: [{ id: "q1", question: QUESTIONS[0], answers: [] }],
        }],
      }],
    });
    const [line] = await withFile(
      "a.json",
      squad,
      (path) =>
        linesOf(task, loaded, {
          argv: ["--data", path, "--keep-columns", "title"],
        }),
    );
    assertEquals(line, {
      row: 1,
      columns: { title: "Anna" },
      id: "q1",
      ...expected,
    });
    const tsv = `q\tc\n${QUESTIONS[0]}\t${CONTEXT}\n`;
    const [other] = await withFile(
      "a.tsv",
      tsv,
      (path) =>
        linesOf(task, loaded, {
          argv: [
            "--data",
            path,
            "--question-column",
            "q",
            "--context-column",
            "c",
          ],
        }),
    );
    assertEquals(other, { row: 1, ...expected });

    const long = "the cat and the dog . ".repeat(9) + CONTEXT;
    const argv = ["--question", "who", "--context", long, "--doc-stride", "4"];
    const [found] = await linesOf(task, loaded, { argv });
    assertEquals(
      long.slice(Number(found?.start), Number(found?.end)),
      found?.answer,
    );
    assert(Number(found?.score) > 0);
    model.dispose();
  },
);

gpuTest(
  "question-answering says how much samples of the weights disagree",
  async () => {
    const model = reader();
    const weight = model.namedParameters().get("qa_outputs.weight");
    assert(weight, "the model has a head");
    using swag = SwagModel.fromBase(model, {
      modulePrefixList: ["qa_outputs"],
    });
    collectWaves(swag, weight);
    const samples = 4;
    const argv = [..."--swag-samples 4 --seed 2 --scale 1".split(" "), ...ARGV];
    const lines = await linesOf(task, { model, tokenizer, swag }, { argv });
    for (const [i, question] of QUESTIONS.entries()) {
      const encoding = tokenizer.encode([question, CONTEXT]);
      const sides: number[][][] = [[], []];
      for (let index = 0; index < samples; index++) {
        const values = await swag.withSample(
          { seed: 2, index, scale: 1 },
          () => {
            const { startLogits, endLogits } = model.forward(rowOf(encoding));
            return readAll([startLogits, endLogits]);
          },
        );
        values.forEach((own, side) =>
          sides[side]?.push(maskedProbabilities([...own], encoding))
        );
      }
      const [starts = [], ends = []] = sides;
      const { answer, start, end, ...measures } = lines[i] ?? {};
      assertEquals(CONTEXT.slice(Number(start), Number(end)), answer);
      const { offsets, sequenceIds } = encoding;
      const first = offsets.findIndex(([from], token) =>
        sequenceIds[token] === 1 && from === start
      );
      const last = offsets.findIndex(([, to], token) =>
        sequenceIds[token] === 1 && to === end
      );
      const scores = starts.map((own, s) =>
        (own[first] ?? NaN) * (ends[s]?.[last] ?? NaN)
      );
      const mean = scores.reduce((sum, x) => sum + x / samples, 0);
      const spread = scores.reduce(
        (sum, x) => sum + (x - mean) ** 2 / samples,
        0,
      );
      const entropy = (p: number[]) =>
        -p.reduce((sum, q) => sum + (q === 0 ? 0 : q * Math.log(q)), 0);
      const totals = sides.map((side) =>
        entropy(
          encoding.inputIds.map((_, token) =>
            side.reduce((sum, own) => sum + (own[token] ?? NaN) / samples, 0)
          ),
        )
      );
      const own = sides.map((side) =>
        side.reduce((sum, p) => sum + entropy(p) / samples, 0)
      );
      const add = ([a = NaN, b = NaN]: number[]) => a + b;
      assertClose(
        ["score", "std", "entropy", "mutualInformation"].map((name) =>
          Number(measures[name])
        ),
        [mean, Math.sqrt(spread), add(totals), add(totals) - add(own)],
        { absolute: 3e-6, relative: 1e-4 },
      );
      assert(Number(measures.std) > 1e-4, "samples differ");
    }
    model.dispose();
  },
);

gpuTest("question-answering refuses what it cannot answer", async () => {
  const model = reader();
  const loaded = { model, tokenizer, swag: undefined };
  const cases: [argv: string[], message: string][] = [
    [[], "give either --data, or --question and --context"],
    [["--data", "a.json", "--question", "who"], "give either --data, or"],
    [["--question", "who"], "1 --question with 0 --contexts"],
    [["--context", "who"], "0 --questions with 1 --context"],
    [
      [...ARGV, "--context", "who"],
      "3 --questions with 2 --contexts: give one",
    ],
    [
      ["--question", " ", "--context", "a"],
      "question 1: its question is empty",
    ],
    [[...ARGV, "--format", "csv"], "Cannot use --format with --question"],
  ];
  for (const [argv, message] of cases) {
    await assertRejects(
      () => linesOf(task, loaded, { argv }),
      TypeError,
      message,
    );
  }
  const files: [name: string, text: string, message: string][] = [
    ["a.csv", "question,text\na,b\n", 'Cannot find the column "context"'],
    ["a.csv", "question,context\nwho,\n", "its context is empty"],
    ["a.xyz", "a", "say --format squad, csv"],
  ];
  for (const [name, text, message] of files) {
    await withFile(name, text, (path) =>
      assertRejects(
        () => linesOf(task, loaded, { argv: ["--data", path] }),
        Error,
        message,
      ));
  }
  model.dispose();
});
