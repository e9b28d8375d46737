// Copyright 2026 the swagpu authors. MIT license.

// The tasks: texts and labels, and how large a model learns them. Files are read as
// they were published. All tasks but the generated one have the same examples for
// every seed, which then decides the first weights and the order of the batches.

import {
  classExamples,
  readExamples,
  type ReadExamplesOptions,
  softLabelExamples,
} from "../../data/mod.ts";
import { generateReviews, LABELS } from "../../examples/quickstart/grammar.ts";
import { shuffledIndices } from "../../nn/mod.ts";

/** A text, or a pair of texts, and the number of its class. */
export interface LabeledText {
  readonly text: string;
  readonly textPair?: string;
  readonly label: number;
}

/** The examples of a task. */
export interface TaskData {
  /** The number of classes. */
  readonly classes: number;
  readonly train: readonly LabeledText[];
  /** What temperatures are fitted to, and rates are chosen by. */
  readonly validation: readonly LabeledText[];
  readonly test: readonly LabeledText[];
  /** The true distribution of the labels of the test set, if it is known. */
  readonly truth?: readonly (readonly number[])[];
  /** Texts that belong to none of the classes. */
  readonly foreign?: readonly string[];
}

/** A task, and the sizes of the model that learns it. */
export interface Task {
  readonly name: string;
  /** What the figure and the table call it. */
  readonly title: string;
  /** The seeds that are reported, unless the command line says how many. */
  readonly seeds: number;
  /** The numbers of training runs, unless the command line names others. */
  readonly members: readonly number[];
  readonly batchSize: number;
  /** The number of tokens of a row; longer texts are cut. */
  readonly length: number;
  /** The largest number of tokens in the vocabulary. */
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  read(data: string, seed: number): Promise<TaskData>;
}

/** Subsets of published files are drawn once, whatever the seed of a run. */
const SUBSET_SEED = 0;

const NLI_CLASSES = ["entailment", "neutral", "contradiction"];

/** The tasks, in the order of the figure. */
export const TASKS: readonly Task[] = [
  reviewsTask({ train: 1_000, validation: 1_000, test: 2_000, foreign: 500 }),
  {
    name: "clinc150",
    title: "CLINC150, 30 examples of each of 150 intents",
    seeds: 3,
    members: [1, 2, 4],
    batchSize: 64,
    length: 22,
    vocabSize: 1_500,
    hiddenSize: 48,
    layers: 1,
    read: (data) => readClinc(`${data}/clinc150/data_full_trainval.json`),
  },
  {
    name: "sst2",
    title: "SST-2, 4,000 sentences",
    seeds: 3,
    members: [1, 2, 4],
    batchSize: 64,
    length: 40,
    vocabSize: 3_000,
    hiddenSize: 32,
    layers: 1,
    read: (data) => readSst2(`${data}/sst2`),
  },
  {
    name: "chaosnli_snli",
    title: "ChaosNLI, after 7,263 pairs of SNLI",
    seeds: 3,
    members: [1, 2, 4],
    batchSize: 128,
    length: 40,
    vocabSize: 3_000,
    hiddenSize: 32,
    layers: 1,
    read: readNli,
  },
];

/**
 * The quickstart's reviews with other numbers of examples. The validation set
 * follows the test set in the same stream, so that train and test are those of the
 * quickstart.
 */
export function reviewsTask(
  sizes: { train: number; validation: number; test: number; foreign: number },
): Task {
  return {
    name: "reviews",
    title: `Generated reviews, ${sizes.train.toLocaleString("en")}`,
    seeds: 5,
    members: [1, 2, 4, 8],
    batchSize: 32,
    length: 20,
    vocabSize: 600,
    hiddenSize: 32,
    layers: 2,
    read(_, seed) {
      const { train, test, ood } = generateReviews({
        seed,
        train: sizes.train,
        test: sizes.test + sizes.validation,
        ood: sizes.foreign,
      });
      const own = test.slice(0, sizes.test);
      return Promise.resolve({
        classes: LABELS.length,
        train,
        validation: test.slice(sizes.test),
        test: own,
        truth: own.map(({ probabilities }) => probabilities),
        foreign: ood.map(({ text }) => text),
      });
    },
  };
}

/**
 * The first 30 examples of each intent to learn from; the published validation set
 * in two halves; the queries out of scope of both published parts.
 */
async function readClinc(path: string): Promise<TaskData> {
  const read = (field: string) =>
    readClasses(path, { field, columns: ["text", "label"] });
  const all = await read("train");
  const published = await read("val");
  const foreign = [...await read("oos_train"), ...await read("oos_val")];
  const names = [...new Set(all.map(({ label }) => label))].sort();
  const counts = new Map<string, number>();
  const train = all.filter(({ label }) => {
    const count = counts.get(label) ?? 0;
    counts.set(label, count + 1);
    return count < 30;
  });
  // Every other example: the file is sorted by intent.
  const half = (rest: number) => published.filter((_, i) => i % 2 === rest);
  return {
    classes: names.length,
    train: numbered(train, names),
    validation: numbered(half(0), names),
    test: numbered(half(1), names),
    foreign: foreign.map(({ text }) => text),
  };
}

/** 4,000 sentences to learn from and 1,000 others for validation; all of dev. */
async function readSst2(folder: string): Promise<TaskData> {
  const columns = ["text", "label"];
  const all = await readClasses(`${folder}/train.tsv`, { columns });
  const test = await readClasses(`${folder}/dev.tsv`, { columns });
  const names = ["0", "1"];
  const order = [...shuffledIndices(all.length, { seed: SUBSET_SEED })];
  const count = Math.min(4_000, Math.floor(0.8 * all.length));
  const part = (indices: readonly number[]) =>
    numbered(indices.flatMap((i) => all[i] ?? []), names);
  return {
    classes: names.length,
    train: part(order.slice(0, count)),
    validation: part(order.slice(count, count + 1_000)),
    test: numbered(test, names),
  };
}

/** Pairs of SNLI with one label; pairs that 100 people have labeled for the test. */
async function readNli(data: string): Promise<TaskData> {
  const pairs = { text: "premise", textPair: "hypothesis" };
  const read = async (name: string) =>
    numbered(
      await readExamples(
        `${data}/snli_small/${name}.jsonl`,
        classExamples(pairs),
      ).toArray(),
      NLI_CLASSES,
    );
  const judged = await readExamples(
    `${data}/chaosnli_snli/chaosNLI_snli.jsonl`,
    softLabelExamples({
      text: "example.premise",
      textPair: "example.hypothesis",
      column: "label_count",
      classes: NLI_CLASSES,
    }),
  ).toArray();
  return {
    classes: NLI_CLASSES.length,
    train: await read("train"),
    validation: await read("valid"),
    test: judged.map(({ probabilities, ...texts }) => ({
      ...texts,
      label: probabilities.indexOf(Math.max(...probabilities)),
    })),
    truth: judged.map(({ probabilities }) => probabilities),
  };
}

async function readClasses(
  path: string,
  options: ReadExamplesOptions,
): Promise<{ text: string; label: string }[]> {
  return await readExamples(path, classExamples(), options).toArray();
}

/** Replaces the names of classes by their numbers. */
function numbered(
  examples: readonly { text: string; textPair?: string; label: string }[],
  names: readonly string[],
): LabeledText[] {
  return examples.map(({ label, ...texts }) => {
    const number = names.indexOf(label);
    if (number >= 0) return { ...texts, label: number };
    throw new RangeError(
      `Cannot use the label "${label}": the classes are ${names.join(", ")}`,
    );
  });
}
