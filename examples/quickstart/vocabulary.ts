// Copyright 2026 the swagpu authors. MIT license.

/**
 * Learns a WordPiece vocabulary from the training texts, and writes the files from
 * which Hugging Face's tokenizers load it.
 *
 * Frequent words are kept whole. Every other word is split into the longest known
 * pieces. Pieces are merged from letters as in byte-pair encoding: the pair that occurs
 * in most words comes first. Every letter is itself a piece, so that no word of known
 * letters becomes `[UNK]`.
 *
 * @module
 */

import { wordPieceJson } from "../../models/mod.ts";

/** Options of {@linkcode learnVocabulary}. */
export interface VocabularyOptions {
  /**
   * How often a word must occur to be kept whole.
   * @default {8}
   */
  minimumCount?: number;
  /**
   * How many pieces to merge, in addition to single letters.
   * @default {64}
   */
  pieces?: number;
}

/** The tokens with which every BERT vocabulary begins; `[PAD]` is 0. */
const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'-";
const PREFIX = "##";

/**
 * Learns the tokens of a vocabulary. The id of a token is its index.
 *
 * @param texts The training texts.
 * @param options The sizes.
 * @returns Special tokens, characters, frequent words and pieces, each once.
 */
export function learnVocabulary(
  texts: Iterable<string>,
  options: VocabularyOptions = {},
): string[] {
  const { minimumCount = 8, pieces = 64 } = options;
  const counts = countWords(texts);
  const characters = new Set(ALPHABET);
  for (const word of counts.keys()) {
    for (const character of word) characters.add(character);
  }
  const single = [...characters].sort();
  const frequent = [...counts].filter(([, count]) => count >= minimumCount)
    .sort(byCount).map(([word]) => word);
  const vocabulary = new Set([
    ...SPECIAL,
    ...single,
    ...single.map((character) => PREFIX + character),
    ...frequent,
  ]);
  for (const piece of mergePieces(counts, pieces)) vocabulary.add(piece);
  return [...vocabulary];
}

/** Splits texts into lower-case words and single signs, as BERT does. */
function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const words = text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu);
    for (const word of words ?? []) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

/**
 * Most frequent first; equal counts in alphabetical order, for repeatability.
 */
function byCount(a: [string, number], b: [string, number]): number {
  return b[1] - a[1] || (a[0] < b[0] ? -1 : 1);
}

/** Makes pieces by repeatedly joining the most frequent pair. */
function mergePieces(
  counts: ReadonlyMap<string, number>,
  count: number,
): string[] {
  // Each word counts once: a piece that only one frequent word has does not help to
  // spell rare words.
  const words = [...counts.keys()].map((word) =>
    [...word].map((c, i) => i === 0 ? c : PREFIX + c)
  );
  const pieces: string[] = [];
  while (pieces.length < count) {
    const pairs = new Map<string, number>();
    for (const symbols of words) {
      for (let i = 1; i < symbols.length; i++) {
        const pair = `${symbols[i - 1]} ${symbols[i]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
      }
    }
    const [best] = [...pairs].sort(byCount);
    if (best === undefined) break;
    const [left = "", right = ""] = best[0].split(" ");
    const joined = left + right.slice(PREFIX.length);
    for (const symbols of words) {
      for (let i = 1; i < symbols.length; i++) {
        if (symbols[i - 1] === left && symbols[i] === right) {
          symbols.splice(i - 1, 2, joined);
        }
      }
    }
    // A pair that completes a whole word is merged, but it is no piece of other words.
    if (!counts.has(joined)) pieces.push(joined);
  }
  return pieces;
}

/**
 * Makes `vocab.txt`, `tokenizer.json` and `tokenizer_config.json`, the files of an
 * uncased BERT tokenizer.
 *
 * @param vocabulary The result of {@linkcode learnVocabulary}.
 * @returns The text of each file by its name.
 */
export function tokenizerFiles(
  vocabulary: readonly string[],
): Map<string, string> {
  const ids = new Map(vocabulary.map((token, id) => [token, id]));
  const config = {
    tokenizer_class: "BertTokenizer",
    do_lower_case: true,
    model_max_length: 64,
    pad_token: "[PAD]",
    unk_token: "[UNK]",
    cls_token: "[CLS]",
    sep_token: "[SEP]",
    mask_token: "[MASK]",
  };
  const json = (value: unknown) => JSON.stringify(value, null, 2) + "\n";
  return new Map([
    ["vocab.txt", vocabulary.map((token) => token + "\n").join("")],
    ["tokenizer.json", json(wordPieceJson(ids, { lowerCase: true }))],
    ["tokenizer_config.json", json(config)],
  ]);
}

/**
 * Writes the files of {@linkcode tokenizerFiles}.
 *
 * @param folder The folder, which is made if it does not exist.
 * @param vocabulary The result of {@linkcode learnVocabulary}.
 */
export async function writeTokenizer(
  folder: string,
  vocabulary: readonly string[],
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, text] of tokenizerFiles(vocabulary)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
}
