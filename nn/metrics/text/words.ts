// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Splitting texts at white space and counting n-grams, as Python does: its idea
// of white space is not that of JavaScript's \s.

/** A class of the characters that Python's `str.isspace` knows, for a RegExp. */
export const SPACE =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

const SPACES = new RegExp(`${SPACE}+`, "u");
const SPACES_AT_END = new RegExp(`${SPACE}+$`, "u");

/** The words between white space. */
export function splitWords(text: string): string[] {
  return text.split(SPACES).filter((word) => word !== "");
}

/** The text without white space at its end. */
export function trimEnd(text: string): string {
  return text.replace(SPACES_AT_END, "");
}

/** Counts of n-grams. */
export type Counts = ReadonlyMap<string, number>;

/** How often each run of n tokens occurs; tokens are told apart by a NUL. */
export function countNgrams(tokens: readonly string[], n: number): Counts {
  const counts = new Map<string, number>();
  for (let start = 0; start + n <= tokens.length; start++) {
    const ngram = tokens.slice(start, start + n).join("\0");
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

/** How many n-grams two texts share: the sum of the smaller counts. */
export function countShared(a: Counts, b: Counts): number {
  let shared = 0;
  for (const [ngram, count] of a) {
    shared += Math.min(count, b.get(ngram) ?? 0);
  }
  return shared;
}

/**
 * The references of each hypothesis, from lists of references that hold one
 * text for each hypothesis. A single list may be given as it is.
 */
export function referencesOf(
  action: string,
  hypotheses: readonly string[],
  references: readonly string[] | readonly (readonly string[])[],
): string[][] {
  if (!Array.isArray(hypotheses) || !Array.isArray(references)) {
    throw new TypeError(
      `Cannot ${action}: expected a list of hypotheses and a list of references`,
    );
  }
  const isFlat = references.length > 0 &&
    references.every((one) => typeof one === "string");
  const lists = isFlat ? [references] : references;
  if (hypotheses.length === 0 || lists.length === 0) {
    throw new RangeError(
      `Cannot ${action}: ${hypotheses.length} hypotheses and ${lists.length} lists of references, expected at least one of each`,
    );
  }
  for (const list of [hypotheses, ...lists]) {
    if (
      !Array.isArray(list) || !list.every((text) => typeof text === "string")
    ) {
      throw new TypeError(`Cannot ${action}: expected lists of texts`);
    }
    if (list.length === hypotheses.length) continue;
    throw new RangeError(
      `Cannot ${action}: ${hypotheses.length} hypotheses and a list of ${list.length} references, expected one reference for each hypothesis`,
    );
  }
  return hypotheses.map((_, i) => lists.map((list) => String(list[i] ?? "")));
}
