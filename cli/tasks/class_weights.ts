// Copyright 2026 the swagpu authors. MIT license.

/**
 * Weights of classes in the loss, for data in which some classes are rare.
 *
 * @module
 */

import { count, listOf } from "../../data/names.ts";
import type { PretrainedConfig } from "../../models/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { isMultiLabel, isRegression } from "../classifier.ts";
import { namesOf } from "../labels.ts";
import type { LabelValue } from "./label_values.ts";

/** The option that weights classes. */
export const CLASS_WEIGHTS_OPTION: Option = {
  name: "class-weights",
  value: "WEIGHTS",
  help:
    "How much classes count in the loss: balanced, so that each counts the " +
    "same, or numbers such as 1,2.5 in the order of the classes (1 each).",
};

/**
 * Reads the weights of classes. Those that are balanced are n / (classes · count), as
 * in scikit-learn; a vote counts as a part of a label.
 *
 * @param args The options of the command.
 * @param labels What each row has.
 * @param config Names the classes.
 * @returns The weights, if there are any.
 * @throws {TypeError} If the model does not choose between classes.
 * @throws {RangeError} If a weight is not a number above 0, they are not as many as
 * the classes, or a class that should be balanced does not occur.
 */
export function classWeights(
  args: Arguments,
  labels: readonly LabelValue[],
  config: PretrainedConfig,
): number[] | undefined {
  const given = args.text("class-weights");
  if (given === undefined) return undefined;
  const what = `Cannot use --class-weights ${given}`;
  if (isRegression(config) || isMultiLabel(config)) {
    throw new TypeError(
      `${what}: they are for models that choose one class, and this one gives ` +
        (isRegression(config) ? "numbers" : "several labels to a text"),
    );
  }
  const names = namesOf(config);
  return given === "balanced"
    ? balanced(labels, names)
    : listed(given, names, what);
}

function balanced(
  labels: readonly LabelValue[],
  names: readonly string[],
): number[] {
  const counts = names.map(() => 0);
  const add = (id: number, votes: number) => {
    counts[id] = (counts[id] ?? 0) + votes;
  };
  for (const label of labels) {
    if (typeof label === "number") add(label, 1);
    else label.forEach((votes, id) => add(id, votes));
  }
  const absent = names.filter((_, id) => counts[id] === 0);
  if (absent.length > 0) {
    throw new RangeError(
      `Cannot balance the classes: none of ${
        count(labels.length)
      } rows is of ` +
        `${listOf(absent)}; give --class-weights as numbers`,
    );
  }
  return counts.map((own) => labels.length / (names.length * own));
}

function listed(
  given: string,
  names: readonly string[],
  what: string,
): number[] {
  const parts = given.split(",").map((part) => part.trim());
  const weights = parts.map((part) => part === "" ? NaN : Number(part));
  const bad = weights.findIndex((weight) =>
    !(Math.fround(weight) > 0 && Math.fround(weight) < Infinity)
  );
  if (bad >= 0) {
    throw new RangeError(
      `${what}: "${
        parts[bad]
      }" is not a number above 0; expected balanced, or ` +
        "a number for each class",
    );
  }
  if (weights.length === names.length) return weights;
  throw new RangeError(
    `${what}: expected ${names.length} numbers, one for each class in the ` +
      `order ${listOf(names)}`,
  );
}
