// Copyright 2026 the swagpu authors. MIT license.

/**
 * The tasks of the command line: which one a command is about, and which options
 * belong to it.
 *
 * @module
 */

import { nearest } from "../../data/names.ts";
import type { PretrainedConfig } from "../../models/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { notesOf } from "../notes.ts";
import { summarization, translation } from "./sequence_to_sequence.ts";
import type { Task } from "./task.ts";
import { maskedLanguageModel } from "./masked_language_model.ts";
import { questionAnswering } from "./question_answering.ts";
import { textClassification } from "./text_classification.ts";
import { tokenClassification } from "./token_classification.ts";

/** All tasks, the default first. */
export const TASKS: readonly Task[] = [
  textClassification,
  tokenClassification,
  questionAnswering,
  maskedLanguageModel,
  translation,
  summarization,
];

/** Other names of the tasks. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  "sentiment-analysis": "text-classification",
  "sequence-classification": "text-classification",
  "regression": "text-classification",
  "ner": "token-classification",
  "pos": "token-classification",
  "qa": "question-answering",
  "extractive-qa": "question-answering",
  "masked-lm": "fill-mask",
  "mlm": "fill-mask",
  "masked-language-modeling": "fill-mask",
  "seq2seq": "translation",
  "text2text-generation": "translation",
};

/** The option that names a task. */
export const TASK_OPTION: Option = {
  name: "task",
  value: "NAME",
  help: `What to learn: ${
    TASKS.map(({ name }) => name).join(", ")
  } (the first).`,
  choices: TASKS.map(({ name }) => name),
};

/** The kinds of options that a task has. */
export type OptionKind =
  | "dataOptions"
  | "trainOptions"
  | "scoreOptions"
  | "predictOptions";

/**
 * The options of all tasks by a heading of the help, which names the tasks that they
 * belong to.
 */
export function taskOptions(
  ...kinds: readonly OptionKind[]
): Record<string, readonly Option[]> {
  return headedOptions(TASKS, kinds);
}

/** The options of one task, under its name. */
export function optionsOfTask(
  name: string,
  ...kinds: readonly OptionKind[]
): Record<string, readonly Option[]> {
  return headedOptions([taskNamed(name)], kinds);
}

function headedOptions(
  tasks: readonly Task[],
  kinds: readonly OptionKind[],
): Record<string, readonly Option[]> {
  const owners = new Map<string, { option: Option; tasks: Task[] }>();
  for (const task of tasks) {
    for (const option of optionsOf(task, kinds)) {
      // Options of one name may mean something else to another task.
      const key = JSON.stringify(option);
      const own = owners.get(key) ?? { option, tasks: [] };
      owners.set(key, { option, tasks: [...own.tasks, task] });
    }
  }
  const lists: Record<string, Option[]> = {};
  for (const { option, tasks } of owners.values()) {
    const heading = tasks.length > 2
      ? "Several tasks"
      : `Only ${tasks.map(({ name }) => name).join(" and ")}`;
    (lists[heading] ??= []).push(option);
  }
  return lists;
}

function optionsOf(task: Task, kinds: readonly OptionKind[]): Option[] {
  return kinds.flatMap((kind) => task[kind]);
}

/** A task by one of its names. */
export function taskNamed(name: string): Task {
  const own = OTHER_NAMES[name] ?? name;
  const task = TASKS.find((task) => task.name === own);
  if (task) return task;
  const names = TASKS.map(({ name }) => name);
  const meant = nearest(name, [...names, ...Object.keys(OTHER_NAMES)]);
  throw new RangeError(
    `Cannot use --task ${name}: the tasks are ${names.join(", ")}` +
      (meant ? `; did you mean ${meant}?` : ""),
  );
}

/**
 * The task of a saved model: the one that it was trained for here, else by the class
 * that its configuration names.
 *
 * @param source Where the model is, for the message.
 * @throws {TypeError} If no task has such models.
 */
export function taskOfModel(config: PretrainedConfig, source: string): Task {
  const [name] = config.architectures ?? [];
  const trained = TASKS.find((task) => task.name === notesOf(config)?.["task"]);
  if (trained && (name === undefined || trained.models.test(name))) {
    return trained;
  }
  // A folder without the name of a class is taken as it was before there were others.
  const task = name === undefined
    ? TASKS[0]
    : TASKS.find(({ models }) => models.test(name));
  if (task) return task;
  throw new TypeError(
    `Cannot use ${source}: it is a ${name}, and the commands are for ${
      TASKS.map(({ name }) => name).join(", ")
    }; use the library's models and pipelines`,
  );
}

/**
 * Refuses options that belong to other tasks, which would change nothing.
 *
 * @throws {TypeError} If there is such an option; the message names its task.
 */
export function checkTaskOptions(
  args: Arguments,
  task: Task,
  ...kinds: readonly OptionKind[]
): void {
  const own = new Set(optionsOf(task, kinds).map(({ name }) => name));
  for (const other of TASKS) {
    for (const { name } of optionsOf(other, kinds)) {
      if (own.has(name) || !args.flag(name)) continue;
      throw new TypeError(
        `Cannot use --${name} for ${task.name}: it is an option of ${other.name}`,
      );
    }
  }
}
