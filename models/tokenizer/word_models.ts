// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The models of `tokenizer.json`, which cut words into tokens.

import { bytePairs } from "./byte_pairs.ts";
import { byteToken } from "./byte_level.ts";
import {
  booleanOf,
  countOf,
  listOf,
  partOf,
  textOf,
  tokenId,
} from "./fields.ts";
import { joinUnknown, Unigram } from "./unigram.ts";
import type { WordModel, WordTokens } from "./word_tokens.ts";

type Fields = Record<string, unknown>;

/** A model and the ids of its tokens. */
export interface ReadModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly model: WordModel;
  /** The id of the unknown token, if it stands for its text unchanged. */
  readonly verbatim?: number;
}

const MODEL_TYPES = ["WordPiece", "BPE", "Unigram", "WordLevel"] as const;

/**
 * Builds the model that a `tokenizer.json` describes.
 *
 * @throws {SyntaxError} If there is no model of that type, or a field has the
 * wrong type.
 */
export function readModel(config: unknown, key = "model"): ReadModel {
  if (config === undefined || config === null) {
    throw new SyntaxError("it holds no model");
  }
  const fields = partOf(config, key);
  const type = fields.type ?? typeByFields(fields);
  switch (type) {
    case "Unigram":
      return readUnigram(fields, key);
    case "BPE": {
      const vocabulary = readVocabulary(fields, key);
      return { vocabulary, model: bytePairs(fields, key, vocabulary) };
    }
    case "WordPiece": {
      const vocabulary = readVocabulary(fields, key);
      return { vocabulary, model: wordPiece(fields, key, vocabulary) };
    }
    case "WordLevel": {
      const vocabulary = readVocabulary(fields, key);
      return { vocabulary, model: wordLevel(fields, key, vocabulary) };
    }
    default:
      throw new SyntaxError(
        `the model type is ${JSON.stringify(type)}, ` +
          `expected one of ${MODEL_TYPES.join(", ")}`,
      );
  }
}

/** Infers the type, which old files do not name. */
function typeByFields(fields: Fields): typeof MODEL_TYPES[number] {
  if (Array.isArray(fields.vocab)) return "Unigram";
  if ("merges" in fields) return "BPE";
  return "continuing_subword_prefix" in fields ? "WordPiece" : "WordLevel";
}

function readVocabulary(fields: Fields, key: string): Map<string, number> {
  const vocabulary = new Map<string, number>();
  const tokens = new Map<number, string>();
  for (
    const [token, value] of Object.entries(partOf(fields.vocab, `${key}.vocab`))
  ) {
    const id = tokenId(value, token);
    const other = tokens.get(id);
    if (other !== undefined) {
      throw new SyntaxError(
        `${JSON.stringify(other)} and ${JSON.stringify(token)} have the same ` +
          `id ${id}`,
      );
    }
    tokens.set(id, token);
    vocabulary.set(token, id);
  }
  return vocabulary;
}

function append(
  tokens: WordTokens,
  id: number,
  from: number,
  to: number,
): void {
  tokens.ids.push(id);
  tokens.from.push(from);
  tokens.to.push(to);
}

/** The unknown token for a whole word. */
function unknownWord(
  word: string,
  unknown: string,
  vocabulary: ReadonlyMap<string, number>,
): WordTokens {
  const id = vocabulary.get(unknown);
  if (id !== undefined) return { ids: [id], from: [0], to: [word.length] };
  throw new RangeError(
    `Cannot encode ${JSON.stringify(word)}: the vocabulary lacks the unknown ` +
      `token ${JSON.stringify(unknown)}`,
  );
}

/** Takes the longest token that the rest of the word begins with, repeatedly. */
function wordPiece(
  fields: Fields,
  key: string,
  vocabulary: ReadonlyMap<string, number>,
): WordModel {
  const unknown = textOf(fields, "unk_token", key, "[UNK]");
  const prefix = textOf(fields, "continuing_subword_prefix", key, "##");
  const most = countOf(fields, "max_input_chars_per_word", key, 100);
  let longest = 0;
  for (const token of vocabulary.keys()) {
    longest = Math.max(longest, token.length);
  }
  return (word) => {
    const result: WordTokens = { ids: [], from: [], to: [] };
    const tooLong = word.length > most && [...word].length > most;
    for (let start = 0; start < word.length && !tooLong;) {
      let end = Math.min(word.length, start + longest);
      let id: number | undefined;
      for (; end > start; end--) {
        // A surrogate pair is one character.
        if ((word.codePointAt(end - 1) ?? 0) > 0xffff) continue;
        const part = word.slice(start, end);
        id = vocabulary.get(start > 0 ? prefix + part : part);
        if (id !== undefined) break;
      }
      if (id === undefined) return unknownWord(word, unknown, vocabulary);
      append(result, id, start, end);
      start = end;
    }
    return tooLong ? unknownWord(word, unknown, vocabulary) : result;
  };
}

/** Takes each word as one token. */
function wordLevel(
  fields: Fields,
  key: string,
  vocabulary: ReadonlyMap<string, number>,
): WordModel {
  const unknown = textOf(fields, "unk_token", key, "<unk>");
  return (word) => {
    const id = vocabulary.get(word);
    return id === undefined
      ? unknownWord(word, unknown, vocabulary)
      : { ids: [id], from: [0], to: [word.length] };
  };
}

function readUnigram(fields: Fields, key: string): ReadModel {
  const pieces = listOf(fields, "vocab", key).map((item, i) => {
    const [text, score] = Array.isArray(item) ? item as unknown[] : [];
    if (typeof text === "string" && typeof score === "number") {
      return { text, score };
    }
    throw new SyntaxError(
      `${key}.vocab[${i}] is ${JSON.stringify(item)}, ` +
        "expected a piece and its score",
    );
  });
  const none = (fields.unk_id ?? null) === null;
  const unknown = none ? -1 : countOf(fields, "unk_id", key);
  if (unknown >= pieces.length) {
    throw new SyntaxError(
      `${key}.unk_id is ${unknown}, but there are ${pieces.length} pieces`,
    );
  }
  const fallsBack = booleanOf(fields, "byte_fallback", key, false);
  // Of two pieces with the same text, the later one is used.
  const vocabulary = new Map(pieces.map(({ text }, i) => [text, i]));
  const cutter = new Unigram(pieces, { double: true });
  const encoder = new TextEncoder();
  const model: WordModel = (word) => {
    const result: WordTokens = { ids: [], from: [], to: [] };
    const cut = cutter.cut(word)
      .map((part) => part.piece === unknown ? { ...part, piece: -1 } : part);
    for (const { start, end } of unknown < 0 ? cut : joinUnknown(cut)) {
      const text = word.slice(start, end);
      const id = vocabulary.get(text);
      const bytes = id === undefined && fallsBack
        ? Array.from(
          encoder.encode(text),
          (byte) => vocabulary.get(byteToken(byte)),
        )
        : [undefined];
      if (id !== undefined) append(result, id, start, end);
      else if (bytes.every((byte) => byte !== undefined)) {
        for (const byte of bytes) append(result, byte, start, end);
      } else if (!none) append(result, unknown, start, end);
      else {
        throw new RangeError(
          `Cannot encode ${JSON.stringify(word)}: no piece covers ` +
            `${JSON.stringify(text)}, and there is no unknown token`,
        );
      }
    }
    return result;
  };
  return { vocabulary, model, ...(!none && { verbatim: unknown }) };
}
