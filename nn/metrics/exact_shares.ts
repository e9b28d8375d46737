// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Shares of counts, exact for the decimal number that is written: the float64
// 0.1 is a little more than a tenth, and 10 · (1 − 0.7) is above 3.

/**
 * The integer part of `count · share`, where `share` is the shortest decimal
 * number that reads as the float64 given.
 */
export function floorOfShare(count: number, share: number): number {
  const { digits, divisor } = decimal(share);
  return Number(BigInt(count) * digits / divisor);
}

/** The least integer that is not below `count · share`; see above. */
export function ceilOfShare(count: number, share: number): number {
  const { digits, divisor } = decimal(share);
  return Number((BigInt(count) * digits + divisor - 1n) / divisor);
}

/** A number of at least 0 as a fraction of integers. */
function decimal(value: number): { digits: bigint; divisor: bigint } {
  const [mantissa = "0", exponent = "0"] = String(value).split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  const places = fraction.length - Number(exponent);
  return {
    digits: BigInt(whole + fraction) * 10n ** BigInt(Math.max(-places, 0)),
    divisor: 10n ** BigInt(Math.max(places, 0)),
  };
}
