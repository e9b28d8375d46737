// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What differs between kinds of tokenizers: how a text becomes tokens and back,
// and how texts are framed. Everything else is the same for every kind.

import type { Pieces, TemplateItem } from "./encoding.ts";

/** The role of a special token. */
export type SpecialTokenName =
  | "bos"
  | "eos"
  | "unk"
  | "sep"
  | "pad"
  | "cls"
  | "mask";

/** Options of {@linkcode Codec.decode}. */
export interface CodecDecodeOptions {
  readonly skipSpecialTokens: boolean;
  readonly cleanUpSpaces?: boolean | undefined;
}

/** A kind of tokenizer. */
export interface Codec {
  /** The number of ids, including those of added tokens. */
  readonly size: number;
  /** The special tokens by their roles. */
  readonly special: ReadonlyMap<SpecialTokenName, string>;
  /** The ids of all special tokens. */
  readonly specialIds: ReadonlySet<number>;
  /** How one text is framed. */
  readonly single: readonly TemplateItem[];
  /** How a pair of texts is framed. */
  readonly pair: readonly TemplateItem[];
  /** How spaces are removed from offsets, see `Framing.trims`. */
  readonly trims: readonly boolean[];
  /** The reason why words cannot be encoded one by one; `null` if they can. */
  readonly refusesWords: string | null;
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  /**
   * Splits a text into tokens; `target` is whether it is in the target
   * language.
   */
  split(text: string, target: boolean): Pieces;
  decode(ids: readonly number[], options: CodecDecodeOptions): string;
}
