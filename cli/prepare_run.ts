// Copyright 2026 the swagpu authors. MIT license.

/**
 * What a run of `finetune` reads before anything is made on the GPU: its options, its
 * data, and the configuration and the tokenizer that it starts from. It is all that a
 * plan of runs needs.
 *
 * @module
 */

import type { PretrainedConfig, Tokenizer } from "../models/mod.ts";
import type { Arguments } from "./arguments.ts";
import { maxLengthOf } from "./classifier.ts";
import {
  planOf,
  type RunPlan,
  type TrainSettings,
  trainSettings,
} from "./finetune_settings.ts";
import { checkInputs } from "./input_files.ts";
import { Progress } from "./progress.ts";
import { type RemedySettings, remedySettings } from "./remedy_settings.ts";
import { findStart, sourceOf, type Start } from "./start.ts";
import {
  type Collector,
  collector,
  type CollectSettings,
  collectSettings,
} from "./swag_settings.ts";
import type {
  Task,
  TaskContext,
  TaskExamples,
  TaskRow,
  TaskTrainerOptions,
} from "./tasks/task.ts";
import { splitExamples } from "./validation_split.ts";

/** A run that has read all it needs. */
export interface PreparedRun extends TaskContext {
  /** What to learn. */
  readonly task: Task;
  /** How to train. */
  readonly settings: TrainSettings;
  /** What helps where examples are few. */
  readonly remedies: RemedySettings;
  /** When to collect weights, and what to keep of them, with a posterior. */
  readonly collect: CollectSettings | undefined;
  /** The folder, the id or the file to start from. */
  readonly source: string;
  /** The examples to learn from. */
  readonly data: TaskExamples<unknown>;
  /** The examples to measure on, if there are any. */
  readonly evalData: TaskExamples<unknown> | undefined;
  /** The rows to learn from. */
  readonly rows: TaskRow[];
  /** The rows to measure on, if there are any. */
  readonly evalRows: TaskRow[] | undefined;
  /** What the task says of the loss. */
  readonly trainerOptions: TaskTrainerOptions;
  /** The length of the run. */
  readonly plan: RunPlan;
  /** The steps at which weights are collected, with a posterior. */
  readonly collecting: Collector | undefined;
  /** The configuration, with what follows from the data. */
  readonly config: PretrainedConfig;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The most tokens of a row. */
  readonly maxLength: number;
  /** Builds the model on the GPU. */
  readonly build: Start["build"];
}

/**
 * Reads all that a run needs.
 *
 * @throws {Error} If an option or a file is wrong; the message says which.
 */
export async function prepareRun(
  task: Task,
  args: Arguments,
): Promise<PreparedRun> {
  const settings = trainSettings(args);
  const remedies = remedySettings(args);
  const collect = collectSettings(args);
  const progress = new Progress({ quiet: args.flag("quiet") });
  const context = { args, progress };
  const { seed } = settings;
  const source = sourceOf(args);
  const { data, evalData } = splitExamples(await readFiles(task, context), {
    ...context,
    seed,
    stratum: (example) => task.stratum?.(example),
  });
  const { config, tokenizer, build } = await progress.during(
    `reading ${source}`,
    findStart(source, { ...context, task, data }),
  );
  const maxLength = maxLengthOf(config, tokenizer, settings.maxLength);
  tokenizer.modelMaxLength = maxLength; // Saved for those who load the model.
  const preparation = { ...context, config, tokenizer, maxLength };
  // The smaller file comes first, so that an unknown label is reported at once.
  const evalRows = evalData &&
    task.prepare(evalData, { ...preparation, isTraining: false });
  const rows = task.prepare(data, { ...preparation, isTraining: true });
  const trainerOptions = task.trainerOptions?.(rows, { ...context, config }) ??
    {};
  const plan = planOf(rows.length, settings);
  const { cycle, warmupRatio } = settings;
  const collecting = collect && collector(collect, {
    ...plan,
    cycle: cycle &&
      { steps: cycle.steps, offset: Math.ceil(plan.steps * warmupRatio) },
  });
  if (collect?.gate !== undefined && !evalRows) {
    throw new TypeError(
      "Cannot use --swag-gate without --eval: weights are measured there",
    );
  }
  return {
    ...{ args, progress, task, settings, remedies, collect, source },
    ...{ data, evalData, rows, evalRows, trainerOptions, plan, collecting },
    ...{ config, tokenizer, build, maxLength },
  };
}

/** Reads the files that options name. */
async function readFiles<Example>(
  task: Task<Example>,
  context: TaskContext,
): Promise<{
  data: TaskExamples<Example>;
  evalData: TaskExamples<Example> | undefined;
}> {
  const { args } = context;
  checkInputs(args, "data", "eval");
  args.needed("data");
  const evaluates = args.text("eval") !== undefined;
  if (args.text("eval-field") !== undefined && !evaluates) {
    throw new TypeError(
      "Cannot use --eval-field without --eval: it names a list of that file",
    );
  }
  return {
    data: await task.read("data", context),
    evalData: evaluates ? await task.read("eval", context) : undefined,
  };
}
