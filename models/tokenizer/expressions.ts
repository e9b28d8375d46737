// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The patterns of `tokenizer.json` and their matches, as Oniguruma, the engine of
// the compiled tokenizers, finds them.

import { isObject } from "../files/json.ts";
import { translateExpression } from "./expression_translation.ts";

/**
 * Reads a pattern of `tokenizer.json` as a regular expression.
 *
 * @param key The path of the pattern in the file, for errors.
 * @throws {SyntaxError} If it holds neither a text nor an expression, or an
 * expression that JavaScript cannot express.
 */
export function readPattern(pattern: unknown, key = "pattern"): RegExp {
  if (isObject(pattern)) {
    if (typeof pattern.String === "string") {
      return new RegExp(RegExp.escape(pattern.String) || "(?!)", "gu");
    }
    if (typeof pattern.Regex === "string") {
      try {
        return new RegExp(translateExpression(pattern.Regex), "gv");
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new SyntaxError(
          `${key} is the expression ${JSON.stringify(pattern.Regex)}, which ` +
            `cannot be used: ${reason}`,
          { cause: error },
        );
      }
    }
  }
  throw new SyntaxError(
    `Cannot read the pattern ${JSON.stringify(pattern)} of ${key}: ` +
      "it must hold a String or a Regex",
  );
}

/**
 * Finds the matches of an expression as Oniguruma does: an empty text has no
 * match, and an empty match is skipped right behind another match.
 */
export function* matchesOf(
  text: string,
  regexp: RegExp,
): Generator<{ readonly from: number; readonly to: number }> {
  if (text === "") return;
  let last = -1;
  for (const { 0: match, index: from } of text.matchAll(regexp)) {
    if (match === "" && from === last) continue;
    last = from + match.length;
    yield { from, to: last };
  }
}
