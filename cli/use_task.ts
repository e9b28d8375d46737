// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * `evaluate` and `predict` for the tasks that have no rows with one class or one
 * number each.
 *
 * @module
 */

import { AutoConfig } from "../models/mod.ts";
import { openAdapter } from "./adapter.ts";
import type { Arguments, Option } from "./arguments.ts";
import { maxLengthOf } from "./classifier.ts";
import { loadModel } from "./load_model.ts";
import { measure } from "./measure.ts";
import { posteriorRemark, scoreOptions } from "./model_options.ts";
import { Progress } from "./progress.ts";
import { renderScores } from "./scores.ts";
import { checkTaskOptions } from "./tasks/registry.ts";
import type { LoadedModel, Task, TaskContext } from "./tasks/task.ts";

/** Measures a model of a task on a file, and prints the scores. */
export async function evaluateTask(
  task: Task,
  args: Arguments,
  unusable: readonly Option[],
): Promise<number> {
  const progress = new Progress({ quiet: args.flag("quiet") });
  const context = { args, progress };
  checkTaskOptions(args, task, "dataOptions", "scoreOptions");
  refuse(args, task, unusable);
  args.needed("data");
  const options = scoreOptions(args);
  const asked = args.integer("max-length", { min: 1 });
  const config = await AutoConfig.fromPretrained(args.needed("model"));
  const data = await task.read("data", { ...context, config });
  const loaded = await load(task, context);
  const { tokenizer } = loaded;
  const maxLength = maxLengthOf(config, tokenizer, asked);
  const rows = task.prepare(data, {
    ...{ ...context, config, tokenizer, maxLength },
    isTraining: false,
  });
  const results = await measure(task, loaded, rows, {
    ...{ ...context, ...options, maxLength },
  });
  console.log(
    args.flag("json")
      ? JSON.stringify({ rows: data.examples.length, results }, null, 2)
      : renderScores(results).trimEnd(),
  );
  return 0;
}

/** Prints a line of JSON for each text. */
export async function predictTask(
  task: Task,
  args: Arguments,
  unusable: readonly Option[],
): Promise<number> {
  const progress = new Progress({ quiet: args.flag("quiet") });
  const context = { args, progress };
  checkTaskOptions(args, task, "predictOptions");
  refuse(args, task, unusable);
  const asked = args.integer("max-length", { min: 1 });
  const loaded = await load(task, context);
  const { model: { config }, tokenizer } = loaded;
  const maxLength = maxLengthOf(config, tokenizer, asked);
  for await (const line of task.predict(loaded, { ...context, maxLength })) {
    progress.clear();
    console.log(JSON.stringify(line));
  }
  return 0;
}

async function load(
  task: Task,
  { args, progress }: TaskContext,
): Promise<LoadedModel> {
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

/** Refuses options that would change nothing for a task. */
function refuse(
  args: Arguments,
  task: Task,
  unusable: readonly Option[],
): void {
  const own = [
    ...task.dataOptions,
    ...task.scoreOptions,
    ...task.predictOptions,
  ];
  for (const { name } of unusable) {
    if (!args.flag(name) || own.some((option) => option.name === name)) {
      continue;
    }
    throw new TypeError(
      `Cannot use --${name} for ${task.name}: it is for text-classification`,
    );
  }
}
