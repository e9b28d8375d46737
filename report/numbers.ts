// Copyright 2026 the swagpu authors. MIT license.

// Numbers as readers see them: rounded, with a true minus sign.

/** A number with a fixed number of decimals; "–" if there is none. */
export function fixed(value: number | undefined, digits = 3): string {
  if (value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const text = value.toFixed(digits);
  // Zero has no sign, also where it is what rounding leaves.
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** A share as a percentage. */
export function percent(value: number | undefined, digits = 1): string {
  return value === undefined || Number.isNaN(value)
    ? "–"
    : `${fixed(100 * value, digits)} %`;
}

/** A whole number, with its thousands set apart. */
export function whole(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",")
    .replace("-", "−");
}

/** A number with about four digits, at any magnitude. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return fixed(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return whole(value);
  return String(Number(value.toPrecision(4))).replace("-", "−");
}

/** An interval in brackets. */
export function interval(
  ends: readonly [number, number] | undefined,
  format: (value: number) => string,
): string {
  return ends ? `[${format(ends[0])}, ${format(ends[1])}]` : "";
}

/** A duration: milliseconds, seconds, or minutes and hours. */
export function duration(seconds: number): string {
  if (seconds < 0.1) return `${short(seconds * 1e3)} ms`;
  if (seconds < 100) return `${short(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A number of bytes, in binary units. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(
    Math.floor(Math.log2(Math.max(count, 1)) / 10),
    units.length - 1,
  );
  const value = count / 2 ** (10 * power);
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}
