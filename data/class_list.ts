// Copyright 2026 the swagpu authors. MIT license.

// The names of classes that a caller gives.

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

const WHOLE = /^(0|[1-9]\d*)$/;

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
