// Copyright 2026 the swagpu authors. MIT license.

// Numbers that the user has typed.

import { find } from "./dom.ts";

/**
 * Reads a field of numbers.
 *
 * @param id Its id.
 * @throws {RangeError} If it does not hold a number that it allows.
 */
export function readNumber(id: string): number {
  const field = find(id, HTMLInputElement);
  if (field.value !== "" && field.checkValidity()) return field.valueAsNumber;
  const [label] = field.labels ?? [];
  throw new RangeError(
    `Cannot use ${
      label?.textContent ?? id
    } "${field.value}": expected a number ` +
      `from ${field.min} to ${field.max}` +
      (field.step === "" ? " without a fraction" : ""),
  );
}
