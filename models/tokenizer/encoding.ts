// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// From the tokens of one or two texts to rows, and from rows to a batch: special
// tokens and padding by the rules of Hugging Face's tokenizers.

/** One place of a row: a special token, or all of the first or second text. */
export type TemplateItem =
  | { readonly id: number; readonly type: number }
  | { readonly text: 0 | 1; readonly type: number };

/** The tokens of a text, the part of it that each covers, and its word. */
export interface Pieces {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
  readonly words: number[];
}

/** A part of a list: from one index to before another. */
export type Window = readonly [from: number, to: number];

/** A row of ids, and where each comes from. */
export interface Row {
  readonly ids: number[];
  readonly types: number[];
  readonly offsets: (readonly [number, number])[];
  readonly sequences: (0 | 1 | null)[];
  readonly words: (number | null)[];
}

/** No tokens yet. */
export function noPieces(): Pieces {
  return { ids: [], starts: [], ends: [], words: [] };
}

/** How many special tokens a template adds. */
export function addedTokens(template: readonly TemplateItem[]): number {
  return template.filter((item) => "id" in item).length;
}

const NOWHERE = [0, 0] as const;

/** Fills a template with a window of the tokens of one or two texts. */
export function fill(
  template: readonly TemplateItem[],
  texts: readonly Pieces[],
  windows: readonly Window[],
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
      row.offsets.push([pieces.starts[i] ?? 0, pieces.ends[i] ?? 0]);
      row.sequences.push(item.text);
      row.words.push(pieces.words[i] ?? 0);
    }
  }
  return row;
}

/** What {@linkcode pad} fills with, and where. */
export interface PadOptions {
  length: number;
  side: "left" | "right";
  id: number;
  type: number;
}

/** Rows of equal length, as the model takes them. */
export interface PaddedRows {
  inputIds: Int32Array<ArrayBuffer>;
  attentionMask: Int32Array<ArrayBuffer>;
  tokenTypeIds: Int32Array<ArrayBuffer>;
}

/** Lays rows out one after the other, filled up to the same length. */
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

/** A list filled up to `length` at one end. */
export function padList<T>(
  values: readonly T[],
  filler: T,
  { length, side }: Pick<PadOptions, "length" | "side">,
): T[] {
  const filled = Array.from({ length: length - values.length }, () => filler);
  return side === "left" ? [...filled, ...values] : [...values, ...filled];
}
