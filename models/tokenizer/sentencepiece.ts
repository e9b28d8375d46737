// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * SentencePiece models (`.spm`, `sentencepiece.bpe.model`): a protobuf message
 * that holds scored pieces and the rules by which texts are normalised.
 *
 * @module
 */

import { AlignedBuilder, type AlignedText } from "./aligned_text.ts";
import { byteToken } from "./byte_level.ts";
import { type Charsmap, decodeCharsmap } from "./charsmap.ts";
import { type Fields, readMessage } from "./protobuf.ts";
import { joinUnknown, Unigram } from "./unigram.ts";

/** A piece of a text. */
export interface SentencePiece {
  /** The piece, with `▁` for a space; what no piece covers, as it is. */
  readonly text: string;
  /** Its id in the model. */
  readonly id: number;
  /** Where it begins in the text, the space before it left out. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
}

/** What a piece is for. */
const KIND = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

interface Piece {
  readonly text: string;
  readonly score: number;
  readonly kind: number;
}

const SPACE = "▁";
const MODEL_TYPES = ["", "unigram", "BPE", "word", "character"];
const UNKNOWN_SURFACE = " \u2047 ";

/**
 * A Unigram model of SentencePiece. {@linkcode encode} and {@linkcode decode}
 * give what the original gives.
 *
 * @example Read and use a model
 * ```ts
 * import { SentencePieceModel } from "@swagpu/swagpu/models";
 * import { assertThrows } from "@std/assert";
 *
 * const bytes = new Uint8Array([10, 200]); // a file that ends too early
 * assertThrows(() => new SentencePieceModel(bytes), SyntaxError);
 * ```
 */
export class SentencePieceModel {
  #pieces: readonly Piece[];
  #ids = new Map<string, number>();
  #unknownId: number;
  #unknownSurface: string;
  /** Made when the first text is encoded: some models only decode. */
  #unigram: Unigram | null = null;
  #always: RegExp | null;
  #charsmap: Charsmap;
  #denormalize: Charsmap | null;
  #addPrefix: boolean;
  #removeSpaces: boolean;
  #escapeSpaces: boolean;
  #spaceBehind: boolean;
  #bytes: boolean;

  /**
   * Reads the bytes of a model.
   *
   * @param bytes The content of the file.
   * @param source What errors call it.
   * @throws {SyntaxError} If they are no Unigram model.
   */
  constructor(bytes: Uint8Array, source = "the SentencePiece model") {
    const model = readMessage(bytes, source);
    const trainer = model.message(2);
    const rules = model.message(3);
    const type = trainer.number(3) ?? 1;
    if (type !== 1) {
      throw new SyntaxError(
        `Cannot read ${source}: the model type is ${
          MODEL_TYPES[type] ?? type
        }, expected unigram`,
      );
    }
    this.#pieces = model.messages(1).map(readPiece);
    if (this.#pieces.length === 0) {
      throw new SyntaxError(`Cannot read ${source}: it holds no pieces`);
    }
    for (const [id, { text }] of this.#pieces.entries()) {
      if (this.#ids.has(text)) {
        throw new SyntaxError(
          `Cannot read ${source}: it holds the piece ${
            JSON.stringify(text)
          } twice`,
        );
      }
      this.#ids.set(text, id);
    }
    this.#unknownId = this.#pieces.findIndex(({ kind }) =>
      kind === KIND.unknown
    );
    if (this.#unknownId < 0) {
      throw new SyntaxError(
        `Cannot read ${source}: no piece stands for what is unknown`,
      );
    }
    this.#unknownSurface = trainer.text(44) ?? UNKNOWN_SURFACE;
    const always = this.#pieces.filter(({ kind }) => kind === KIND.userDefined)
      .map(({ text }) => text).sort((a, b) => b.length - a.length);
    this.#always = always.length === 0
      ? null
      : new RegExp(always.map((text) => RegExp.escape(text)).join("|"), "uy");
    this.#charsmap = decodeCharsmap(rules.bytes(2) ?? new Uint8Array());
    const back = model.message(5).bytes(2);
    this.#denormalize = back && back.length > 0 ? decodeCharsmap(back) : null;
    this.#addPrefix = rules.number(3) !== 0;
    this.#removeSpaces = rules.number(4) !== 0;
    this.#escapeSpaces = rules.number(5) !== 0;
    this.#spaceBehind = trainer.number(24) === 1;
    this.#bytes = trainer.number(35) === 1;
  }

  /** The number of pieces. */
  get size(): number {
    return this.#pieces.length;
  }

  /** The id of a piece, or that of the unknown one. */
  pieceToId(piece: string): number {
    return this.#ids.get(piece) ?? this.#unknownId;
  }

  /** The piece of an id. */
  idToPiece(id: number): string | null {
    return this.#pieces[id]?.text ?? null;
  }

  /** The pieces of a text. */
  encode(text: string): SentencePiece[] {
    const { text: normalized, starts, ends } = this.#normalize(text);
    const result: SentencePiece[] = [];
    const encoder = new TextEncoder();
    this.#unigram ??= new Unigram(
      this.#pieces.map(({ text, score, kind }) =>
        kind === KIND.normal || kind === KIND.userDefined
          ? { text, score, always: kind === KIND.userDefined }
          : null
      ),
    );
    const tokens = this.#unigram.cut(normalized);
    for (
      const { piece, start, end } of this.#bytes ? tokens : joinUnknown(tokens)
    ) {
      const surface = normalized.slice(start, end);
      let from = start;
      let to = end;
      while (from < end && isSpace(normalized, from)) from++;
      while (to > from && isSpace(normalized, to - 1)) to--;
      const stop = ends[to - 1] ?? 0;
      const place = {
        start: from < to ? starts[from] ?? stop : stop,
        end: stop,
      };
      if (piece >= 0) {
        result.push({ text: surface, id: piece, ...place });
      } else if (this.#bytes) {
        for (const byte of encoder.encode(surface)) {
          const name = byteToken(byte);
          result.push({ text: name, id: this.pieceToId(name), ...place });
        }
      } else {
        result.push({ text: surface, id: this.#unknownId, ...place });
      }
    }
    return result;
  }

  /** The text of pieces; those that the model lacks stay as they are. */
  decode(pieces: readonly string[]): string {
    let text = "";
    let bytes: number[] = [];
    const flush = (): void => {
      if (bytes.length === 0) return;
      // A byte order mark is text like any other here.
      text += new TextDecoder("utf-8", { ignoreBOM: true })
        .decode(Uint8Array.from(bytes));
      bytes = [];
    };
    let begins = true;
    for (const piece of pieces) {
      const id = this.#ids.get(piece);
      const kind = id === undefined ? undefined : this.#pieces[id]?.kind;
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
        text += this.#unknownSurface;
      } else {
        const trims = begins && (this.#addPrefix || this.#removeSpaces) &&
          piece.startsWith(SPACE);
        text += (trims ? piece.slice(1) : piece).replaceAll(SPACE, " ");
        if (trims && !this.#removeSpaces) begins = false;
      }
      if (text !== "") begins = false;
    }
    flush();
    if (this.#denormalize === null) return text;
    let result = "";
    for (let i = 0; i < text.length;) {
      const { text: changed, length } = this.#denormalize(text, i);
      result += changed;
      i += length;
    }
    return result;
  }

  #normalize(text: string): AlignedText {
    const space = this.#escapeSpaces ? SPACE : " ";
    const parts: { text: string; start: number; end: number }[] = [];
    // With spaces removed, those at the beginning go too.
    let afterSpace = this.#removeSpaces;
    for (let i = 0; i < text.length;) {
      const { text: changed, length } = this.#change(text, i);
      let part = changed;
      while (afterSpace && part.startsWith(" ")) part = part.slice(1);
      if (part !== "") {
        afterSpace = this.#removeSpaces && part.endsWith(" ");
        parts.push({
          text: this.#escapeSpaces ? part.replaceAll(" ", SPACE) : part,
          start: i,
          end: i + length,
        });
      }
      i += length;
    }
    if (this.#removeSpaces) {
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
      if (!this.#removeSpaces && this.#addPrefix && text !== "") {
        builder.add(space, 0, 0);
      }
      return builder.build();
    }
    const end = parts.at(-1)?.end ?? 0;
    const adds = this.#addPrefix;
    if (adds && !this.#spaceBehind) {
      builder.add(space, first.start, first.start);
    }
    for (const { text, start, end } of parts) builder.add(text, start, end);
    if (adds && this.#spaceBehind) builder.add(space, end, end);
    return builder.build();
  }

  #change(text: string, index: number): { text: string; length: number } {
    if (this.#always !== null) {
      this.#always.lastIndex = index;
      const found = this.#always.exec(text)?.[0];
      if (found !== undefined) return { text: found, length: found.length };
    }
    return this.#charsmap(text, index);
  }
}

function isSpace(text: string, index: number): boolean {
  const char = text[index] ?? "";
  return char === SPACE || char === " ";
}

function readPiece(fields: Fields): Piece {
  return {
    text: fields.text(1) ?? "",
    score: fields.float(2) ?? 0,
    kind: fields.number(3) ?? KIND.normal,
  };
}
