// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which numbers of the host the integer types hold. A number that is none of them
// is refused wherever it would stand beside integers or become one: cut in
// silence, 0.5 would be 0, and so would NaN.

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
};

/** Whether a type holds a number; f32 takes all, rounded. */
function holds(dtype: string, value: number): boolean {
  const range = RANGES[dtype];
  return !range ||
    Number.isInteger(value) && value >= range[0] && value <= range[1];
}

function describe(dtype: string): string {
  const [least, largest] = RANGES[dtype] ?? [];
  return `${dtype} holds whole numbers from ${least} to ${largest}`;
}

/**
 * Throws unless an integer type holds all values, and gives them back.
 *
 * @throws {RangeError} If it does not hold one.
 */
export function checkAll(
  dtype: string,
  values: ArrayLike<number>,
): ArrayLike<number> {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    if (!holds(dtype, value)) {
      throw new RangeError(
        `Cannot convert ${value}, at ${i}, to ${dtype}: ${describe(dtype)}`,
      );
    }
  }
  return values;
}

/**
 * Throws unless the type of a tensor holds a number that stands beside it.
 *
 * @param action What is done: "mul", "fill a tensor of".
 * @throws {TypeError} If the type is of integers and the number none of them.
 */
export function requireHolds(
  action: string,
  dtype: string,
  value: number,
): void {
  if (holds(dtype, value)) return;
  throw new TypeError(
    `Cannot ${action} ${dtype} and ${value}: ${
      describe(dtype)
    }; cast() the tensor to f32`,
  );
}
