// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * ROUGE as Google's `rouge_score` defines it: what a summary shares with its
 * reference.
 *
 * @module
 */

import { checkKnown } from "../known_options.ts";
import { porterStem } from "./porter.ts";
import { countNgrams, countShared } from "./words.ts";

/** Which ROUGE: `rouge1` to `rouge9` count n-grams. */
export type RougeType = `rouge${
  | 1
  | 2
  | 3
  | 4
  | 5
  | 6
  | 7
  | 8
  | 9
  | "L"
  | "Lsum"}`;

/** Options of {@linkcode rougeScore}. */
export interface RougeOptions {
  /**
   * What is computed.
   * @default {["rouge1", "rouge2", "rougeL", "rougeLsum"]}
   */
  rougeTypes?: readonly RougeType[];
  /**
   * Whether words of more than three letters are stemmed, as in English.
   * @default {false}
   */
  useStemmer?: boolean;
}

/** The scores of one ROUGE. */
export interface RougeScore {
  /** The share of the prediction that is in the reference. */
  precision: number;
  /** The share of the reference that is in the prediction. */
  recall: number;
  /** The harmonic mean of precision and recall. */
  fmeasure: number;
}

const DEFAULT_TYPES: readonly RougeType[] = [
  "rouge1",
  "rouge2",
  "rougeL",
  "rougeLsum",
];

/**
 * ROUGE scores of a summary (Lin, 2004), as `RougeScorer.score`.
 *
 * Texts are in lower case, and everything but a to z and 0 to 9 separates
 * words. `rougeL` takes the longest common subsequence of all words;
 * `rougeLsum` takes lines as sentences, unites for each sentence of the
 * reference its subsequences with all sentences of the prediction, and never
 * counts a word twice.
 *
 * @param prediction The summary.
 * @param target The reference.
 * @param options Which scores, and whether to stem.
 * @returns The scores by type, each in [0, 1]; all 0 if a text is empty.
 * @throws {RangeError} If there is no such type.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example Three of four words
 * ```ts
 * import { rougeScore } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const { rouge1 } = rougeScore("the cat sat", "The cat sat down.");
 * assertEquals([rouge1?.precision, rouge1?.recall], [1, 0.75]);
 * ```
 */
export function rougeScore(
  prediction: string,
  target: string,
  options: RougeOptions = {},
): Partial<Record<RougeType, RougeScore>> {
  const action = "score a summary";
  checkKnown(action, options, ["rougeTypes", "useStemmer"]);
  const { rougeTypes = DEFAULT_TYPES, useStemmer = false } = options;
  const tokensOf = (text: string): string[] => tokenize(text, useStemmer);
  const linesOf = (text: string): string[][] => text.split("\n").map(tokensOf);
  const result: Partial<Record<RougeType, RougeScore>> = {};
  for (const type of rougeTypes) {
    if (type === "rougeLsum") {
      result[type] = summaryScore(linesOf(prediction), linesOf(target));
      continue;
    }
    const [own, other] = [tokensOf(prediction), tokensOf(target)];
    if (type === "rougeL") {
      const common = commonPlaces(other, own).length;
      result[type] = scoreOf(common, own.length, other.length);
      continue;
    }
    if (!/^rouge[1-9]$/.test(type)) {
      throw new RangeError(
        `Cannot ${action}: there is no ${type}, only rouge1 to rouge9, rougeL and rougeLsum`,
      );
    }
    const n = Number(type.slice(-1));
    result[type] = scoreOf(
      countShared(countNgrams(own, n), countNgrams(other, n)),
      own.length - n + 1,
      other.length - n + 1,
    );
  }
  return result;
}

function tokenize(text: string, useStemmer: boolean): string[] {
  return text.toLowerCase().split(/[^a-z0-9]+/).filter((word) => word !== "")
    .map((word) => useStemmer && word.length > 3 ? porterStem(word) : word);
}

function scoreOf(hits: number, own: number, other: number): RougeScore {
  const precision = hits / Math.max(own, 1);
  const recall = hits / Math.max(other, 1);
  const fmeasure = hits > 0 ? 2 * precision * recall / (precision + recall) : 0;
  return { precision, recall, fmeasure };
}

/**
 * The places in a text of its longest common subsequence with another. Of
 * several subsequences it is the one that steps back in the text rather than in
 * the other where both are equally long.
 */
function commonPlaces(
  text: readonly string[],
  other: readonly string[],
): number[] {
  const width = other.length + 1;
  const lengths = new Uint32Array((text.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = 1; i <= text.length; i++) {
    for (let j = 1; j < width; j++) {
      lengths[i * width + j] = text[i - 1] === other[j - 1]
        ? at(i - 1, j - 1) + 1
        : Math.max(at(i - 1, j), at(i, j - 1));
    }
  }
  const places: number[] = [];
  for (let i = text.length, j = other.length; i > 0 && j > 0;) {
    if (text[i - 1] === other[j - 1]) {
      places.push(i - 1);
      i--;
      j--;
    } else if (at(i, j - 1) > at(i - 1, j)) j--;
    else i--;
  }
  return places;
}

/** The score of united subsequences, sentence by sentence. */
function summaryScore(
  prediction: readonly string[][],
  target: readonly string[][],
): RougeScore {
  const remaining = [prediction, target].map((sentences) =>
    new Map(countNgrams(sentences.flat(), 1))
  );
  let hits = 0;
  for (const sentence of target) {
    const united = new Set(
      prediction.flatMap((other) => commonPlaces(sentence, other)),
    );
    for (const place of [...united].sort((a, b) => a - b)) {
      const word = sentence[place] ?? "";
      if (remaining.some((counts) => (counts.get(word) ?? 0) === 0)) continue;
      for (const counts of remaining) {
        counts.set(word, (counts.get(word) ?? 0) - 1);
      }
      hits++;
    }
  }
  return scoreOf(hits, prediction.flat().length, target.flat().length);
}
