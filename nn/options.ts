// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** What is allowed in an options object, for {@linkcode checkOptions}. */
export interface KnownOptions {
  /** What cannot be done with the options, as in "Cannot train with …". */
  action: string;
  /** The names of all options. */
  known: readonly string[];
}

/**
 * Refuses options that nobody knows. A misspelled name would otherwise be
 * ignored, and the default used in its place without a word.
 *
 * Names whose value is `undefined` count as absent.
 *
 * @param options The options as they were given.
 * @param allowed What they are for, and which names there are.
 * @throws {TypeError} If there is another name; the message suggests the one
 * that was probably meant.
 *
 * @example A name from another library
 * ```ts
 * import { checkOptions } from "@swagpu/swagpu/nn";
 * import { assertThrows } from "@std/assert";
 *
 * const allowed = { action: "optimize", known: ["learningRate", "eps"] };
 * checkOptions({ learningRate: 1e-3 }, allowed);
 * assertThrows(
 *   () => checkOptions({ lr: 1e-3 }, allowed),
 *   TypeError,
 *   'Cannot optimize with option "lr": did you mean "learningRate"?',
 * );
 * ```
 */
export function checkOptions(options: object, allowed: KnownOptions): void {
  const { action, known } = allowed;
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    const meant = closest(name, known);
    throw new TypeError(
      `Cannot ${action} with option "${name}": ` +
        (meant === undefined
          ? `expected one of ${known.map((x) => `"${x}"`).join(", ")}`
          : `did you mean "${meant}"?`),
    );
  }
}

/** The name that is spelled most like another, if any is like it at all. */
function closest(name: string, known: readonly string[]): string | undefined {
  const plain = spelling(name);
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const other = spelling(candidate);
    const distance = plain === initials(candidate) ? 1 : edits(plain, other);
    const allowed = Math.max(1, Math.floor(other.length / 4));
    if (distance > allowed || distance >= least) continue;
    best = candidate;
    least = distance;
  }
  return best;
}

/** Letters and digits alone: `weight_decay` is `weightdecay`. */
function spelling(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** The first letters of the words: `learningRate` is `lr`. */
function initials(name: string): string {
  return `${name[0] ?? ""}${name.slice(1).replace(/[^A-Z]/g, "")}`
    .toLowerCase();
}

/** Insertions, deletions, replacements and swaps from one word to another. */
function edits(a: string, b: string): number {
  let older: number[] = [];
  let before = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(
        (before[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (before[j - 1] ?? 0) + (same ? 0 : 1),
      );
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] &&
        a[i - 2] === b[j - 1];
      if (isSwap) least = Math.min(least, (older[j - 2] ?? 0) + 1);
      row.push(least);
    }
    older = before;
    before = row;
  }
  return before[b.length] ?? 0;
}
