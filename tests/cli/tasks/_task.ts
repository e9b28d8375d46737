// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { Arguments, type Option } from "../../../cli/arguments.ts";
import { MODEL_OPTIONS } from "../../../cli/model_options.ts";
import { Progress } from "../../../cli/progress.ts";
import type {
  LoadedModel,
  Task,
  TaskContext,
  TaskExamples,
  TaskModel,
  TaskRow,
} from "../../../cli/tasks/task.ts";
import type { Tokenizer } from "../../../models/mod.ts";
import { Trainer } from "../../../nn/mod.ts";
import { inFolder } from "../../_folder.ts";

/** The options of the commands that are those of no task. */
const COMMON: readonly Option[] = [
  ...["data", "eval", "eval-field"].map((name) => ({
    name,
    value: "X",
    help: "",
  })),
  ...MODEL_OPTIONS,
];

/** The options of a task that every command of it may have. */
type Options = Pick<
  Task,
  "dataOptions" | "trainOptions" | "scoreOptions" | "predictOptions"
>;

/** Reads options as a command of the task does. */
export function argumentsOf(
  task: Options,
  command: "finetune" | "predict",
  given: readonly string[],
): Arguments {
  const { dataOptions, trainOptions, scoreOptions, predictOptions } = task;
  const own = command === "finetune"
    ? [...dataOptions, ...trainOptions, ...scoreOptions]
    : predictOptions;
  return new Arguments({
    name: command,
    summary: "",
    usage: "",
    options: { All: [...COMMON, ...own] },
    run: () => Promise.resolve(0),
  }, given);
}

/** Progress that keeps what is said. */
export interface Listener {
  readonly progress: Progress;
  /** All remarks. */
  readonly said: string[];
}

/** Makes progress that keeps what is said. */
export function listener(): Listener {
  const said: string[] = [];
  const terminal = {
    isTerminal: () => false,
    writeSync(bytes: Uint8Array) {
      said.push(new TextDecoder().decode(bytes).trimEnd());
      return bytes.length;
    },
  };
  return { progress: new Progress({ terminal, now: () => 0 }), said };
}

/** The context of `finetune` and `evaluate`. */
export function contextOf(
  task: Options,
  argv: readonly string[] = [],
  { progress }: Listener = listener(),
): TaskContext {
  return { args: argumentsOf(task, "finetune", argv), progress };
}

/** Calls a function with the path of a file of this text. */
export async function withFile<T>(
  name: string,
  text: string,
  body: (path: string) => Promise<T>,
): Promise<T> {
  return await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    return await body(`${folder}/${name}`);
  });
}

/** Writes files to a folder, and gives the options that name the first one. */
export async function withFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (data: string[], folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    for (const [name, content] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      if (typeof content === "string") await Deno.writeTextFile(path, content);
      else await Deno.writeFile(path, content);
    }
    await body(["--data", `${folder}/${Object.keys(files)[0]}`], folder);
  });
}

/** Reads a file of this text as a task does. */
export async function readText<E, R extends TaskRow, O, M extends TaskModel>(
  task: Task<E, R, O, M>,
  { name, text, argv = [], told }: {
    name: string;
    text: string;
    argv?: readonly string[];
    told?: Listener;
  },
): Promise<TaskExamples<E>> {
  return await withFile(
    name,
    text,
    (path) =>
      task.read("data", contextOf(task, ["--data", path, ...argv], told)),
  );
}

/** The lines that a task predicts, as JSON has them. */
export async function linesOf<E, R extends TaskRow, O, M extends TaskModel>(
  task: Task<E, R, O, M>,
  loaded: LoadedModel<M>,
  { argv, maxLength = 24, told: { progress } = listener() }: {
    argv: readonly string[];
    maxLength?: number;
    told?: Listener;
  },
  // deno-lint-ignore no-explicit-any -- lines are what JSON gives
): Promise<any[]> {
  const args = argumentsOf(task, "predict", argv);
  const { config } = loaded.model;
  const load = () => Promise.resolve({ ...loaded, maxLength });
  const lines = await Array.fromAsync(
    task.predict({ args, progress, config, load }),
  );
  return JSON.parse(JSON.stringify(lines));
}

/** How to run a task's outputs. */
export interface OutputsOptions {
  tokenizer: Tokenizer;
  given?: readonly string[];
  batchSize?: number;
  isSample?: boolean;
}

/** Runs a task's outputs, and checks that progress tells of all rows. */
export async function outputsOf<
  E,
  R extends TaskRow,
  O,
  M extends TaskModel,
>(
  task: Task<E, R, O, M>,
  { model, rows }: { model: M; rows: readonly R[] },
  { tokenizer, given = [], batchSize = 3, isSample = false }: OutputsOptions,
): Promise<O> {
  let done = 0;
  const outputs = await task.outputs(rows, {
    ...contextOf(task, given),
    ...{ model, tokenizer, batchSize, isSample, maxLength: 32 },
    advance: (more) => done += more,
  });
  assertEquals(done, rows.length);
  return outputs;
}

/** Trains a model on rows of a task, and returns the mean loss of the last epoch. */
export async function trainOn<Row extends TaskRow, Model extends TaskModel>(
  model: Model,
  rows: Row[],
  { collate, epochs, learningRate = 5e-3, batchSize = 8 }: {
    collate: (epoch: () => number) => (rows: Row[]) => object;
    epochs: number;
    learningRate?: number;
    batchSize?: number;
  },
): Promise<void> {
  const make = collate(() => Math.floor(trainer.state.epoch));
  const trainer: Trainer<Row, object> = new Trainer<Row, object>({
    // deno-lint-ignore no-explicit-any -- the inputs of a task's models differ
    model: model as any,
    args: {
      numTrainEpochs: epochs,
      learningRate,
      perDeviceTrainBatchSize: batchSize,
      lrSchedulerType: "constant",
    },
    trainDataset: rows,
    dataCollator: make,
  });
  await trainer.train();
}
