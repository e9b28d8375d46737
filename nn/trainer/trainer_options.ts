// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a Trainer and its methods are given, besides the training arguments.

import type { AnyTensor } from "../../engine/mod.ts";
import type { Optimizer } from "../optim.ts";
import type { ReduceLROnPlateau } from "../reduce_on_plateau.ts";
import type { Scheduler } from "../scheduler.ts";
import type { StepInputs, StepLoss } from "../train_options.ts";
import type { TrainerCallback } from "./callbacks.ts";
import type { TrainerDataset } from "./datasets.ts";
import type { EvalPrediction } from "./evaluation.ts";
import type { TrainableModel } from "./loss.ts";
import type { ProcessingClass } from "./model_files.ts";
import type { TrainingArguments } from "./training_arguments.ts";

/** What a `Trainer` is made of. */
export interface TrainerOptions<
  Row,
  Feed extends object,
  Model extends TrainableModel,
> {
  /** The model: `forward` takes the inputs of a step as one object. */
  model: Model;
  /** The settings. @default {Hugging Face's defaults, nothing is written} */
  args?: TrainingArguments;
  /** The rows to train on; needed by `train`. */
  trainDataset?: TrainerDataset<Row>;
  /** The rows to evaluate on; needed by `evalStrategy`. */
  evalDataset?: TrainerDataset<Row>;
  /**
   * Makes the inputs of a step from the rows of a batch: typed arrays, or
   * `{ data, shape }`, or tensors, which are freed after the step. It may be
   * asynchronous, but then it makes no tensors after it has awaited something.
   * Steps are captured once for each combination of shapes, so pad to few
   * lengths.
   *
   * @default {defaultDataCollator, with the same element types in each batch}
   */
  dataCollator?: (rows: Row[]) => Feed | Promise<Feed>;
  /** The tokenizer, or what else is saved along with the model. */
  processingClass?: ProcessingClass;
  /**
   * Computes the loss of the inputs: a scalar, or an output that holds it as
   * `loss`. Outputs beside the loss are the predictions of an evaluation.
   * Without a `dataCollator`, say of what type the inputs are.
   *
   * @default {model.forward(inputs), with the loss in its output}
   */
  computeLoss?(inputs: StepInputs<Feed>, model: Model): StepLoss;
  /**
   * A factor for each class. The loss is the cross-entropy of the output's
   * `logits` with `labels` then.
   *
   * @default {ones}
   */
  classWeights?: ArrayLike<number>;
  /**
   * Whether `labels` are probabilities of each class, `[batch, classes]`. The
   * loss is the cross-entropy of the output's `logits` with them then.
   *
   * @default {false}
   */
  softTargets?: boolean;
  /**
   * Computes metrics of an evaluation by name. Without it an evaluation
   * computes the loss alone.
   *
   * @default {none}
   */
  computeMetrics?: (
    prediction: EvalPrediction,
  ) => Record<string, number> | Promise<Record<string, number>>;
  /**
   * Makes a smaller tensor of the outputs before they leave the GPU, such as
   * the best class; it becomes the predictions.
   *
   * @default {none}
   */
  preprocessLogitsForMetrics?: (
    outputs: Record<string, AnyTensor>,
  ) => AnyTensor;
  /** Who follows the run. @default {nobody} */
  callbacks?: readonly TrainerCallback[];
  /**
   * An optimizer and perhaps its schedule, in place of those of the arguments.
   * The caller frees them.
   */
  optimizers?: readonly [Optimizer, (Scheduler | ReduceLROnPlateau)?];
}

/** The names of {@linkcode TrainerOptions}. */
export const TRAINER_OPTIONS = [
  "model",
  "args",
  "trainDataset",
  "evalDataset",
  "dataCollator",
  "processingClass",
  "computeLoss",
  "classWeights",
  "softTargets",
  "computeMetrics",
  "preprocessLogitsForMetrics",
  "callbacks",
  "optimizers",
] satisfies (keyof TrainerOptions<unknown, object, TrainableModel>)[];

/** Options of `Trainer.train`. */
export interface TrainRunOptions {
  /**
   * A checkpoint to continue from: its folder, or `true` for the last one of
   * `outputDir`. The run is then the run that was not cut, bit for bit.
   * Checkpoints with more steps are of a run that is given up; they are removed
   * after this run has saved its first one.
   *
   * @default {from the start}
   */
  resumeFromCheckpoint?: string | boolean;
  /**
   * Ends the run after a step. A checkpoint is saved then, unless
   * `saveStrategy` is `"no"`.
   *
   * @default {none}
   */
  signal?: AbortSignal;
}

/** Options of `Trainer.evaluate` and `Trainer.predict`. */
export interface EvaluateOptions {
  /**
   * What the names of the metrics begin with.
   * @default {"eval", or "test" in predict}
   */
  metricKeyPrefix?: string;
}

/** What `Trainer.predict` returns. */
export interface PredictionOutput extends EvalPrediction {
  /** The metrics, and the loss if there were labels. */
  readonly metrics: Record<string, number>;
}
