// Copyright 2026 the swagpu authors. MIT license.

/**
 * A WordPiece vocabulary learnt from the training texts alone, and the folder
 * of files from which Hugging Face's tokenizers load it.
 *
 * Words seen often enough are whole. Every other word, seen or not, is split
 * into the longest pieces known: pieces are merged from letters in the order in
 * which pairs of them occur in most words, as in byte-pair encoding, and since
 * every letter is itself a piece, no word of the alphabet is `[UNK]`.
 *
 * @module
 */

import { Tokenizer } from "@swagpu/swagpu/models";

/** How a vocabulary is learnt. */
export interface VocabularyOptions {
  /**
   * How often a word must occur to be kept whole.
   * @default {8}
   */
  minimumCount?: number;
  /**
   * How many pieces to merge beyond single letters.
   * @default {64}
   */
  pieces?: number;
}

/** The tokens that every BERT vocabulary opens with; `[PAD]` is 0. */
const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'-";
const PREFIX = "##";

/**
 * Learns the tokens of a vocabulary; a token's id is its place.
 *
 * @param texts The training texts.
 * @param options Sizes.
 * @returns Special tokens, characters, frequent words, pieces: each once.
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

/** Lower-case words and single signs, split as BERT splits them. */
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

/** The pieces made by joining, again and again, the most frequent pair. */
function mergePieces(
  counts: ReadonlyMap<string, number>,
  wanted: number,
): string[] {
  // Each word counts once: what frequent words share with no other is no help
  // in spelling rare ones.
  const words = [...counts.keys()].map((word) =>
    [...word].map((c, i) => i === 0 ? c : PREFIX + c)
  );
  const pieces: string[] = [];
  while (pieces.length < wanted) {
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
    // A pair that completes a whole word is a merge, but no piece of others.
    if (!counts.has(joined)) pieces.push(joined);
  }
  return pieces;
}

/**
 * Writes `vocab.txt`, `tokenizer.json` and `tokenizer_config.json`, the files
 * of an uncased BERT tokenizer.
 *
 * @param folder Where to; made when missing.
 * @param vocabulary What {@linkcode learnVocabulary} returned.
 */
export async function writeTokenizer(
  folder: string,
  vocabulary: readonly string[],
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
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
  await Deno.writeTextFile(
    `${folder}/vocab.txt`,
    vocabulary.map((token) => token + "\n").join(""),
  );
  await Deno.writeTextFile(
    `${folder}/tokenizer_config.json`,
    JSON.stringify(config),
  );
  // Read by these two files, the tokenizer writes the others itself.
  const tokenizer = await Tokenizer.fromPretrained(folder);
  await tokenizer.save(folder);
}
