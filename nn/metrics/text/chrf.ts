// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * chrF and chrF++ as sacreBLEU defines them: the F-score of character n-grams,
 * and of words.
 *
 * @module
 */

import { checkCount, checkKnown } from "../known_options.ts";
import {
  countNgrams,
  type Counts,
  countShared,
  referencesOf,
  splitWords,
} from "./words.ts";

/** Options of {@linkcode corpusChrf} and {@linkcode sentenceChrf}. */
export interface ChrfOptions {
  /**
   * The largest number of characters in an n-gram.
   * @default {6}
   */
  charOrder?: number;
  /**
   * The largest number of words in an n-gram; 2 gives chrF++.
   * @default {0}
   */
  wordOrder?: number;
  /**
   * How many times more recall counts than precision.
   * @default {2}
   */
  beta?: number;
  /**
   * Whether upper and lower case are equal.
   * @default {false}
   */
  lowercase?: boolean;
  /**
   * Whether white space belongs to the n-grams of characters.
   * @default {false}
   */
  whitespace?: boolean;
  /**
   * Whether to average F-scores over all orders, with 1e-16 for those without
   * n-grams, as chrF++.py, NLTK and Moses do, instead of averaging precision and
   * recall over the orders that both texts have.
   * @default {false}
   */
  epsSmoothing?: boolean;
}

const EPSILON = 1e-16;
const PUNCTUATION = new Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");

/** How many n-grams of one order the two texts have and share. */
interface OrderStatistics {
  hypothesis: number;
  reference: number;
  shared: number;
}

/**
 * The chrF score of a corpus, as sacreBLEU's `corpus_chrf`,
 *
 * ```text
 * 100 · (1 + β²) · P · R / (β² P + R)
 * ```
 *
 * where P and R are the mean precision and recall of the n-grams of characters
 * without white space, and of words for chrF++ (Popović, 2015 and 2017). Each
 * hypothesis is compared with the reference that suits it best.
 *
 * @param hypotheses Translations, one text each.
 * @param references One reference for each hypothesis, or several such lists.
 * @param options Orders, weights and smoothing.
 * @returns A value from 0 to 100.
 * @throws {RangeError} If a list of references has another length than the
 * hypotheses, or an option is out of range.
 * @throws {TypeError} If something else than lists of texts is given, or there
 * is an unknown option.
 *
 * @example Equal up to white space
 * ```ts
 * import { corpusChrf } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(corpusChrf(["good day"], ["goodday"]), 100);
 * ```
 */
export function corpusChrf(
  hypotheses: readonly string[],
  references: readonly string[] | readonly (readonly string[])[],
  options: ChrfOptions = {},
): number {
  const action = "score translations";
  checkKnown(action, options, [
    "charOrder",
    "wordOrder",
    "beta",
    "lowercase",
    "whitespace",
    "epsSmoothing",
  ]);
  const { charOrder = 6, wordOrder = 0, beta = 2 } = options;
  checkCount(action, "charOrder", { value: charOrder });
  checkCount(action, "wordOrder", { value: wordOrder, least: 0 });
  if (!(beta > 0 && beta < Infinity)) {
    throw new RangeError(
      `Cannot ${action}: beta is ${beta}, but must be a number above 0`,
    );
  }
  const isEps = options.epsSmoothing ?? false;
  const grouped = referencesOf(action, hypotheses, references);
  const total: OrderStatistics[] = Array.from(
    { length: charOrder + wordOrder },
    () => ({ hypothesis: 0, reference: 0, shared: 0 }),
  );
  hypotheses.forEach((hypothesis, i) => {
    const own = ngramsOf(hypothesis, options);
    let best: OrderStatistics[] = [];
    let most = -1;
    for (const reference of grouped[i] ?? []) {
      const statistics = compare(own, ngramsOf(reference, options));
      const score = scoreOf(statistics, beta, isEps);
      if (score > most) [best, most] = [statistics, score];
    }
    best.forEach((order, n) => {
      const sum = total[n];
      if (!sum) return;
      sum.hypothesis += order.hypothesis;
      sum.reference += order.reference;
      sum.shared += order.shared;
    });
  });
  return scoreOf(total, beta, isEps);
}

/**
 * The chrF score of one sentence, as sacreBLEU's `sentence_chrf`.
 *
 * @param hypothesis A translation.
 * @param references Its references; the one that suits best counts.
 * @param options Orders, weights and smoothing.
 * @returns A value from 0 to 100.
 * @throws {RangeError} If there is no reference, or an option is out of range.
 * @throws {TypeError} If something else than texts is given, or there is an
 * unknown option.
 *
 * @example Half of the characters
 * ```ts
 * import { sentenceChrf } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(sentenceChrf("a", ["ab"], { charOrder: 1 }), 500 / 9);
 * ```
 */
export function sentenceChrf(
  hypothesis: string,
  references: readonly string[],
  options: ChrfOptions = {},
): number {
  return corpusChrf([hypothesis], references.map((text) => [text]), options);
}

/** The n-grams of a text: of characters by order, then of words by order. */
function ngramsOf(text: string, options: ChrfOptions): Counts[] {
  const { charOrder = 6, wordOrder = 0 } = options;
  const line = options.lowercase ? text.toLowerCase() : text;
  const characters = options.whitespace
    ? [...line]
    : [...splitWords(line).join("")];
  const result: Counts[] = [];
  for (let n = 1; n <= charOrder; n++) {
    result.push(countNgrams(characters, n));
  }
  if (wordOrder === 0) return result;
  const words = splitWords(line).flatMap(withoutPunctuation);
  for (let n = 1; n <= wordOrder; n++) result.push(countNgrams(words, n));
  return result;
}

/** Splits off one punctuation mark at the end of a word, or else at its start. */
function withoutPunctuation(word: string): string[] {
  const characters = [...word];
  if (characters.length === 1) return characters;
  const [first = "", last = ""] = [characters[0], characters.at(-1)];
  if (PUNCTUATION.has(last)) return [word.slice(0, -1), last];
  return PUNCTUATION.has(first) ? [first, word.slice(1)] : [word];
}

/** Counts what two texts share, order by order. */
function compare(
  own: readonly Counts[],
  reference: readonly Counts[],
): OrderStatistics[] {
  return own.map((counts, n) => {
    const others = reference[n] ?? new Map<string, number>();
    return {
      // Without any n-gram in the reference there is nothing to be right about.
      hypothesis: others.size > 0 ? sizeOf(counts) : 0,
      reference: sizeOf(others),
      shared: countShared(counts, others),
    };
  });
}

function sizeOf(counts: Counts): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

/** The F-score of counts, from 0 to 100. */
function scoreOf(
  statistics: readonly OrderStatistics[],
  beta: number,
  isEps: boolean,
): number {
  const factor = beta * beta;
  const fscore = (precision: number, recall: number, none: number): number => {
    const denominator = factor * precision + recall;
    return denominator > 0
      ? (1 + factor) * precision * recall / denominator
      : none;
  };
  let sum = 0;
  let precisions = 0;
  let recalls = 0;
  let orders = 0;
  for (const { hypothesis, reference, shared } of statistics) {
    const precision = hypothesis > 0 ? shared / hypothesis : EPSILON;
    const recall = reference > 0 ? shared / reference : EPSILON;
    sum += fscore(precision, recall, EPSILON);
    if (hypothesis === 0 || reference === 0) continue;
    precisions += precision;
    recalls += recall;
    orders++;
  }
  if (isEps) return 100 * sum / statistics.length;
  if (orders === 0) return 0;
  return 100 * fscore(precisions / orders, recalls / orders, 0);
}
