// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The translation edit rate (TER) as sacreBLEU and Tercom define it: how many
 * words have to be inserted, deleted, replaced or moved.
 *
 * @module
 */

import { checkKnown } from "../known_options.ts";
import { beamEdits, type Edits } from "./ter_edits.ts";
import { terTokenize } from "./ter_tokenizer.ts";
import { referencesOf, splitWords, trimEnd } from "./words.ts";

/** Options of {@linkcode corpusTer} and {@linkcode sentenceTer}. */
export interface TerOptions {
  /**
   * Whether punctuation is set apart and XML entities are resolved.
   * @default {false}
   */
  normalized?: boolean;
  /**
   * Whether punctuation is removed.
   * @default {false}
   */
  noPunct?: boolean;
  /**
   * Whether `normalized` and `noPunct` also treat Chinese characters, Japanese
   * and full-width punctuation.
   * @default {false}
   */
  asianSupport?: boolean;
  /**
   * Whether upper and lower case differ.
   * @default {false}
   */
  caseSensitive?: boolean;
}

/** The limits of Tercom, and of sacreBLEU on the number of shifts it tries. */
const MAX_SHIFT_SIZE = 10;
const MAX_SHIFT_DISTANCE = 50;
const MAX_CANDIDATES = 1000;

/** A shift of words that was tried. */
interface Shift {
  /** By how much it shortens the edits. */
  gain: number;
  length: number;
  start: number;
  target: number;
  words: string[];
}

/**
 * The translation edit rate of a corpus, as sacreBLEU's `corpus_ter`,
 *
 * ```text
 * 100 · edits / reference words
 * ```
 *
 * where a sequence of words that moves counts as one edit (Snover et al., 2006).
 * Shifts are sought greedily, as Tercom does. Of several references the one with
 * the fewest edits counts, over the mean length of all.
 *
 * @param hypotheses Translations, one text each.
 * @param references One reference for each hypothesis, or several such lists.
 * @param options How texts are normalized.
 * @returns A value of at least 0, in percent; 0 if all are equal.
 * @throws {RangeError} If a list of references has another length than the
 * hypotheses, or `asianSupport` is asked for alone.
 * @throws {TypeError} If something else than lists of texts is given, or there
 * is an unknown option.
 *
 * @example Moving two words is one edit
 * ```ts
 * import { corpusTer } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(corpusTer(["c d a b"], ["a b c d"]), 25);
 * ```
 */
export function corpusTer(
  hypotheses: readonly string[],
  references: readonly string[] | readonly (readonly string[])[],
  options: TerOptions = {},
): number {
  const action = "count edits";
  checkKnown(action, options, [
    "normalized",
    "noPunct",
    "asianSupport",
    "caseSensitive",
  ]);
  if (options.asianSupport && !options.normalized && !options.noPunct) {
    throw new RangeError(
      `Cannot ${action}: asianSupport changes normalized and noPunct, but neither is set`,
    );
  }
  const grouped = referencesOf(action, hypotheses, references);
  const wordsOf = (text: string): string[] =>
    splitWords(terTokenize(trimEnd(text), options));
  let edits = 0;
  let length = 0;
  hypotheses.forEach((hypothesis, i) => {
    const words = wordsOf(hypothesis);
    const others = (grouped[i] ?? []).map(wordsOf);
    edits += Math.min(...others.map((other) => countEdits(words, other)));
    length += others.reduce((sum, other) => sum + other.length, 0) /
      others.length;
  });
  if (length > 0) return 100 * (edits / length);
  return edits > 0 ? 100 : 0;
}

/**
 * The translation edit rate of one sentence, as sacreBLEU's `sentence_ter`.
 *
 * @param hypothesis A translation.
 * @param references Its references.
 * @param options How texts are normalized.
 * @returns A value of at least 0, in percent.
 * @throws {RangeError} If there is no reference.
 * @throws {TypeError} If something else than texts is given, or there is an
 * unknown option.
 *
 * @example A missing word of four
 * ```ts
 * import { sentenceTer } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sentenceTer("a b d", ["a b c d"]), 25);
 * ```
 */
export function sentenceTer(
  hypothesis: string,
  references: readonly string[],
  options: TerOptions = {},
): number {
  return corpusTer([hypothesis], references.map((text) => [text]), options);
}

/** The number of shifts and of edits after them. */
function countEdits(
  words: readonly string[],
  other: readonly string[],
): number {
  if (other.length === 0) return words.length;
  let current = [...words];
  let shifts = 0;
  let tried = 0;
  for (;;) {
    const found = bestShift(current, other, tried);
    tried = found.tried;
    if (tried >= MAX_CANDIDATES) break;
    if (!found.best || found.best.gain <= 0) break;
    shifts++;
    current = found.best.words;
  }
  return shifts + beamEdits(current, other).count;
}

/** The shift that shortens the edits most. */
function bestShift(
  words: readonly string[],
  other: readonly string[],
  triedBefore: number,
): { best?: Shift; tried: number } {
  const edits = beamEdits(words, other);
  let best: Shift | undefined;
  let tried = triedBefore;
  for (const [start, place, length] of matches(words, other)) {
    // Only words that are wrong move, and only to where the reference is missed.
    if (!anyOf(edits.wordErrors, start, length)) continue;
    if (!anyOf(edits.referenceErrors, place, length)) continue;
    const aligned = edits.alignment[place] ?? 0;
    if (start <= aligned && aligned < start + length) continue;
    let last = -1;
    for (let offset = -1; offset < length; offset++) {
      const target = targetOf(edits, place + offset);
      if (target === undefined) break;
      if (target === last) continue;
      last = target;
      const shifted = moved(words, start, length, target);
      const gain = edits.count - beamEdits(shifted, other).count;
      tried++;
      const shift = { gain, length, start, target, words: shifted };
      if (!best || isBetter(shift, best)) best = shift;
    }
    if (tried >= MAX_CANDIDATES) break;
  }
  return best ? { best, tried } : { tried };
}

/** Where words go that are to stand behind a word of the reference. */
function targetOf(edits: Edits, place: number): number | undefined {
  if (place === -1) return 0;
  const aligned = edits.alignment[place];
  return aligned === undefined ? undefined : aligned + 1;
}

/** Tercom's order of shifts: by gain, then length, then the first of all. */
function isBetter(one: Shift, other: Shift): boolean {
  const differences = [
    one.gain - other.gain,
    one.length - other.length,
    other.start - one.start,
    other.target - one.target,
  ];
  const decisive = differences.find((difference) => difference !== 0);
  if (decisive !== undefined) return decisive > 0;
  const at = one.words.findIndex((word, i) => word !== other.words[i]);
  return at >= 0 && (one.words[at] ?? "") > (other.words[at] ?? "");
}

/** All equal runs of words: where they start in both texts, and their length. */
function* matches(
  words: readonly string[],
  other: readonly string[],
): Generator<[number, number, number]> {
  for (let start = 0; start < words.length; start++) {
    for (let place = 0; place < other.length; place++) {
      if (Math.abs(place - start) > MAX_SHIFT_DISTANCE) continue;
      for (let length = 1; length <= MAX_SHIFT_SIZE; length++) {
        const [a, b] = [start + length - 1, place + length - 1];
        if (a >= words.length || b >= other.length || words[a] !== other[b]) {
          break;
        }
        yield [start, place, length];
      }
    }
  }
}

function anyOf(
  errors: readonly boolean[],
  start: number,
  length: number,
): boolean {
  return errors.slice(start, start + length).includes(true);
}

/** Moves a run of words before another place. */
function moved(
  words: readonly string[],
  start: number,
  length: number,
  target: number,
): string[] {
  const run = words.slice(start, start + length);
  const rest = [...words.slice(0, start), ...words.slice(start + length)];
  // Places behind the run count without it; within it, from where it starts.
  const at = target < start
    ? target
    : target > start + length
    ? target - length
    : target;
  return [...rest.slice(0, at), ...run, ...rest.slice(at)];
}
