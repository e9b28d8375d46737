// Copyright 2026 the swagpu authors. MIT license.

/**
 * Names in messages: lists that stay short, and what a mistyped name may mean.
 *
 * @module
 */

/** The most names that a message lists. */
const MOST = 10;

/** The names in quotes, the first ten of them and how many more there are. */
export function listOf(names: readonly string[]): string {
  // One name is shown rather than counted.
  const shown = names.length <= MOST + 1 ? names : names.slice(0, MOST);
  const list = shown.map((name) => `"${name}"`).join(", ");
  const more = names.length - shown.length;
  return more === 0 ? list : `${list} and ${more.toLocaleString("en")} more`;
}

/** A whole number as people write it, such as 2,000. */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** A number of things, such as "1 row" or "2,000 rows". */
export function counted(value: number, thing: string): string {
  return `${count(value)} ${thing}${value === 1 ? "" : "s"}`;
}

/** The known name that a mistyped one is closest to, if one is close. */
export function nearest(
  name: string,
  known: readonly string[],
): string | undefined {
  const wanted = name.toLowerCase().replaceAll("_", "-");
  const start = known.filter((other) =>
    wanted.length >= 3 && other.startsWith(wanted)
  );
  if (start.length === 1) return start[0];
  const distances = known.map((other) => distance(wanted, other));
  const least = Math.min(...distances);
  // A third of the letters may be wrong.
  if (least > Math.max(1, Math.floor(wanted.length / 3))) return undefined;
  return known[distances.indexOf(least)];
}

/**
 * The letters to insert, delete, replace or swap with their neighbor that turn
 * one word into another (the optimal string alignment distance).
 */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (same ? 0 : 1),
        swapped ? at(i - 2, j - 2) + 1 : Infinity,
      ));
    }
  }
  return at(a.length, b.length);
}
