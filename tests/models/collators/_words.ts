// Copyright 2026 the swagpu authors. MIT license.

import { Tokenizer } from "../../../models/mod.ts";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** WordPiece over the given tokens, whose ids begin with 5. */
export function wordPiece(
  tokens: string,
  settings: Readonly<Record<string, unknown>> = {},
): Tokenizer {
  const vocabulary = [...SPECIAL, ...tokens.split(" ")].join("\n");
  return new Tokenizer(
    new Map([
      ["vocab.txt", vocabulary],
      ["tokenizer_config.json", JSON.stringify(settings)],
    ]),
  );
}

/** The rows of an array with two axes. */
export function rowsOf(
  { data, shape }: { data: ArrayLike<number>; shape: readonly number[] },
): number[][] {
  const [rows = 0, length = 0] = shape;
  return Array.from(
    { length: rows },
    (_, i) => Array.from({ length }, (_, j) => data[i * length + j] ?? NaN),
  );
}
