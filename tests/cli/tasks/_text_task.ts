// Copyright 2026 the swagpu authors. MIT license.

import { Arguments, type Option } from "../../../cli/arguments.ts";
import { Progress } from "../../../cli/progress.ts";
import type { Task, TaskModel, TaskRow } from "../../../cli/tasks/task.ts";
import { Trainer } from "../../../nn/mod.ts";

/** The options of the commands that are those of no task. */
const COMMON: readonly Option[] = [
  "data",
  "eval",
  "batch-size",
  "swag-samples",
  "scale",
  "seed",
].map((name) => ({ name, value: "X", help: "" }));

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
export function listener(): { progress: Progress; said: string[] } {
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
