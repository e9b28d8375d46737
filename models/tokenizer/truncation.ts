// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// How long rows are: which tokens of a text stay, which windows hold the rest,
// and how far rows are filled up, by the rules of Hugging Face's tokenizers.

import type { Row, Window } from "./encoding.ts";

/** Which text gives way when a row is too long. */
export type TruncationStrategy = "longest_first" | "only_first" | "only_second";

/**
 * How many tokens of each text stay where `room` are left for them.
 *
 * Where both texts give way, the longer one keeps the odd token, and of equals
 * the second: so do the compiled tokenizers of transformers.
 *
 * @throws {RangeError} If the text that must give way is too short for it.
 */
export function truncatedLengths(
  lengths: readonly number[],
  room: number,
  strategy: TruncationStrategy,
): number[] {
  const [first = 0, second = 0] = lengths;
  const excess = first + second - room;
  if (excess <= 0) return [...lengths];
  if (strategy === "longest_first") {
    if (lengths.length === 1) return [room];
    const short = Math.min(first, second);
    if (2 * short <= room) {
      return first <= second ? [first, room - first] : [room - second, second];
    }
    const half = Math.floor(room / 2);
    return first <= second ? [half, room - half] : [room - half, half];
  }
  const place = strategy === "only_first" ? 0 : 1;
  const length = lengths[place] ?? 0;
  if (length <= excess) {
    throw new RangeError(
      `Cannot truncate ${
        lengths.join(" and ")
      } tokens to ${room} with "${strategy}": ` +
        `that text is too short to lose ${excess}`,
    );
  }
  return lengths.map((length, i) => i === place ? length - excess : length);
}

/** How {@linkcode windowsOf} cuts. */
export interface WindowOptions {
  /** The length of a window. */
  length: number;
  /** How many tokens a window shares with the one before. */
  stride: number;
  /** The end from which tokens are dropped. */
  side: "left" | "right";
}

/**
 * The windows of a text of `count` tokens: the one that truncation keeps, then
 * those that together hold the rest.
 *
 * @throws {RangeError} If the windows would not move on.
 */
export function windowsOf(count: number, options: WindowOptions): Window[] {
  const { length, stride, side } = options;
  if (length >= count) return [[0, count]];
  if (length === 0) return [[0, 0], [0, count]];
  if (stride >= length) {
    throw new RangeError(
      `Cannot share ${stride} tokens between windows of ${length}: ` +
        "stride must be less than what a window has room for",
    );
  }
  const windows: Window[] = [];
  const step = length - stride;
  if (side === "right") {
    for (let start = 0;; start += step) {
      const stop = Math.min(start + length, count);
      windows.push([start, stop]);
      if (stop === count) return windows;
    }
  }
  for (let stop = count;; stop -= step) {
    const start = Math.max(0, stop - length);
    windows.push([start, stop]);
    if (start === 0) return windows;
  }
}

/**
 * Pairs each window of the first text with each of the second. The first of
 * the list is what truncation keeps.
 */
export function combineWindows(
  windows: readonly (readonly Window[])[],
): Window[][] {
  const [first = [], second] = windows;
  if (second === undefined) return first.map((window) => [window]);
  const [kept, ...others] = first;
  const [other, ...rest] = second;
  if (kept === undefined || other === undefined) return [];
  return [
    [kept, other],
    ...others.flatMap((window) => second.map((two) => [window, two])),
    ...rest.map((window) => [kept, window]),
  ];
}

/** How {@linkcode chooseWindows} truncates, as callers of a tokenizer say it. */
export interface TruncationOptions {
  /** The number of special tokens. */
  added: number;
  modelMaxLength: number;
  truncationSide: "left" | "right";
  maxLength?: number;
  truncation?: TruncationStrategy | false;
  stride?: number;
  returnOverflowingTokens?: boolean;
  /** Whether rows hold the second text before the first. */
  secondFirst?: boolean;
}

/**
 * The windows of one or two texts of which a row is made: those that truncation
 * keeps, then, if asked for, those of further rows.
 *
 * @throws {RangeError} If there is no room, or the windows would not move on.
 */
export function chooseWindows(
  counts: readonly number[],
  options: TruncationOptions,
): Window[][] {
  const {
    added,
    modelMaxLength,
    truncationSide: side,
    maxLength,
    truncation = maxLength === undefined ? false : "longest_first",
    stride = 0,
    returnOverflowingTokens = false,
    secondFirst = false,
  } = options;
  if (truncation === false) return [counts.map((count): Window => [0, count])];
  const limit = maxLength ?? modelMaxLength;
  if (!(limit >= added)) {
    throw new RangeError(
      `Cannot truncate to ${limit} tokens: the special tokens alone are ${added}`,
    );
  }
  if (!Number.isSafeInteger(stride) || stride < 0) {
    throw new RangeError(
      `Cannot share ${stride} tokens between windows: ` +
        "stride must be a whole number from 0",
    );
  }
  const lengths = truncatedLengths(counts, limit - added, truncation);
  if (returnOverflowingTokens) {
    const windows = counts.map((count, i) =>
      windowsOf(count, { length: lengths[i] ?? 0, stride, side })
    );
    // The rows go through the windows of the text that stands first.
    return secondFirst
      ? combineWindows(windows.toReversed()).map((row) => row.toReversed())
      : combineWindows(windows);
  }
  return [counts.map((count, i): Window => {
    const length = lengths[i] ?? 0;
    return side === "right" ? [0, length] : [count - length, count];
  })];
}

/** How far {@linkcode paddedLength} fills up. */
export interface PaddingOptions {
  modelMaxLength: number;
  maxLength?: number;
  padding?: "longest" | "max_length" | false;
  padToMultipleOf?: number;
}

/**
 * The length that the rows of a batch are filled up to.
 *
 * @throws {RangeError} If a row is longer, or the multiple is none.
 * @throws {TypeError} If rows differ in length and may not be filled up.
 */
export function paddedLength(
  rows: readonly Pick<Row, "ids">[],
  options: PaddingOptions,
): number {
  const {
    modelMaxLength,
    maxLength,
    padding = "longest",
    padToMultipleOf = 1,
  } = options;
  if (!Number.isSafeInteger(padToMultipleOf) || padToMultipleOf < 1) {
    throw new RangeError(
      `Cannot pad to a multiple of ${padToMultipleOf}: ` +
        "it must be a whole number from 1",
    );
  }
  const lengths = rows.map(({ ids }) => ids.length);
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  if (padding === false) {
    const shortest = lengths.reduce((a, b) => Math.min(a, b), longest);
    if (shortest === longest) return longest;
    throw new TypeError(
      `Cannot batch rows of ${shortest} and ${longest} tokens: ` +
        'they must be equally long, or padding "longest"',
    );
  }
  const limit = maxLength ?? modelMaxLength;
  if (padding === "max_length" && !Number.isSafeInteger(limit)) {
    throw new RangeError(
      `Cannot pad to ${limit} tokens: pass a whole number as maxLength`,
    );
  }
  if (padding === "max_length" && longest > limit) {
    throw new RangeError(
      `Cannot pad a row of ${longest} tokens to ${limit}: pass truncation`,
    );
  }
  const length = padding === "max_length" ? limit : longest;
  return Math.ceil(length / padToMultipleOf) * padToMultipleOf;
}
