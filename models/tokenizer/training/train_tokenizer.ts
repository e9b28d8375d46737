// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Trains tokenizers on texts, as Hugging Face's trainers do.
 *
 * @module
 */

import { Tokenizer } from "../tokenizer.ts";
import { initialTokens } from "./initial_tokens.ts";
import { type LearnedMerges, learnMerges } from "./learn_merges.ts";
import { Pauses } from "./pauses.ts";
import {
  byteLevelFiles,
  byteLevelRules,
  wordPieceFiles,
  wordPieceRules,
} from "./trained_files.ts";
import {
  type ByteLevelBpeTrainingOptions,
  type FilledOptions,
  fillOptions,
  type TokenizerTrainingOptions,
  type TrainTokenizerOptions,
  type WordPieceTrainingOptions,
} from "./training_options.ts";
import {
  bertCutter,
  byteLevelCutter,
  countWords,
  type WordCutter,
} from "./word_counts.ts";

/**
 * Trains a tokenizer on texts: WordPiece, which BERT uses, or byte-level BPE, which
 * RoBERTa, BART and GPT-2 use.
 *
 * Words begin as their characters. The most frequent pair of neighboring tokens in
 * all words becomes a new token, until there are `vocabSize` tokens or no pair
 * occurs `minFrequency` times ([Sennrich, Haddow and Birch
 * 2016](https://aclanthology.org/P16-1162)). Both types learn this way, as in
 * Hugging Face's tokenizers; the training of WordPiece that the BERT paper used was
 * never published.
 *
 * The result is the one of Hugging Face's `BpeTrainer` and `WordPieceTrainer`: the
 * same tokens with the same ids, and the same merges. Of equally frequent pairs,
 * the one with the smaller ids is joined first. Hugging Face's WordPiece training
 * numbers the characters that continue words by chance, in another order each time;
 * here they are in the order of their code points. Defaults are those of
 * `BertWordPieceTokenizer` and `ByteLevelBPETokenizer`, except that byte-level BPE
 * has RoBERTa's special tokens.
 *
 * Memory grows with the number of different words, not with the number of texts,
 * which can come from a file that is read while the tokenizer is trained. A newline
 * within a text is a token of byte-level BPE like any other character: Hugging
 * Face's trainers leave it at the end of each line of a file.
 *
 * @param texts The texts.
 * @param options The type of the tokenizer, and how it is trained.
 * @returns The tokenizer. {@linkcode Tokenizer.save} writes `tokenizer.json`,
 * `tokenizer_config.json` and `special_tokens_map.json`, which Hugging Face's
 * libraries can load.
 * @throws {TypeError} If a text is not a string, or an option has the wrong type.
 * @throws {RangeError} If an option is out of range, the texts have no words, or
 * `vocabSize` is too small for the special tokens and the alphabet.
 *
 * @example Pairs that occur most often become tokens
 * ```ts
 * import { trainTokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const texts = ["hug hug hug", "pug", "hugs hugs"];
 * const tokenizer = await trainTokenizer(texts, {
 *   type: "wordpiece",
 *   vocabSize: 15,
 * });
 * const { tokens } = tokenizer.encode("Hugs, pugs");
 * assertEquals(tokens, [
 *   "[CLS]", "hug", "##s", "[UNK]", "p", "##ug", "##s", "[SEP]",
 * ]);
 * ```
 *
 * @example Byte-level BPE, from texts that are made as they are needed
 * ```ts
 * import { trainTokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * async function* texts() {
 *   for (let i = 0; i < 10; i++) yield await Promise.resolve("no news is good news");
 * }
 * const tokenizer = await trainTokenizer(texts(), { type: "bpe", vocabSize: 300 });
 * const { inputIds, tokens } = tokenizer.encode("news 🎉");
 * assertEquals(tokens, ["<s>", "new", "s", "Ġ", "ð", "Ł", "İ", "ī", "</s>"]);
 * assertEquals(
 *   tokenizer.decode(inputIds, { skipSpecialTokens: true }),
 *   "news 🎉",
 * );
 * ```
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainTokenizerOptions,
): Promise<Tokenizer> {
  if (typeof texts === "string") {
    throw new TypeError(
      "Cannot train a tokenizer: texts is a string, expected a list of texts",
    );
  }
  const filled = fillOptions(options);
  const files = options.type === "wordpiece"
    ? await trainWordPiece(texts, options, filled)
    : await trainByteLevel(texts, options, filled);
  return new Tokenizer(files, { source: "the trained tokenizer" });
}

async function trainWordPiece(
  texts: Iterable<string> | AsyncIterable<string>,
  options: WordPieceTrainingOptions,
  filled: FilledOptions,
): Promise<Map<string, string>> {
  const {
    continuingSubwordPrefix = "##",
    cleanText = true,
    handleChineseChars = true,
    stripAccents = null,
    lowercase = true,
  } = options;
  const rules = {
    continuingSubwordPrefix,
    cleanText,
    handleChineseChars,
    stripAccents,
    lowercase,
    specialTokens: filled.specialTokens,
  };
  const learned = await learn(texts, bertCutter(wordPieceRules(rules)), {
    ...options,
    ...filled,
    prefix: continuingSubwordPrefix,
    maxTokenLength: Infinity,
  });
  return wordPieceFiles(rules, learned);
}

async function trainByteLevel(
  texts: Iterable<string> | AsyncIterable<string>,
  options: ByteLevelBpeTrainingOptions,
  filled: FilledOptions,
): Promise<Map<string, string>> {
  const {
    maxTokenLength = Infinity,
    addPrefixSpace = false,
    trimOffsets = true,
    lowercase = false,
  } = options;
  const { specialTokens } = filled;
  const rules = { addPrefixSpace, trimOffsets, lowercase, specialTokens };
  const cutter = byteLevelCutter(byteLevelRules(rules), rules);
  const learned = await learn(texts, cutter, {
    ...options,
    ...filled,
    prefix: null,
    maxTokenLength,
  });
  return byteLevelFiles(rules, learned);
}

/** What both types need to learn. */
interface LearnOptions
  extends
    FilledOptions,
    Pick<TokenizerTrainingOptions, "onProgress" | "signal"> {
  readonly prefix: string | null;
  readonly maxTokenLength: number;
}

/**
 * Counts words, and learns which tokens to join.
 *
 * @throws {RangeError} If there are no words, or too few tokens are asked for.
 */
async function learn(
  texts: Iterable<string> | AsyncIterable<string>,
  cutter: WordCutter,
  options: LearnOptions,
): Promise<LearnedMerges> {
  const { vocabSize, signal, onProgress } = options;
  signal?.throwIfAborted();
  const pauses = new Pauses(signal);
  const words = await countWords(texts, cutter, {
    pauses,
    onProgress: (done) => onProgress?.({ stage: "words", done, total: null }),
  });
  if (words.size === 0) {
    throw new RangeError("Cannot train a tokenizer: the texts have no words");
  }
  const tokens = initialTokens(words, options);
  if (tokens.length > vocabSize) {
    throw new RangeError(
      `Cannot train a tokenizer: vocabSize is ${vocabSize}, expected at least ` +
        `${tokens.length}, the number of special tokens and characters; a ` +
        "smaller limitAlphabet leaves out rare characters",
    );
  }
  return await learnMerges(words, tokens, {
    ...options,
    pauses,
    onProgress: (done) =>
      onProgress?.({ stage: "merges", done, total: vocabSize }),
  });
}
