// Copyright 2026 the swagpu authors. MIT license.

// Many cases are those of transformers' own tests of its logits processors.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  biasSequences,
  divideBy,
  forbidRepeatedNgrams,
  forbidWords,
  forceAt,
  keepAboveP,
  keepTopK,
  keepTopP,
  type LogitsProcessor,
  logSoftmax,
  penalizeRepetition,
  removeInvalidValues,
  requireLength,
  suppressAt,
} from "../../models/_logits_processors.ts";

function apply(
  processor: LogitsProcessor,
  tokens: readonly number[],
  scores: readonly number[],
): number[] {
  const changed = Float32Array.from(scores);
  processor(tokens, changed);
  return [...changed];
}

/** The tokens that a processor forbids, of a vocabulary of the given size. */
function forbidden(
  processor: LogitsProcessor,
  tokens: readonly number[],
  vocabulary: number,
): number[] {
  const scores = apply(processor, tokens, new Array(vocabulary).fill(1));
  return [...scores.keys()].filter((i) => scores[i] === -Infinity);
}

/** What is kept of a distribution, by the places. */
function kept(processor: LogitsProcessor, probabilities: number[]): number[] {
  const scores = apply(processor, [], probabilities.map(Math.log));
  return [...scores.keys()].filter((i) => scores[i] !== -Infinity);
}

Deno.test("forbidRepeatedNgrams() forbids what would complete a run again", () => {
  const two = forbidRepeatedNgrams(2);
  const three = forbidRepeatedNgrams(3);
  assertEquals(forbidden(two, [1, 1, 2, 1], 3), [1, 2]);
  assertEquals(forbidden(two, [0, 1, 0, 1], 3), [0]);
  assertEquals(forbidden(three, [1, 1, 2, 1], 3), []);
  assertEquals(forbidden(three, [0, 1, 0, 1], 3), [0]);
  assertEquals(forbidden(three, [1], 3), []);
  assertEquals(forbidden(forbidRepeatedNgrams(1), [2, 0], 3), [0, 2]);
});

Deno.test("forbidWords() forbids the last token of a word, but no end", () => {
  const words = [[1], [4], [1, 0], [0, 1, 2], [1, 3, 1, 3]];
  const forbid = forbidWords(words, [4]);
  assertEquals(forbidden(forbid, [0, 1, 3, 1], 5), [0, 1, 3]);
  assertEquals(forbidden(forbid, [0, 1, 0, 1], 5), [0, 1, 2]);
  // As in transformers: a word longer than the row so far is not looked for.
  assertEquals(forbidden(forbid, [1], 5), [1]);
  assertEquals(forbidden(forbid, [3, 1], 5), [0, 1]);
});

Deno.test("biasSequences() adds to the last token where it completes", () => {
  const bias = biasSequences([[[4], 100], [[1, 0], 10], [[1, 2], -5]]);
  assertEquals(apply(bias, [3, 1], [0, 0, 0, 0, 0]), [10, 0, -5, 0, 100]);
  assertEquals(apply(bias, [1, 3], [0, 0, 0, 0, 0]), [0, 0, 0, 0, 100]);
  assertThrows(
    () => apply(bias, [1, 3], [0, 0]),
    RangeError,
    "Cannot bias token 4: there are 2 tokens",
  );
});

Deno.test("penalizeRepetition() makes tokens less likely once each", () => {
  const scores = [-0.5, 0.5, 0.25, 1];
  const penalize = penalizeRepetition(2);
  assertEquals(apply(penalize, [0, 1, 1, 3], scores), [-1, 0.25, 0.25, 0.5]);
});

Deno.test("requireLength() forbids to end too early", () => {
  const require = requireLength(3, [1, 2]);
  assertEquals(forbidden(require, [0, 0], 4), [1, 2]);
  assertEquals(forbidden(require, [0, 0, 0], 4), []);
});

Deno.test("forceAt() allows only the forced tokens at that length", () => {
  const force = forceAt(2, [1]);
  assertEquals(apply(force, [7, 7], [1, 2, 3]), [-Infinity, 0, -Infinity]);
  assertEquals(apply(force, [7], [1, 2, 3]), [1, 2, 3]);
});

Deno.test("suppressAt() forbids tokens at that length alone", () => {
  const suppress = suppressAt(1, [0, 2]);
  assertEquals(forbidden(suppress, [0], 4), [0, 2]);
  assertEquals(forbidden(suppress, [0, 1], 4), []);
});

Deno.test("removeInvalidValues() leaves finite numbers alone", () => {
  const largest = Math.fround(3.4028234663852886e38);
  assertEquals(
    apply(removeInvalidValues, [], [NaN, Infinity, -Infinity, 2]),
    [0, largest, -largest, 2],
  );
});

Deno.test("divideBy() makes tokens more alike above 1", () => {
  assertEquals(apply(divideBy(2), [], [1, -4]), [0.5, -2]);
});

Deno.test("keepTopK() keeps the best, and those as good as the last", () => {
  assertEquals(kept(keepTopK(3), [0.1, 0.4, 0.2, 0.25, 0.05]), [1, 2, 3]);
  assertEquals(kept(keepTopK(2), [0.3, 0.1, 0.3, 0.3]), [0, 2, 3]);
  assertEquals(kept(keepTopK(10), [0.3, 0.1, 0.6]), [0, 1, 2]);
  assertEquals(kept(keepTopK(1, 2), [0.3, 0.1, 0.6]), [0, 2]);
});

Deno.test("keepTopP() keeps the best that together reach a share", () => {
  assertEquals(kept(keepTopP(0.8 - 1e-6), [0.3, 0.1, 0.1, 0.5]), [0, 3]);
  assertEquals(kept(keepTopP(0.8), [0.15, 0.3, 0.3, 0.25]), [1, 2, 3]);
  assertEquals(kept(keepTopP(0), [0.2, 0.7, 0.1]), [1]);
  assertEquals(kept(keepTopP(0, 2), [0.2, 0.7, 0.1]), [0, 1]);
});

Deno.test("keepAboveP() keeps what is near the best", () => {
  const near = keepAboveP(0.05);
  assertEquals(kept(near, [0.9, 0.0274, 0.047, 0.0256]), [0, 2]);
  assertEquals(kept(near, [0.15, 0.3, 0.3, 0.25]), [0, 1, 2, 3]);
  assertEquals(kept(near, [0.97, 0.01, 0.01, 0.01]), [0]);
  assertEquals(kept(keepAboveP(0.05, 2), [0.97, 0.01, 0.012, 0.008]), [0, 2]);
});

Deno.test("logSoftmax() makes the exponentials sum to 1", () => {
  const scores = apply(logSoftmax, [], [100, 101, -Infinity]);
  const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
  assertAlmostEquals(sum, 1, 1e-6);
  assertAlmostEquals(scores[1] ?? 0, -Math.log1p(Math.exp(-1)), 1e-6);
  assertEquals(scores[2], -Infinity);
});
