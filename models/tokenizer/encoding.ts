// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// From the tokens of one or two texts to rows, and from rows to a batch: special
// tokens and padding by the rules of Hugging Face's tokenizers.

/** One place of a row: a special token, or all of the first or second text. */
export type TemplateItem =
  | { readonly id: number; readonly type: number }
  | {
    readonly text: 0 | 1;
    readonly type: number;
    /** The type in further rows, of what truncation dropped; else the same. */
    readonly restType?: number;
  };

/** The tokens of a text, the part of it that each covers, and its word. */
export interface Pieces {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
  readonly words: number[];
  /** With how many spaces each token begins and ends, where that matters. */
  readonly spaces?: Spaces[];
}

/** With how many spaces a token begins and ends, and the text that it is from. */
export interface Spaces {
  readonly before: number;
  readonly after: number;
  readonly text: string;
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

/** No tokens yet, and whether their spaces will be counted. */
export function noPieces(countsSpaces = false): Pieces {
  return {
    ids: [],
    starts: [],
    ends: [],
    words: [],
    ...(countsSpaces && { spaces: [] }),
  };
}

/** How many special tokens a template adds. */
export function addedTokens(template: readonly TemplateItem[]): number {
  return template.filter((item) => "id" in item).length;
}

const NOWHERE = [0, 0] as const;
const NO_SPACES: Spaces = { before: 0, after: 0, text: "" };

/**
 * The place of a token without the spaces that it begins and ends with. With
 * `keepsOne`, the first token of a window, and one at the start of the text,
 * keep a single space in front: that was put in. `index` counts from the start of the window.
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
 * Fills a template with a window of the tokens of one or two texts. `trims` says
 * how often, and how, spaces lose their places.
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
      let place: readonly [number, number] = [
        pieces.starts[i] ?? 0,
        pieces.ends[i] ?? 0,
      ];
      for (const keepsOne of trims) {
        place = trimmed(pieces, i, from, keepsOne, place);
      }
      row.offsets.push(place);
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
