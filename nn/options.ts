// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A check for misspelled options.

/** The options that {@linkcode checkOptions} accepts. */
export interface KnownOptions {
  /** What the options are for, a verb that completes "Cannot … with option". */
  action: string;
  /** The names of all options. */
  known: readonly string[];
}

/**
 * Throws if an options object has a name that is not known. Otherwise a
 * misspelled option would be ignored silently.
 *
 * Names whose value is `undefined` count as absent.
 *
 * @param options The options as they were given.
 * @param allowed What the options are for, and the names of all options.
 * @throws {TypeError} If there is another name. The message suggests the name
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

/** The known name that is most similar to a name, if one is similar at all. */
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

/**
 * Only letters and digits, in lower case: `weight_decay` gives `weightdecay`.
 */
function spelling(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** The first letters of the words: `learningRate` gives `lr`. */
function initials(name: string): string {
  return `${name[0] ?? ""}${name.slice(1).replace(/[^A-Z]/g, "")}`
    .toLowerCase();
}

/**
 * The number of insertions, deletions, replacements and swaps between words.
 */
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
