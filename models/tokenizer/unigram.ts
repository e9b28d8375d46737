// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The Unigram model. Of all ways to cut a text into pieces, it finds the one
// whose scores have the greatest sum, from left to right. Sums are rounded to
// 32 bits as in SentencePiece, or keep 64 bits as in tokenizers; near ties
// depend on that.

/** A piece of the vocabulary. */
export interface UnigramPiece {
  readonly text: string;
  readonly score: number;
  /**
   * Whether the user defined the piece. It is then preferred to any other cut.
   */
  readonly always?: boolean;
}

/** A part of a text, from `start` to `end`, with its piece. */
export interface UnigramToken {
  /** The index of the piece, or -1 if no piece covers the part. */
  readonly piece: number;
  readonly start: number;
  readonly end: number;
}

const UNKNOWN_PENALTY = 10;

/** Options of {@linkcode Unigram}. */
export interface UnigramOptions {
  /**
   * Whether sums keep 64 bits, as in Hugging Face's tokenizers, instead of the
   * 32 of SentencePiece.
   *
   * @default false
   */
  double?: boolean;
}

/** Cuts texts by the scores of pieces. */
export class Unigram {
  /** The index of each piece by its text; -1 for a prefix of a piece. */
  #pieces = new Map<string, number>();
  #scores: number[];
  #unknown: number;
  #round: (sum: number) => number;
  #double: boolean;

  /** A `null` in `pieces` keeps the index of a piece that is not used. */
  constructor(
    pieces: readonly (UnigramPiece | null)[],
    { double = false }: UnigramOptions = {},
  ) {
    this.#double = double;
    const round = this.#round = double ? (sum) => sum : Math.fround;
    const known = pieces.filter((piece) => piece !== null);
    const scores = known.filter(({ always }) => !always)
      .map(({ score }) => round(score));
    const [least, greatest] = scores.reduce(
      ([a, b], score) => [Math.min(a, score), Math.max(b, score)],
      [Infinity, -Infinity],
    );
    this.#unknown = round(
      (Number.isFinite(least) ? least : 0) - UNKNOWN_PENALTY,
    );
    const top = Number.isFinite(greatest) ? greatest : 0;
    const encoder = new TextEncoder();
    this.#scores = pieces.map((piece) => {
      if (piece === null) return -Infinity;
      if (!piece.always) return round(piece.score);
      return encoder.encode(piece.text).length * top - 0.1;
    });
    for (const [i, piece] of pieces.entries()) {
      if (piece === null || piece.text === "") continue;
      for (let length = 1; length < piece.text.length; length++) {
        const prefix = piece.text.slice(0, length);
        if (!this.#pieces.has(prefix)) this.#pieces.set(prefix, -1);
      }
      this.#pieces.set(piece.text, i);
    }
  }

  /** Finds the best cut of a text. */
  cut(text: string): UnigramToken[] {
    const size = text.length;
    const best = this.#double
      ? new Float64Array(size + 1)
      : new Float32Array(size + 1);
    const from = new Int32Array(size + 1).fill(-1);
    const piece = new Int32Array(size + 1).fill(-1);
    for (let start = 0; start < size;) {
      const reached = best[start] ?? 0;
      const char = (text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
      let alone = false;
      for (let end = start + 1; end <= size; end++) {
        const found = this.#pieces.get(text.slice(start, end));
        if (found === undefined) break;
        if (found < 0) continue;
        const score = (this.#scores[found] ?? 0) + reached;
        if (from[end] === -1 || score > (best[end] ?? 0)) {
          best[end] = score;
          from[end] = start;
          piece[end] = found;
        }
        if (end === start + char) alone = true;
      }
      if (!alone) {
        const end = start + char;
        const score = this.#round(this.#unknown + reached);
        if (from[end] === -1 || score > (best[end] ?? 0)) {
          best[end] = score;
          from[end] = start;
          piece[end] = -1;
        }
      }
      start += char;
    }
    const tokens: UnigramToken[] = [];
    for (let end = size; end > 0;) {
      const start = from[end] ?? 0;
      tokens.push({ piece: piece[end] ?? -1, start, end });
      end = start;
    }
    return tokens.reverse();
  }
}

/** Joins neighboring parts that no piece covers. */
export function joinUnknown(tokens: readonly UnigramToken[]): UnigramToken[] {
  const result: UnigramToken[] = [];
  for (const token of tokens) {
    const last = result.at(-1);
    if (token.piece < 0 && last !== undefined && last.piece < 0) {
      result[result.length - 1] = { ...last, end: token.end };
    } else {
      result.push(token);
    }
  }
  return result;
}
