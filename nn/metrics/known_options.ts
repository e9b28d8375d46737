// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Checks of options that the metrics share.

/**
 * Throws if an options object has a name that is not known, which would
 * otherwise be ignored silently. Names whose value is `undefined` count as
 * absent.
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
        known.map((x) => `"${x}"`).join(", ")
      }`,
    );
  }
}

/** Throws unless a value is one of the names that an option may have. */
export function checkChoice(
  action: string,
  name: string,
  { value, choices }: { value: unknown; choices: readonly unknown[] },
): void {
  if (choices.includes(value)) return;
  throw new RangeError(
    `Cannot ${action}: ${name} is ${
      JSON.stringify(value)
    }, but must be one of ${choices.map((x) => JSON.stringify(x)).join(", ")}`,
  );
}

/** Throws unless a value is an integer of at least `least`. */
export function checkCount(
  action: string,
  name: string,
  { value, least = 1 }: { value: number; least?: number },
): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(
    `Cannot ${action}: ${name} is ${value}, but must be an integer of at least ${least}`,
  );
}

/** Throws unless a value lies between 0 and 1 and is neither of them. */
export function checkShare(action: string, name: string, value: number): void {
  if (value > 0 && value < 1) return;
  throw new RangeError(
    `Cannot ${action}: ${name} is ${value}, but must be between 0 and 1`,
  );
}
