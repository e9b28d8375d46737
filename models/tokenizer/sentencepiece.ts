// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The Unigram models of SentencePiece: from texts to pieces and back.
 *
 * @module
 */

import { AlignedBuilder, type AlignedText } from "./aligned_text.ts";
import { byteToken } from "./byte_level.ts";
import {
  KIND,
  readSentencePieceFile,
  type SentencePieceFile,
} from "./sentencepiece_file.ts";
import { joinUnknown, Unigram } from "./unigram.ts";

/** A piece of a text. */
export interface SentencePiece {
  /** The piece, with `▁` for a space; or text that no piece covers, unchanged. */
  readonly text: string;
  /** The id of the piece in the model. */
  readonly id: number;
  /**
   * The offset where the piece begins in the text, without the space before it.
   */
  readonly start: number;
  /** The offset where the piece ends, exclusive. */
  readonly end: number;
}

const SPACE = "▁";

/**
 * A Unigram model of SentencePiece. {@linkcode encode} and {@linkcode decode}
 * give the same results as the original.
 *
 * @example A file that is not a model
 * ```ts
 * import { SentencePieceModel } from "@swagpu/swagpu/models";
 * import { assertThrows } from "@std/assert";
 *
 * const bytes = new Uint8Array([10, 200]); // a file that ends too early
 * assertThrows(() => new SentencePieceModel(bytes), SyntaxError);
 * ```
 */
export class SentencePieceModel {
  readonly #model: SentencePieceFile;
  /** Built when the first text is encoded, because some models only decode. */
  #unigram: Unigram | null = null;
  /** Matches the pieces that the user defined, the longest first. */
  readonly #userDefined: RegExp | null;

  /**
   * Reads the bytes of a model.
   *
   * @param bytes The content of the file.
   * @param source The name of the file in errors.
   * @throws {SyntaxError} If the bytes do not hold a Unigram model.
   */
  constructor(bytes: Uint8Array, source = "the SentencePiece model") {
    this.#model = readSentencePieceFile(bytes, source);
    const texts = this.#model.pieces
      .filter(({ kind }) => kind === KIND.userDefined)
      .map(({ text }) => text).sort((a, b) => b.length - a.length);
    this.#userDefined = texts.length === 0
      ? null
      : new RegExp(texts.map((text) => RegExp.escape(text)).join("|"), "uy");
  }

  /** The number of pieces. */
  get size(): number {
    return this.#model.pieces.length;
  }

  /** Returns the id of a piece, or of the unknown piece if the model lacks it. */
  pieceToId(piece: string): number {
    return this.#model.ids.get(piece) ?? this.#model.unknownId;
  }

  /** Returns the piece of an id, or `null` if there is no such id. */
  idToPiece(id: number): string | null {
    return this.#model.pieces[id]?.text ?? null;
  }

  /** Cuts a text into pieces. */
  encode(text: string): SentencePiece[] {
    const { pieces, byteFallback, unknownId } = this.#model;
    const { text: normalized, starts, ends } = this.#normalize(text);
    const result: SentencePiece[] = [];
    const encoder = new TextEncoder();
    this.#unigram ??= new Unigram(
      pieces.map(({ text, score, kind }) =>
        kind === KIND.normal || kind === KIND.userDefined
          ? { text, score, always: kind === KIND.userDefined }
          : null
      ),
    );
    const tokens = this.#unigram.cut(normalized);
    for (
      const { piece, start, end } of byteFallback ? tokens : joinUnknown(tokens)
    ) {
      const surface = normalized.slice(start, end);
      let from = start;
      let to = end;
      while (from < end && isSpace(normalized, from)) from++;
      while (to > from && isSpace(normalized, to - 1)) to--;
      const stop = ends[to - 1] ?? 0;
      const offsets = {
        start: from < to ? starts[from] ?? stop : stop,
        end: stop,
      };
      if (piece >= 0) {
        result.push({ text: surface, id: piece, ...offsets });
      } else if (byteFallback) {
        for (const byte of encoder.encode(surface)) {
          const name = byteToken(byte);
          result.push({ text: name, id: this.pieceToId(name), ...offsets });
        }
      } else {
        result.push({ text: surface, id: unknownId, ...offsets });
      }
    }
    return result;
  }

  /** Joins pieces to a text. Pieces that the model lacks are kept unchanged. */
  decode(pieces: readonly string[]): string {
    const { ids, addDummyPrefix, removeExtraSpaces, denormalize } = this.#model;
    let text = "";
    let bytes: number[] = [];
    const flush = (): void => {
      if (bytes.length === 0) return;
      // A byte order mark is part of the text.
      text += new TextDecoder("utf-8", { ignoreBOM: true })
        .decode(Uint8Array.from(bytes));
      bytes = [];
    };
    let begins = true;
    for (const piece of pieces) {
      const id = ids.get(piece);
      const kind = id === undefined ? undefined : this.#model.pieces[id]?.kind;
      if (kind === KIND.byte) {
        bytes.push(parseInt(piece.slice(3, 5), 16));
        begins = false;
        continue;
      }
      flush();
      if (kind === KIND.control) continue;
      if (kind === undefined) {
        text += piece;
      } else if (kind === KIND.unknown) {
        text += this.#model.unknownSurface;
      } else {
        const trims = begins && (addDummyPrefix || removeExtraSpaces) &&
          piece.startsWith(SPACE);
        text += (trims ? piece.slice(1) : piece).replaceAll(SPACE, " ");
        if (trims && !removeExtraSpaces) begins = false;
      }
      if (text !== "") begins = false;
    }
    flush();
    if (denormalize === null) return text;
    let result = "";
    for (let i = 0; i < text.length;) {
      const { text: changed, length } = denormalize(text, i);
      result += changed;
      i += length;
    }
    return result;
  }

  #normalize(text: string): AlignedText {
    const { escapeSpaces, removeExtraSpaces, addDummyPrefix, spaceIsSuffix } =
      this.#model;
    const space = escapeSpaces ? SPACE : " ";
    const parts: { text: string; start: number; end: number }[] = [];
    // Spaces at the beginning are removed like those after another space.
    let afterSpace = removeExtraSpaces;
    for (let i = 0; i < text.length;) {
      const { text: changed, length } = this.#change(text, i);
      let part = changed;
      while (afterSpace && part.startsWith(" ")) part = part.slice(1);
      if (part !== "") {
        afterSpace = removeExtraSpaces && part.endsWith(" ");
        parts.push({
          text: escapeSpaces ? part.replaceAll(" ", SPACE) : part,
          start: i,
          end: i + length,
        });
      }
      i += length;
    }
    if (removeExtraSpaces) {
      while (parts.length > 0) {
        const last = parts[parts.length - 1];
        if (last === undefined || !last.text.endsWith(space)) break;
        last.text = last.text.slice(0, -space.length);
        if (last.text === "") parts.pop();
      }
    }
    const builder = new AlignedBuilder();
    const [first] = parts;
    if (first === undefined) {
      if (!removeExtraSpaces && addDummyPrefix && text !== "") {
        builder.add(space, 0, 0);
      }
      return builder.build();
    }
    const end = parts.at(-1)?.end ?? 0;
    if (addDummyPrefix && !spaceIsSuffix) {
      builder.add(space, first.start, first.start);
    }
    for (const { text, start, end } of parts) builder.add(text, start, end);
    if (addDummyPrefix && spaceIsSuffix) builder.add(space, end, end);
    return builder.build();
  }

  /** Normalizes what begins at an index; `length` is how much of it that is. */
  #change(text: string, index: number): { text: string; length: number } {
    if (this.#userDefined !== null) {
      this.#userDefined.lastIndex = index;
      const found = this.#userDefined.exec(text)?.[0];
      if (found !== undefined) return { text: found, length: found.length };
    }
    return this.#model.charsmap(text, index);
  }
}

function isSpace(text: string, index: number): boolean {
  const char = text[index] ?? "";
  return char === SPACE || char === " ";
}
