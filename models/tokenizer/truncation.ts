// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The lengths of rows: which tokens of a text are kept, which windows hold the
// rest, and how far rows are padded, by the rules of Hugging Face's tokenizers.

import type { Row, Window } from "./encoding.ts";

/** Which text loses tokens when a row is too long. */
export type TruncationStrategy = "longest_first" | "only_first" | "only_second";

/**
 * How many tokens of each text are kept, where there is room for `room` tokens.
 *
 * If both texts lose tokens, the longer one keeps the odd token, and of equal
 * texts the second, as in the compiled tokenizers of transformers.
 *
 * @throws {RangeError} If the text that must lose tokens is too short.
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
  const index = strategy === "only_first" ? 0 : 1;
  const length = lengths[index] ?? 0;
  if (length <= excess) {
    throw new RangeError(
      `Cannot truncate ${
        lengths.join(" and ")
      } tokens to ${room} with "${strategy}": ` +
        `that text is too short to lose ${excess}`,
    );
  }
  return lengths.map((length, i) => i === index ? length - excess : length);
}

/** Options of {@linkcode windowsOf}. */
export interface WindowOptions {
  /** The length of a window. */
  length: number;
  /** The number of tokens that a window shares with the previous one. */
  stride: number;
  /** The end from which tokens are dropped. */
  side: "left" | "right";
}

/**
 * The windows of a text of `count` tokens: the window that truncation keeps, then
 * the windows that hold the rest.
 *
 * @throws {RangeError} If a window would share all of its tokens.
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
 * Pairs each window of the first text with each window of the second. The first
 * pair is what truncation keeps.
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

/** Options of {@linkcode chooseWindows}, as callers of a tokenizer give them. */
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
 * The windows of one or two texts that each row holds: those of the row that
 * truncation keeps and, if asked for, those of the rows of what it drops.
 *
 * @throws {RangeError} If there is no room for tokens, or a window would share
 * all of its tokens.
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
    // The rows go through the windows of the text that is first in a row.
    return secondFirst
      ? combineWindows(windows.toReversed()).map((row) => row.toReversed())
      : combineWindows(windows);
  }
  return [counts.map((count, i): Window => {
    const length = lengths[i] ?? 0;
    return side === "right" ? [0, length] : [count - length, count];
  })];
}

/** Options of {@linkcode batchLength}. */
export interface PaddingOptions {
  modelMaxLength: number;
  maxLength?: number;
  padding?: "longest" | "max_length" | false;
  padToMultipleOf?: number;
}

/**
 * The length to which the rows of a batch are padded.
 *
 * @throws {RangeError} If a row is longer than `maxLength`, or `padToMultipleOf`
 * is not a whole number from 1.
 * @throws {TypeError} If rows differ in length and may not be padded.
 */
export function batchLength(
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
