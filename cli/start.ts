// Copyright 2026 the swagpu authors. MIT license.

/**
 * The model that `finetune` starts from: a saved model, whose head is replaced if the
 * data has other labels, or one with random weights.
 *
 * @module
 */

import {
  AutoConfig,
  AutoTokenizer,
  ConfigReader,
  type PretrainedConfig,
  readConfigFile,
  type Tokenizer,
} from "../models/mod.ts";
import { hasPrefix } from "../nn/mod.ts";
import type { Arguments } from "./arguments.ts";
import { withNotes } from "./notes.ts";
import { specialTokenFields } from "./special_token_fields.ts";
import type {
  Task,
  TaskContext,
  TaskExamples,
  TaskModel,
  TaskRow,
} from "./tasks/task.ts";

/** What is known of the model before it is built. */
export interface Start<Model = TaskModel> {
  /** The configuration, with what follows from the data. */
  readonly config: PretrainedConfig;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Builds the model on the GPU. */
  build(): Promise<BuiltModel<Model>>;
}

/** A model that was built. */
export interface BuiltModel<Model> {
  /** The model. */
  readonly model: Model;
  /** The parameters that have random values, which no file had. */
  readonly newParameters: readonly string[];
}

/** What the head of the model depends on. */
interface Purpose<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
> extends TaskContext {
  /** What to learn. */
  task: Task<Example, Row, Outputs, Model>;
  /** The examples to learn from. */
  data: TaskExamples<Example>;
}

/**
 * Reads the configuration and the tokenizer that options name.
 *
 * @throws {TypeError} If the options contradict each other.
 */
export async function findStart<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  source: string,
  purpose: Purpose<Example, Row, Outputs, Model>,
): Promise<Start<Model>> {
  const { args, task } = purpose;
  const tokenizer = await AutoTokenizer.fromPretrained(
    args.text("tokenizer") ?? source,
    task.tokenizerOptions,
  );
  return args.text("init") === undefined
    ? await saved(source, tokenizer, purpose)
    : await fresh(source, tokenizer, purpose);
}

/**
 * The folder, the id or the file that options name as what to start from.
 *
 * @throws {TypeError} If there are none or two, or the tokenizer is missing.
 */
export function sourceOf(args: Arguments): string {
  const model = args.text("model");
  const init = args.text("init");
  const source = model ?? init;
  if (source === undefined || (model !== undefined && init !== undefined)) {
    throw new TypeError("Cannot fine-tune: give either --model or --init");
  }
  if (init !== undefined && args.text("tokenizer") === undefined) {
    throw new TypeError("Cannot use --init without --tokenizer: give both");
  }
  return source;
}

/** The fields that follow from the data, and the name of the task. */
function fieldsOf<Example>(
  task: Pick<Task<Example>, "name" | "configFields">,
  data: TaskExamples<Example>,
  context: TaskContext & { readonly config: PretrainedConfig },
): Record<string, unknown> {
  return withNotes(task.configFields(data, context), { task: task.name });
}

/** Starts with random weights. */
async function fresh<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  path: string,
  tokenizer: Tokenizer,
  { task, data, ...context }: Purpose<Example, Row, Outputs, Model>,
): Promise<Start<Model>> {
  const { fields: given } = await readConfigFile(path);
  const fields = {
    vocab_size: tokenizer.vocabSize,
    ...specialTokenFields(tokenizer, given, path),
    ...given,
  };
  const build = (more: Record<string, unknown>) =>
    AutoConfig.fromFields(
      new ConfigReader({ ...fields, ...more }, { source: path }),
    );
  const own = fieldsOf(task, data, {
    ...context,
    config: build({}),
  });
  const config = build(own);
  config.checkVocabulary(tokenizer);
  return {
    config,
    tokenizer,
    build() {
      const model = task.auto.fromConfig(config);
      const newParameters = [...model.namedParameters().keys()];
      return Promise.resolve({ model, newParameters });
    },
  };
}

/** Starts with saved weights. */
async function saved<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  source: string,
  tokenizer: Tokenizer,
  { task, data, ...context }: Purpose<Example, Row, Outputs, Model>,
): Promise<Start<Model>> {
  const before = await AutoConfig.fromPretrained(source);
  before.checkVocabulary(tokenizer);
  const fields = fieldsOf(task, data, {
    ...context,
    config: before,
  });
  return {
    config: await AutoConfig.fromPretrained(source, { config: fields }),
    tokenizer,
    async build() {
      const newParameters: string[] = [];
      const model = await task.auto.fromPretrained(source, {
        config: fields,
        ignoreMismatchedSizes: true,
        onLoad({ missing, mismatched }) {
          newParameters.push(...missing, ...mismatched.map(({ name }) => name));
          // If the number of classes differs, only the head may not fit.
          const other = mismatched.find(({ name }) =>
            !task.head.some((head) => hasPrefix(name, head))
          );
          if (!other) return;
          throw new TypeError(
            `Cannot load ${source}: ${other.name} is ${other.found} in the ` +
              `file, but ${other.expected} by its config.json`,
          );
        },
      });
      return { model, newParameters };
    },
  };
}
