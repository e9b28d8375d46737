// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Checks the inputs of a tokenizer: a text, a list of its words, or a pair of
// either.

import type {
  BatchOptions,
  PretokenizedInput,
  TokenizerInput,
} from "./types.ts";

/** One or two texts, each as a whole or as a list of its words. */
type Texts = readonly (string | readonly string[])[];

/**
 * The texts of an input.
 *
 * @throws {TypeError} If it is a list of words without `isSplitIntoWords`, or a
 * text with it, or neither a text nor a list.
 */
export function textsOf(
  input: TokenizerInput | PretokenizedInput,
  words: boolean,
): Texts {
  if (typeof input === "string") {
    if (!words) return [input];
    throw new TypeError(
      "Cannot encode a text as words: isSplitIntoWords needs a list of words",
    );
  }
  const parts: unknown = input;
  if (!Array.isArray(parts)) {
    throw new TypeError(
      `Cannot encode ${describe(parts)}: expected a text, or a pair of texts`,
    );
  }
  if (isWords(input)) {
    if (words) return [input];
    if (input.length === 2) return input;
    throw new TypeError(
      `Cannot encode ${input.length} texts as one: a pair has 2, and a list of ` +
        "words needs isSplitIntoWords",
    );
  }
  const odd = parts.findIndex((part) =>
    typeof part !== "string" && !Array.isArray(part)
  );
  if (odd >= 0) {
    throw new TypeError(
      `Cannot encode a list with ${describe(parts[odd])}: expected texts`,
    );
  }
  if (words && input.length === 2) return input;
  throw new TypeError(
    `Cannot encode ${input.length} lists of words: a pair has 2, and needs ` +
      "isSplitIntoWords; a pair of texts is [text, textPair], or in pipelines " +
      "{ text, textPair }",
  );
}

/** Describes a value for an error. */
function describe(value: unknown): string {
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value) ? "a list" : "an object";
}

function isWords(
  input: readonly string[] | readonly (readonly string[])[],
): input is readonly string[] {
  return input.every((part) => typeof part === "string");
}

/**
 * Joins inputs with their second texts.
 *
 * @throws {TypeError} If the two lists differ in length, or an input is a pair
 * already.
 */
export function pairUp(
  inputs: readonly (TokenizerInput | PretokenizedInput)[],
  { pairs, isSplitIntoWords = false }: BatchOptions,
): readonly (TokenizerInput | PretokenizedInput)[] {
  if (pairs === undefined) return inputs;
  if (pairs.length !== inputs.length) {
    throw new TypeError(
      `Cannot pair ${inputs.length} texts with ${pairs.length}: ` +
        "there must be as many",
    );
  }
  return inputs.map((input, i): TokenizerInput | PretokenizedInput => {
    const other = pairs[i] ?? "";
    if (typeof input === "string" && typeof other === "string") {
      return [input, other];
    }
    if (
      isSplitIntoWords && typeof input !== "string" && isWords(input) &&
      typeof other !== "string"
    ) {
      return [input, other];
    }
    throw new TypeError("Cannot pair a text: it is a pair already");
  });
}
