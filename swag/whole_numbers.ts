// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Throws unless all numbers are whole and large enough.
 *
 * @param action What they are for, such as "collect weights".
 * @param named The numbers by the names of their options.
 * @param least The least that each may be.
 * @throws {RangeError} If one is not.
 */
export function requireWhole(
  action: string,
  named: Readonly<Record<string, number>>,
  least: number,
): void {
  for (const [name, value] of Object.entries(named)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new RangeError(
      `Cannot ${action} with ${name} ${value}: it must be a whole number of at ` +
        `least ${least}`,
    );
  }
}
