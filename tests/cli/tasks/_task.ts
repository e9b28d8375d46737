// Copyright 2026 the swagpu authors. MIT license.

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
import { inFolder } from "../../_folder.ts";

/** Keeps what a task says. */
export class Told {
  /** All remarks, one a line. */
  text = "";

  /** Where a task says it. */
  get progress(): Progress {
    return new Progress({
      terminal: {
        isTerminal: () => false,
        writeSync: (bytes) => {
          this.text += new TextDecoder().decode(bytes);
          return bytes.length;
        },
      },
    });
  }
}

/** The context of a command that has these options. */
function context(
  options: readonly Option[],
  { argv, told }: { argv: readonly string[]; told: Told },
): TaskContext {
  const args = new Arguments({
    name: "test",
    summary: "Runs a task.",
    usage: "",
    options: { All: options },
    run: () => Promise.resolve(0),
  }, argv);
  return { args, progress: told.progress };
}

/** The context of `finetune` and `evaluate`. */
export function contextOf<E, R extends TaskRow, O, M extends TaskModel>(
  task: Task<E, R, O, M>,
  argv: readonly string[] = [],
  told: Told = new Told(),
): TaskContext {
  const { dataOptions, trainOptions, scoreOptions } = task;
  const files = ["data", "eval", "eval-field"].map((name) => ({
    name,
    value: "TEXT",
    help: "A text.",
  }));
  const options = [...files, ...dataOptions, ...trainOptions, ...scoreOptions];
  return context(options, { argv, told });
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

/** Reads a file of this text as a task does. */
export async function readText<E, R extends TaskRow, O, M extends TaskModel>(
  task: Task<E, R, O, M>,
  { name, text, argv = [], told }: {
    name: string;
    text: string;
    argv?: readonly string[];
    told?: Told;
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
  { argv, maxLength = 24, told = new Told() }: {
    argv: readonly string[];
    maxLength?: number;
    told?: Told;
  },
): Promise<Record<string, unknown>[]> {
  const own = context([...task.predictOptions, ...MODEL_OPTIONS], {
    argv,
    told,
  });
  const lines = await Array.fromAsync(
    task.predict(loaded, { ...own, maxLength }),
  );
  return JSON.parse(JSON.stringify(lines));
}
