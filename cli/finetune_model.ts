// Copyright 2026 the swagpu authors. MIT license.

/**
 * The model that `finetune` starts from: a saved one with its classes renamed
 * where they are new, or one with random weights.
 *
 * @module
 */

import {
  AutoConfig,
  AutoModelForSequenceClassification,
  AutoTokenizer,
  ConfigReader,
  type PretrainedConfig,
  type ProblemType,
  readConfigFile,
  type Tokenizer,
} from "../models/mod.ts";
import { hasPrefix } from "../nn/mod.ts";
import type { Arguments } from "./arguments.ts";
import { isRegression, type TextModel } from "./classifier.ts";
import { columnFields, type Columns, rememberedColumns } from "./columns.ts";
import type { RawExamples } from "./examples.ts";
import {
  classNames,
  finder,
  hasNames,
  looksLikeNumbers,
  namesOf,
} from "./labels.ts";

/** The problems that finetune knows. */
export const PROBLEMS = ["single_label_classification", "regression"] as const;

/** What is known of a model before it is built. */
export interface Start {
  /** The configuration, classes included. */
  readonly config: PretrainedConfig;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The columns that it was trained on before, if that is known. */
  readonly remembered?: Columns | undefined;
  /** Builds it, on the GPU. */
  build(): Promise<TextModel>;
}

/**
 * Finds out what to start from.
 *
 * @throws {TypeError} If the options contradict each other.
 */
export async function findStart(
  args: Arguments,
  { examples, columns }: { examples: RawExamples; columns: Columns },
): Promise<Start> {
  const source = args.text("model");
  const init = args.text("init");
  const problem = args.choice("problem-type", PROBLEMS);
  const tokenizerFolder = args.text("tokenizer");
  if ((source === undefined) === (init === undefined)) {
    throw new TypeError("Cannot fine-tune: give either --model or --init");
  }
  if (init !== undefined) {
    if (tokenizerFolder === undefined) {
      throw new TypeError("Cannot use --init without --tokenizer: give both");
    }
    const tokenizer = await AutoTokenizer.fromPretrained(tokenizerFolder);
    return await fresh(init, tokenizer, { examples, columns, problem });
  }
  const tokenizer = await AutoTokenizer.fromPretrained(
    tokenizerFolder ?? source ?? "",
  );
  return await saved(source ?? "", tokenizer, { examples, columns, problem });
}

/** What decides about the classes, and what the folder remembers. */
interface Task {
  examples: RawExamples;
  columns: Columns;
  problem: ProblemType | undefined;
}

async function fresh(
  path: string,
  tokenizer: Tokenizer,
  task: Task,
): Promise<Start> {
  const { fields: given } = await readConfigFile(path);
  const fields = {
    vocab_size: tokenizer.vocabSize,
    ...tokenizer.padTokenId === null
      ? {}
      : { pad_token_id: tokenizer.padTokenId },
    ...given,
  };
  const before = AutoConfig.fromFields(
    new ConfigReader(fields, { source: path }),
  );
  const config = AutoConfig.fromFields(
    new ConfigReader({ ...fields, ...taskFields(before, task) }, {
      source: path,
    }),
  );
  config.checkVocabulary(tokenizer);
  return {
    config,
    tokenizer,
    build: () =>
      Promise.resolve(AutoModelForSequenceClassification.fromConfig(config)),
  };
}

async function saved(
  source: string,
  tokenizer: Tokenizer,
  task: Task,
): Promise<Start> {
  const before = await AutoConfig.fromPretrained(source);
  before.checkVocabulary(tokenizer);
  const fields = taskFields(before, task);
  return {
    config: await AutoConfig.fromPretrained(source, { config: fields }),
    tokenizer,
    remembered: rememberedColumns(before),
    build: () =>
      AutoModelForSequenceClassification.fromPretrained(source, {
        config: fields,
        ignoreMismatchedSizes: true,
        onLoad({ mismatched }) {
          // Another number of classes changes the head, and nothing else.
          const other = mismatched.find(({ name }) => !isHead(name));
          if (!other) return;
          throw new TypeError(
            `Cannot load ${source}: ${other.name} is ${other.found} there ` +
              `and ${other.expected} by its config.json`,
          );
        },
      }),
  };
}

function isHead(name: string): boolean {
  return ["classifier", "classification_head", "score"]
    .some((head) => hasPrefix(name, head));
}

/** The fields of a configuration that say what the task is. */
function taskFields(
  config: PretrainedConfig,
  task: Task,
): Record<string, unknown> {
  return { ...classFields(config, task), ...columnFields(task.columns) };
}

/** The fields of a configuration that say what the classes are. */
function classFields(
  config: PretrainedConfig,
  { examples, problem: given }: Task,
): Record<string, unknown> {
  const problem = given ?? problemOf(config);
  if (problem === "regression") {
    const names = config.numLabels === 1 ? namesOf(config) : ["LABEL_0"];
    return { problem_type: problem, ...labelFields(names) };
  }
  const known = namesOf(config);
  const find = finder(known);
  const fits = hasNames(config) && known.length > 1 &&
    examples.labels.every((label) => find(label) !== undefined);
  if (!fits && given === undefined && looksLikeNumbers(examples.labels)) {
    throw new TypeError(
      `Cannot take the labels of ${examples.path} for classes: they look ` +
        `like numbers; say --problem-type regression, or ${problem}`,
    );
  }
  const names = fits ? known : classNames(examples.labels, examples);
  return { problem_type: problem, ...labelFields(names) };
}

function problemOf(config: PretrainedConfig): ProblemType {
  return isRegression(config) ? "regression" : "single_label_classification";
}

function labelFields(names: readonly string[]): Record<string, unknown> {
  return {
    num_labels: names.length,
    id2label: { ...names },
    label2id: Object.fromEntries(names.map((name, id) => [name, id])),
  };
}
