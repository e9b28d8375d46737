// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Checks of options that several metrics share. The room imports nothing, so it
// cannot use the check of the rest of nn.

/**
 * Throws if an options object has a name that is not known; otherwise a
 * misspelled option would be ignored silently. A name whose value is
 * `undefined` counts as absent.
 */
export function checkKnown(
  action: string,
  options: object,
  known: readonly string[],
): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    throw new TypeError(
      `Cannot ${action} with option "${name}": expected one of ${
        quoted(known)
      }`,
    );
  }
}

/** Throws unless a value is one of those that an option may have. */
export function checkChoice<T>(
  action: string,
  name: string,
  value: T,
  choices: readonly T[],
): void {
  if (choices.includes(value)) return;
  throw new RangeError(
    `Cannot ${action}: ${name} is ${
      JSON.stringify(value)
    }, but must be one of ${
      choices.map((choice) => JSON.stringify(choice)).join(", ")
    }`,
  );
}

/** Throws unless a number is an integer of at least `least`. */
export function checkInteger(
  action: string,
  name: string,
  value: number,
  least: number,
): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(
    `Cannot ${action}: ${name} is ${value}, but must be an integer of at least ${least}`,
  );
}

/** Throws unless a number is strictly between 0 and 1. */
export function checkFraction(
  action: string,
  name: string,
  value: number,
): void {
  if (value > 0 && value < 1) return;
  throw new RangeError(
    `Cannot ${action}: ${name} is ${value}, but must be a number between 0 and 1`,
  );
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
