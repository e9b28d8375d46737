// Copyright 2026 the swagpu authors. MIT license.

/**
 * What `evaluate` and `predict` do for every task, but for the more that `evaluate` does
 * for text classification.
 *
 * @module
 */

import { AutoConfig, type PretrainedConfig } from "../models/mod.ts";
import { openAdapter } from "./adapter.ts";
import type { Arguments, Option } from "./arguments.ts";
import { maxLengthOf } from "./classifier.ts";
import { loadModel } from "./load_model.ts";
import { measure } from "./measure.ts";
import { posteriorRemark, scoreOptions } from "./model_options.ts";
import { Progress } from "./progress.ts";
import { renderScores } from "./scores.ts";
import { print } from "./standard_output.ts";
import {
  checkTaskOptions,
  type OptionKind,
  taskOfModel,
} from "./tasks/registry.ts";
import type {
  LoadedModel,
  Task,
  TaskContext,
  TaskModel,
  TaskRow,
} from "./tasks/task.ts";

/** A model that a command uses. */
export interface UsedModel {
  /** Its task. */
  readonly task: Task;
  /** Its configuration. */
  readonly config: PretrainedConfig;
  /** What the steps of the command can ask. */
  readonly context: TaskContext;
}

/**
 * Reads the configuration of the model that an option names, which says its task.
 *
 * @param kinds The kinds of the task's options that the command has.
 * @throws {TypeError} If there are options of other tasks, or no task has such models.
 */
export async function usedModel(
  args: Arguments,
  ...kinds: readonly OptionKind[]
): Promise<UsedModel> {
  const source = args.needed("model");
  const progress = new Progress({ quiet: args.flag("quiet") });
  const config = await progress.during(
    `reading ${source}`,
    AutoConfig.fromPretrained(source),
  );
  const task = taskOfModel(config, source);
  checkTaskOptions(args, task, ...kinds);
  return { task, config, context: { args, progress } };
}

/** Measures a model of a task on a file, and prints the scores. */
export async function evaluateTask(
  { task, config, context }: UsedModel,
): Promise<number> {
  const { args } = context;
  args.needed("data");
  const options = scoreOptions(args);
  const asked = args.integer("max-length", { min: 1 });
  const data = await task.read("data", { ...context, config });
  const loaded = await loadFor(task, context);
  const { tokenizer } = loaded;
  const maxLength = maxLengthOf(config, tokenizer, asked);
  const rows = task.prepare(data, {
    ...{ ...context, config, tokenizer, maxLength },
    isTraining: false,
  });
  const results = await measure(task, loaded, rows, {
    ...{ ...context, ...options, maxLength },
  });
  await print(
    args.flag("json")
      ? JSON.stringify({ rows: data.examples.length, results }, null, 2)
      : renderScores(results, task.columns?.(config)).trimEnd(),
  );
  return 0;
}

/** Prints a line of JSON for each text, as long as somebody reads them. */
export async function predictTask(
  { task, config, context }: UsedModel,
): Promise<number> {
  const { args, progress } = context;
  const asked = args.integer("max-length", { min: 1 });
  const load = async () => {
    const loaded = await loadFor(task, context);
    const maxLength = maxLengthOf(config, loaded.tokenizer, asked);
    return { ...loaded, maxLength };
  };
  for await (const line of task.predict({ ...context, config, load })) {
    progress.clear();
    if (!await print(JSON.stringify(line))) break;
  }
  return 0;
}

/** Opens the GPU, and loads the model that an option names. */
export async function loadFor<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  task: Task<Example, Row, Outputs, Model>,
  { args, progress }: TaskContext,
): Promise<LoadedModel<Model>> {
  const source = args.needed("model");
  await openAdapter(progress);
  const loaded = await progress.during(
    `loading ${source}`,
    loadModel(task, source, args.text("tokenizer")),
  );
  const idle = posteriorRemark(args, loaded);
  if (idle !== undefined) progress.say(idle);
  return loaded;
}

/**
 * Refuses options that would change nothing for a task.
 *
 * @throws {TypeError} If one of them is given.
 */
export function refuseOptions(
  args: Arguments,
  task: Task,
  options: readonly Option[],
): void {
  for (const { name } of options) {
    if (!args.flag(name)) continue;
    throw new TypeError(
      `Cannot use --${name} for ${task.name}: it is for text-classification`,
    );
  }
}
