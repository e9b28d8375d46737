// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How much a batch counts in a step of several, so that all their labels count
// the same.

import { type HostValues, Tensor, type TypedArray } from "../../engine/mod.ts";
import { labelNamesIn } from "./evaluation.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";

/** The label that losses ignore. */
const IGNORED = -100;

/**
 * What the loss of a batch divides by: the number of its labels that are not
 * ignored, or the sum of their classes' weights. Labels that are no integers are
 * counted by rows.
 *
 * @throws {TypeError} If the inputs have no labels, or only tensors.
 */
export function labelWeight(
  feed: object,
  args: CompleteTrainingArguments,
  classWeights: ArrayLike<number> | undefined,
): number {
  const [name = ""] = labelNamesIn(feed, args);
  const labels = (feed as Record<string, unknown>)[name];
  const isThere = typeof labels === "object" && labels !== null;
  if (!isThere || labels instanceof Tensor) {
    throw new TypeError(
      "Cannot average over the labels of several batches: " +
        (isThere
          ? `"${name}" is a tensor; let the collator give a host array`
          : "the inputs have no labels; name them by labelNames"),
    );
  }
  const { data, shape } = ArrayBuffer.isView(labels)
    ? { data: labels as TypedArray, shape: [(labels as TypedArray).length] }
    : labels as HostValues;
  if (data instanceof Float32Array) return shape[0] ?? 1;
  let weight = 0;
  for (const label of data) {
    if (label !== IGNORED) weight += classWeights?.[label] ?? 1;
  }
  return weight;
}
