// Copyright 2026 the swagpu authors. MIT license.

/**
 * The names of classes: those that occur in a file, and those that a caller gives.
 *
 * @module
 */

const WHOLE = /^(0|-?[1-9]\d*)$/;

/**
 * The names of the classes that occur, each once: in numerical order if all are whole
 * numbers, else in alphabetical order. The place of a name is
 * the id of its class.
 *
 * @param labels The labels of all examples.
 * @returns The names.
 *
 * @example Ids for a model
 * ```ts
 * import { classNames } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const labels = ["pos", "neg", "pos"];
 * const names = classNames(labels);
 * assertEquals(names, ["neg", "pos"]);
 * const ids = new Map(names.map((name, id) => [name, id]));
 * assertEquals(labels.map((label) => ids.get(label)), [1, 0, 1]);
 * assertEquals(classNames(["10", "9", "-1"]), ["-1", "9", "10"]);
 * ```
 */
export function classNames(labels: Iterable<string>): string[] {
  const names = [...new Set(labels)];
  return names.every((name) => WHOLE.test(name))
    ? names.sort((a, b) => Number(a) - Number(b))
    : names.sort();
}

/**
 * Refuses a list of classes that is empty or has a name twice.
 *
 * @throws {TypeError} If it is no list of texts.
 * @throws {RangeError} If it is empty, or a name occurs twice.
 */
export function checkClasses(classes: readonly string[]): void {
  if (
    !Array.isArray(classes) ||
    !classes.every((name) => typeof name === "string")
  ) {
    throw new TypeError(
      'Cannot use the classes: expected a list of names such as ["yes", "no"]',
    );
  }
  const twice = classes.find((name, i) => classes.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new RangeError(`Cannot use the classes: "${twice}" occurs twice`);
  }
  if (classes.length > 0) return;
  throw new RangeError("Cannot use the classes: expected at least one name");
}

/**
 * The name of a class, which a file may give by its number, counted from 0. Without
 * names, any text is one; `undefined` if it is not among them.
 */
export function nameOfClass(
  label: string,
  names: readonly string[] | undefined,
): string | undefined {
  if (names === undefined || names.includes(label)) return label;
  return WHOLE.test(label) ? names[Number(label)] : undefined;
}
