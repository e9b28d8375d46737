// Copyright 2026 the swagpu authors. MIT license.

// A check for misspelled options.

import { listOf, nearest } from "./names.ts";

/**
 * Refuses an option that nobody reads. Names whose value is `undefined` count as
 * absent.
 *
 * @param action What the options are for, a verb that completes "Cannot …".
 * @throws {TypeError} If an option is not among the known ones.
 */
export function checkOptions(
  options: object,
  { action, known }: { action: string; known: readonly string[] },
): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    const meant = nearest(name, known);
    throw new TypeError(
      `Cannot ${action} with option "${name}": ` +
        (meant === undefined
          ? `expected one of ${listOf(known)}`
          : `did you mean "${meant}"?`),
    );
  }
}

/**
 * Refuses a value that is not one of a few.
 *
 * @throws {TypeError} If it is another value.
 */
export function checkChoice<T extends string>(
  value: T,
  { option, known }: { option: string; known: readonly T[] },
): T {
  if (known.includes(value)) return value;
  throw new TypeError(
    `Cannot use ${option} ${JSON.stringify(value)}: expected one of ` +
      listOf(known),
  );
}
