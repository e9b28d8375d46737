// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Texts of any length as blocks of the same length.

import { checkOptions } from "../../nn/mod.ts";
import type { TokenizedFeature } from "./padding.ts";

/** Options of {@linkcode groupTexts}. */
export interface GroupTextsOptions {
  /** The number of tokens of a block. */
  blockSize: number;
}

/** A block of tokens of one or several texts. */
export interface TokenBlock {
  /** The ids of the tokens. */
  readonly inputIds: Int32Array<ArrayBuffer>;
  /** The text that each token belongs to, within its row. */
  readonly tokenTypeIds: Int32Array<ArrayBuffer>;
}

/**
 * Puts the tokens of all texts one after the other and cuts them into blocks of
 * `blockSize` tokens, as the training scripts of transformers for language models
 * do. The tokens of the last block that is not full are dropped.
 *
 * The texts keep the special tokens with which they were tokenized.
 *
 * @param features The tokens of each text.
 * @param options The number of tokens of a block.
 * @returns The blocks, features for {@linkcode DataCollatorForLanguageModeling}.
 * @throws {RangeError} If `blockSize` is not a whole number from 1.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { groupTexts } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const texts = [{ inputIds: [2, 7, 3] }, { inputIds: [2, 8, 9, 3] }];
 * const blocks = groupTexts(texts, { blockSize: 3 });
 * assertEquals(blocks.map(({ inputIds }) => [...inputIds]), [[2, 7, 3], [2, 8, 9]]);
 * ```
 */
export function groupTexts(
  features: Iterable<TokenizedFeature>,
  options: GroupTextsOptions,
): TokenBlock[] {
  checkOptions(options, { action: "group texts", known: ["blockSize"] });
  const { blockSize } = options;
  if (!Number.isSafeInteger(blockSize) || blockSize < 1) {
    throw new RangeError(
      `Cannot group texts into blocks of ${blockSize} tokens: ` +
        "blockSize must be a whole number from 1",
    );
  }
  const blocks: TokenBlock[] = [];
  const empty = (): TokenBlock => ({
    inputIds: new Int32Array(blockSize),
    tokenTypeIds: new Int32Array(blockSize),
  });
  let block = empty();
  let filled = 0;
  for (const { inputIds, tokenTypeIds } of features) {
    for (let i = 0; i < inputIds.length; i++) {
      block.inputIds[filled] = inputIds[i] ?? 0;
      block.tokenTypeIds[filled] = tokenTypeIds?.[i] ?? 0;
      if (++filled < blockSize) continue;
      blocks.push(block);
      block = empty();
      filled = 0;
    }
  }
  return blocks;
}
