// Copyright 2026 the swagpu authors. MIT license.

/**
 * The options of `finetune` that say how to train, and when to measure and save.
 *
 * @module
 */

import type { Arguments, Option } from "./arguments.ts";

const OPTIMIZERS = [
  "adamw",
  "sgd",
  "madgrad",
  "mirror_madgrad",
  "ivon",
] as const;

/** The usual settings of each optimizer. */
const USUAL: Readonly<
  Record<
    (typeof OPTIMIZERS)[number],
    { readonly learningRate?: number; readonly weightDecay: number }
  >
> = {
  adamw: { learningRate: 5e-5, weightDecay: 0.01 },
  sgd: { learningRate: 0.05, weightDecay: 1e-4 },
  madgrad: { weightDecay: 0 },
  mirror_madgrad: { weightDecay: 0 },
  ivon: { weightDecay: 1e-4 },
};

/** The optimizers without an option of momentum. */
const WITHOUT_MOMENTUM: readonly string[] = ["adamw", "ivon"];

const SCHEDULES = [
  "linear",
  "constant",
  "cosine",
  "cosine_with_restarts",
  "cyclic",
  "polynomial",
  "inverse_sqrt",
  "reduce_lr_on_plateau",
] as const;

/** The options of training. */
export const TRAIN_OPTIONS: readonly Option[] = [
  { name: "epochs", value: "N", help: "Passes over the data (3)." },
  {
    name: "max-steps",
    value: "N",
    help: "Steps of the run, in place of --epochs.",
  },
  { name: "batch-size", value: "N", help: "Rows at a time (32)." },
  {
    name: "gradient-accumulation",
    value: "N",
    help: "Batches per step of the optimizer (1).",
  },
  { name: "optimizer", value: OPTIMIZERS.join("|"), help: "Rule (adamw)." },
  {
    name: "learning-rate",
    value: "X",
    help: "Largest learning rate (5e-5 for adamw, 0.05 for sgd). For the " +
      "others it must be given: it has to be searched.",
  },
  { name: "momentum", value: "X", help: "Momentum of sgd and madgrad (0.9)." },
  {
    name: "weight-decay",
    value: "X",
    help: "Decay of weights, not of biases and norms (0.01 for adamw, 1e-4 " +
      "for sgd, else 0).",
  },
  {
    name: "schedule",
    value: "NAME",
    choices: SCHEDULES,
    help: `Course of the learning rate: ${SCHEDULES.join(", ")} (linear; ` +
      "constant with --swag). The last follows the score of --eval-every.",
  },
  {
    name: "cycle-steps",
    value: "N",
    help:
      "Steps of a cycle of --schedule cyclic, which falls along half a cosine.",
  },
  {
    name: "cycle-end",
    value: "X",
    help: "Share of the learning rate at the end of a cycle (0.1).",
  },
  {
    name: "warmup-ratio",
    value: "X",
    help: "Share of the steps over which the learning rate rises (0).",
  },
  {
    name: "max-grad-norm",
    value: "X",
    help: "Largest norm of the gradients, 0 for no limit (1).",
  },
  {
    name: "max-length",
    value: "N",
    help: "Longest row in tokens (the model's limit, at most 512).",
  },
  {
    name: "seed",
    value: "N",
    help: "Decides order, new weights, dropout (0).",
  },
  {
    name: "log-every",
    value: "N",
    help:
      "Steps between entries of the log, which is log.jsonl in the output " +
      "folder (a hundredth of the run); if standard error is no terminal, " +
      "each is a line there (every 5 seconds).",
  },
];

/** The options of measuring and saving during the training. */
export const COURSE_OPTIONS: readonly Option[] = [
  {
    name: "eval-every",
    value: "N|epoch",
    help:
      "Measure on the texts of --eval after every N steps, or every epoch " +
      "(at the end alone).",
  },
  {
    name: "early-stopping",
    value: "N",
    help: "Stop when N measurements in a row have brought no better score.",
  },
  {
    name: "load-best",
    help: "Save the weights that measured best, not the last ones.",
  },
  {
    name: "metric",
    value: "NAME",
    help:
      "The score that tells which is better, such as loss (the task's own).",
  },
  {
    name: "save-every",
    value: "N|epoch",
    help: "Save a checkpoint after every N steps, or every epoch, from which " +
      "--resume goes on (none).",
  },
  { name: "save-limit", value: "N", help: "Checkpoints to keep (2)." },
  {
    name: "resume",
    help:
      "Go on from the last checkpoint in the output folder, with the same " +
      "options as before; the result has the same bits as an uncut run's.",
  },
];

/** The values of {@linkcode TRAIN_OPTIONS}. */
export interface TrainSettings {
  optimizer: (typeof OPTIMIZERS)[number];
  epochs: number;
  /** The steps of the run, if they are not to follow from the epochs. */
  maxSteps: number | undefined;
  batchSize: number;
  gradientAccumulation: number;
  learningRate: number;
  /** The momentum of an optimizer that has one. */
  momentum: number | undefined;
  weightDecay: number;
  schedule: (typeof SCHEDULES)[number];
  /** The steps of a cycle, and the share of the rate at its end, of `cyclic`. */
  cycle: { readonly steps: number; readonly end: number } | undefined;
  warmupRatio: number;
  /** The largest norm of the gradients; `undefined` for no limit. */
  maxGradNorm: number | undefined;
  maxLength: number | undefined;
  seed: number;
  logEvery: number | undefined;
  /** The steps between two measurements; `undefined` for one at the end. */
  evaluateEvery: Interval | undefined;
  /** The measurements without a better score after which to stop. */
  earlyStopping: number | undefined;
  loadBest: boolean;
  /** The name of the score that tells which is better. */
  metric: string | undefined;
  /** The steps between two checkpoints; `undefined` for none. */
  saveEvery: Interval | undefined;
  saveLimit: number;
  resume: boolean;
}

/** A number of steps, or an epoch. */
export type Interval = number | "epoch";

/** Reads the value of an option that is a number of steps or an epoch. */
function interval(args: Arguments, name: string): Interval | undefined {
  if (args.text(name) === "epoch") return "epoch";
  return args.integer(name, { min: 1 });
}

/** Reads {@linkcode COURSE_OPTIONS}. */
function courseSettings(
  args: Arguments,
): Pick<
  TrainSettings,
  | "evaluateEvery"
  | "earlyStopping"
  | "loadBest"
  | "metric"
  | "saveEvery"
  | "saveLimit"
  | "resume"
> {
  const evaluateEvery = interval(args, "eval-every");
  const saveEvery = interval(args, "save-every");
  const loadBest = args.flag("load-best");
  if (
    args.text("schedule") === "reduce_lr_on_plateau" &&
    evaluateEvery === undefined
  ) {
    throw new TypeError(
      "Cannot use --schedule reduce_lr_on_plateau without --eval-every: it " +
        "follows the score of what is measured",
    );
  }
  for (const name of ["early-stopping", "load-best", "metric"]) {
    if (evaluateEvery !== undefined || !args.flag(name)) continue;
    throw new TypeError(
      `Cannot use --${name} without --eval-every: say when to measure`,
    );
  }
  if (args.flag("eval-every") && !hasEvaluation(args)) {
    throw new TypeError(
      "Cannot use --eval-every without --eval or --validation-split: there is " +
        "nothing to measure on",
    );
  }
  if (loadBest && saveEvery !== undefined && saveEvery !== evaluateEvery) {
    throw new TypeError(
      `Cannot use --load-best with --save-every ${saveEvery} and --eval-every ` +
        `${evaluateEvery}: what is measured must be saved, so leave ` +
        "--save-every out",
    );
  }
  const saves = saveEvery ?? (loadBest ? evaluateEvery : undefined);
  for (const name of ["save-limit"]) {
    if (saves !== undefined || !args.flag(name)) continue;
    throw new TypeError(
      `Cannot use --${name} without --save-every: say when to save`,
    );
  }
  return {
    evaluateEvery,
    earlyStopping: args.integer("early-stopping", { min: 1 }),
    loadBest,
    metric: args.text("metric"),
    saveEvery: saves,
    saveLimit: args.integer("save-limit", { min: 1 }) ?? 2,
    resume: args.flag("resume"),
  };
}

function hasEvaluation(args: Arguments): boolean {
  return args.flag("eval") || args.flag("validation-split");
}

/** Reads {@linkcode TRAIN_OPTIONS}. */
export function trainSettings(args: Arguments): TrainSettings {
  const optimizer = args.choice("optimizer", OPTIMIZERS) ?? "adamw";
  const usual = USUAL[optimizer];
  const count = (name: string) => args.integer(name, { min: 1 });
  const share = (name: string) => args.number(name, { min: 0, max: 1 });
  const hasMomentum = !WITHOUT_MOMENTUM.includes(optimizer);
  if (!hasMomentum && args.text("momentum") !== undefined) {
    throw new TypeError(
      `Cannot use --momentum with ${optimizer}: it is for --optimizer sgd or madgrad`,
    );
  }
  const learningRate = args.number("learning-rate", { min: 0, above: true }) ??
    usual.learningRate;
  if (learningRate === undefined) {
    throw new TypeError(
      `Cannot use --optimizer ${optimizer} without --learning-rate: its rates ` +
        "are not those of other optimizers and have to be searched",
    );
  }
  const maxSteps = count("max-steps");
  if (maxSteps !== undefined && args.flag("epochs")) {
    throw new TypeError(
      "Cannot use --max-steps with --epochs: give one of them",
    );
  }
  const schedule = args.choice("schedule", SCHEDULES) ??
    (args.flag("swag") ? "constant" : "linear");
  return {
    ...courseSettings(args),
    optimizer,
    epochs: count("epochs") ?? 3,
    maxSteps,
    batchSize: count("batch-size") ?? 32,
    gradientAccumulation: count("gradient-accumulation") ?? 1,
    learningRate,
    momentum: hasMomentum ? share("momentum") ?? 0.9 : undefined,
    weightDecay: args.number("weight-decay", { min: 0 }) ?? usual.weightDecay,
    schedule,
    cycle: cycleOf(args, schedule),
    warmupRatio: share("warmup-ratio") ?? 0,
    maxGradNorm: (args.number("max-grad-norm", { min: 0 }) ?? 1) || undefined,
    maxLength: count("max-length"),
    seed: args.integer("seed", { min: 0, max: 2 ** 32 - 1 }) ?? 0,
    logEvery: count("log-every"),
  };
}

/** Reads the options of a cyclical rate. */
function cycleOf(
  args: Arguments,
  schedule: TrainSettings["schedule"],
): TrainSettings["cycle"] {
  const steps = args.integer("cycle-steps", { min: 1 });
  const end = args.number("cycle-end", { min: 0, max: 1 });
  if (schedule !== "cyclic") {
    if (steps === undefined && end === undefined) return undefined;
    throw new TypeError(
      `Cannot use --cycle-steps or --cycle-end with --schedule ${schedule}: they ` +
        "belong to cyclic",
    );
  }
  if (steps === undefined) {
    throw new TypeError(
      "Cannot use --schedule cyclic without --cycle-steps: say how long a cycle is",
    );
  }
  return { steps, end: end ?? 0.1 };
}

/** The length of a run. */
export interface RunPlan {
  /** The passes over the data; the last may be cut by `steps`. */
  epochs: number;
  /** The steps of a pass. */
  stepsPerEpoch: number;
  /** The steps of the run. */
  steps: number;
}

/** The length of a run over some rows. */
export function planOf(rows: number, settings: TrainSettings): RunPlan {
  const { batchSize, gradientAccumulation, maxSteps } = settings;
  const stepsPerEpoch = Math.ceil(
    Math.ceil(rows / batchSize) / gradientAccumulation,
  );
  const epochs = maxSteps === undefined
    ? settings.epochs
    : Math.ceil(maxSteps / stepsPerEpoch);
  return { epochs, stepsPerEpoch, steps: maxSteps ?? epochs * stepsPerEpoch };
}
