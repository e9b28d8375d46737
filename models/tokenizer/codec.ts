// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// What a kind of tokenizer knows: how a text becomes tokens and back, and how
// texts are framed. All else is the same for every kind.

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

/** How a row of ids is turned into text. */
export interface CodecDecodeOptions {
  readonly skipSpecialTokens: boolean;
  readonly cleanUpSpaces?: boolean | undefined;
}

/** A kind of tokenizer. */
export interface Codec {
  /** The number of ids, added tokens included. */
  readonly size: number;
  /** The special tokens by their role. */
  readonly special: ReadonlyMap<SpecialTokenName, string>;
  /** The ids of all special tokens. */
  readonly specialIds: ReadonlySet<number>;
  /** How one text is framed. */
  readonly single: readonly TemplateItem[];
  /** How two are. */
  readonly pair: readonly TemplateItem[];
  /** How often, and how, spaces lose their places, see `Framing.trims`. */
  readonly trims: readonly boolean[];
  /** Why words cannot be taken one by one, where they cannot. */
  readonly refusesWords: string | null;
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  /** The tokens of a text, in the target's language if it has one of its own. */
  split(text: string, target: boolean): Pieces;
  decode(ids: readonly number[], options: CodecDecodeOptions): string;
}
