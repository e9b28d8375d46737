// Copyright 2026 the swagpu authors. MIT license.

/**
 * Turns the labels of a file into ids of classes, or into numbers.
 *
 * @module
 */

import {
  classNames as sortedNames,
  placeOf,
  type RowSource,
} from "../data/mod.ts";
import { listOf } from "../data/names.ts";
import type { PretrainedConfig } from "../models/mod.ts";

const WHOLE = /^(0|-?[1-9]\d*)$/;
const DEFAULT_NAME = /^LABEL_\d+$/;

/**
 * The names of the classes that occur, in numerical order if all are whole numbers,
 * else in alphabetical order.
 *
 * @throws {RangeError} If there are fewer than two.
 */
export function classNames(
  labels: readonly string[],
  source: RowSource,
): string[] {
  const names = sortedNames(labels);
  if (names.length >= 2) return names;
  throw new RangeError(
    `Cannot learn classes from ${source.path}: every label is "${names[0]}"`,
  );
}

/** How programs write a number that is missing or infinite. */
const NO_NUMBER = /^([-+]?(nan|inf|infinity)|n\/?a|null|none)$/i;

/**
 * Whether labels look like measurements: numbers, some of them with fractions. Some
 * may be missing, and the decimal separator may be a comma.
 */
export function looksLikeNumbers(labels: readonly string[]): boolean {
  const numbers = labels.map((label) => label.trim())
    .filter((label) => !NO_NUMBER.test(label))
    .map((label) => Number(label.replace(/^([-+]?\d+),(\d+)$/, "$1.$2")));
  return numbers.every((number) => !Number.isNaN(number)) &&
    numbers.some((number) => !Number.isInteger(number));
}

/**
 * Says which classes may be meant to be one: their names differ only in case, in
 * blanks around them, or in how a number is written.
 */
export function alikeRemark(names: readonly string[]): string | undefined {
  const groups = Map.groupBy(names, (name) => {
    const bare = name.trim();
    const number = bare === "" ? NaN : Number(bare);
    return Number.isFinite(number) ? String(number) : bare.toLowerCase();
  });
  const alike = [...groups.values()].find(({ length }) => length > 1);
  return alike &&
    `Using ${alike.map((name) => `"${name}"`).join(" and ")} as different ` +
      "classes, because they are written differently";
}

/** The names of a model's classes, by id. */
export function namesOf({ id2label, numLabels }: PretrainedConfig): string[] {
  return Array.from({ length: numLabels }, (_, id) => id2label[id] ?? "");
}

/** Whether the classes have other names than the default ones. */
export function hasNames(config: PretrainedConfig): boolean {
  return config.numLabels > 0 &&
    !namesOf(config).every((name) => DEFAULT_NAME.test(name));
}

/** Makes a function that finds the id of a label, which is a name or else an id. */
export function finder(
  names: readonly string[],
): (label: string) => number | undefined {
  const ids = new Map(names.map((name, id) => [name, id]));
  const numeric = names.some((name) => WHOLE.test(name));
  return (label) => {
    const id = ids.get(label);
    if (id !== undefined || numeric || !WHOLE.test(label)) return id;
    const number = Number(label);
    return number >= 0 && number < names.length ? number : undefined;
  };
}

/**
 * Turns labels into ids.
 *
 * @throws {RangeError} If a label is not one of the classes; the message lists
 * them.
 */
export function classIds(
  labels: readonly string[],
  names: readonly string[],
  source: RowSource,
): Int32Array<ArrayBuffer> {
  const find = finder(names);
  return Int32Array.from(labels, (label, i) => {
    const id = find(label);
    if (id !== undefined) return id;
    throw new RangeError(
      `Cannot use the label "${label}" in ${placeOf(source, i)}: ` +
        `the classes are ${listOf(names)}`,
    );
  });
}

/**
 * Turns labels into numbers, for regression.
 *
 * @throws {TypeError} If a label is not a number.
 */
export function numbersOf(
  labels: readonly string[],
  source: RowSource,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(labels, (label, i) => {
    const value = label.trim() === "" ? NaN : Number(label);
    if (Number.isFinite(Math.fround(value))) return value;
    throw new TypeError(
      `Cannot use the label "${label}" in ${placeOf(source, i)}: ` +
        "regression needs numbers such as 1.5",
    );
  });
}
