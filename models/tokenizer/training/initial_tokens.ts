// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The tokens that a vocabulary begins with: special tokens, then the alphabet.

import type { WordCounts } from "./word_counts.ts";

/** What {@linkcode initialTokens} needs besides the words. */
export interface InitialTokenOptions {
  /** Tokens that do not come from texts. They have the first ids. */
  readonly specialTokens: readonly string[];
  /** Characters that belong to the alphabet whether or not they occur. */
  readonly initialAlphabet: readonly string[];
  /** The most characters of the alphabet. The rarest are left out. */
  readonly limitAlphabet: number;
  /**
   * What tokens begin with that are not the first of a word; `null` if they are
   * spelled like others.
   */
  readonly prefix: string | null;
}

/**
 * Lists the tokens that a vocabulary begins with, in the order of their ids: the
 * special tokens, the characters of the alphabet, and the characters that
 * continue words, with their prefix. Characters are in the order of their code
 * points. Of characters that are equally rare, those with greater code points
 * are left out first.
 *
 * Hugging Face's trainers order the characters with a prefix by chance, and leave
 * out equally rare characters by chance.
 */
export function initialTokens(
  words: WordCounts,
  options: InitialTokenOptions,
): string[] {
  const { specialTokens, initialAlphabet, limitAlphabet, prefix } = options;
  const counts = new Map<string, number>();
  for (const [word, count] of words) {
    for (const char of word) counts.set(char, (counts.get(char) ?? 0) + count);
  }
  for (const char of initialAlphabet) counts.set(char, Infinity);
  const byCode = [...counts.keys()].sort(compareCodes);
  const kept = new Set(
    byCode.length <= limitAlphabet ? byCode : byCode
      // Sorting keeps the order of equally frequent characters.
      .toSorted((a, b) => compareCounts(counts.get(a), counts.get(b)))
      .slice(0, limitAlphabet),
  );
  const tokens = new Set(specialTokens);
  for (const char of byCode) if (kept.has(char)) tokens.add(char);
  if (prefix === null) return [...tokens];
  const continuing = new Set<string>();
  for (const word of words.keys()) {
    let isFirst = true;
    for (const char of word) {
      if (!isFirst && tokens.has(char)) continuing.add(char);
      isFirst = false;
    }
  }
  for (const char of [...continuing].sort(compareCodes)) {
    tokens.add(prefix + char);
  }
  return [...tokens];
}

function compareCodes(a: string, b: string): number {
  return (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0);
}

/** Puts greater counts first; counts may be infinite. */
function compareCounts(a = 0, b = 0): number {
  return a === b ? 0 : a > b ? -1 : 1;
}
