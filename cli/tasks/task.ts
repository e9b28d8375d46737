// Copyright 2026 the swagpu authors. MIT license.

/**
 * What the commands need to know of a task, such as naming the entities in a text:
 * how its files are read, what a model learns from them, and how good its answers
 * are. `finetune`, `evaluate` and `predict` are the same for all tasks but for this.
 *
 * @module
 */

import type {
  AutoClass,
  AutoTokenizerOptions,
  PeftModel,
  PretrainedConfig,
  PreTrainedModel,
  Tokenizer,
} from "../../models/mod.ts";
import type { TrainableModel } from "../../nn/mod.ts";
import type { MultiSwag, SwagModel } from "../../swag/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import type { Progress } from "../progress.ts";

/** A model of any task. Its `forward` takes what the task's collator makes. */
export type TaskModel = PreTrainedModel<PretrainedConfig> & TrainableModel;

/** A model, its tokenizer and its posterior. */
export interface LoadedModel<Model = TaskModel> {
  /** The model. */
  readonly model: Model;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /**
   * The posterior over its weights, or over its adapter, if there is one; of a merged
   * run, that of its first particle.
   */
  readonly swag: SwagModel | undefined;
  /** The posteriors of all particles of a merged run. */
  readonly multi?: MultiSwag | undefined;
  /** Its low-rank adapter, if it has one: what was trained instead of the weights. */
  readonly adapter?: PeftModel<TaskModel> | undefined;
}

/** The examples of a file, as they stand there. */
export interface TaskExamples<Example> {
  /** The file, for messages. */
  readonly path: string;
  /** Its examples, in their order. */
  readonly examples: readonly Example[];
}

/** An example as a model reads it, on the host. */
export interface TaskRow {
  /** Its tokens. Rows of similar length share a batch. */
  readonly length: number;
}

/** What every step of a command can ask. */
export interface TaskContext {
  /** The options that the command was called with. */
  readonly args: Arguments;
  /** Where progress and remarks are shown. */
  readonly progress: Progress;
}

/** What is needed to prepare examples for a model. */
export interface RowContext extends TaskContext {
  /** The model's configuration, with the classes of the data. */
  readonly config: PretrainedConfig;
  /** Splits texts into tokens. */
  readonly tokenizer: Tokenizer;
  /** The most tokens of a row. */
  readonly maxLength: number;
  /** Whether the model will learn from the rows; else it is measured on them. */
  readonly isTraining: boolean;
}

/** What is needed to make batches for the steps of a training. */
export interface CollatorContext<Model> extends TaskContext {
  /** The model that learns. */
  readonly model: Model;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The most tokens of a row. */
  readonly maxLength: number;
  /** The passes over the data so far, rounded down. */
  readonly epoch: () => number;
}

/** Has the type of a method, so that a task of any rows is a task. */
interface Collates<Row> {
  collate(rows: Row[]): object;
}

/** Makes the inputs of a step, labels among them. */
export type Collate<Row> = Collates<Row>["collate"];

/** How to compute a model's outputs. */
export interface OutputOptions<Model> extends TaskContext {
  /** The model, with the weights to use. */
  readonly model: Model;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The most tokens of a row. */
  readonly maxLength: number;
  /** How many rows are computed at a time. */
  readonly batchSize: number;
  /**
   * Whether the outputs will be averaged with those of other samples of the weights.
   * What cannot be averaged, such as written texts, need not be computed then.
   */
  readonly isSample: boolean;
  /** Called from time to time with how many more rows have been computed. */
  readonly advance: (more: number) => void;
}

/** A model that is loaded to predict. */
export interface Predictor<Model = TaskModel> extends LoadedModel<Model> {
  /** The most tokens of a row. */
  readonly maxLength: number;
}

/** What is needed to predict. */
export interface PredictContext<Model = TaskModel> extends TaskContext {
  /** The model's configuration. */
  readonly config: PretrainedConfig;
  /**
   * Loads the model, which takes long: what is wrong with the inputs should be known
   * before.
   */
  readonly load: () => Promise<Predictor<Model>>;
}

/** How a table shows scores, by their names. */
export type ScoreColumns = Readonly<
  Record<string, {
    /** The head of the column. @default {the usual one, or the name} */
    readonly head?: string;
    /** How many decimals scores have. @default {4} */
    readonly decimals?: number;
  }>
>;

/** The options of a `Trainer` that belong to a task. */
export interface TaskTrainerOptions {
  /** A factor for each class in the loss. */
  readonly classWeights?: readonly number[];
  /** Whether labels are probabilities of each class. */
  readonly softTargets?: boolean;
}

/**
 * A task.
 *
 * `Example` is a row of a file, `Row` the same as the model reads it, `Outputs` what
 * the model says of all rows, on the host.
 */
export interface Task<
  Example = unknown,
  Row extends TaskRow = TaskRow,
  Outputs = unknown,
  Model extends TaskModel = TaskModel,
> {
  /** The value of `--task`, which is the name of its pipeline. */
  readonly name: string;
  /** What the model learns, in a few words for the help. */
  readonly summary: string;
  /** The end of the class names of its models, such as `ForTokenClassification`. */
  readonly models: RegExp;
  /** Loads and makes its models. */
  readonly auto: AutoClass<Model>;
  /** How its tokenizers are loaded. @default {as their files say} */
  readonly tokenizerOptions?: AutoTokenizerOptions;
  /** The modules whose shape follows from the labels, by the start of their names. */
  readonly head: readonly string[];
  /** The score that tells which model is better, of those that `scores` gives. */
  readonly metric: string;
  /** Whether a greater value of that score is better. */
  readonly greaterIsBetter: boolean;
  /**
   * The same, where the score depends on the model's problem: classes and numbers have
   * different ones.
   */
  metricOf?(
    config: PretrainedConfig,
  ): { readonly metric: string; readonly greaterIsBetter: boolean };
  /**
   * That score of answering the same for every row, as well as that can be done: a
   * model that is no better has learned nothing.
   *
   * @returns The score; `undefined` if it is not known.
   */
  constantScore?(
    rows: readonly Row[],
    metric: string,
    config: PretrainedConfig,
  ): number | undefined;
  /** Its options of reading data, for `finetune` and `evaluate`. */
  readonly dataOptions: readonly Option[];
  /** Its options of training, for `finetune`. */
  readonly trainOptions: readonly Option[];
  /** Its options of measuring, for `finetune` and `evaluate`. */
  readonly scoreOptions: readonly Option[];
  /** Its options of `predict`. */
  readonly predictOptions: readonly Option[];

  /**
   * Reads the file that an option names. A model that was trained before tells by its
   * configuration which columns it was trained on.
   *
   * @throws {Error} If a row cannot be used; the message names it.
   */
  read(
    option: "data" | "eval",
    context: TaskContext & { readonly config?: PretrainedConfig | undefined },
  ): Promise<TaskExamples<Example>>;

  /** What a split keeps the shares of, such as the class. */
  stratum?(example: Example): unknown;

  /**
   * The fields of `config.json` that follow from the data, such as the names of
   * classes.
   *
   * @throws {Error} If the data does not fit the model.
   */
  configFields(
    data: TaskExamples<Example>,
    context: TaskContext & { readonly config: PretrainedConfig },
  ): Record<string, unknown>;

  /** Turns examples into rows, and says what was cut. */
  prepare(data: TaskExamples<Example>, context: RowContext): Row[];

  /**
   * What the `Trainer` must know of the loss, if it is not the model's own.
   *
   * @param rows The rows to learn from.
   * @throws {Error} If options of training do not fit the model or the rows, so this
   * comes before anything is written.
   */
  trainerOptions?(
    rows: readonly Row[],
    context: TaskContext & { readonly config: PretrainedConfig },
  ): TaskTrainerOptions;

  /** Makes the function that makes the inputs of a step, labels among them. */
  collator(context: CollatorContext<Model>): Collate<Row>;

  /**
   * Runs the model on rows, in evaluation mode.
   *
   * @throws {RangeError} If an output is not a finite number.
   */
  outputs(
    rows: readonly Row[],
    options: OutputOptions<Model>,
  ): Promise<Outputs>;

  /**
   * Measures outputs: those of one set of weights, or the average of several.
   *
   * @returns The scores by name, in the order of the table's columns.
   */
  scores(
    members: readonly Outputs[],
    rows: readonly Row[],
    context: TaskContext & { readonly config: PretrainedConfig },
  ): Record<string, number>;

  /** How the table shows scores that have other columns than usual. */
  columns?(config: PretrainedConfig): ScoreColumns;

  /**
   * Reads what to predict for, loads the model, and gives the objects of the lines of
   * JSON.
   */
  predict(context: PredictContext<Model>): AsyncIterable<object>;
}
