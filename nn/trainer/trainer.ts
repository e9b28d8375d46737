// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Training as with Hugging Face's Trainer. The file holds the public class; a
// run is in training_run.ts, and its steps are those of train().

import { recoverFolders } from "../formats/mod.ts";
import { checkOptions } from "../options.ts";
import { completeArguments } from "./argument_rules.ts";
import {
  nameOf,
  newControl,
  type TrainerCallback,
  type TrainerControl,
  type TrainerEvent,
  type TrainerEventName,
} from "./callbacks.ts";
import { CHECKPOINT, getLastCheckpoint } from "./checkpoint.ts";
import { checkDataset, type TrainerDataset } from "./datasets.ts";
import { consistentCollator } from "./default_collator.ts";
import {
  evaluateDataset,
  type Evaluation,
  predictionOf,
} from "./evaluation.ts";
import { checkpointable } from "./gradient_checkpointing.ts";
import { LossFunction, type TrainableModel } from "./loss.ts";
import { saveModel } from "./model_files.ts";
import { OutputFolder } from "./output_folder.ts";
import { newTrainerState, type TrainerState } from "./trainer_state.ts";
import {
  type EvaluateOptions,
  type PredictionOutput,
  TRAINER_OPTIONS,
  type TrainerOptions,
  type TrainRunOptions,
} from "./trainer_options.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";
import { TrainingRun, type TrainOutput } from "./training_run.ts";

/**
 * Trains, evaluates and saves a model, as Hugging Face's `Trainer` does: the
 * arguments, their defaults, the order of events and the files have its names
 * and its rules. The steps are those of `train()`.
 *
 * A checkpoint holds all that the run depends on: weights, optimizer, schedule,
 * random numbers, place in the data, and the states of callbacks. A run that was
 * cut at any step and resumes gives the bits of a run that was not cut.
 *
 * Three rules are this library's own. A loss or weight that is not finite ends
 * the run with an error. `onEpochEnd` is called for epochs that are complete, and
 * at the end of the run; not after a stop within an epoch, because the epoch goes
 * on when the run resumes. A step follows the mean of its batches' losses, also
 * for models of text, unless `averageTokensAcrossBatches` is set.
 *
 * @example Training, evaluation and prediction
 * ```ts
 * import { initialize, manualSeed, type Tensor } from "@swagpu/swagpu/engine";
 * import { Linear, Module, mseLoss, Trainer } from "@swagpu/swagpu/nn";
 * import { assert, assertEquals } from "@std/assert";
 *
 * class Line extends Module {
 *   readonly linear = new Linear(1, 1);
 *   forward({ x, labels }: { x: Tensor; labels: Tensor }) {
 *     const logits = this.linear.forward(x);
 *     return { logits, loss: mseLoss(logits, labels) };
 *   }
 * }
 *
 * await initialize();
 * manualSeed(0);
 * const rows = [0, 1, 2, 3].map((x) => ({
 *   x: Float32Array.of(x),
 *   labels: Float32Array.of(2 * x + 1),
 * }));
 * const model = new Line();
 * const trainer = new Trainer({
 *   model,
 *   args: { numTrainEpochs: 60, learningRate: 0.1 },
 *   trainDataset: rows,
 *   evalDataset: rows,
 *   computeMetrics: ({ predictions, labels }) => ({
 *     worst: Math.max(
 *       ...labels.data.map((y, i) => Math.abs(y - (predictions.data[i] ?? NaN))),
 *     ),
 *   }),
 * });
 * const { globalStep } = await trainer.train();
 * assertEquals(globalStep, 60);
 * const metrics = await trainer.evaluate();
 * assert((metrics["eval_worst"] ?? NaN) < 1);
 * const { predictions } = await trainer.predict(rows.slice(2));
 * assertEquals(predictions.shape, [2, 1]);
 * ```
 */
export class Trainer<
  Row,
  // deno-lint-ignore no-explicit-any -- host values where nothing is said
  Feed extends object = Record<string, any>,
  Model extends TrainableModel = TrainableModel,
> {
  /** The model. */
  readonly model: Model;
  /** The settings with all defaults. */
  readonly args: CompleteTrainingArguments;
  /** How far the training is. */
  readonly state: TrainerState = newTrainerState();
  readonly #options: TrainerOptions<Row, Feed, Model>;
  readonly #callbacks: TrainerCallback[] = [];
  readonly #control: TrainerControl = newControl();
  readonly #defaultCollator = consistentCollator();
  #run: TrainingRun<Row> | undefined;

  /**
   * Checks the settings. The model keeps its weights until `train` is called.
   *
   * @param options The model, the settings and the data.
   * @throws {TypeError} If an option is not known or of a wrong kind, or the
   * model cannot do what an argument asks for.
   * @throws {RangeError} If an argument is out of range, or arguments contradict
   * each other.
   */
  constructor(options: TrainerOptions<Row, Feed, Model>) {
    checkOptions(options, { action: "make a Trainer", known: TRAINER_OPTIONS });
    this.#options = options;
    this.model = options.model;
    this.args = completeArguments(options.args ?? {});
    const { trainDataset, evalDataset, callbacks = [] } = options;
    if (trainDataset) checkDataset(trainDataset, "trainDataset");
    if (evalDataset) checkDataset(evalDataset, "evalDataset");
    const evaluates = this.args.evalStrategy !== "no" || this.args.evalOnStart;
    if (evaluates && !evalDataset) {
      throw new TypeError(
        `Cannot evaluate with evalStrategy "${this.args.evalStrategy}": there ` +
          "is no evalDataset",
      );
    }
    this.#checkLoss();
    if (this.args.gradientCheckpointing) checkpointable(this.model);
    for (const callback of callbacks) this.addCallback(callback);
  }

  /**
   * Adds a callback.
   *
   * @param callback Who follows the run.
   * @throws {TypeError} If it has a state, and the name of another one.
   */
  addCallback(callback: TrainerCallback): void {
    const name = nameOf(callback);
    const isAlike = (other: TrainerCallback) =>
      other.stateDict !== undefined && nameOf(other) === name;
    if (callback.stateDict && this.#callbacks.some(isAlike)) {
      throw new TypeError(
        `Cannot add a second callback with the name ${name}: checkpoints keep ` +
          "the states of callbacks by their names",
      );
    }
    this.#callbacks.push(callback);
  }

  /**
   * Trains the model.
   *
   * The weights change in place. After the training the model has the mode,
   * training or evaluation, that it had before.
   *
   * @param options Where to resume from, and a signal to stop.
   * @returns The number of steps, and the mean loss.
   * @throws {TypeError} If there is no `trainDataset`.
   * @throws {RangeError} If a loss or a weight is not finite, `outputDir` holds
   * another run, or a checkpoint does not fit.
   * @throws {Error} If a file cannot be written; the last checkpoint stays.
   */
  async train(options: TrainRunOptions = {}): Promise<TrainOutput> {
    checkOptions(options, {
      action: "train",
      known: ["resumeFromCheckpoint", "signal"],
    });
    const { trainDataset: dataset, processingClass } = this.#options;
    if (!dataset) throw new TypeError("Cannot train: there is no trainDataset");
    if (this.#run) {
      throw new TypeError("Cannot train: this Trainer is training already");
    }
    const from = await this.#checkpointOf(options.resumeFromCheckpoint);
    Object.assign(this.#control, newControl());
    if (this.args.gradientCheckpointing) {
      for (const module of checkpointable(this.model)) {
        module.gradientCheckpointingEnable();
      }
    }
    using loss = this.#loss();
    using run = new TrainingRun<Row>({
      args: this.args,
      state: this.state,
      control: this.#control,
      model: this.model,
      callbacks: this.#callbacks,
      tokenizer: processingClass,
      optimizers: this.#options.optimizers,
      dataset,
      loss,
      collate: (rows) => this.#collate(rows),
      emit: (name, more) => this.#emit(name, more),
      evaluate: () => this.evaluate(),
    });
    this.#run = run;
    try {
      return await run.run(from, options.signal);
    } finally {
      this.#run = undefined;
    }
  }

  /**
   * Measures the model on a dataset, without changing it.
   *
   * @param dataset The rows. @default {evalDataset}
   * @param options How to name the metrics.
   * @returns The mean loss of the rows as `eval_loss`, what `computeMetrics`
   * gives, and the time, by name.
   * @throws {TypeError} If there is no dataset.
   */
  async evaluate(
    dataset: TrainerDataset<Row> | undefined = this.#options.evalDataset,
    options: EvaluateOptions = {},
  ): Promise<Record<string, number>> {
    checkOptions(options, { action: "evaluate", known: ["metricKeyPrefix"] });
    if (!dataset) {
      throw new TypeError("Cannot evaluate: there is no evalDataset");
    }
    checkDataset(dataset, "the dataset");
    const { metricKeyPrefix = "eval" } = options;
    const { computeMetrics } = this.#options;
    const start = performance.now();
    const found = await this.#evaluate(dataset, computeMetrics !== undefined);
    const metrics = await this.#metrics(found, metricKeyPrefix, start);
    await this.#log(metrics);
    await this.#emit("onEvaluate", { metrics });
    return metrics;
  }

  /**
   * Computes the outputs of the model for a dataset, with metrics if there are
   * labels.
   *
   * @param dataset The rows.
   * @param options How to name the metrics.
   * @returns Outputs and labels on the host, and the metrics.
   * @throws {TypeError} If the dataset is of a kind that cannot be used.
   */
  async predict(
    dataset: TrainerDataset<Row>,
    options: EvaluateOptions = {},
  ): Promise<PredictionOutput> {
    checkOptions(options, { action: "predict", known: ["metricKeyPrefix"] });
    checkDataset(dataset, "the dataset");
    const { metricKeyPrefix = "test" } = options;
    const start = performance.now();
    const found = await this.#evaluate(dataset, true);
    const metrics = await this.#metrics(found, metricKeyPrefix, start);
    await this.#emit("onPredict", { metrics });
    return { ...predictionOf(found), metrics };
  }

  /**
   * Writes the model's files, and those of `processingClass`, all or none: by
   * the model's own `savePretrained`, or as `model.safetensors`.
   *
   * @param folder The folder. @default {outputDir}
   * @throws {RangeError} If a weight is not finite, or no folder is known.
   */
  async saveModel(
    folder: string | undefined = this.args.outputDir,
  ): Promise<void> {
    if (folder === undefined) {
      throw new RangeError(
        "Cannot save the model: give a folder, or set outputDir",
      );
    }
    const tokenizer = this.#options.processingClass;
    await saveModel(folder, this.model, { tokenizer, isCheckpoint: false });
  }

  /**
   * Writes `trainer_state.json` to `outputDir`, as `train` does at its end: for
   * what has been logged since.
   */
  async saveState(): Promise<void> {
    await new OutputFolder(this.args).saveState(this.state);
  }

  /** Throws if settings of the loss contradict each other. */
  #checkLoss(): void {
    const { computeLoss, classWeights, softTargets } = this.#options;
    const { labelSmoothingFactor } = this.args;
    if (!computeLoss) return;
    const others = { classWeights, softTargets, labelSmoothingFactor };
    for (const [name, value] of Object.entries(others)) {
      if (!value) continue;
      throw new TypeError(
        `Cannot use ${name} with computeLoss, which computes the loss alone`,
      );
    }
  }

  #loss(): LossFunction {
    const { computeLoss, classWeights, softTargets = false } = this.#options;
    return new LossFunction(this.model, {
      computeLoss,
      classWeights,
      softTargets,
      labelSmoothing: this.args.labelSmoothingFactor,
    });
  }

  #collate(rows: Row[]): object | Promise<object> {
    return (this.#options.dataCollator ?? this.#defaultCollator)(rows);
  }

  async #checkpointOf(
    given: string | boolean | undefined,
  ): Promise<string | undefined> {
    if (typeof given === "string") return given;
    if (!given) return undefined;
    const { outputDir } = this.args;
    if (outputDir === undefined) {
      throw new RangeError(
        "Cannot resume: set outputDir, or name a checkpoint",
      );
    }
    // A process may have been killed while it replaced the last checkpoint.
    await recoverFolders(outputDir, CHECKPOINT);
    const last = await getLastCheckpoint(outputDir);
    if (last !== undefined) return last;
    throw new RangeError(
      `Cannot resume: there is no checkpoint in ${outputDir}`,
    );
  }

  async #evaluate(
    dataset: TrainerDataset<Row>,
    keepsOutputs: boolean,
  ): Promise<Evaluation> {
    using loss = this.#loss();
    return await evaluateDataset(dataset, {
      model: this.model,
      args: this.args,
      loss,
      collate: (rows: Row[]) => this.#collate(rows),
      keepsOutputs,
      preprocess: this.#options.preprocessLogitsForMetrics,
    });
  }

  async #metrics(
    found: Evaluation,
    prefix: string,
    start: number,
  ): Promise<Record<string, number>> {
    const metrics: Record<string, number> = {};
    if (found.loss !== undefined) metrics[`${prefix}_loss`] = found.loss;
    const { computeMetrics } = this.#options;
    const hasLabels = Object.keys(found.labels).length > 0;
    if (computeMetrics && hasLabels) {
      const own = await computeMetrics(predictionOf(found));
      for (const [name, value] of Object.entries(own)) {
        if (typeof value !== "number") {
          throw new TypeError(
            `Cannot use the metric "${name}": it is ${String(value)}, ` +
              "computeMetrics must give numbers",
          );
        }
        const isNamed = name.startsWith(`${prefix}_`);
        metrics[isNamed ? name : `${prefix}_${name}`] = value;
      }
    }
    const seconds = (performance.now() - start) / 1000;
    metrics[`${prefix}_runtime`] = seconds;
    metrics[`${prefix}_samples_per_second`] = found.rows / seconds;
    metrics[`${prefix}_steps_per_second`] = found.batches / seconds;
    return metrics;
  }

  /** Adds an entry to the log, of the run if there is one. */
  async #log(values: Record<string, number>): Promise<void> {
    if (this.#run) return await this.#run.log(values);
    const { epoch, globalStep: step, logHistory } = this.state;
    const logs = { ...values, epoch, step };
    logHistory.push(logs);
    await this.#emit("onLog", { logs });
  }

  /** Tells all callbacks of an event, one after the other. */
  async #emit(
    name: TrainerEventName,
    more: Partial<TrainerEvent> = {},
  ): Promise<void> {
    const run = this.#run;
    const event: TrainerEvent = {
      args: this.args,
      state: this.state,
      control: this.#control,
      model: this.model,
      ...(run
        ? {
          optimizer: run.optimizer,
          scheduler: run.scheduler,
          progress: run.pace.progress(),
        }
        : {}),
      ...more,
    };
    for (const callback of this.#callbacks) await callback[name]?.(event);
  }
}
