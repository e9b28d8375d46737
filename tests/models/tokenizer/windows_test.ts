// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Tokenizer } from "../../../models/tokenizer/mod.ts";
import { windowsOf } from "../../../models/tokenizer/truncation.ts";

/** Tokens 5 to 14 are the letters a to j. */
const LETTERS = new Tokenizer(
  new Map([[
    "vocab.txt",
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\n",
  ]]),
);

function rows(
  input: string | [string, string],
  options: Parameters<Tokenizer["encode"]>[1],
): string[] {
  const first = LETTERS.encode(input, {
    ...options,
    returnOverflowingTokens: true,
  });
  return [first, ...first.overflowing ?? []].map(({ tokens }) =>
    tokens.filter((token) => token !== "[CLS]").join(" ")
      .replaceAll(/ ?\[SEP\]/g, "|")
  );
}

Deno.test("encode() gives the dropped tokens as further rows", () => {
  assertEquals(rows("a b c d e f g", { maxLength: 5 }), [
    "a b c|",
    "d e f|",
    "g|",
  ]);
  assertEquals(rows("a b c d e f g", { maxLength: 5, stride: 1 }), [
    "a b c|",
    "c d e|",
    "e f g|",
  ]);
  assertEquals(
    rows("a b c d e f g", { maxLength: 5, stride: 1, truncationSide: "left" }),
    ["e f g|", "c d e|", "a b c|"],
  );
  assertEquals(rows("a b c", { maxLength: 5, stride: 1 }), ["a b c|"]);
});

Deno.test("encode() keeps the question beside each window of the context", () => {
  assertEquals(
    rows(["a b", "c d e f g h"], {
      maxLength: 8,
      stride: 1,
      truncation: "only_second",
    }),
    ["a b| c d e|", "a b| e f g|", "a b| g h|"],
  );
  assertEquals(
    rows(["c d e f", "a"], { maxLength: 6, truncation: "only_first" }),
    ["c d| a|", "e f| a|"],
  );
  // If both texts lose tokens, each window is paired with every other.
  assertEquals(
    rows(["a b c", "d e f"], { maxLength: 7 }),
    ["a b| d e|", "c| d e|", "c| f|", "a b| f|"],
  );
});

Deno.test("windowsOf() covers every token, and shares `stride` tokens", () => {
  const count = fc.nat(40);
  const length = fc.integer({ min: 1, max: 12 });
  const side = fc.constantFrom("left", "right");
  fc.assert(
    fc.property(count, length, fc.nat(11), side, (count, length, n, side) => {
      const stride = n % length;
      const windows = windowsOf(count, { length, stride, side });
      const seen = new Set<number>();
      for (const [i, [from, to]] of windows.entries()) {
        assert(to - from <= length && from >= 0 && to <= count);
        for (let j = from; j < to; j++) seen.add(j);
        const next = windows[i + 1];
        if (next === undefined) continue;
        assertEquals(side === "right" ? to - next[0] : next[1] - from, stride);
      }
      assertEquals(seen.size, count);
    }),
  );
});

Deno.test("batch() gives the input of each row", () => {
  const batch = LETTERS.batch(["a", "a", "b"], {
    pairs: ["b", "c d e f g", "c d e f"],
    maxLength: 6,
    truncation: "only_second",
    stride: 1,
    padding: "max_length",
    returnOverflowingTokens: true,
    returnOffsets: true,
  });
  assertEquals(batch.overflowToSampleMapping, [0, 1, 1, 1, 1, 2, 2, 2]);
  assertEquals(batch.shape, [8, 6]);
  assertEquals(batch.offsets?.length, 8);
  // In the second row of the second input, the context continues.
  assertEquals(batch.offsets?.[2], [
    [0, 0],
    [0, 1],
    [0, 0],
    [2, 3],
    [4, 5],
    [0, 0],
  ]);
  assertEquals("overflowToSampleMapping" in LETTERS.batch(["a"]), false);
});

Deno.test("encode() refuses a stride as long as a window", () => {
  const options = { maxLength: 5, returnOverflowingTokens: true };
  assertThrows(
    () => LETTERS.encode("a b c d", { ...options, stride: 3 }),
    RangeError,
    "Cannot share 3 tokens between windows of 3: stride must be less than " +
      "what a window has room for",
  );
  assertThrows(
    () => LETTERS.encode("a b c d", { ...options, stride: -1 }),
    RangeError,
    "stride must be a whole number from 0",
  );
  assertThrows(
    () => LETTERS.batch(["a"], { padToMultipleOf: 0 }),
    RangeError,
    "Cannot pad to a multiple of 0",
  );
});
