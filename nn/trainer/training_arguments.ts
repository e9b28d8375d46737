// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The settings of a `Trainer`: names, defaults and rules are those of Hugging
// Face's TrainingArguments. argument_rules.ts checks them.

/** When something happens: never, every so many steps, or after each epoch. */
export type IntervalStrategy = "no" | "steps" | "epoch";

/** When checkpoints are saved; `best` is after each better evaluation. */
export type SaveStrategy = IntervalStrategy | "best";

/**
 * The schedules of the learning rate, under Hugging Face's names; it has no
 * `cyclic`.
 */
export type LrSchedulerType =
  | "linear"
  | "cosine"
  | "cosine_with_restarts"
  | "cyclic"
  | "polynomial"
  | "constant"
  | "constant_with_warmup"
  | "inverse_sqrt"
  | "reduce_lr_on_plateau";

/** Options of a schedule beyond its lengths. */
export interface LrSchedulerKwargs {
  /** The waves of `cosine` (½), or the falls of `cosine_with_restarts` (1). */
  numCycles?: number | undefined;
  /** The steps of a cycle of `cyclic`. */
  cycleSteps?: number | undefined;
  /**
   * The rate at the end of a cycle of `cyclic`, as a share of the learning rate.
   *
   * @default {0}
   */
  minLrRate?: number | undefined;
  /** How a cycle of `cyclic` falls. @default {"cos"} */
  annealStrategy?: "cos" | "linear" | undefined;
  /** The exponent of `polynomial`. @default {1} */
  power?: number | undefined;
  /** The rate at the end of `polynomial`. @default {1e-7} */
  lrEnd?: number | undefined;
  /** The scale of `inverse_sqrt`. @default {warmup steps, or 10,000} */
  timescale?: number | undefined;
  /** What `reduce_lr_on_plateau` multiplies the rate by. @default {0.1} */
  factor?: number | undefined;
  /**
   * The evaluations in a row without improvement after which
   * `reduce_lr_on_plateau` waits no longer.
   *
   * @default {10}
   */
  patience?: number | undefined;
  /** By how much a metric must improve. @default {1e-4} */
  threshold?: number | undefined;
  /** Whether `threshold` is a share or a difference. @default {"rel"} */
  thresholdMode?: "rel" | "abs" | undefined;
  /** The evaluations after a fall that do not count. @default {0} */
  cooldown?: number | undefined;
  /** The lowest rate of `reduce_lr_on_plateau`. @default {0} */
  minLr?: number | undefined;
  /** The least fall of the rate. @default {1e-8} */
  eps?: number | undefined;
}

/**
 * The optimizers: Hugging Face's names, and four that it does not have.
 *
 * - `"adamw_torch"`: `AdamW` as PyTorch computes it;
 * - `"adamw_hf"`: `AdamW` as transformers computed it, which decays weights after
 *   the step;
 * - `"bert_adam"`: the same without the correction of its bias, with which BERT was
 *   fine-tuned at first, with an `adamEpsilon` of 1e-6;
 * - `"sgd"`: `SGD`, without momentum unless `optimArgs` says otherwise;
 * - `"madgrad"` and `"mirror_madgrad"`: `MADGRAD` and `MirrorMADGRAD`, whose learning
 *   rates are not those of AdamW;
 * - `"ivon"`: `IVON`, which needs `optimArgs.ess` and other learning rates.
 *   Its samples of the weights come from the generator of the run.
 */
export type OptimizerName =
  | "adamw_torch"
  | "adamw_hf"
  | "bert_adam"
  | "sgd"
  | "madgrad"
  | "mirror_madgrad"
  | "ivon";

/**
 * Settings of the optimizer that have no argument. Hugging Face's `optim_args` is
 * a text such as `"momentum=0.9"` in its place. An optimizer refuses those that it
 * does not have.
 */
export interface OptimArgs {
  /**
   * The share of the last step that `sgd`, `madgrad` and `mirror_madgrad` repeat.
   *
   * @default {0 in sgd, 0.9 in the others}
   */
  momentum?: number | undefined;
  /** The share of the gradient that `sgd`'s momentum leaves out. @default {0} */
  dampening?: number | undefined;
  /** Whether `sgd` uses Nesterov momentum. @default {false} */
  nesterov?: boolean | undefined;
  /**
   * Whether `adamw_torch` and `adamw_hf` divide moments by `1 - βᵗ`; see
   * `AdamWSettings.correctBias`.
   *
   * @default {true}
   */
  correctBias?: boolean | undefined;
  /**
   * What `madgrad` and `mirror_madgrad` add to the cube root of the squares.
   *
   * @default {1e-6 in madgrad, 0 in mirror_madgrad}
   */
  eps?: number | undefined;
  /**
   * Whether the decay of `madgrad` and `mirror_madgrad` acts on the weights, as in
   * AdamW, and not through the gradient.
   *
   * @default {false}
   */
  decoupleDecay?: boolean | undefined;
  /** The number of training examples, which `ivon` must know. */
  ess?: number | undefined;
  /** What `ivon`'s Hessian is at first. @default {1} */
  hessInit?: number | undefined;
  /** How `ivon` estimates the Hessian. @default {"price"} */
  hessApprox?: "price" | "gradsq" | undefined;
  /** The decay rate of `ivon`'s momentum. @default {0.9} */
  beta1?: number | undefined;
  /** The decay rate of `ivon`'s Hessian. @default {0.99999} */
  beta2?: number | undefined;
  /** The samples of the weights in a step of `ivon`. @default {1} */
  mcSamples?: number | undefined;
  /** The most that a step of `ivon` may be. @default {no limit} */
  clipRadius?: number | undefined;
  /** Whether `ivon` divides its momentum by `1 - βᵗ`. @default {true} */
  debias?: boolean | undefined;
  /**
   * Whether `ivon` multiplies the learning rate by its first Hessian and the weight
   * decay.
   *
   * @default {true}
   */
  rescaleLr?: boolean | undefined;
}

/**
 * The settings of a `Trainer`. Names, defaults and rules are those of Hugging
 * Face's `TrainingArguments`, in camelCase.
 *
 * A number of steps counts updates of the weights. `evalSteps`, `saveSteps` and
 * `loggingSteps` may be a share of the run's steps instead, between 0 and 1.
 */
export interface TrainingArguments {
  /**
   * The folder for checkpoints, `trainer_state.json` and the log. Without it
   * nothing is written, and `saveStrategy` is `"no"`.
   *
   * @default {none}
   */
  outputDir?: string | undefined;
  /**
   * Whether a new run may take a folder that has checkpoints of another run.
   * These are removed after this run has saved its first one.
   *
   * @default {false}
   */
  overwriteOutputDir?: boolean | undefined;
  /** The folder of `log.jsonl`. @default {outputDir} */
  logDir?: string | undefined;
  /** When to evaluate during training. @default {"no"} */
  evalStrategy?: IntervalStrategy | undefined;
  /** The steps between two evaluations. @default {loggingSteps} */
  evalSteps?: number | undefined;
  /**
   * The steps, or with `"epoch"` the epochs, before the first evaluation.
   *
   * @default {0}
   */
  evalDelay?: number | undefined;
  /** Whether to evaluate before the first step too. @default {false} */
  evalOnStart?: boolean | undefined;
  /** The rows of a training batch. @default {8} */
  perDeviceTrainBatchSize?: number | undefined;
  /** The rows of a batch of evaluation and prediction. @default {8} */
  perDeviceEvalBatchSize?: number | undefined;
  /**
   * The batches of a step, which follows the mean of their losses.
   * @default {1}
   */
  gradientAccumulationSteps?: number | undefined;
  /**
   * Whether a step of several batches follows the mean over all their labels, as
   * one large batch would, instead of the mean of the batches' means. Labels of
   * -100 do not count. Transformers does so for models whose loss takes
   * `num_items_in_batch`. The loss must be a mean over the labels, and these must
   * be host arrays. As there, the first label of a row counts also where a causal
   * model does not predict it.
   *
   * @default {false}
   */
  averageTokensAcrossBatches?: boolean | undefined;
  /**
   * The batches of an evaluation whose outputs stay on the GPU until they are
   * read together.
   *
   * @default {16}
   */
  evalAccumulationSteps?: number | undefined;
  /**
   * Whether the model's blocks are checkpointed in training: what they compute is
   * not kept for the way back, but computed again there. This saves memory, and
   * steps take up to a third longer. The results are the same bits. The model, or
   * a module in it, must have the method `gradientCheckpointingEnable`, as the
   * models of `@swagpu/swagpu/models` have. It stays enabled after the training.
   *
   * @default {false}
   */
  gradientCheckpointing?: boolean | undefined;
  /** The learning rate after the warmup. @default {5e-5} */
  learningRate?: number | undefined;
  /**
   * The weight decay. Biases and the weights of layer norms have none.
   * @default {0}
   */
  weightDecay?: number | undefined;
  /** The decay rate of AdamW's first moment. @default {0.9} */
  adamBeta1?: number | undefined;
  /** The decay rate of AdamW's second moment. @default {0.999} */
  adamBeta2?: number | undefined;
  /** Added to the root of AdamW's second moment. @default {1e-8} */
  adamEpsilon?: number | undefined;
  /** The largest norm of all gradients together; 0 for none. @default {1} */
  maxGradNorm?: number | undefined;
  /** The passes over the data; may be a fraction. @default {3} */
  numTrainEpochs?: number | undefined;
  /**
   * The steps of the run, instead of `numTrainEpochs`. Needed for a dataset
   * without a length.
   *
   * @default {-1: by numTrainEpochs}
   */
  maxSteps?: number | undefined;
  /**
   * The schedule of the learning rate. `"reduce_lr_on_plateau"` lowers it when
   * `metricForBestModel` has not improved for some evaluations; see
   * `ReduceLROnPlateau`.
   *
   * @default {"linear"}
   */
  lrSchedulerType?: LrSchedulerType | undefined;
  /** More options of the schedule. @default {{}} */
  lrSchedulerKwargs?: LrSchedulerKwargs | undefined;
  /**
   * The share of the steps over which the learning rate rises.
   * @default {0}
   */
  warmupRatio?: number | undefined;
  /**
   * The steps over which the learning rate rises; above 0 it replaces
   * `warmupRatio`.
   *
   * @default {0}
   */
  warmupSteps?: number | undefined;
  /**
   * The optimizer. `learningRate` and `weightDecay` hold for all of them, the
   * arguments of Adam for the first three.
   *
   * @default {"adamw_torch"}
   */
  optim?: OptimizerName | undefined;
  /**
   * More settings of the optimizer, such as `{ momentum: 0.9 }` of `"sgd"` or
   * `{ correctBias: false }` of `"adamw_torch"`.
   *
   * @default {{}}
   */
  optimArgs?: OptimArgs | undefined;
  /** When to log the loss. @default {"steps"} */
  loggingStrategy?: IntervalStrategy | undefined;
  /** The steps between two logs. @default {500} */
  loggingSteps?: number | undefined;
  /** Whether to log after the first step too. @default {false} */
  loggingFirstStep?: boolean | undefined;
  /** When to save checkpoints. @default {"steps", or "no" without outputDir} */
  saveStrategy?: SaveStrategy | undefined;
  /** The steps between two checkpoints. @default {500} */
  saveSteps?: number | undefined;
  /**
   * The most checkpoints to keep. With `metricForBestModel` the best one is
   * kept as long as it is the best. A limit of 1 keeps it and the last one until
   * the run is at its end, and it alone then.
   *
   * @default {no limit}
   */
  saveTotalLimit?: number | undefined;
  /**
   * Whether checkpoints hold the model alone, so that no run can resume from
   * them.
   *
   * @default {false}
   */
  saveOnlyModel?: boolean | undefined;
  /** Determines dropout and other random numbers. @default {42} */
  seed?: number | undefined;
  /** Determines the order of the data. @default {seed} */
  dataSeed?: number | undefined;
  /** Whether to leave out a last batch that is not full. @default {false} */
  dataloaderDropLast?: boolean | undefined;
  /**
   * Whether batches are made of rows of similar length.
   * @default {false}
   */
  groupByLength?: boolean | undefined;
  /**
   * The property of a row that holds its length. Without such a property, the
   * length of its `inputIds` counts.
   *
   * @default {"length"}
   */
  lengthColumnName?: string | undefined;
  /**
   * The names of the inputs that hold labels.
   * @default {those of labels, startPositions and endPositions that there are}
   */
  labelNames?: readonly string[] | undefined;
  /**
   * The share of the target that is spread over all classes. Above 0 the loss
   * is the cross-entropy of the output's `logits` with `labels`.
   *
   * @default {0}
   */
  labelSmoothingFactor?: number | undefined;
  /**
   * Whether the model has the weights of the best checkpoint after the
   * training. `saveStrategy` and `evalStrategy` must agree then.
   *
   * @default {false}
   */
  loadBestModelAtEnd?: boolean | undefined;
  /**
   * The metric that tells which model is best, with or without `eval_`.
   *
   * @default {"loss" with loadBestModelAtEnd or "reduce_lr_on_plateau", otherwise
   * none}
   */
  metricForBestModel?: string | undefined;
  /**
   * Whether a greater metric is better.
   * @default {whether the metric's name does not end in "loss"}
   */
  greaterIsBetter?: boolean | undefined;
  /**
   * Whether steps are captured and replayed, once for each shape of the inputs;
   * see `capture`. The results are the same bits.
   *
   * @default {true}
   */
  capture?: boolean | undefined;
}

/** All settings of a `Trainer`, with defaults for what was not given. */
export type CompleteTrainingArguments =
  & Omit<
    {
      readonly [Name in keyof TrainingArguments]-?: NonNullable<
        TrainingArguments[Name]
      >;
    },
    | "outputDir"
    | "logDir"
    | "saveTotalLimit"
    | "labelNames"
    | "metricForBestModel"
    | "greaterIsBetter"
  >
  & {
    readonly [
      Name in
        | "outputDir"
        | "logDir"
        | "saveTotalLimit"
        | "labelNames"
        | "metricForBestModel"
        | "greaterIsBetter"
    ]: TrainingArguments[Name] | undefined;
  };
