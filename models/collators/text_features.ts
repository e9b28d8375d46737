// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Texts and pairs as features of collators, tokenized or not.

import type { Tokenizer } from "../tokenizer/mod.ts";
import type { TokenizedFeature } from "./padding.ts";

/** A text, or a pair of texts that the model reads together. */
export interface RawTextFeature {
  /** The text. */
  readonly text: string;
  /** The second text of a pair. @default {none} */
  readonly textPair?: string | undefined;
}

/**
 * A text or pair for a collator. A collator tokenizes texts each time that it is
 * called with them, so what is used in several epochs is better tokenized once.
 */
export type TextFeature = TokenizedFeature | RawTextFeature;

/**
 * The tokens of features; texts are cut to `limit` tokens.
 *
 * @throws {TypeError} If a feature has neither tokens nor a text.
 */
export function tokensOf(
  tokenizer: Tokenizer,
  features: readonly TextFeature[],
  limit: number,
): TokenizedFeature[] {
  const cut = limit === Infinity ? {} : { maxLength: limit };
  return features.map((feature, i): TokenizedFeature => {
    if ("inputIds" in feature) return feature;
    const { text, textPair } = feature;
    if (typeof text !== "string") {
      throw new TypeError(
        `Cannot collate row ${i} of a batch: expected inputIds or a text`,
      );
    }
    return tokenizer.encode(
      textPair === undefined ? text : [text, textPair],
      cut,
    );
  });
}
