// Copyright 2026 the swagpu authors. MIT license.
// From the ids of one or two texts to a row, and from rows to a batch: special
// tokens, truncation and padding by the rules of Hugging Face's tokenizers.

/** Which text gives way when a row is too long. */
export type TruncationStrategy = "longest_first" | "only_first" | "only_second";

/** One place of a row: a special token, or all of the first or second text. */
export type TemplateItem =
  | { readonly id: number; readonly type: number }
  | { readonly text: 0 | 1; readonly type: number };

/** A row of ids, and which text each comes from. */
export interface Row {
  readonly ids: number[];
  readonly types: number[];
}

/** How many special tokens a template adds. */
export function addedTokens(template: readonly TemplateItem[]): number {
  return template.filter((item) => "id" in item).length;
}

/** Fills a template with the ids of one or two texts. */
export function fill(
  template: readonly TemplateItem[],
  texts: readonly (readonly number[])[],
): Row {
  const row: Row = { ids: [], types: [] };
  for (const item of template) {
    const ids = "id" in item ? [item.id] : texts[item.text] ?? [];
    for (const id of ids) {
      row.ids.push(id);
      row.types.push(item.type);
    }
  }
  return row;
}

/**
 * How many tokens of each text stay where `room` are left for them.
 *
 * Where both texts give way, the longer one keeps the odd token, and of equals
 * the second: so do the compiled tokenizers of transformers.
 *
 * @throws {RangeError} If the text that must give way is too short for it.
 */
export function truncatedLengths(
  lengths: readonly number[],
  room: number,
  strategy: TruncationStrategy,
): number[] {
  const [first = 0, second = 0] = lengths;
  const excess = first + second - room;
  if (excess <= 0) return [...lengths];
  if (strategy === "longest_first") {
    if (lengths.length === 1) return [room];
    const short = Math.min(first, second);
    if (2 * short <= room) {
      return first <= second ? [first, room - first] : [room - second, second];
    }
    const half = Math.floor(room / 2);
    return first <= second ? [half, room - half] : [room - half, half];
  }
  const place = strategy === "only_first" ? 0 : 1;
  const length = lengths[place] ?? 0;
  if (length <= excess) {
    throw new RangeError(
      `Cannot truncate ${
        lengths.join(" and ")
      } tokens to ${room} with "${strategy}": ` +
        `that text is too short to lose ${excess}`,
    );
  }
  return lengths.map((length, i) => i === place ? length - excess : length);
}

/** Keeps `length` ids, dropping them from the end or the beginning. */
export function cut(
  ids: readonly number[],
  length: number,
  side: "left" | "right",
): readonly number[] {
  if (length >= ids.length) return ids;
  return side === "right"
    ? ids.slice(0, length)
    : ids.slice(-length || Infinity);
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
