// Copyright 2026 the swagpu authors. MIT license.

// Translates BERT's `vocab.txt` to an equal `tokenizer.json`.

import type { AddedToken } from "./added_tokens.ts";

/** Options of {@linkcode wordPieceJson}: how BERT splits a text. */
export interface WordPieceOptions {
  /**
   * Whether texts are lower-cased.
   *
   * @default {whether no token of the vocabulary has an upper-case letter}
   */
  lowerCase?: boolean | undefined;
  /** Whether accents are removed; `null` for `lowerCase`. @default {null} */
  stripAccents?: boolean | null;
  /** Whether each Chinese character becomes a word. @default {true} */
  splitChinese?: boolean;
  /** Tokens that are found before a text is split. @default {none} */
  addedTokens?: readonly AddedToken[];
  /**
   * The tokens that frame a text, and the unknown token.
   *
   * @default {`[CLS]`, `[SEP]` and `[UNK]`}
   */
  roles?: WordPieceRoles;
}

/** The special tokens that WordPiece needs. */
export interface WordPieceRoles {
  /** The token that begins a row. */
  readonly cls: string;
  /** The token that ends a text. */
  readonly sep: string;
  /** The token of words that the vocabulary cannot spell. */
  readonly unk: string;
}

const USUAL_ROLES = { cls: "[CLS]", sep: "[SEP]", unk: "[UNK]" };

/**
 * Reads the tokens of a `vocab.txt`. Their ids are their line numbers from 0.
 *
 * @throws {SyntaxError} If a token with a role is missing.
 */
export function parseVocabulary(
  text: string,
  source: string,
  { unk, cls, sep }: WordPieceRoles = USUAL_ROLES,
): Map<string, number> {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  if (lines.at(-1) === "") lines.pop();
  const vocabulary = new Map(lines.map((token, id) => [token, id]));
  for (const token of [unk, cls, sep]) {
    if (!vocabulary.has(token)) {
      throw new SyntaxError(
        `Cannot read ${source}: it holds no ${token}, which WordPiece needs`,
      );
    }
  }
  return vocabulary;
}

/**
 * Whether no token of a vocabulary, except special ones, has an upper-case
 * letter.
 */
export function isUncased(vocabulary: ReadonlyMap<string, number>): boolean {
  for (const token of vocabulary.keys()) {
    if (!/^\[.*\]$/.test(token) && token !== token.toLowerCase()) return false;
  }
  return true;
}

/**
 * Builds the fields of the `tokenizer.json` of a BERT vocabulary, as transformers
 * writes them.
 *
 * @param vocabulary The id of each token.
 * @param options How texts are split and framed.
 * @returns The fields, ready for `JSON.stringify()`.
 *
 * @example A tokenizer from a list of tokens
 * ```ts
 * import { Tokenizer, wordPieceJson } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const tokens = ["[UNK]", "[CLS]", "[SEP]", "play", "##ed"];
 * const ids = new Map(tokens.map((token, id) => [token, id]));
 * const json = JSON.stringify(wordPieceJson(ids, { lowerCase: true }));
 * const tokenizer = new Tokenizer(new Map([["tokenizer.json", json]]));
 * assertEquals(tokenizer.encode("Played").inputIds, [1, 3, 4, 2]);
 * ```
 */
export function wordPieceJson(
  vocabulary: ReadonlyMap<string, number>,
  options: WordPieceOptions,
): Record<string, unknown> {
  const { lowerCase, stripAccents = null, splitChinese = true } = options;
  const { addedTokens = [], roles = USUAL_ROLES } = options;
  const { cls, sep, unk } = roles;
  const idOf = (token: string): number => vocabulary.get(token) ?? 0;
  const special = (token: string, type: number) => ({
    SpecialToken: { id: token, type_id: type },
  });
  const sequence = (id: string, type: number) => ({
    Sequence: { id, type_id: type },
  });
  const first = [special(cls, 0), sequence("A", 0), special(sep, 0)];
  const framing = Object.fromEntries(
    [cls, sep].map((token) => [
      token,
      { id: token, ids: [idOf(token)], tokens: [token] },
    ]),
  );
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: splitChinese,
      strip_accents: stripAccents,
      lowercase: lowerCase ?? isUncased(vocabulary),
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: first,
      pair: [...first, sequence("B", 1), special(sep, 1)],
      special_tokens: framing,
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: unk,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary),
    },
  };
}
