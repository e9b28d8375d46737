// Copyright 2026 the swagpu authors. MIT license.

/**
 * The model that `finetune` starts from: a saved model, whose classes are replaced
 * if the data has others, or one with random weights.
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
import type { RawExamples } from "./read_examples.ts";
import {
  classNames,
  finder,
  hasNames,
  looksLikeNumbers,
  namesOf,
} from "./labels.ts";

/** The problems on which finetune can train. */
export const PROBLEMS = ["single_label_classification", "regression"] as const;

/** What is known of the model before it is built. */
export interface Start {
  /** The configuration, with the classes of the data. */
  readonly config: PretrainedConfig;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The columns that the model was trained on before, if that is known. */
  readonly remembered?: Columns | undefined;
  /** Builds the model on the GPU. */
  build(): Promise<TextModel>;
}

/**
 * Reads the configuration and the tokenizer that options name.
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

/** What the classes of the model, and the columns that it remembers, depend on. */
interface Task {
  examples: RawExamples;
  columns: Columns;
  problem: ProblemType | undefined;
}

/** Starts with random weights. */
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

/** Starts with saved weights. */
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
          // If the number of classes differs, only the head may not fit.
          const other = mismatched.find(({ name }) => !isHead(name));
          if (!other) return;
          throw new TypeError(
            `Cannot load ${source}: ${other.name} is ${other.found} in the ` +
              `file, but ${other.expected} by its config.json`,
          );
        },
      }),
  };
}

/** Whether a parameter belongs to the head, by the names that models give it. */
function isHead(name: string): boolean {
  return ["classifier", "classification_head", "score"]
    .some((head) => hasPrefix(name, head));
}

/** The fields of a configuration that describe the task. */
function taskFields(
  config: PretrainedConfig,
  task: Task,
): Record<string, unknown> {
  return { ...classFields(config, task), ...columnFields(task.columns) };
}

/** The fields of a configuration that describe the classes. */
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
      `Cannot use the labels of ${examples.path} as classes: they look ` +
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
