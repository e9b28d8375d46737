// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// One call of `Trainer.train`: the events, logs, evaluations and checkpoints
// around the steps that `train()` makes.

import { manualSeed } from "../../engine/mod.ts";
import type { Optimizer } from "../optim.ts";
import { ReduceLROnPlateau } from "../reduce_on_plateau.ts";
import { Scheduler } from "../scheduler.ts";
import type { ResumePoint, StepState, TrainReport } from "../train_options.ts";
import { train } from "../trainer.ts";
import { metricFor, noteBest } from "./best_model.ts";
import {
  type Checkpoint,
  type FixedSettings,
  loadCheckpoint,
  openCheckpoint,
  type RunPosition,
} from "./checkpoint.ts";
import { Collated } from "./collated.ts";
import { rowBatches, rowLengths } from "./datasets.ts";
import { afterEpoch, afterStep } from "./flow.ts";
import { labelWeight } from "./label_weight.ts";
import { loadModel } from "./model_files.ts";
import { makeOptimizer, makeScheduler } from "./optimizers.ts";
import { OutputFolder } from "./output_folder.ts";
import { Pace } from "./pace.ts";
import type { RunHost } from "./run_host.ts";
import {
  checkFixed,
  epochAt,
  fixedSettings,
  plannedState,
  planRun,
  type RunPlan,
} from "./run_plan.ts";
import { type LogEntry, newTrainerState } from "./trainer_state.ts";

/** What `Trainer.train` returns, as Hugging Face's `TrainOutput`. */
export interface TrainOutput {
  /** The steps of the whole run so far. */
  readonly globalStep: number;
  /** The mean loss of all steps. */
  readonly trainingLoss: number;
  /** `train_loss`, `train_runtime` and rates, as in the log. */
  readonly metrics: Record<string, number>;
}

/** A run in progress. */
export class TrainingRun<Row> implements Disposable {
  readonly optimizer: Optimizer;
  readonly scheduler: Scheduler | ReduceLROnPlateau;
  readonly folder: OutputFolder;
  readonly #host: RunHost<Row>;
  readonly #plan: RunPlan;
  readonly #fixed: FixedSettings;
  readonly #stop = new AbortController();
  readonly #pace: Pace;
  #position: RunPosition = {
    epoch: 0,
    epochStep: 0,
    endsEpoch: 0,
    lossSum: 0,
    lossCount: 0,
    loggedStep: 0,
    totalLoss: 0,
    gradNorm: -1,
  };
  #isInEpoch = false;
  #savedStep = -1;
  #lengths: number[] | undefined;
  /** The batches of the step. */
  #used: Collated[] = [];

  /** Plans the run, and makes the optimizer and the schedule. */
  constructor(host: RunHost<Row>) {
    const { args, model, dataset, state, optimizers } = host;
    this.#host = host;
    this.#plan = planRun(dataset, args);
    Object.assign(state, newTrainerState(), plannedState(this.#plan, args));
    this.#fixed = fixedSettings(dataset, args);
    this.optimizer = optimizers?.[0] ?? makeOptimizer(model, args);
    this.scheduler = optimizers?.[1] ??
      makeScheduler(this.optimizer, args, this.#plan.maxSteps);
    this.folder = new OutputFolder(args);
    this.#pace = new Pace(state, this.optimizer);
  }

  /** How fast the run is. */
  get pace(): Pace {
    return this.#pace;
  }

  /**
   * Trains until the end, a signal, or a callback's wish.
   *
   * @param from The checkpoint to resume from, if any.
   * @param signal Ends the run after a step.
   */
  async run(
    from: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<TrainOutput> {
    const { args, state, model, dataset } = this.#host;
    if (args.groupByLength) {
      this.#lengths = await rowLengths(dataset, args.lengthColumnName);
    }
    const checkpoint = from === undefined
      ? undefined
      : await openCheckpoint(from);
    manualSeed(args.seed);
    const wasTraining = model.training;
    let aborted = false;
    model.train();
    try {
      if (checkpoint) await this.#resume(checkpoint);
      await this.folder.begin(state, checkpoint?.state.globalStep);
      await this.#host.emit("onTrainBegin");
      if (args.evalOnStart && !checkpoint) await this.#host.evaluate();
      this.#pace.begin();
      await this.#train(checkpoint && this.#resumePoint(), signal);
      aborted = signal?.aborted ?? false;
      await this.#settle(aborted);
    } finally {
      model.train(wasTraining);
    }
    return await this.#finish(aborted);
  }

  /** Does what a stop has left undone: the end of an epoch, or a checkpoint. */
  async #settle(isInterrupted: boolean): Promise<void> {
    const { args, state } = this.#host;
    const { epochSteps, maxSteps } = this.#plan;
    const isComplete = this.#position.epochStep === epochSteps ||
      state.globalStep >= maxSteps;
    if (this.#isInEpoch && isComplete && !isInterrupted) await this.#endEpoch();
    const wantsSave = isInterrupted && args.saveStrategy !== "no";
    if (wantsSave && state.globalStep > this.#savedStep) await this.#save();
  }

  /** Frees the optimizer that the run has made. */
  [Symbol.dispose](): void {
    this.#free();
    if (!this.#host.optimizers) this.optimizer.dispose();
  }

  #free(): void {
    for (const batch of this.#used) batch[Symbol.dispose]();
    this.#used = [];
  }

  /** Loads a checkpoint into all parts of the run. */
  async #resume(checkpoint: Checkpoint): Promise<void> {
    const { model, callbacks, state, args, control } = this.#host;
    const { path, position } = checkpoint;
    checkFixed(checkpoint.fixed, this.#fixed, path);
    const { optimizer, scheduler } = this;
    await loadCheckpoint(checkpoint, {
      model,
      callbacks,
      optimizer,
      scheduler,
    });
    Object.assign(state, checkpoint.state, plannedState(this.#plan, args));
    this.#position = { ...position };
    this.#isInEpoch = position.epochStep > 0;
    control.shouldEpochStop = position.endsEpoch === 1;
    this.#savedStep = state.globalStep;
  }

  #resumePoint(): ResumePoint {
    const { epoch, epochStep } = this.#position;
    return { epoch, epochStep, step: this.#host.state.globalStep };
  }

  async #train(
    resume: ResumePoint | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { args, loss, state } = this.#host;
    const { epochs, maxSteps } = this.#plan;
    if (state.globalStep >= maxSteps) this.#stop.abort();
    await train({
      epochs,
      batches: (epoch) => this.#batches(epoch, resume),
      inputs: (batch) => batch?.feed ?? {},
      step: (inputs: object) => loss.compute(inputs),
      capture: args.capture,
      optimizer: this.optimizer,
      scheduler: this.scheduler instanceof Scheduler
        ? this.scheduler
        : undefined,
      maxGradNorm: args.maxGradNorm > 0 ? args.maxGradNorm : undefined,
      gradientAccumulation: args.gradientAccumulationSteps,
      batchWeight: args.averageTokensAcrossBatches
        ? (batch) => labelWeight(batch?.feed ?? {}, args, loss.classWeights)
        : undefined,
      signal: signal
        ? AbortSignal.any([signal, this.#stop.signal])
        : this.#stop.signal,
      resume,
      onLog: (report) => this.#noteLosses(report),
      onStep: (step) => this.#endStep(step),
      onEpoch: () => this.#endEpoch(),
    });
  }

  /** The batches of an epoch; those made before a cut are empty. */
  async *#batches(
    epoch: number,
    resume: ResumePoint | undefined,
  ): AsyncGenerator<Collated | undefined> {
    const { args, dataset, control } = this.#host;
    const { gradientAccumulationSteps: size } = args;
    const skip = resume?.epoch === epoch ? resume.epochStep * size : 0;
    if (this.#stop.signal.aborted) return;
    if (skip === 0) {
      this.#position = { ...this.#position, epoch, epochStep: 0 };
      this.#isInEpoch = true;
      control.shouldEpochStop = false;
      await this.#host.emit("onEpochBegin");
    }
    const lengths = this.#lengths;
    const batches = rowBatches(dataset, {
      batchSize: args.perDeviceTrainBatchSize,
      dropLast: args.dataloaderDropLast,
      skip,
      shuffle: { seed: args.dataSeed, epoch, lengths },
    });
    let count = 0;
    for await (const rows of batches) {
      if (count >= skip && count % size === 0) {
        if (this.#stop.signal.aborted || control.shouldEpochStop) return;
        await this.#beginStep();
      }
      if (count++ < skip) {
        yield undefined;
        continue;
      }
      const batch = await Collated.make(this.#host.collate, rows);
      this.#used.push(batch);
      this.#pace.rows += rows.length;
      yield batch;
    }
  }

  async #beginStep(): Promise<void> {
    const { control } = this.#host;
    control.shouldLog = false;
    control.shouldEvaluate = false;
    control.shouldSave = false;
    await this.#host.emit("onStepBegin");
  }

  #noteLosses({ losses, gradNorm = -1 }: TrainReport): void {
    const position = this.#position;
    position.gradNorm = gradNorm;
    for (const loss of losses) {
      position.lossSum += loss;
      position.totalLoss += loss;
      position.lossCount++;
    }
  }

  async #endStep(
    { epoch, step, epochStep, readLosses }: StepState,
  ): Promise<void> {
    const { args, state, control } = this.#host;
    this.#free();
    this.#position.epoch = epoch;
    this.#position.epochStep = epochStep;
    state.globalStep = step;
    state.epoch = epochAt(this.#position, this.#plan, args);
    this.#pace.steps++;
    afterStep(control, state, args);
    await this.#host.emit("onStepEnd");
    await this.#act(readLosses);
  }

  async #endEpoch(): Promise<void> {
    const { args, state, control } = this.#host;
    this.#isInEpoch = false;
    afterEpoch(control, state, args);
    await this.#host.emit("onEpochEnd");
    // A checkpoint of now continues with the next epoch.
    const { epoch } = this.#position;
    this.#position = { ...this.#position, epoch: epoch + 1, epochStep: 0 };
    await this.#act(async () => {});
  }

  /** Logs, evaluates and saves, if that is due. */
  async #act(readLosses: () => Promise<void>): Promise<void> {
    const { args, state, control } = this.#host;
    const position = this.#position;
    if (control.shouldLog && state.globalStep > position.loggedStep) {
      await readLosses();
      await this.#logLoss();
    }
    control.shouldLog = false;
    if (control.shouldEvaluate) {
      const metrics = await this.#host.evaluate();
      const isBest = noteBest(state, metrics, args);
      if (this.scheduler instanceof ReduceLROnPlateau) {
        this.scheduler.step(metricFor(args.metricForBestModel, metrics));
      }
      if (args.saveStrategy === "best") control.shouldSave = isBest;
    }
    control.shouldEvaluate = false;
    if (control.shouldSave) {
      await readLosses();
      await this.#save();
    }
    control.shouldSave = false;
    if (control.shouldTrainingStop) this.#stop.abort();
  }

  async #logLoss(): Promise<void> {
    const { state } = this.#host;
    const position = this.#position;
    const { lossSum, lossCount, gradNorm } = position;
    position.loggedStep = state.globalStep;
    position.lossSum = 0;
    position.lossCount = 0;
    await this.log({
      loss: lossSum / lossCount,
      ...(gradNorm < 0 ? {} : { grad_norm: gradNorm }),
      learning_rate: this.optimizer.learningRate,
    });
  }

  /** Adds an entry to the log. */
  async log(values: Readonly<Record<string, number>>): Promise<void> {
    const { state } = this.#host;
    const { epoch, globalStep: step } = state;
    const entry: LogEntry = { ...values, epoch, step };
    state.logHistory.push(entry);
    try {
      await this.#host.emit("onLog", { logs: entry });
    } finally {
      // Callbacks may add to the entry, so it is written after them.
      await this.folder.log(entry);
    }
  }

  async #save(): Promise<void> {
    const { state, model, tokenizer, callbacks, control } = this.#host;
    const { optimizer, scheduler } = this;
    const ends = control.shouldEpochStop && this.#isInEpoch;
    if (state.bestGlobalStep === state.globalStep) {
      state.bestModelCheckpoint = this.folder.pathOf(state.globalStep);
    }
    const checkpoint = await this.folder.save({
      ...{ model, tokenizer, optimizer, scheduler, callbacks, state },
      position: { ...this.#position, endsEpoch: ends ? 1 : 0 },
      fixed: this.#fixed,
    });
    this.#savedStep = state.globalStep;
    await this.#host.emit("onSave", { checkpoint });
  }

  /** Loads the best weights, and logs the summary. */
  async #finish(aborted: boolean): Promise<TrainOutput> {
    const { args, state, model } = this.#host;
    const { bestModelCheckpoint: best, globalStep, maxSteps } = state;
    if (globalStep >= maxSteps) await this.folder.removeLast(best);
    if (args.loadBestModelAtEnd && best !== undefined) {
      await loadModel(best, model);
    }
    const trainingLoss = this.#position.totalLoss / globalStep;
    const metrics = { ...this.#pace.summary(), train_loss: trainingLoss };
    await this.log(metrics);
    await this.folder.saveState(state);
    await this.#host.emit("onTrainEnd", { aborted });
    return { globalStep, trainingLoss, metrics };
  }
}
