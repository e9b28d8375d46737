// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The labels of texts as arrays: classes, numbers, several labels, and
// distributions over the classes.

import type { ProblemType } from "../config.ts";
import type { FloatValues, IntegerValues } from "./values.ts";

/** The label of a text: a class or a number, or a list of numbers. */
export type FeatureLabel = number | readonly number[];

/** The kind of array that labels `L` become in a problem of type `P`. */
export type LabelValues<P, L> = L extends number
  ? P extends "regression" ? FloatValues : IntegerValues
  : L extends readonly number[] ? FloatValues
  : never;

/** The label that is ignored by losses. */
export const IGNORED = -100;

/** By how much the sum of a distribution may differ from 1. */
const SUM_TOLERANCE = 1e-3;

/**
 * The labels of a batch as one array: classes `[rows]`, numbers `[rows]`, lists
 * `[rows, labels]`.
 *
 * @throws {TypeError} If a label is missing, or labels are of several kinds.
 * @throws {RangeError} If a label is out of the range that its kind has.
 */
export function labelValues(
  labels: readonly (FeatureLabel | undefined)[],
  problem: ProblemType | null,
): IntegerValues | FloatValues {
  const lists: (readonly number[])[] = [];
  const numbers: number[] = [];
  for (const [row, label] of labels.entries()) {
    if (typeof label === "number") numbers.push(label);
    else if (Array.isArray(label)) lists.push(label);
    else {
      throw new TypeError(
        `Cannot collate the label of row ${row}: it is ${String(label)}, ` +
          "expected a number or a list of numbers",
      );
    }
  }
  if (lists.length > 0 && numbers.length > 0) {
    throw new TypeError(
      `Cannot collate ${numbers.length} labels that are numbers with ` +
        `${lists.length} that are lists: all must be of one kind`,
    );
  }
  return lists.length > 0
    ? listValues(lists, problem)
    : numberValues(numbers, problem);
}

function numberValues(
  labels: readonly number[],
  problem: ProblemType | null,
): IntegerValues | FloatValues {
  if (problem === "multi_label_classification") {
    throw new TypeError(
      `Cannot collate label ${labels[0]} as several labels: expected a list ` +
        "with 0 or 1 for each, see multiHot()",
    );
  }
  for (const [row, label] of labels.entries()) {
    const fits = problem === "regression"
      ? Number.isFinite(label)
      : label === IGNORED || (label >= 0 && (label | 0) === label);
    if (fits) continue;
    throw new RangeError(
      `Cannot collate label ${label} of row ${row}: expected ` +
        (problem === "regression"
          ? "a finite number"
          : 'the number of a class from 0; numbers need problemType "regression"'),
    );
  }
  const shape = [labels.length];
  return problem === "regression"
    ? { data: Float32Array.from(labels), shape }
    : { data: Int32Array.from(labels), shape };
}

function listValues(
  labels: readonly (readonly number[])[],
  problem: ProblemType | null,
): FloatValues {
  const width = labels[0]?.length ?? 0;
  const data = new Float32Array(labels.length * width);
  for (const [row, label] of labels.entries()) {
    if (label.length !== width || width === 0) {
      throw new TypeError(
        `Cannot collate ${label.length} labels of row ${row}: ` +
          `row 0 has ${width}, all must have as many and at least 1`,
      );
    }
    const bad = label.find((value) =>
      !Number.isFinite(value) ||
      (problem !== "regression" && !(value >= 0 && value <= 1))
    );
    if (bad !== undefined) {
      throw new RangeError(
        `Cannot collate label ${bad} of row ${row}: expected ` +
          (problem === "regression" ? "a finite number" : "a number in [0, 1]"),
      );
    }
    const sum = label.reduce((a, b) => a + b, 0);
    if (
      problem === "single_label_classification" &&
      Math.abs(sum - 1) > SUM_TOLERANCE
    ) {
      throw new RangeError(
        `Cannot collate soft labels of row ${row}: they add up to ${sum}, ` +
          "expected 1; see softLabels()",
      );
    }
    data.set(label, row * width);
  }
  return { data, shape: [labels.length, width] };
}

/**
 * Several labels of a text as a list with 1 for each that it has and 0 for
 * others: what `problemType: "multi_label_classification"` needs.
 *
 * @param labels The numbers of the labels that the text has.
 * @param numLabels The number of labels that there are.
 * @returns A list of `numLabels` numbers.
 * @throws {RangeError} If a label is not a whole number below `numLabels`.
 *
 * @example Usage
 * ```ts
 * import { multiHot } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(multiHot([0, 2], 4), [1, 0, 1, 0]);
 * ```
 */
export function multiHot(
  labels: Iterable<number>,
  numLabels: number,
): number[] {
  const list = Array.from({ length: numLabels }, () => 0);
  for (const label of labels) {
    if (!(Number.isSafeInteger(label) && label >= 0 && label < numLabels)) {
      throw new RangeError(
        `Cannot mark label ${label}: expected a whole number below ${numLabels}`,
      );
    }
    list[label] = 1;
  }
  return list;
}

/**
 * The counts of annotators as a distribution over the classes, for training with
 * soft labels.
 *
 * @param counts How many annotators chose each class; weights work too.
 * @returns The counts divided by their sum.
 * @throws {RangeError} If a count is negative or not finite, or all are 0.
 *
 * @example Usage
 * ```ts
 * import { softLabels } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(softLabels([3, 1, 0]), [0.75, 0.25, 0]);
 * ```
 */
export function softLabels(counts: readonly number[]): number[] {
  const sum = counts.reduce((a, b) => a + b, 0);
  if (!counts.every((count) => count >= 0) || !(sum > 0 && sum < Infinity)) {
    throw new RangeError(
      `Cannot make a distribution of counts [${counts.join(", ")}]: ` +
        "they must be at least 0, and their sum positive",
    );
  }
  return counts.map((count) => count / sum);
}
