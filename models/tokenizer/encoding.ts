// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Puts the tokens of one or two texts into a row with special tokens, and rows
// into a padded batch, by the rules of Hugging Face's tokenizers.

/** An item of a row's template: a special token, or the first or second text. */
export type TemplateItem =
  | { readonly id: number; readonly type: number }
  | {
    readonly text: 0 | 1;
    readonly type: number;
    /** The type in the rows of what truncation dropped. @default {type} */
    readonly restType?: number;
  };

/** The tokens of a text, each with its offsets in the text and its word. */
export interface Pieces {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
  readonly words: number[];
  /**
   * The spaces at the ends of each token, where they are removed from offsets.
   */
  readonly spaces?: Spaces[];
}

/** How many spaces a token begins and ends with, and the text it is from. */
export interface Spaces {
  readonly before: number;
  readonly after: number;
  readonly text: string;
}

/** A part of a list, from one index to another, exclusive. */
export type Window = readonly [from: number, to: number];

/** A row of ids, with where each token comes from. */
export interface Row {
  readonly ids: number[];
  readonly types: number[];
  readonly offsets: (readonly [number, number])[];
  readonly sequences: (0 | 1 | null)[];
  readonly words: (number | null)[];
}

/** An empty list of tokens; `countsSpaces` is whether it will hold spaces. */
export function noPieces(countsSpaces = false): Pieces {
  return {
    ids: [],
    starts: [],
    ends: [],
    words: [],
    ...(countsSpaces && { spaces: [] }),
  };
}

/** The number of special tokens in a template. */
export function addedTokens(template: readonly TemplateItem[]): number {
  return template.filter((item) => "id" in item).length;
}

const NOWHERE = [0, 0] as const;
const NO_SPACES: Spaces = { before: 0, after: 0, text: "" };

/**
 * The offsets of the token `index` without the spaces that it begins and ends
 * with. With `keepsOne`, a token keeps a single space in front at the start of
 * its window, which begins with the token `from`, and at the start of the text,
 * because that space was inserted.
 */
function trimmed(
  pieces: Pieces,
  index: number,
  from: number,
  keepsOne: boolean,
  [begin, stop]: readonly [number, number],
): readonly [number, number] {
  const { before, after, text } = pieces.spaces?.[index] ?? NO_SPACES;
  let [start, end] = [begin, stop];
  if (before > 0) {
    const first = index === from || start === 0;
    const count = first && keepsOne && before === 1 ? 0 : before;
    for (let i = 0; i < count && start < end; i++) {
      start += (text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
    }
  }
  for (let i = 0; i < after && end > start; i++) {
    end -= end > 1 && (text.codePointAt(end - 2) ?? 0) > 0xffff ? 2 : 1;
  }
  return [start, end];
}

/**
 * Fills a template with windows of the tokens of one or two texts. `trims` says
 * how spaces are removed from offsets, see `Framing.trims`.
 */
export function fill(
  template: readonly TemplateItem[],
  texts: readonly Pieces[],
  windows: readonly Window[],
  trims: readonly boolean[] = [],
): Row {
  const row: Row = {
    ids: [],
    types: [],
    offsets: [],
    sequences: [],
    words: [],
  };
  for (const item of template) {
    if ("id" in item) {
      row.ids.push(item.id);
      row.types.push(item.type);
      row.offsets.push(NOWHERE);
      row.sequences.push(null);
      row.words.push(null);
      continue;
    }
    const pieces = texts[item.text];
    const [from, to] = windows[item.text] ?? NOWHERE;
    for (let i = from; pieces !== undefined && i < to; i++) {
      row.ids.push(pieces.ids[i] ?? 0);
      row.types.push(item.type);
      let offsets: readonly [number, number] = [
        pieces.starts[i] ?? 0,
        pieces.ends[i] ?? 0,
      ];
      for (const keepsOne of trims) {
        offsets = trimmed(pieces, i, from, keepsOne, offsets);
      }
      row.offsets.push(offsets);
      row.sequences.push(item.text);
      row.words.push(pieces.words[i] ?? 0);
    }
  }
  return row;
}

/** Options of {@linkcode pad}: the length, and the ids of the padding. */
export interface PadOptions {
  length: number;
  side: "left" | "right";
  id: number;
  type: number;
}

/** Rows of equal length, as the model reads them. */
export interface PaddedRows {
  inputIds: Int32Array<ArrayBuffer>;
  attentionMask: Int32Array<ArrayBuffer>;
  tokenTypeIds: Int32Array<ArrayBuffer>;
}

/** Pads rows to the same length, one after the other. */
export function pad(rows: readonly Row[], options: PadOptions): PaddedRows {
  const { length, side, id, type } = options;
  const size = rows.length * length;
  const inputIds = new Int32Array(size).fill(id);
  const attentionMask = new Int32Array(size);
  const tokenTypeIds = new Int32Array(size).fill(type);
  for (const [i, { ids, types }] of rows.entries()) {
    const start = i * length + (side === "left" ? length - ids.length : 0);
    inputIds.set(ids, start);
    tokenTypeIds.set(types, start);
    attentionMask.fill(1, start, start + ids.length);
  }
  return { inputIds, attentionMask, tokenTypeIds };
}

/** Pads a list to `length` at one end. */
export function padList<T>(
  values: readonly T[],
  filler: T,
  { length, side }: Pick<PadOptions, "length" | "side">,
): T[] {
  const filled = Array.from({ length: length - values.length }, () => filler);
  return side === "left" ? [...filled, ...values] : [...values, ...filled];
}
