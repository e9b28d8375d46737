// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reads the file of a SentencePiece model (`.spm`, `sentencepiece.bpe.model`): a
// protobuf message with the scored pieces and the rules that normalize texts.
// Field numbers are those of sentencepiece_model.proto.

import { type Charsmap, decodeCharsmap } from "./charsmap.ts";
import { type Fields, readMessage } from "./protobuf.ts";

/** What a piece is for. */
export const KIND = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

/** A piece of the model. Its id is its index. */
export interface Piece {
  readonly text: string;
  readonly score: number;
  /** One of {@linkcode KIND}. */
  readonly kind: number;
}

/** The content of a model's file. */
export interface SentencePieceFile {
  readonly pieces: readonly Piece[];
  /** The ids of the pieces by their text. */
  readonly ids: ReadonlyMap<string, number>;
  readonly unknownId: number;
  /** The text that the unknown piece is decoded to. */
  readonly unknownSurface: string;
  /** Whether bytes stand for what no other piece covers. */
  readonly byteFallback: boolean;
  /** Whether the space that marks a word stands behind it. */
  readonly spaceIsSuffix: boolean;
  /** The character map that texts are normalized with. */
  readonly charsmap: Charsmap;
  /** The character map that decoded texts are changed with. */
  readonly denormalize: Charsmap | null;
  /** Whether a space is put before a text. */
  readonly addDummyPrefix: boolean;
  /** Whether spaces at the ends are removed, and runs of them become one. */
  readonly removeExtraSpaces: boolean;
  /** Whether `▁` stands for a space. */
  readonly escapeSpaces: boolean;
}

const MODEL_TYPES = ["", "unigram", "BPE", "word", "character"];
const UNKNOWN_SURFACE = " \u2047 ";

/**
 * Reads the bytes of a model's file.
 *
 * @param source The name of the file in errors.
 * @throws {SyntaxError} If they do not hold a Unigram model.
 */
export function readSentencePieceFile(
  bytes: Uint8Array,
  source: string,
): SentencePieceFile {
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
  const pieces = model.messages(1).map(readPiece);
  if (pieces.length === 0) {
    throw new SyntaxError(`Cannot read ${source}: it holds no pieces`);
  }
  const ids = idsOf(pieces, source);
  const unknownId = pieces.findIndex(({ kind }) => kind === KIND.unknown);
  if (unknownId < 0) {
    throw new SyntaxError(
      `Cannot read ${source}: it has no piece for unknown text`,
    );
  }
  const back = model.message(5).bytes(2);
  return {
    pieces,
    ids,
    unknownId,
    unknownSurface: trainer.text(44) ?? UNKNOWN_SURFACE,
    byteFallback: trainer.number(35) === 1,
    spaceIsSuffix: trainer.number(24) === 1,
    charsmap: decodeCharsmap(rules.bytes(2) ?? new Uint8Array()),
    denormalize: back && back.length > 0 ? decodeCharsmap(back) : null,
    addDummyPrefix: rules.number(3) !== 0,
    removeExtraSpaces: rules.number(4) !== 0,
    escapeSpaces: rules.number(5) !== 0,
  };
}

function readPiece(fields: Fields): Piece {
  return {
    text: fields.text(1) ?? "",
    score: fields.float(2) ?? 0,
    kind: fields.number(3) ?? KIND.normal,
  };
}

function idsOf(
  pieces: readonly Piece[],
  source: string,
): Map<string, number> {
  const ids = new Map<string, number>();
  for (const [id, { text }] of pieces.entries()) {
    if (ids.has(text)) {
      throw new SyntaxError(
        `Cannot read ${source}: it holds the piece ${
          JSON.stringify(text)
        } twice`,
      );
    }
    ids.set(text, id);
  }
  return ids;
}
