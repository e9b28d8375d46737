// Copyright 2026 the swagpu authors. MIT license.

/**
 * Words in messages: short lists of names, counts, and guesses at mistyped names.
 *
 * @module
 */

/** How many names a message lists at most. */
const MOST = 10;

/** Lists the first ten names in quotes, and how many more there are. */
export function listOf(names: readonly string[]): string {
  // A single further name is shown instead of counted.
  const shown = names.length <= MOST + 1 ? names : names.slice(0, MOST);
  const list = shown.map((name) => `"${name}"`).join(", ");
  const more = names.length - shown.length;
  return more === 0 ? list : `${list} and ${more.toLocaleString("en")} more`;
}

/** A whole number as people write it, such as 2,000. */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** A count with its noun, such as "1 row" or "2,000 rows". */
export function counted(value: number, thing: string): string {
  return `${count(value)} ${thing}${value === 1 ? "" : "s"}`;
}

/** The known name that is closest to a mistyped one, if it is close enough. */
export function nearest(
  name: string,
  known: readonly string[],
): string | undefined {
  const plain = name.toLowerCase().replaceAll("_", "-");
  const start = known.filter((other) =>
    plain.length >= 3 && other.startsWith(plain)
  );
  if (start.length === 1) return start[0];
  const distances = known.map((other) => distance(plain, other));
  const least = Math.min(...distances);
  // A third of the letters may be wrong.
  if (least > Math.max(1, Math.floor(plain.length / 3))) return undefined;
  return known[distances.indexOf(least)];
}

/**
 * How many letters must be inserted, deleted, replaced or swapped with their neighbor
 * to turn one word into another (the optimal string alignment distance).
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
