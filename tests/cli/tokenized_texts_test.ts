// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { TokenizedTexts } from "../../cli/tokenized_texts.ts";
import type { Tokenizer } from "../../models/mod.ts";
import { gpuTest } from "../_check.ts";

/** A tokenizer that turns every letter into a token. */
const LETTERS = {
  padTokenId: 0,
  encode(text: string) {
    const inputIds = [...text].map((_, i) => i + 1);
    return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
  },
} as unknown as Tokenizer;

const LENGTHS = [3, 20, 5, 17, 20, 19];

/** Gives the padded length and the packed tokens of a batch. */
function shapeOf(
  rows: number[],
  options: Parameters<TokenizedTexts["batch"]>[1],
): (number | undefined)[] {
  const texts = LENGTHS.map((length) => "x".repeat(length));
  const all = new TokenizedTexts(LETTERS, texts, { maxLength: 100 });
  const { inputIds, packing } = all.batch(rows, options);
  return [inputIds.shape[1], packing?.tokens];
}

gpuTest(
  "TokenizedTexts pack where the model can and padding pays for it",
  () => {
    assertEquals(shapeOf([0, 1], { usesPacking: true }), [24, 23]);
    assertEquals(shapeOf([0, 1], { usesPacking: false }), [24, undefined]);
    const full = [1, 4];
    assertEquals(shapeOf(full, { usesPacking: true }), [24, 40]);
    assertEquals(shapeOf([0], { usesPacking: true }), [8, 3]);
  },
);

gpuTest("TokenizedTexts make batches of few shapes if asked to", () => {
  const options = { usesPacking: true, fewShapes: true };
  assertEquals(shapeOf([0, 1], options), [64, 24]);
  assertEquals(shapeOf([2, 3], options), [64, 24]);
  assertEquals(shapeOf([0, 1, 2, 3], options), [64, 48]);
  const unpacked = { usesPacking: false, fewShapes: true };
  assertEquals(shapeOf([0, 1], unpacked), [24, undefined]);
});

Deno.test("TokenizedTexts count the texts that were cut, and report progress", () => {
  const words = {
    padTokenId: 0,
    encode(
      input: string | [string, string],
      { maxLength = Infinity }: { maxLength?: number },
    ) {
      const all = [input].flat().join(" ").split(" ").map((_, i) => i + 1);
      const inputIds = all.slice(0, maxLength);
      return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
    },
  } as unknown as Tokenizer;
  const texts = Array.from({ length: 600 }, (_, i) => "a ".repeat(i % 3) + "b");
  const told: number[] = [];
  const all = new TokenizedTexts(words, texts, {
    maxLength: 2,
    advance: (more) => told.push(more),
  });
  assertEquals([all.count, all.cut], [600, 200]); // of 1, 2 and 3 words
  assertEquals(told, [256, 256]);
  const pairs = texts.map(() => "c");
  assertEquals(
    new TokenizedTexts(words, texts, { pairs, maxLength: 3 }).cut,
    200,
  );
  assertEquals(new TokenizedTexts(words, texts, { maxLength: 3 }).cut, 0);
});
