// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `finetune`, which trains a model on labeled texts.
 *
 * @module
 */

import { initialize, manualSeed } from "../engine/mod.ts";
import { requireWritable } from "../nn/formats/mod.ts";
import {
  castFrozen,
  getLastCheckpoint,
  TrackioCallback,
  type TrainerCallback,
} from "../nn/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { openAdapter } from "./adapter.ts";
import {
  type Arguments,
  type Command,
  COMMON_OPTIONS,
  type Option,
} from "./arguments.ts";
import { COURSE_OPTIONS, TRAIN_OPTIONS } from "./finetune_settings.ts";
import { measure } from "./measure.ts";
import { OutputFolder } from "./output_folder.ts";
import { PARTICLES_OPTION, planOfOptions, writePlan } from "./particle_plan.ts";
import { prepareRun } from "./prepare_run.ts";
import { addAdapter, prepareWeights } from "./remedies.ts";
import {
  LORA_OPTIONS,
  MEMORY_OPTIONS,
  REMEDY_OPTIONS,
} from "./remedy_settings.ts";
import { baseName } from "./run_facts.ts";
import { lockRun } from "./run_lock.ts";
import { recordRun } from "./run_record.ts";
import { prepareOutput, savedBytes } from "./save.ts";
import { renderScores } from "./scores.ts";
import { runSeries, SEEDS_OPTIONS, type SeriesRun } from "./seed_series.ts";
import { print } from "./standard_output.ts";
import { memoryRemark, SWAG_OPTIONS } from "./swag_settings.ts";
import {
  checkTaskOptions,
  optionsOfTask,
  TASK_OPTION,
  taskNamed,
  taskOptions,
  TASKS,
} from "./tasks/registry.ts";
import type { Task, TaskExamples } from "./tasks/task.ts";
import { metricOf, trainAndSave } from "./training.ts";
import { SPLIT_OPTION } from "./validation_split.ts";

const DATA_OPTIONS: readonly Option[] = [
  TASK_OPTION,
  {
    name: "data",
    value: "FILE",
    help: "What to learn from: CSV, TSV, JSONL or JSON, also as .gz, or " +
      "Parquet; - for standard input. Some tasks read more formats.",
  },
  { name: "eval", value: "FILE", help: "What to measure on at the end." },
  {
    name: "eval-field",
    value: "NAME",
    help: "Which list of the file --eval to read (as --field).",
  },
  SPLIT_OPTION,
];

/** The options that say what to start from and where to write. */
const START_OPTIONS: readonly Option[] = [
  {
    name: "model",
    value: "DIR|ID",
    help: "Model to start from: a folder, or an id of the hub.",
  },
  {
    name: "init",
    value: "FILE",
    help: "A config.json to start from with random weights; see below.",
  },
  {
    name: "tokenizer",
    value: "DIR",
    help: "Folder of the tokenizer (the model's); needed with --init.",
  },
  { name: "output", value: "DIR", help: "Folder to write." },
  { name: "overwrite", help: "Replace a model in that folder." },
];

const NOTES = `\
Examples:
  swagpu finetune --data train.csv --model google-bert/bert-base-uncased \\
    --output model --swag
  swagpu finetune --data pairs.tsv --pair-column hypothesis --eval dev.tsv \\
    --model FacebookAI/roberta-base --epochs 5 --output model
  swagpu finetune --data train.jsonl --init config.json --tokenizer tokenizer \\
    --learning-rate 1e-3 --output model

A file for --init, beside a tokenizer's folder (that of any model, or one that
holds a vocab.txt):
  {
    "model_type": "bert",
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512
  }
Random weights need a learning rate of about 1e-3: say --learning-rate 1e-3, as
the default is for weights that were trained before.`;

/** Where a run can be logged beside its own folder. */
const LOGS = ["trackio"] as const;

/** The options of logging. */
const LOG_OPTIONS: readonly Option[] = [
  {
    name: "log",
    value: LOGS.join("|"),
    help: "Log to Trackio's inbox too, which trackio show reads.",
  },
  { name: "project", value: "NAME", help: "Trackio's project (swagpu)." },
  {
    name: "run-name",
    value: "NAME",
    help: "Trackio's name of the run (the output folder's).",
  },
];

/** The kinds of a task's options that this command has. */
const KINDS = ["dataOptions", "trainOptions", "scoreOptions"] as const;

/** Trains a model and writes it. */
export const finetune: Command = {
  name: "finetune",
  summary:
    "Trains a model for a task, with a SWAG posterior if --swag is given. " +
    "Ctrl-C saves the current state and stops. --task NAME --help leaves out " +
    "the options of other tasks.",
  usage: "--data FILE --model DIR|ID --output DIR [options]",
  options: optionsWith(taskOptions(...KINDS)),
  notes: NOTES,
  forTask: (name) => ({
    ...finetune,
    options: optionsWith(optionsOfTask(name, ...KINDS)),
  }),
  async run(args) {
    const task = taskOf(args);
    if (args.flag("particles")) return await planParticles(task, args);
    if (args.flag("seeds")) {
      return await runSeries(finetune, args, (own) => finetuneTask(task, own));
    }
    if (args.flag("degenerate")) {
      throw new TypeError(
        "Cannot use --degenerate without --seeds: it is about several runs",
      );
    }
    return (await finetuneTask(task, args)).exitCode;
  },
};

/** All options, with those that belong to tasks. */
function optionsWith(ofTasks: Command["options"]): Command["options"] {
  return {
    Data: DATA_OPTIONS,
    ...ofTasks,
    Model: START_OPTIONS,
    Training: TRAIN_OPTIONS,
    Course: [...COURSE_OPTIONS, ...LOG_OPTIONS],
    Seeds: [...SEEDS_OPTIONS, PARTICLES_OPTION],
    "Few examples": REMEDY_OPTIONS,
    Adapter: LORA_OPTIONS,
    Memory: MEMORY_OPTIONS,
    SWAG: SWAG_OPTIONS,
    Help: COMMON_OPTIONS,
  };
}

/** How the last measurement scores. */
const MEASUREMENT = { batchSize: 64, samples: 30, scale: 0.5 };

/**
 * The task that options name.
 *
 * @throws {Error} If there is no such task, or options belong to another one.
 */
export function taskOf(args: Arguments): Task {
  const name = args.text("task");
  const [usual] = TASKS;
  const task = name === undefined && usual ? usual : taskNamed(name ?? "");
  checkTaskOptions(args, task, ...KINDS);
  return task;
}

/** Plans runs that differ in their seeds, and gives the exit code. */
async function planParticles(task: Task, args: Arguments): Promise<number> {
  const run = args.needed("output");
  const plan = planOfOptions(args);
  loggers(args, run);
  // What is wrong with options or data is said now, and not by each particle.
  const { collecting, progress, settings } = await prepareRun(task, args);
  await writePlan(run, plan);
  if (collecting?.remark !== undefined) progress.say(collecting.remark);
  if (settings.saveEvery === undefined) {
    progress.say(
      "A particle that is cut will begin again: --save-every has it go on",
    );
  }
  await print(
    `Planned ${run}: ${plan.count} particles, seeds ${plan.seed} to ` +
      `${plan.seed + plan.count - 1}; train each with swagpu particle --run ` +
      `${run} --index 0 to ${plan.count - 1}, then swagpu merge ${run}`,
  );
  return 0;
}

/** How to run a run that is part of something larger. */
export interface RunOptions {
  /**
   * Where to write, if not to `--output`, which then is where the caller will move the
   * folder to.
   */
  readonly folder?: string;
  /**
   * Whether to save the model only if the run ends as planned. One that was cut leaves
   * its checkpoints.
   *
   * @default {false}
   */
  readonly onlyWhole?: boolean;
}

/** Trains a model for a task, and measures it. */
export async function finetuneTask(
  task: Task,
  args: Arguments,
  { folder, onlyWhole = false }: RunOptions = {},
): Promise<SeriesRun> {
  const named = args.needed("output");
  const output = folder ?? named;
  const callbacks = loggers(args, named);
  const prepared = await prepareRun(task, args);
  const { settings, remedies, collect, source, data, evalData } = prepared;
  const { config, tokenizer, evalRows, maxLength, progress } = prepared;
  const context = { args, progress };
  const { seed } = settings;

  await initialize();
  manualSeed(seed);
  const { model, newParameters } = await progress.during(
    `loading ${source}`,
    prepared.build(),
  );
  for (const said of prepareWeights(model, remedies)) progress.say(said);
  const adapter = remedies.lora &&
    addAdapter(model, remedies.lora, { task, source, newParameters });
  using trained = adapter ?? model;
  if (remedies.frozenDtype === "f16") await castFrozen(trained, "f16");
  if (collect) progress.say(memoryRemark(trained, collect.options));
  using swag = collect && SwagModel.fromBase(trained, collect.options);
  const loaded = { model, tokenizer, swag, adapter };
  await using _folder = await OutputFolder.make(
    output,
    () => requireWritable(output),
  );
  await using _lock = await lockRun(`${output}/.finetune.lock`, {
    action: `write to ${output}`,
    say: (remark) => progress.say(remark),
  });
  await tryOutput(output, { args, bytes: savedBytes(loaded) });
  await openAdapter(progress);
  const { collecting } = prepared;
  if (collecting?.remark !== undefined) progress.say(collecting.remark);
  const end = await trainAndSave({
    ...{ ...prepared, loaded, output, callbacks, onlyWhole },
  });
  if (onlyWhole && end.exitCode !== 0) {
    const none = { metric: "", greaterIsBetter: true, constant: undefined };
    return { exitCode: end.exitCode, results: [], ...none };
  }
  if (end.steps > 0) {
    const facts = ({ path, examples }: TaskExamples<unknown>) => ({
      path,
      rows: examples.length,
    });
    await recordRun(output, {
      ...{ args, task: task.name, settings, remedies, collect, end },
      train: facts(data),
      validation: evalData && facts(evalData),
    });
  }
  const { metric, greaterIsBetter } = metricOf(task, config, settings);
  const results = evalRows && end.exitCode === 0
    ? await measure(task, loaded, evalRows, {
      ...{ ...MEASUREMENT, ...context, maxLength, seed },
    })
    : [];
  if (results.length > 0) {
    await print(renderScores(results, task.columns?.(config)).trimEnd());
  }
  return {
    ...{ exitCode: end.exitCode, results, metric, greaterIsBetter },
    constant: evalRows && task.constantScore?.(evalRows, metric, config),
  };
}

/** The callbacks that log a run elsewhere than in its folder. */
function loggers(args: Arguments, output: string): TrainerCallback[] {
  const kind = args.choice("log", LOGS);
  const project = args.text("project");
  const name = args.text("run-name");
  if (kind === undefined) {
    if (project === undefined && name === undefined) return [];
    throw new TypeError(
      `Cannot use --${
        project === undefined ? "run-name" : "project"
      } without ` +
        "--log trackio: it names the run there",
    );
  }
  return [new TrackioCallback({ project, name: name ?? baseName(output) })];
}

/** Tries the output folder, and refuses one that holds another model or run. */
async function tryOutput(
  output: string,
  { args, bytes }: { args: Arguments; bytes: number },
): Promise<void> {
  const isResumed = args.flag("resume");
  const checkpoint = await getLastCheckpoint(output);
  if (checkpoint === undefined && isResumed) {
    throw new RangeError(
      `Cannot resume: there is no checkpoint in ${output}; --save-every makes some`,
    );
  }
  const replaces = args.flag("overwrite") || isResumed;
  if (checkpoint !== undefined && !replaces) {
    throw new RangeError(
      `Cannot write to ${output}: it holds ${checkpoint} of another run; say ` +
        "--resume to go on with it, or --overwrite",
    );
  }
  await prepareOutput(output, replaces, { bytes });
}
