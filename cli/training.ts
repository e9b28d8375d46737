// Copyright 2026 the swagpu authors. MIT license.

/**
 * Trains a model of any task and writes it, until the end or a signal.
 *
 * @module
 */

import { type AnyTensor, zeros } from "../engine/mod.ts";
import type { PretrainedConfig } from "../models/mod.ts";
import {
  createOptimizer,
  EarlyStoppingCallback,
  getLastCheckpoint,
  type Optimizer,
  Trainer,
  type TrainerCallback,
  type TrainingArguments,
} from "../nn/mod.ts";
import {
  type GateOptions,
  type SwagModel,
  SwagUpdateCallback,
} from "../swag/mod.ts";
import type { RunPlan, TrainSettings } from "./finetune_settings.ts";
import { Interrupt } from "./interrupt.ts";
import { applyRemedies, rateGroups } from "./remedies.ts";
import type { RemedySettings } from "./remedy_settings.ts";
import { saveLoaded, saveOrRescue } from "./save.ts";
import { print } from "./standard_output.ts";
import type { Collector } from "./swag_settings.ts";
import type {
  LoadedModel,
  OutputOptions,
  Task,
  TaskContext,
  TaskModel,
  TaskRow,
  TaskTrainerOptions,
} from "./tasks/task.ts";
import { checkTrained, DivergedError } from "./trained.ts";
import { trainingArguments } from "./training_arguments.ts";
import { TrainingProgress } from "./training_progress.ts";

/** How many rows are computed with the last weights, before they are saved. */
const TRIALS = 32;

/** A training run of a task. */
export interface Run<
  Example = unknown,
  Row extends TaskRow = TaskRow,
  Outputs = unknown,
  Model extends TaskModel = TaskModel,
> extends TaskContext {
  /** What to learn. */
  task: Task<Example, Row, Outputs, Model>;
  /** What learns. */
  loaded: LoadedModel<Model>;
  /** The rows to learn from. */
  rows: Row[];
  /** The rows to measure on, if there are any. */
  evalRows: Row[] | undefined;
  /** The most tokens of a row. */
  maxLength: number;
  /** How to train. */
  settings: TrainSettings;
  /** What helps where examples are few. */
  remedies: RemedySettings;
  /** What the task says of the loss. */
  trainerOptions: TaskTrainerOptions;
  /** The length of the run. */
  plan: RunPlan;
  /** When to collect weights, with a posterior. */
  collecting: Collector | undefined;
  /** The folder to write. */
  output: string;
  /** More callbacks. */
  callbacks: readonly TrainerCallback[];
  /** Whether the model is saved only if the run is neither stopped nor fails. */
  onlyWhole: boolean;
}

/** How a run ended. */
export interface RunEnd {
  /** The exit code: 0, or that of a signal. */
  exitCode: number;
  /** The steps of the run so far. */
  steps: number;
  /** The steps after which weights were collected. */
  snapshots: readonly number[];
  /** The seconds that this process has trained. */
  seconds: number;
}

/**
 * Trains a model and writes it to the output folder, together with its posterior.
 *
 * @throws {RangeError} If the training diverged; nothing is written then.
 */
export async function trainAndSave<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(run: Run<Example, Row, Outputs, Model>): Promise<RunEnd> {
  const { task, loaded, settings, remedies, progress, output } = run;
  const { model, swag } = loaded;
  const trained = loaded.adapter ?? model;
  using interrupt = new Interrupt(() =>
    progress.say("Stopping; repeat after a second to stop without saving")
  );
  const { signal } = interrupt;
  const shown = new TrainingProgress(progress, {
    epochs: run.plan.epochs,
    everyLog: settings.logEvery !== undefined,
  });
  const collect = swag && run.collecting &&
    collectorOf(swag, run.collecting, () => gateOf(run));
  const args = argumentsOf(run);
  const rates = rateGroups(model, remedies, settings);
  if (rates) progress.say(String(rates));
  using optimizer = createOptimizer(trained, args, rates?.groups);
  using applied = applyRemedies(model, remedies, { optimizer, task });
  const trainer = trainerOf(run, {
    args,
    optimizer,
    callbacks: [
      ...collect ? [collect] : [],
      ...applied.callbacks,
      shown,
      ...run.callbacks,
    ],
  });
  const began = performance.now();
  try {
    await trainer.train({ resumeFromCheckpoint: settings.resume, signal });
  } catch (error) {
    progress.clear();
    if (run.onlyWhole && !(error instanceof RangeError)) throw error;
    throw await withFate(error, run, trainer.state.globalStep);
  }
  progress.clear();
  const { globalStep: steps } = trainer.state;
  const end = {
    steps,
    snapshots: collect?.collectedSteps ?? [],
    seconds: (performance.now() - began) / 1000,
  };
  if (steps === 0) {
    progress.say("Stopped before the first step: nothing is saved");
    return { ...end, exitCode: interrupt.exitCode };
  }
  if (run.onlyWhole && interrupt.exitCode !== 0) {
    return { ...end, exitCode: interrupt.exitCode };
  }
  model.eval();
  const rows = run.rows.slice(0, TRIALS);
  await checkTrained(
    trained,
    () => task.outputs(rows, outputOptions(run, true)),
  );
  const save = run.onlyWhole ? saveLoaded : saveOrRescue;
  await interrupt.finish(() => save(output, loaded));
  await print(
    `Saved ${output} after ${steps} steps` +
      (shown.loss === undefined ? "" : `, loss ${shown.loss.toFixed(4)}`) +
      (swag ? `, ${describePosterior(swag)}` : ""),
  );
  return { ...end, exitCode: interrupt.exitCode };
}

/** Collects weights at the planned steps. */
function collectorOf(
  swag: SwagModel,
  { collectSteps, skipFirst, gate }: Collector,
  measuring: () => Omit<GateOptions, "tolerance"> | undefined,
): SwagUpdateCallback {
  const measure = gate === undefined ? undefined : measuring();
  return new SwagUpdateCallback(swag, {
    ...collectSteps === undefined
      ? { collectAtTroughs: true }
      : { collectSteps },
    skipFirst,
    gate: measure && { ...measure, tolerance: gate },
    // The plan says how many collections there are; a cut run adds none.
    collectAtEnd: false,
  });
}

/** The arguments of the run's `Trainer`. */
function argumentsOf<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  { task, loaded, args, settings, remedies, output, plan, rows }: Run<
    Example,
    Row,
    Outputs,
    Model
  >,
): TrainingArguments {
  return trainingArguments(settings, {
    output,
    overwrite: args.flag("overwrite"),
    rows: rows.length,
    steps: plan.steps,
    biasCorrection: remedies.biasCorrection,
    gradientCheckpointing: remedies.gradientCheckpointing,
    ...metricOf(task, loaded.model.config, settings),
  });
}

/** Who trains, with which arguments. */
interface TrainerParts {
  readonly args: TrainingArguments;
  readonly optimizer: Optimizer;
  readonly callbacks: readonly TrainerCallback[];
}

function trainerOf<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  run: Run<Example, Row, Outputs, Model>,
  { args: trainerArgs, optimizer, callbacks }: TrainerParts,
): Trainer<Row, object> {
  const { task, loaded, args, progress } = run;
  const { model, tokenizer, adapter } = loaded;
  const { rows, evalRows, maxLength, settings } = run;
  const collate = task.collator({
    args,
    progress,
    model,
    tokenizer,
    maxLength,
    epoch: () => Math.floor(trainer.state.epoch),
  });
  const trainer: Trainer<Row, object> = new Trainer<Row, object>({
    model: adapter ?? model,
    args: trainerArgs,
    trainDataset: rows,
    dataCollator: collate,
    processingClass: tokenizer,
    ...run.trainerOptions,
    ...evalRows && settings.evaluateEvery !== undefined
      ? {
        evalDataset: evalRows,
        ...evaluationOf(run, evalRows),
      }
      : {},
    callbacks: [
      ...callbacks,
      ...settings.earlyStopping === undefined ? [] : [
        new EarlyStoppingCallback({
          earlyStoppingPatience: settings.earlyStopping,
        }),
      ],
    ],
    optimizers: [optimizer],
  });
  return trainer;
}

/** The options of the trainer that have an evaluation compute the task's scores. */
interface EvaluationOptions {
  preprocessLogitsForMetrics: () => AnyTensor;
  computeMetrics: () => Promise<Record<string, number>>;
}

/**
 * The task's scores as the metrics of an evaluation. They take a pass of their own,
 * as they may need written texts or several windows of a row; so the evaluation keeps
 * one number a batch instead of the model's outputs.
 */
function evaluationOf<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  run: Run<Example, Row, Outputs, Model>,
  rows: readonly Row[],
): EvaluationOptions {
  const { task, loaded: { model }, args, progress } = run;
  return {
    preprocessLogitsForMetrics: () => zeros([1]),
    async computeMetrics() {
      const wasTraining = model.training;
      try {
        const outputs = await task.outputs(rows, outputOptions(run, false));
        const context = { args, progress, config: model.config };
        return task.scores([outputs], rows, context);
      } finally {
        model.train(wasTraining);
      }
    },
  };
}

/** How the score of the run's weights is measured, if there are rows to do it. */
function gateOf<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  run: Run<Example, Row, Outputs, Model>,
): Omit<GateOptions, "tolerance"> | undefined {
  const { task, loaded, settings, evalRows } = run;
  if (!evalRows) return undefined;
  const { metric, greaterIsBetter } = metricOf(
    task,
    loaded.model.config,
    settings,
  );
  const { computeMetrics } = evaluationOf(run, evalRows);
  return {
    evaluate: async () => metricFrom(await computeMetrics(), metric),
    greaterIsBetter,
  };
}

/** A score by its name. */
function metricFrom(scores: Record<string, number>, name: string): number {
  const score = scores[name];
  if (score !== undefined) return score;
  throw new RangeError(
    `Cannot measure weights by "${name}": the scores are ${
      Object.keys(scores).join(", ")
    }`,
  );
}

function outputOptions<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  { loaded: { model, tokenizer }, args, progress, maxLength, settings }: Run<
    Example,
    Row,
    Outputs,
    Model
  >,
  isSample: boolean,
): OutputOptions<Model> {
  const { batchSize } = settings;
  return {
    ...{ args, progress, model, tokenizer, maxLength, batchSize, isSample },
    advance: () => {},
  };
}

/** A score, and which way is better. */
export type Metric = Pick<Task, "metric" | "greaterIsBetter">;

/** The score that tells which weights are better. */
export function metricOf(
  task: Pick<Task, "metric" | "greaterIsBetter" | "metricOf">,
  config: PretrainedConfig,
  { metric }: TrainSettings,
): Metric {
  const own = task.metricOf?.(config) ?? task;
  return metric === undefined || metric === own.metric
    ? own
    : { metric, greaterIsBetter: !LESS_IS_BETTER.test(metric) };
}

/** The names of scores of which less is better. */
const LESS_IS_BETTER =
  /loss|nll|ece|brier|mse|mae|perplexity|crps|divergence|entropy$/;

/**
 * Says in an error which weights of the run were saved, and where. If the weights are
 * good, as when the disk was full, they are saved first, in another folder if that of
 * the run cannot be written.
 */
async function withFate(
  error: unknown,
  { output, loaded }: { output: string; loaded: LoadedModel },
  step: number,
): Promise<unknown> {
  if (error instanceof RangeError) {
    const last = await getLastCheckpoint(output);
    const message = error.message
      .replace("Cannot use the weights:", "Cannot save the model:")
      .replaceAll("maxGradNorm", "--max-grad-norm");
    const fate = last === undefined
      ? "Nothing was saved"
      : `The last checkpoint is ${last}`;
    return new DivergedError(`${message}. ${fate}`, { cause: error });
  }
  if (step === 0 || !(error instanceof Error)) return error;
  await saveOrRescue(output, loaded);
  return new Error(
    `${error.message}. The weights after step ${step} were saved to ${output}`,
    { cause: error },
  );
}

/** Describes a posterior in words. */
function describePosterior({ nModels, covMatRank }: SwagModel): string {
  return nModels === 0
    ? "no posterior: nothing had been collected"
    : `${nModels} collections, rank ${covMatRank}`;
}
