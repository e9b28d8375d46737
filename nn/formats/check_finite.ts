// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Throws if a tensor that is about to be saved holds NaN or an infinity: a
 * file of such weights would look like a success.
 *
 * @param values The elements.
 * @param name What the tensor is called.
 * @param action What was tried: `Cannot save the model to out`.
 * @throws {RangeError} If an element is not finite.
 */
export function checkFinite(
  values: ArrayLike<number>,
  name: string,
  action: string,
): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    // NaN and the infinities alone differ from themselves by what is not 0.
    if (value - value === 0) continue;
    throw new RangeError(
      `${action}: element ${i} of "${name}" is ${value}; load the last good ` +
        "weights, or set allowNonFinite to save it as it is",
    );
  }
}
