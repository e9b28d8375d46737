// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The tokenizers of BLEU: how a line is cut before n-grams are counted.
 *
 * @module
 */

import { checkChoice } from "../known_options.ts";
import { splitWords } from "./words.ts";

/**
 * A tokenizer of sacreBLEU: `"13a"` is that of WMT's mteval-v13a, `"intl"` that
 * of mteval-v14 (international), `"char"` takes each character, `"none"` the
 * words between spaces.
 */
export type BleuTokenizer = "13a" | "intl" | "char" | "none";

const ENTITIES: readonly (readonly [string, string])[] = [
  ["&quot;", '"'],
  ["&amp;", "&"],
  ["&lt;", "<"],
  ["&gt;", ">"],
];

/** What mteval-v13a sets spaces around, in this order. */
const V13A: readonly (readonly [RegExp, string])[] = [
  // ASCII punctuation and symbols, except ' , - and .
  [/([{-~[-` -&(-+:-@/])/gu, " $1 "],
  // A period or comma, unless a digit is before it, and unless one is after it.
  [/([^0-9])([.,])/gu, "$1 $2 "],
  [/([.,])([^0-9])/gu, " $1 $2"],
  // A hyphen after a digit.
  [/([0-9])(-)/gu, "$1 $2 "],
];

/** What mteval-v14 sets spaces around. */
const INTERNATIONAL: readonly (readonly [RegExp, string])[] = [
  [/(\P{N})(\p{P})/gu, "$1 $2 "],
  [/(\p{P})(\P{N})/gu, " $1 $2"],
  [/(\p{S})/gu, " $1 "],
];

const TOKENIZERS: Readonly<Record<BleuTokenizer, (line: string) => string>> = {
  "13a": (line) => {
    let text = line.replaceAll("<skipped>", "").replaceAll("-\n", "")
      .replaceAll("\n", " ");
    for (const [entity, plain] of ENTITIES) {
      text = text.replaceAll(entity, plain);
    }
    return splitWords(replaceAll(` ${text} `, V13A)).join(" ");
  },
  intl: (line) => splitWords(replaceAll(line, INTERNATIONAL)).join(" "),
  char: (line) => [...line].join(" "),
  none: (line) => line,
};

function replaceAll(
  text: string,
  rules: readonly (readonly [RegExp, string])[],
): string {
  return rules.reduce((line, [from, to]) => line.replace(from, to), text);
}

/**
 * Cuts a line as sacreBLEU does before it counts n-grams.
 *
 * @param line A line of text.
 * @param tokenizer The tokenizer.
 * @returns The tokens, joined by spaces. `"none"` changes nothing.
 * @throws {RangeError} If there is no such tokenizer.
 *
 * @example Punctuation becomes tokens, a decimal point does not
 * ```ts
 * import { bleuTokenize } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(bleuTokenize("Pi is 3.14, or so.", "13a"), "Pi is 3.14 , or so .");
 * ```
 */
export function bleuTokenize(line: string, tokenizer: BleuTokenizer): string {
  const names: BleuTokenizer[] = ["13a", "intl", "char", "none"];
  checkChoice("tokenize", "the tokenizer", {
    value: tokenizer,
    choices: names,
  });
  return TOKENIZERS[tokenizer](line);
}
