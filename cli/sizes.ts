// Copyright 2026 the swagpu authors. MIT license.

/**
 * Sizes in bytes: as people write them, and as they read them.
 *
 * @module
 */

import { parseByteSize } from "../nn/formats/mod.ts";

/**
 * Reads a size, such as `8GB` (8 · 10⁹ bytes) or `7.5 GiB` (7.5 · 2³⁰ bytes). A
 * number without a unit counts bytes.
 *
 * @returns The bytes, a positive whole number; `undefined` if it is no size.
 */
export function parseBytes(text: string): number | undefined {
  const trimmed = text.trim();
  return parseByteSize(/\d$/.test(trimmed) ? `${trimmed}B` : trimmed);
}

/** Writes a size in the largest binary unit of which it has one: `417.7 MiB`. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  // What would be rounded to 1024 of a unit is 1 of the next.
  while (value >= (unit === 0 ? 1024 : 1023.95) && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 ? 0 : 1;
  return `${
    value.toLocaleString("en", {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    })
  } ${units[unit]}`;
}
