// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `finetune`, which trains a model on labeled texts.
 *
 * @module
 */

import { initialize, manualSeed } from "../engine/mod.ts";
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
import { maxLengthOf } from "./classifier.ts";
import {
  COURSE_OPTIONS,
  planOf,
  TRAIN_OPTIONS,
  trainSettings,
} from "./finetune_settings.ts";
import { checkInputs } from "./input_files.ts";
import { measure } from "./measure.ts";
import { OutputFolder } from "./output_folder.ts";
import { Progress } from "./progress.ts";
import { addAdapter, prepareWeights } from "./remedies.ts";
import {
  LORA_OPTIONS,
  MEMORY_OPTIONS,
  REMEDY_OPTIONS,
  remedySettings,
} from "./remedy_settings.ts";
import { baseName } from "./run_facts.ts";
import { recordRun } from "./run_record.ts";
import { prepareOutput, savedBytes } from "./save.ts";
import { renderScores } from "./scores.ts";
import { runSeries, SEEDS_OPTIONS, type SeriesRun } from "./seed_series.ts";
import { findStart, sourceOf } from "./start.ts";
import { collector, collectSettings, SWAG_OPTIONS } from "./swag_settings.ts";
import {
  checkTaskOptions,
  optionsOfTask,
  TASK_OPTION,
  taskNamed,
  taskOptions,
  TASKS,
} from "./tasks/registry.ts";
import type { Task, TaskContext, TaskExamples } from "./tasks/task.ts";
import { metricOf, trainAndSave } from "./training.ts";
import { SPLIT_OPTION, splitExamples } from "./validation_split.ts";

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
    const name = args.text("task");
    const [usual] = TASKS;
    const task = name === undefined && usual ? usual : taskNamed(name ?? "");
    checkTaskOptions(args, task, ...KINDS);
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
    Seeds: SEEDS_OPTIONS,
    "Few examples": REMEDY_OPTIONS,
    Adapter: LORA_OPTIONS,
    Memory: MEMORY_OPTIONS,
    SWAG: SWAG_OPTIONS,
    Help: COMMON_OPTIONS,
  };
}

/** How the last measurement scores. */
const MEASUREMENT = { batchSize: 64, samples: 30, scale: 0.5 };

/** Trains a model for a task, and measures it. */
async function finetuneTask(task: Task, args: Arguments): Promise<SeriesRun> {
  const output = args.needed("output");
  const settings = trainSettings(args);
  const remedies = remedySettings(args);
  const collect = collectSettings(args);
  const callbacks = loggers(args, output);
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
  const collecting = collect && collector(collect, plan);

  await initialize();
  manualSeed(seed);
  const { model, newParameters } = await progress.during(
    `loading ${source}`,
    build(),
  );
  for (const said of prepareWeights(model, remedies)) progress.say(said);
  const adapter = remedies.lora &&
    addAdapter(model, remedies.lora, { task, source, newParameters });
  using trained = adapter ?? model;
  if (remedies.frozenDtype === "f16") await castFrozen(trained, "f16");
  using swag = collect && SwagModel.fromBase(trained, collect.options);
  const loaded = { model, tokenizer, swag, adapter };
  await using _folder = await OutputFolder.make(
    output,
    () => tryOutput(output, { args, bytes: savedBytes(loaded) }),
  );
  await openAdapter(progress);
  if (collecting?.remark !== undefined) progress.say(collecting.remark);
  const end = await trainAndSave({
    ...{ ...context, task, loaded, rows, evalRows, maxLength, settings, plan },
    ...{ trainerOptions, remedies, collecting, output, callbacks },
  });
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
    console.log(renderScores(results, task.columns?.(config)).trimEnd());
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
