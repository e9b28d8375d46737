// Copyright 2026 the swagpu authors. MIT license.

/**
 * Sizes in bytes: as people write them, and as they read them.
 *
 * @module
 */

/** The bytes of the units that a size may have. */
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
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
 * Reads a size, such as `8GB` (8 · 10⁹ bytes) or `7.5 GiB` (7.5 · 2³⁰ bytes). A
 * number without a unit counts bytes.
 *
 * @returns The bytes, a positive whole number; `undefined` if it is no size.
 */
export function parseBytes(text: string): number | undefined {
  const [, number = "", unit = ""] =
    /^(\d+(?:\.\d+)?) ?([KMGT]i?B|B|)$/i.exec(text.trim()) ?? [];
  if (number === "") return undefined;
  const bytes = Math.floor(Number(number) * (UNITS[unit.toUpperCase()] ?? 0));
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
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
