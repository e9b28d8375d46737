// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The numbers that the integer types hold. Where a number becomes an integer,
// or stands beside integers, any other number is refused: converted silently,
// 0.5 and NaN would become 0.

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
};

/** Whether a type holds a number. f32 holds every number, rounded. */
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
 * Checks that an element type holds all values.
 *
 * @returns The values.
 * @throws {RangeError} If the type does not hold one of them.
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
 * Checks that the element type of a tensor holds a number that stands beside
 * it.
 *
 * @param action What is done, for the message: "mul".
 * @throws {TypeError} If it is an integer type that does not hold the number.
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
