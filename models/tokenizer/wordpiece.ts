// Copyright 2026 the swagpu authors. MIT license.
// BERT's `vocab.txt` alone, turned into the `tokenizer.json` that says the same.

import type { AddedToken } from "./added_tokens.ts";

/** What `tokenizer_config.json` says about how BERT splits a text. */
export interface WordPieceOptions {
  lowerCase?: boolean | undefined;
  stripAccents?: boolean | null;
  splitChinese?: boolean;
  addedTokens?: readonly AddedToken[];
  /** The tokens that frame a text, and the one for what is unknown. */
  roles?: WordPieceRoles;
}

/** The tokens that WordPiece cannot do without. */
export interface WordPieceRoles {
  readonly cls: string;
  readonly sep: string;
  readonly unk: string;
}

const USUAL_ROLES = { cls: "[CLS]", sep: "[SEP]", unk: "[UNK]" };

/**
 * The tokens of a `vocab.txt`, whose line numbers are their ids.
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

/** Whether no ordinary token of a vocabulary has an upper-case letter. */
export function isUncased(vocabulary: ReadonlyMap<string, number>): boolean {
  for (const token of vocabulary.keys()) {
    if (!/^\[.*\]$/.test(token) && token !== token.toLowerCase()) return false;
  }
  return true;
}

/** The fields of the `tokenizer.json` of a BERT vocabulary. */
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
