// Copyright 2026 the swagpu authors. MIT license.

// A check of the names of classes that a caller gives.

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
