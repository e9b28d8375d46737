// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A check of weights before they are saved.

/**
 * Throws if a tensor that is about to be saved holds NaN or an infinity,
 * because a file of such weights would look like a success.
 *
 * @param values The elements.
 * @param name The name of the tensor.
 * @param action The start of the message, such as
 * `Cannot save the model to out`.
 * @throws {RangeError} If an element is not finite.
 *
 * @example Usage
 * ```ts
 * import { checkFinite } from "@swagpu/swagpu/nn/formats";
 * import { assertThrows } from "@std/assert";
 *
 * checkFinite([0, 1], "bias", "Cannot save the model");
 * assertThrows(
 *   () => checkFinite([0, NaN], "bias", "Cannot save the model"),
 *   RangeError,
 *   'Cannot save the model: element 1 of "bias" is NaN',
 * );
 * ```
 */
export function checkFinite(
  values: ArrayLike<number>,
  name: string,
  action: string,
): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    // For NaN and infinities alone, the difference is not 0.
    if (value - value === 0) continue;
    throw new RangeError(
      `${action}: element ${i} of "${name}" is ${value}; load the last good ` +
        "weights, or set allowNonFinite to save it as it is",
    );
  }
}
