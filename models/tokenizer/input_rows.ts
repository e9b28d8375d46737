// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From an input to the rows of its tokens: the texts are split by a codec, cut
// into windows, and framed by special tokens.

import type { Codec } from "./codec.ts";
import {
  addedTokens,
  fill,
  noPieces,
  type Pieces,
  type Row,
  type TemplateItem,
} from "./encoding.ts";
import { textsOf } from "./inputs.ts";
import { chooseWindows } from "./truncation.ts";
import type {
  EncodeOptions,
  PretokenizedInput,
  Side,
  TokenizerInput,
} from "./types.ts";

/** The settings of a tokenizer that rows depend on. */
export interface RowSettings {
  readonly modelMaxLength: number;
  readonly truncationSide: Side;
  /** Whether the model reads which text a token belongs to. */
  readonly hasTypes: boolean;
}

/**
 * Makes the rows of an input: the row that truncation keeps and, if they are
 * asked for, the rows of what it drops.
 */
export function encodeRows(
  codec: Codec,
  input: TokenizerInput | PretokenizedInput,
  options: EncodeOptions & RowSettings,
): Row[] {
  const { addSpecialTokens = true, textTarget = false, hasTypes } = options;
  const texts = textsOf(input, options.isSplitIntoWords ?? false);
  const pieces = texts.map((text) => piecesOf(codec, text, textTarget));
  const framed = texts.length === 1 ? codec.single : codec.pair;
  const template = addSpecialTokens ? framed : withoutFrame(framed);
  return chooseWindows(pieces.map(({ ids }) => ids.length), {
    ...options,
    added: addedTokens(template),
    secondFirst: template.find((item) => "text" in item)?.text === 1 &&
      texts.length === 2,
  }).map((windows, i) =>
    fill(
      i === 0 ? template : template.map(inFurtherRow),
      pieces,
      windows,
      codec.trims,
    )
  ).map((row) => hasTypes ? row : { ...row, types: row.types.map(() => 0) });
}

/** The tokens of a text, or of a list of words. */
function piecesOf(
  codec: Codec,
  text: string | readonly string[],
  target: boolean,
): Pieces {
  if (typeof text === "string") return codec.split(text, target);
  const { refusesWords } = codec;
  if (refusesWords !== null) {
    throw new TypeError(`Cannot encode words one by one: ${refusesWords}`);
  }
  const all = noPieces(codec.trims.length > 0);
  for (const [word, part] of text.entries()) {
    const { ids, starts, ends, spaces } = codec.split(part, target);
    for (const [i, id] of ids.entries()) {
      all.ids.push(id);
      all.starts.push(starts[i] ?? 0);
      all.ends.push(ends[i] ?? 0);
      all.words.push(word);
      const own = spaces?.[i];
      if (own !== undefined) all.spaces?.push(own);
    }
  }
  return all;
}

/** The texts of a template, without its special tokens. */
function withoutFrame(items: readonly TemplateItem[]): TemplateItem[] {
  return items.filter((item) => "text" in item)
    .map((item) => ({ ...item, restType: item.text }));
}

/** A template's item in the rows of what truncation dropped. */
function inFurtherRow(item: TemplateItem): TemplateItem {
  return "text" in item ? { ...item, type: item.restType ?? item.type } : item;
}
