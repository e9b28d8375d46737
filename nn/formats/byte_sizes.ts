// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** The bytes of the units that a size may have. */
const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/**
 * Reads a size with its unit, such as `8GB` (8 · 10⁹ bytes) or `7.5 GiB`
 * (7.5 · 2³⁰ bytes).
 *
 * @param text The number, with the unit behind it or after one space.
 * @returns The bytes, a positive whole number; `undefined` if it is no size.
 *
 * @example Two units
 * ```ts
 * import { parseByteSize } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseByteSize("8GB"), 8e9);
 * assertEquals(parseByteSize("500 MiB"), 500 * 2 ** 20);
 * ```
 */
export function parseByteSize(text: string): number | undefined {
  const [, number = "", unit = ""] =
    /^(\d+(?:\.\d+)?) ?([KMGT]?i?B)$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(number) * (UNITS[unit.toUpperCase()] ?? 0));
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
