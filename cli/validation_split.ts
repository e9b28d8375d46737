// Copyright 2026 the swagpu authors. MIT license.

/**
 * Holds some of the labeled texts out of training, to measure on them.
 *
 * @module
 */

import { stratifiedSplit } from "../data/mod.ts";
import { counted } from "../data/names.ts";
import type { Arguments, Option } from "./arguments.ts";
import type { Progress } from "./progress.ts";
import type { RawExamples } from "./read_examples.ts";

/** The option that says how many texts to hold out. */
export const SPLIT_OPTION: Option = {
  name: "validation-split",
  value: "X",
  help:
    "Share of the texts, such as 0.1, to hold out at random and to measure " +
    "on at the end, in place of --eval; each class keeps its share.",
};

/** The texts to learn from, and those to measure on. */
export interface SplitExamples {
  /** The texts to learn from. */
  readonly raw: RawExamples;
  /** The texts to measure on, if there are any. */
  readonly rawEval: RawExamples | undefined;
}

/**
 * Holds texts out if the option says so. `--seed` decides which.
 *
 * @throws {TypeError} If there is a file to measure on, too.
 * @throws {RangeError} If one of the parts would be empty.
 */
export function splitExamples(
  { raw, rawEval }: SplitExamples,
  { args, seed, progress }: {
    args: Arguments;
    seed: number;
    progress: Progress;
  },
): SplitExamples {
  const size = args.number("validation-split", { min: 0, max: 1, above: true });
  if (size === undefined) return { raw, rawEval };
  if (rawEval) {
    throw new TypeError(
      "Cannot use --validation-split with --eval: give one of them",
    );
  }
  const rows = raw.texts.length;
  if (size === 1 || Math.ceil(size * rows - 1e-9) >= rows) {
    throw new RangeError(
      `Cannot use --validation-split ${size} with ${
        counted(rows, "row")
      }: none ` +
        "would be left to learn from",
    );
  }
  const { train, validation } = stratifiedSplit([...raw.labels.keys()], {
    size,
    seed: seed >>> 0,
    by: (row) => raw.labels[row],
  });
  progress.say(
    `Held out ${
      counted(validation.length, "row")
    } of ${raw.path} to measure on`,
  );
  return { raw: pick(raw, train), rawEval: pick(raw, validation) };
}

/** Some of the texts, with the places that they had. */
function pick(raw: RawExamples, rows: readonly number[]): RawExamples {
  const { path, lines, numbers, texts, pairs, labels } = raw;
  const of = <T>(list: readonly T[]) => rows.map((row) => list[row] as T);
  return {
    path,
    ...lines ? { lines: of(lines) } : {},
    numbers: rows.map((row) => numbers?.[row] ?? row + 1),
    texts: of(texts),
    pairs: pairs && of(pairs),
    labels: of(labels),
  };
}
