// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { tokenClassification as task } from "../../../cli/tasks/token_classification.ts";
import { schemeOf } from "../../../cli/tasks/tag_scores.ts";
import type { TaggedRow } from "../../../cli/tasks/token_rows.ts";
import { manualSeed } from "../../../engine/mod.ts";
import {
  type BertConfig,
  BertForTokenClassification,
  tokenizeAndAlignLabels,
} from "../../../models/mod.ts";
import { entityScores, Trainer } from "../../../nn/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import {
  probabilities,
  rowOf,
  tinyConfig,
  tinyTokenizer,
  valuesOf,
} from "../../models/pipelines/_tiny.ts";
import { contextOf, type Listener, listener, readText } from "./_task.ts";

const tokenizer = tinyTokenizer();
const NAMES = ["O", "B-LOC", "B-PER", "I-LOC"];
const CONLL = `-DOCSTART- -X- O

Anna NNP B-PER
lives VBZ O
in IN O
New NNP B-LOC
York NNP I-LOC

the DT O
dogs NNS O
`;

/** The sentences of {@linkcode CONLL}. */
function read(
  more: { argv?: readonly string[]; told?: Listener } = {},
): ReturnType<typeof task.read> {
  return readText(task, { name: "a.conll", text: CONLL, ...more });
}

/** The rows of sentences. */
async function rowsOf(
  { names = NAMES, maxLength = 24, isTraining = false, argv = [], told }: {
    names?: readonly string[];
    maxLength?: number;
    isTraining?: boolean;
    argv?: readonly string[];
    told?: Listener;
  } = {},
): Promise<TaggedRow[]> {
  const config = tinyConfig({ id2label: { ...names } });
  const data = await read();
  return task.prepare(data, {
    ...contextOf(task, argv, told),
    config,
    tokenizer,
    maxLength,
    isTraining,
  });
}

function tagger(names: readonly string[] = NAMES): BertForTokenClassification {
  manualSeed(4);
  return new BertForTokenClassification(tinyConfig({ id2label: { ...names } }));
}

Deno.test("token-classification reads CoNLL, lists of words, and parts of texts", async () => {
  const { examples } = await read();
  const [first] = examples;
  assert(first && "words" in first);
  assertEquals(first.words, ["Anna", "lives", "in", "New", "York"]);
  assertEquals(first.tags, ["B-PER", "O", "O", "B-LOC", "I-LOC"]);
  assertMatch(first.place, /^row 1 of .*a\.conll \(line 3\)$/);
  const { examples: speech } = await read({ argv: ["--tags-column", "2"] });
  assert(speech[1] && "words" in speech[1]);
  assertEquals(speech[1].tags, ["DT", "NNS"]);
  const plain = await readText(task, { name: "a.txt", text: CONLL });
  assertEquals(plain.examples.length, 2);

  const row = { words: ["Anna", "lives"], ner_tags: [1, 0] };
  const lists = await readText(task, {
    name: "a.jsonl",
    text: JSON.stringify(row),
    argv: "--tokens-column words --tags-column ner_tags --tag-names O,B-PER"
      .split(" "),
  });
  assert(lists.examples[0] && "words" in lists.examples[0]);
  assertEquals(lists.examples[0].tags, ["B-PER", "O"]);

  // Positions count letters, of which 😀 is one.
  const text = "😀 New York";
  const slots = [{ slot: "LOC", start: 2, end: 10 }];
  const parts = await readText(task, {
    name: "a.jsonl",
    text: JSON.stringify({ text, slots }),
    argv: ["--spans-column", "slots"],
  });
  assert(parts.examples[0] && "spans" in parts.examples[0]);
  const [span] = parts.examples[0].spans;
  assertEquals(text.slice(span?.start, span?.end), "New York");
  const config = tinyConfig();
  const fields = task.configFields(parts, { ...contextOf(task), config });
  assertEquals(fields.id2label, { 0: "O", 1: "B-LOC", 2: "I-LOC" });
  const [own] = task.prepare(parts, {
    ...contextOf(task),
    config: tinyConfig({ id2label: { ...fields.id2label as object } }),
    tokenizer,
    maxLength: 24,
    isTraining: false,
  });
  assertEquals(own?.labels, [-100, 0, 1, 2, -100]); // [CLS] 😀 new york [SEP]
});

Deno.test("token-classification names classes after the tags, O first", async () => {
  const data = await read();
  const fieldsFor = (config: BertConfig) =>
    task.configFields(data, { ...contextOf(task), config });
  assertEquals(fieldsFor(tinyConfig()), {
    num_labels: 4,
    id2label: { ...NAMES },
    label2id: { O: 0, "B-LOC": 1, "B-PER": 2, "I-LOC": 3 },
    swagpu: {},
  });
  // A model that knows all these tags keeps its own.
  const id2label = { 0: "B-PER", 1: "O", 2: "I-LOC", 3: "B-LOC", 4: "B-ORG" };
  assertEquals(fieldsFor(tinyConfig({ id2label })).id2label, id2label);
  const other = { 0: "O", 1: "B-ORG" };
  const fresh = fieldsFor(tinyConfig({ id2label: other }));
  assertEquals(fresh.id2label, { ...NAMES });
  const one = await readText(task, { name: "a.conll", text: "the O\n" });
  assertThrows(
    () => task.configFields(one, { ...contextOf(task), config: tinyConfig() }),
    RangeError,
    'every tag is "O"',
  );
});

Deno.test("token-classification tags the first token of each word, or all to learn", async () => {
  const [anna, dogs] = await rowsOf();
  assertEquals(anna?.labels, [-100, 2, 0, 0, 1, 3, -100]);
  assertEquals(dogs?.labels, [-100, 0, 0, -100, -100]); // the dog ##s
  assertEquals(dogs?.length, 5);
  const argv = ["--label-all-tokens"];
  const [, all] = await rowsOf({ argv, isTraining: true });
  assertEquals(all?.labels, [-100, 0, 0, 0, -100]);
  const [, measured] = await rowsOf({ argv });
  assertEquals(measured?.labels, dogs?.labels);
});

Deno.test("token-classification says which words it leaves out", async () => {
  const told = listener();
  const [anna, dogs] = await rowsOf({ maxLength: 5, told });
  assertEquals(anna?.labels, [-100, 2, 0, 0, -100]);
  assertEquals(dogs?.length, 5); // as long as allowed, and whole
  assertMatch(
    told.said.join("\n"),
    /Left out 2 words of .*: 1 row cut to 5 tokens/,
  );
  const empty = listener();
  const data = await readText(task, {
    name: "a.jsonl",
    text: JSON.stringify({ tokens: ["the", "\u200d"], tags: ["O", "B-LOC"] }),
  });
  const context = {
    ...contextOf(task, [], empty),
    config: tinyConfig({ id2label: { ...NAMES } }),
    tokenizer,
    maxLength: 8,
    isTraining: false,
  };
  assertEquals(task.prepare(data, context)[0]?.labels, [-100, 0, -100]);
  assertMatch(
    empty.said.join("\n"),
    /1 word of .* for which the tokenizer has no token/,
  );
  const none = await readText(task, {
    name: "a.jsonl",
    text: JSON.stringify({ tokens: ["\u200d"], tags: ["O"] }),
  });
  assertThrows(
    () => task.prepare(none, context),
    RangeError,
    "none of its words has a token",
  );
});

Deno.test("token-classification refuses what it cannot use", async () => {
  await assertRejects(
    () => readText(task, { name: "a.csv", text: "tokens,tags\na,b\n" }),
    RangeError,
    "as csv: expected conll, jsonl, json or parquet",
  );
  await assertRejects(
    () => readText(task, { name: "a.conll", text: "\n" }),
    RangeError,
    "it has no rows",
  );
  const rows = [
    { tokens: ["a", "b"], tags: ["O"] },
    { tokens: ["a"], tags: ["O"] },
  ];
  const text = rows.map((row) => JSON.stringify(row) + "\n").join("");
  await assertRejects(
    () => readText(task, { name: "a.jsonl", text }),
    TypeError,
    "2 tokens",
  );
  const told = listener();
  const { examples } = await readText(task, {
    name: "a.jsonl",
    text,
    argv: ["--skip-bad-rows"],
    told,
  });
  assertEquals(examples.length, 1);
  assertMatch(
    told.said.join("\n"),
    /Left out 1 of 2 rows .* 2 tokens in "tokens"/s,
  );
  await assertRejects(
    () => read({ argv: ["--text-column", "text"] }),
    TypeError,
    "Cannot use --text-column without --spans-column",
  );
  await assertRejects(
    () => read({ argv: "--spans-column a --tags-column b".split(" ") }),
    TypeError,
    "Cannot use --tags-column with --spans-column",
  );
  await assertRejects(
    () => rowsOf({ names: ["O", "B-PER"] }),
    RangeError,
    'Cannot use the tag "B-LOC" in row 1 of',
  );
  const parts: [slots: unknown, message: string][] = [
    [[{ start: 0, end: 99, slot: "a" }], "start and end from 0 to 8"],
    [[{ start: 0, end: 3 }], "expected a label"],
    [[{ start: 3, end: 4, slot: "a" }], "with a word between"],
    [
      [{ start: 0, end: 8, slot: "a" }, { start: 4, end: 8, slot: "b" }],
      '"a" and "b" overlap',
    ],
    ["all", "expected a list of objects"],
  ];
  for (const [slots, message] of parts) {
    await assertRejects(
      () =>
        readText(task, {
          name: "a.jsonl",
          text: JSON.stringify({ text: "New York", slots }),
          argv: ["--spans-column", "slots"],
        }),
      TypeError,
      message,
    );
  }
});

Deno.test("tags write entities, or they do not", () => {
  assertEquals(schemeOf(["O", "B-PER", "I-PER"]), {});
  assertEquals(schemeOf(["O", "I-PER", "E-PER", "S-PER", "B-PER"]), {});
  assertEquals(schemeOf(["O", "B-PER", "L-PER", "U-PER"]), {
    mode: "strict",
    scheme: "BILOU",
  });
  assertEquals(schemeOf(["NOUN", "VERB", "X"]), undefined);
  assertEquals(schemeOf(["O", "PER", "LOC"]), undefined);
});

Deno.test("token-classification measures entities and words by averaged probabilities", async () => {
  const rows = await rowsOf();
  const config = tinyConfig({ id2label: { ...NAMES } });
  const context = { ...contextOf(task), config };
  // The true tags are B-PER O O B-LOC I-LOC and O O; the scores say O for "York".
  const guess = [2, 0, 0, 1, 0, 0, 0];
  const scoresAt = (high: number) =>
    Float32Array.from(
      guess.flatMap((id) => NAMES.map((_, k) => (k === id ? high : 0))),
    );
  const p = (high: number) => Math.exp(high) / (Math.exp(high) + 3);
  const scores = task.scores([scoresAt(2)], rows, context);
  assertEquals(Object.keys(scores), [
    "f1",
    "precision",
    "recall",
    "accuracy",
    "nll",
    "ece",
  ]);
  assertEquals([scores.f1, scores.precision, scores.recall], [0.5, 0.5, 0.5]);
  const wrong = (1 - p(2)) / 3;
  const nll = -(6 * Math.log(p(2)) + Math.log(wrong)) / 7;
  const expected = [6 / 7, nll, Math.abs(6 / 7 - p(2))];
  const { accuracy = NaN, nll: found = NaN, ece = NaN } = scores;
  assertClose([accuracy, found, ece], expected, FUNCTIONS);
  // Two samples: the mean of 0.711 and 0.25 decides.
  const both = task.scores([scoresAt(2), scoresAt(0)], rows, context);
  const mean = (p(2) + 0.25) / 2;
  const other = (wrong + 0.25) / 2;
  assertClose(
    [both.nll ?? NaN],
    [-(6 * Math.log(mean) + Math.log(other)) / 7],
    FUNCTIONS,
  );
});

Deno.test("tags that are no entities have a mean F1", async () => {
  const data = await read({ argv: ["--tags-column", "2"] });
  const names = ["DT", "IN", "NNP", "NNS", "VBZ"];
  const config = tinyConfig({ id2label: { ...names } });
  const context = { ...contextOf(task), config };
  assertEquals(task.configFields(data, context).id2label, { ...names });
  const more = { tokenizer, maxLength: 24, isTraining: false };
  const rows = task.prepare(data, { ...context, ...more });
  const guess = [2, 4, 1, 2, 1, 0, 3]; // IN in place of the last NNP
  const scores = Float32Array.from(
    guess.flatMap((id) => names.map((_, k) => (k === id ? 9 : 0))),
  );
  const found = task.scores([scores], rows, context);
  assertEquals(Object.keys(found), ["f1", "accuracy", "nll", "ece"]);
  // F1 is 1 for DT, NNS and VBZ, 2/3 for IN, and 4/5 for NNP.
  assertClose([found.f1 ?? NaN], [(3 + 2 / 3 + 4 / 5) / 5], FUNCTIONS);
  assertEquals(found.accuracy, 6 / 7);
});

gpuTest("token-classification computes the scores of words", async () => {
  const model = tagger();
  const rows = await rowsOf();
  let done = 0;
  const outputs = await task.outputs(rows, {
    ...contextOf(task),
    model,
    tokenizer,
    maxLength: 24,
    batchSize: 2,
    isSample: false,
    advance: (more) => done += more,
  });
  assertEquals(done, 2);
  const expected: number[] = [];
  for (const words of ["Anna lives in New York", "the dogs"]) {
    const encoding = tokenizer.encode(words);
    const logits = await valuesOf(model.forward(rowOf(encoding)).logits);
    const firsts = encoding.wordIds.flatMap((word, i, all) =>
      word !== null && word !== all[i - 1] ? [i] : []
    );
    for (const i of firsts) expected.push(...logits.slice(i * 4, i * 4 + 4));
  }
  assertClose(outputs, expected, FUNCTIONS);
  model.classifier.bias?.write(Float32Array.of(0, NaN, 0, 0));
  await assertRejects(
    () =>
      task.outputs(rows, {
        ...contextOf(task),
        model,
        tokenizer,
        maxLength: 24,
        batchSize: 2,
        isSample: false,
        advance: () => {},
      }),
    RangeError,
    "Cannot use the scores of row ",
  );
  model.dispose();
});

gpuTest("token-classification learns tags in captured steps", async () => {
  const model = tagger();
  const rows = await rowsOf({ isTraining: true });
  const context = { ...contextOf(task), model, tokenizer, maxLength: 24 };
  const collate = task.collator({ ...context, epoch: () => 0 });
  const trainer = new Trainer({
    model,
    args: {
      numTrainEpochs: 40,
      learningRate: 0.02,
      perDeviceTrainBatchSize: 2,
    },
    trainDataset: rows,
    dataCollator: collate,
  });
  await trainer.train();
  const outputs = await task.outputs(rows, {
    ...context,
    batchSize: 8,
    isSample: false,
    advance: () => {},
  });
  const { config } = model;
  const scores = task.scores([outputs], rows, { ...contextOf(task), config });
  assertEquals([scores.f1, scores.accuracy], [1, 1]);
  assert((scores.nll ?? NaN) < 0.2);
  // The same by hand: the best tag of each word, in seqeval's F1.
  const truth = [["B-PER", "O", "O", "B-LOC", "I-LOC"], ["O", "O"]];
  const tags = Array.from({ length: 7 }, (_, word) => {
    const own = probabilities([...outputs.subarray(word * 4, word * 4 + 4)]);
    return NAMES[own.indexOf(Math.max(...own))] ?? "";
  });
  const { micro } = entityScores([tags.slice(0, 5), tags.slice(5)], truth);
  assertEquals(micro.fscore, scores.f1);
  model.dispose();
});

gpuTest(
  "the batches of token-classification hold the labels of tokens",
  async () => {
    const model = tagger();
    const rows = await rowsOf();
    const context = { ...contextOf(task), model, tokenizer, maxLength: 24 };
    const batch = task.collator({ ...context, epoch: () => 0 })(rows);
    const { labels, inputIds } = batch as Record<
      string,
      { data: Int32Array; shape: number[] }
    >;
    const expected = tokenizeAndAlignLabels(
      tokenizer,
      { words: ["the", "dogs"], labels: ["O", "O"] },
      { labelNames: NAMES },
    );
    const [count = 0, length = 0] = labels?.shape ?? [];
    assertEquals([count, inputIds?.shape], [2, [2, length]]);
    assertEquals(
      [...labels?.data.slice(length, length + 5) ?? []],
      expected.labels,
    );
    assert(labels?.data.slice(length + 5).every((id) => id === -100));
    model.dispose();
  },
);
