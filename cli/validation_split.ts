// Copyright 2026 the swagpu authors. MIT license.

/**
 * Holds some of the labeled texts out of training, to measure on them.
 *
 * @module
 */

import { stratifiedSplit } from "../data/mod.ts";
import { counted } from "../data/names.ts";
import type { Option } from "./arguments.ts";
import type { TaskContext, TaskExamples } from "./tasks/task.ts";

/** The option that says how many texts to hold out. */
export const SPLIT_OPTION: Option = {
  name: "validation-split",
  value: "X",
  help:
    "Share of the texts, such as 0.1, to hold out at random and to measure " +
    "on at the end, in place of --eval; each class keeps its share.",
};

/** The examples to learn from, and those to measure on. */
export interface SplitExamples<Example> {
  /** The examples to learn from. */
  readonly data: TaskExamples<Example>;
  /** The examples to measure on, if there are any. */
  readonly evalData: TaskExamples<Example> | undefined;
}

/**
 * Holds examples out if the option says so. `--seed` decides which.
 *
 * @throws {TypeError} If there is a file to measure on, too.
 * @throws {RangeError} If one of the parts would be empty.
 */
export function splitExamples<Example>(
  { data, evalData }: SplitExamples<Example>,
  { args, seed, progress, stratum }: TaskContext & {
    seed: number;
    /** What a split keeps the shares of. */
    stratum: (example: Example) => unknown;
  },
): SplitExamples<Example> {
  const size = args.number("validation-split", { min: 0, max: 1, above: true });
  if (size === undefined) return { data, evalData };
  if (evalData) {
    throw new TypeError(
      "Cannot use --validation-split with --eval: give one of them",
    );
  }
  const { path, examples } = data;
  const rows = examples.length;
  if (size === 1 || Math.ceil(size * rows - 1e-9) >= rows) {
    throw new RangeError(
      `Cannot use --validation-split ${size} with ${
        counted(rows, "row")
      }: none would be left to learn from`,
    );
  }
  const { train, validation } = stratifiedSplit([...examples], {
    size,
    seed,
    by: stratum,
  });
  progress.say(
    `Held out ${counted(validation.length, "row")} of ${path} to measure on`,
  );
  return {
    data: { ...data, examples: train },
    evalData: { ...data, examples: validation },
  };
}
