// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How far a Trainer is, and Hugging Face's file of it, trainer_state.json.

/** One entry of the log: numbers by name, such as `loss` and `eval_accuracy`. */
export type LogEntry = Record<string, number>;

/** How far a `Trainer` is, with the names of Hugging Face in camelCase. */
export interface TrainerState {
  /** The passes over the data so far, a fraction within a pass. */
  epoch: number;
  /** The steps so far. */
  globalStep: number;
  /** The steps of the whole run. */
  maxSteps: number;
  /** The passes over the data of the whole run, rounded up. */
  numTrainEpochs: number;
  /** The steps between two logs. */
  loggingSteps: number;
  /** The steps between two evaluations. */
  evalSteps: number;
  /** The steps between two checkpoints. */
  saveSteps: number;
  /** The rows of a batch. */
  trainBatchSize: number;
  /** All that has been logged, each with its `epoch` and `step`. */
  logHistory: LogEntry[];
  /** The best value so far of `metricForBestModel`. */
  bestMetric: number | undefined;
  /** The step of that value. */
  bestGlobalStep: number | undefined;
  /** The checkpoint of that step, if it was saved. */
  bestModelCheckpoint: string | undefined;
}

/** The state before the first step. */
export function newTrainerState(): TrainerState {
  return {
    epoch: 0,
    globalStep: 0,
    maxSteps: 0,
    numTrainEpochs: 0,
    loggingSteps: 0,
    evalSteps: 0,
    saveSteps: 0,
    trainBatchSize: 0,
    logHistory: [],
    bestMetric: undefined,
    bestGlobalStep: undefined,
    bestModelCheckpoint: undefined,
  };
}

/** Writes a state as the text of Hugging Face's `trainer_state.json`. */
export function formatTrainerState(state: TrainerState): string {
  const file = {
    best_global_step: state.bestGlobalStep ?? null,
    best_metric: state.bestMetric ?? null,
    best_model_checkpoint: state.bestModelCheckpoint ?? null,
    epoch: state.epoch,
    eval_steps: state.evalSteps,
    global_step: state.globalStep,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: state.logHistory,
    logging_steps: state.loggingSteps,
    max_steps: state.maxSteps,
    num_input_tokens_seen: 0,
    num_train_epochs: state.numTrainEpochs,
    save_steps: state.saveSteps,
    stateful_callbacks: {},
    total_flos: 0,
    train_batch_size: state.trainBatchSize,
    trial_name: null,
    trial_params: null,
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/**
 * Reads a `trainer_state.json`: what a run continues from. The number of steps
 * of the run and of its intervals follow from its arguments.
 *
 * @throws {SyntaxError} If the text is not such a file.
 */
export function parseTrainerState(text: string, path: string): TrainerState {
  let file: Record<string, unknown>;
  try {
    file = JSON.parse(text);
  } catch {
    file = {};
  }
  const { epoch, global_step, log_history } = file ?? {};
  const isEntry = (entry: unknown) =>
    typeof entry === "object" && entry !== null &&
    Object.values(entry).every((value) =>
      typeof value === "number" || value === null
    );
  const isComplete = typeof epoch === "number" &&
    Number.isSafeInteger(global_step) && Array.isArray(log_history) &&
    log_history.every(isEntry);
  if (!isComplete) {
    throw new SyntaxError(
      `Cannot read ${path}: it is not the state of a Trainer`,
    );
  }
  const numberOf = (value: unknown) =>
    typeof value === "number" ? value : undefined;
  const { best_metric, best_global_step, best_model_checkpoint: best } = file;
  return {
    ...newTrainerState(),
    epoch,
    globalStep: global_step as number,
    logHistory: log_history.map(withNaN),
    bestMetric: numberOf(best_metric),
    bestGlobalStep: numberOf(best_global_step),
    bestModelCheckpoint: typeof best === "string" ? best : undefined,
  };
}

/** Puts back the numbers that JSON cannot hold. */
function withNaN(entry: Record<string, number | null>): LogEntry {
  return Object.fromEntries(
    Object.entries(entry).map(([name, value]) => [name, value ?? NaN]),
  );
}
