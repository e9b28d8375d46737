// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * BLEU as sacreBLEU defines it: how many n-grams of a translation occur in its
 * references.
 *
 * @module
 */

import { checkChoice, checkCount, checkKnown } from "../known_options.ts";
import { bleuTokenize, type BleuTokenizer } from "./bleu_tokenizers.ts";
import {
  countNgrams,
  countShared,
  referencesOf,
  splitWords,
  trimEnd,
} from "./words.ts";

/** Options of {@linkcode corpusBleu} and {@linkcode sentenceBleu}. */
export interface BleuOptions {
  /**
   * How lines are cut into words.
   * @default {"13a"}
   */
  tokenize?: BleuTokenizer;
  /**
   * Whether upper and lower case are equal.
   * @default {false}
   */
  lowercase?: boolean;
  /**
   * What counts for an order of which no n-gram matches (Chen and Cherry, 2014):
   * `"exp"` half of one match, then a quarter and so on; `"floor"` takes
   * `smoothValue` matches; `"add-k"` adds `smoothValue` to matches and totals of
   * all orders above 1; `"none"` leaves 0.
   * @default {"exp"}
   */
  smoothMethod?: "exp" | "floor" | "add-k" | "none";
  /** The value of `"floor"` (default 0.1) or `"add-k"` (default 1). */
  smoothValue?: number;
  /**
   * The largest n.
   * @default {4}
   */
  maxNgramOrder?: number;
  /**
   * Whether orders that are longer than the translation are left out. Default:
   * false for a corpus, true for a sentence.
   */
  effectiveOrder?: boolean;
}

/** A BLEU score and what it was computed from. */
export interface BleuScore {
  /** The score, from 0 to 100. */
  score: number;
  /** The precision of each order in percent, after smoothing. */
  precisions: number[];
  /** The brevity penalty, 1 where the translation is long enough. */
  bp: number;
  /** The number of tokens of the translation. */
  sysLen: number;
  /** The number of tokens of the references that are closest in length. */
  refLen: number;
  /** The matching n-grams of each order. */
  counts: number[];
  /** All n-grams of each order. */
  totals: number[];
}

const OPTIONS = [
  "tokenize",
  "lowercase",
  "smoothMethod",
  "smoothValue",
  "maxNgramOrder",
  "effectiveOrder",
];

/** What one or more sentences contribute to the score. */
interface Statistics {
  sysLen: number;
  refLen: number;
  counts: number[];
  totals: number[];
}

/**
 * The BLEU score of a corpus, as sacreBLEU's `corpus_bleu`,
 *
 * ```text
 * 100 · min(1, exp(1 − r/c)) · exp(1/N Σₙ log pₙ)
 * ```
 *
 * where pₙ is the share of the n-grams of the c tokens of the translation that
 * occur in a reference, each at most as often as in one reference, and r is the
 * length of the references closest in length (Papineni et al., 2002; Post,
 * 2018).
 *
 * @param hypotheses Translations, one text each.
 * @param references One reference for each hypothesis, or several such lists.
 * @param options Tokenizer and smoothing.
 * @returns The score from 0 to 100 and what it was computed from. It is 0 if no
 * token matches.
 * @throws {RangeError} If a list of references has another length than the
 * hypotheses, or an option is out of range.
 * @throws {TypeError} If something else than lists of texts is given, or there
 * is an unknown option.
 *
 * @example One word is wrong
 * ```ts
 * import { corpusBleu } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const hypotheses = ["the cat sat on a mat"];
 * const bleu = corpusBleu(hypotheses, ["the cat sat on the mat"]);
 * assertEquals(bleu.counts, [5, 3, 2, 1]);
 * assertAlmostEquals(bleu.score, 100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25);
 * ```
 */
export function corpusBleu(
  hypotheses: readonly string[],
  references: readonly string[] | readonly (readonly string[])[],
  options: BleuOptions = {},
): BleuScore {
  const action = "score translations";
  checkBleuOptions(action, options);
  const grouped = referencesOf(action, hypotheses, references);
  const order = options.maxNgramOrder ?? 4;
  const total: Statistics = {
    sysLen: 0,
    refLen: 0,
    counts: new Array(order).fill(0),
    totals: new Array(order).fill(0),
  };
  hypotheses.forEach((hypothesis, i) => {
    const own = statisticsOf(hypothesis, grouped[i] ?? [], options, order);
    total.sysLen += own.sysLen;
    total.refLen += own.refLen;
    own.counts.forEach((count, n) => {
      total.counts[n] = (total.counts[n] ?? 0) + count;
      total.totals[n] = (total.totals[n] ?? 0) + (own.totals[n] ?? 0);
    });
  });
  return scoreOf(total, options, options.effectiveOrder ?? false);
}

/**
 * The BLEU score of one sentence, as sacreBLEU's `sentence_bleu`. Orders that
 * are longer than the sentence are left out unless `effectiveOrder` is false.
 *
 * @param hypothesis A translation.
 * @param references Its references.
 * @param options Tokenizer and smoothing.
 * @returns The score from 0 to 100 and what it was computed from.
 * @throws {RangeError} If there is no reference, or an option is out of range.
 * @throws {TypeError} If something else than texts is given, or there is an
 * unknown option.
 *
 * @example A sentence of two words
 * ```ts
 * import { sentenceBleu } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(sentenceBleu("good day", ["good day"]).score, 100);
 * ```
 */
export function sentenceBleu(
  hypothesis: string,
  references: readonly string[],
  options: BleuOptions = {},
): BleuScore {
  return corpusBleu([hypothesis], references.map((text) => [text]), {
    ...options,
    effectiveOrder: options.effectiveOrder ?? true,
  });
}

function checkBleuOptions(action: string, options: BleuOptions): void {
  checkKnown(action, options, OPTIONS);
  const methods = ["exp", "floor", "add-k", "none"];
  checkChoice(action, "smoothMethod", {
    value: options.smoothMethod ?? "exp",
    choices: methods,
  });
  checkCount(action, "maxNgramOrder", { value: options.maxNgramOrder ?? 4 });
  const { smoothMethod = "exp", smoothValue } = options;
  if (smoothValue === undefined) return;
  if (smoothMethod !== "floor" && smoothMethod !== "add-k") {
    throw new RangeError(
      `Cannot ${action}: smoothValue is for "floor" and "add-k", but smoothMethod is "${smoothMethod}"`,
    );
  }
  if (!(smoothValue >= 0)) {
    throw new RangeError(
      `Cannot ${action}: smoothValue is ${smoothValue}, but must be at least 0`,
    );
  }
}

/** The tokens of a line. */
function tokensOf(line: string, options: BleuOptions): string[] {
  const text = options.lowercase ? line.toLowerCase() : line;
  return splitWords(bleuTokenize(trimEnd(text), options.tokenize ?? "13a"));
}

/** Counts the n-grams of a hypothesis that its references hold. */
function statisticsOf(
  hypothesis: string,
  references: readonly string[],
  options: BleuOptions,
  order: number,
): Statistics {
  const tokens = tokensOf(hypothesis, options);
  const others = references.map((text) => tokensOf(text, options));
  let refLen = Infinity;
  for (const { length } of others) {
    const difference = Math.abs(length - tokens.length) -
      Math.abs(refLen - tokens.length);
    if (difference < 0 || (difference === 0 && length < refLen)) {
      refLen = length;
    }
  }
  const counts: number[] = [];
  const totals: number[] = [];
  for (let n = 1; n <= order; n++) {
    const most = new Map<string, number>();
    for (const other of others) {
      for (const [ngram, count] of countNgrams(other, n)) {
        most.set(ngram, Math.max(most.get(ngram) ?? 0, count));
      }
    }
    counts.push(countShared(countNgrams(tokens, n), most));
    totals.push(Math.max(tokens.length - n + 1, 0));
  }
  return { sysLen: tokens.length, refLen, counts, totals };
}

/** The score of counts, with smoothing. */
function scoreOf(
  statistics: Statistics,
  options: BleuOptions,
  isEffective: boolean,
): BleuScore {
  const { sysLen, refLen } = statistics;
  const [counts, totals] = [[...statistics.counts], [...statistics.totals]];
  const method = options.smoothMethod ?? "exp";
  const value = options.smoothValue ?? (method === "floor" ? 0.1 : 1);
  const precisions = counts.map(() => 0);
  const bp = sysLen >= refLen
    ? 1
    : sysLen > 0
    ? Math.exp(1 - refLen / sysLen)
    : 0;
  const result = { score: 0, precisions, bp, sysLen, refLen, counts, totals };
  if (counts.every((count) => count === 0)) return result;
  let halving = 1;
  let order = counts.length;
  for (let n = 0; n < counts.length; n++) {
    if (method === "add-k" && n > 0) {
      counts[n] = (counts[n] ?? 0) + value;
      totals[n] = (totals[n] ?? 0) + value;
    }
    const [count = 0, total = 0] = [counts[n], totals[n]];
    if (total === 0) break;
    if (isEffective) order = n + 1;
    if (count > 0) {
      precisions[n] = 100 * count / total;
    } else if (method === "exp") {
      halving *= 2;
      precisions[n] = 100 / (halving * total);
    } else if (method === "floor") {
      precisions[n] = 100 * value / total;
    }
  }
  let logarithms = 0;
  for (const p of precisions.slice(0, order)) logarithms += Math.log(p);
  result.score = bp * Math.exp(logarithms / order);
  return result;
}
