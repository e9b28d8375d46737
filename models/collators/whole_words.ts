// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The collator that hides whole words.

import type { Tokenizer } from "../tokenizer/mod.ts";
import {
  Masker,
  MASKING_OPTIONS,
  type MaskingOptions,
  type MaskingPlace,
  type RowRandom,
} from "./masking.ts";
import {
  type CollatorOptions,
  Padder,
  padLists,
  type TokenizedFeature,
} from "./padding.ts";
import { type TextFeature, tokensOf } from "./text_features.ts";
import { IGNORED } from "./text_labels.ts";
import type { TokenBatchWithLabels } from "./token_collator.ts";

/** Options of {@linkcode DataCollatorForWholeWordMask}. */
export interface WholeWordCollatorOptions
  extends CollatorOptions, MaskingOptions {
  /** The most tokens that are hidden in a row. @default {512} */
  maxPredictions?: number | undefined;
}

/** How a vocabulary marks the tokens that begin or continue a word. */
type WordMark = { readonly mark: string; readonly begins: boolean };

const MARKS: readonly WordMark[] = [
  { mark: "##", begins: false }, // WordPiece
  { mark: "Ġ", begins: true }, // byte-level: the space before a word
  { mark: "▁", begins: true }, // SentencePiece
];

/**
 * Makes batches for masked language models, in which words are hidden as a whole:
 * words in random order, until 15 of 100 of the row's tokens are reached
 * (`mlmProbability`; at least one token). Of the tokens of hidden words, each by
 * itself, 80 of 100 become the mask token, 10 a random token, and 10 stay.
 * Special tokens are never hidden. What is hidden depends on the seed, the epoch
 * and the number of a row in the data.
 *
 * Which tokens are a word is decided by the marks of the vocabulary: `##` before
 * tokens that continue a word (WordPiece), `Ġ` or `▁` before tokens that begin
 * one (byte-level BPE and SentencePiece). In the latter, punctuation belongs to
 * the word that it follows, and a space is needed between words.
 *
 * @example Usage
 * ```ts
 * import { DataCollatorForWholeWordMask, Tokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nplay\n##ed\n##ing";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const collator = new DataCollatorForWholeWordMask(tokenizer, {
 *   mlmProbability: 0.5,
 *   maskReplaceProb: 1,
 *   randomReplaceProb: 0,
 * });
 * const { inputIds } = collator.collate([{ text: "played" }], { rows: [0] });
 * assertEquals([...inputIds.data], [2, 4, 4, 3]);
 * ```
 */
export class DataCollatorForWholeWordMask {
  readonly #tokenizer: Tokenizer;
  readonly #padder: Padder;
  readonly #masker: Masker;
  readonly #mark: WordMark;
  readonly #maxPredictions: number;

  /**
   * Checks the options; nothing is collated yet.
   *
   * @param tokenizer Gives the special tokens, and tokenizes texts.
   * @param options How many tokens are hidden and how, the length of rows, and
   * packing.
   * @throws {TypeError} If an option is not known or of the wrong kind, or the
   * tokenizer has no mask token or does not mark words.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(tokenizer: Tokenizer, options: WholeWordCollatorOptions = {}) {
    const { maxPredictions = 512 } = options;
    const more = [...MASKING_OPTIONS, "maxPredictions"];
    this.#padder = new Padder(tokenizer, options, more);
    if (!Number.isSafeInteger(maxPredictions) || maxPredictions < 1) {
      throw new RangeError(
        `Cannot hide words with maxPredictions ${maxPredictions}: ` +
          "it must be a whole number from 1",
      );
    }
    this.#tokenizer = tokenizer;
    this.#masker = new Masker(tokenizer, options);
    this.#mark = wordMark(tokenizer);
    this.#maxPredictions = maxPredictions;
  }

  /**
   * Makes a batch.
   *
   * @param features The texts, or their tokens.
   * @param place The number of each row in the data, and the epoch.
   * @returns The inputs of a model, with `labels` `[rows, length]`.
   * @throws {RangeError} If there are no features, or a row is longer than
   * `maxLength`.
   * @throws {TypeError} If the place is missing.
   */
  collate(
    features: readonly TextFeature[],
    place: MaskingPlace,
  ): TokenBatchWithLabels {
    const rows = tokensOf(this.#tokenizer, features, this.#padder.limit);
    const masked = this.#masker.mask(rows, place, (row, random) => {
      const hidden = this.#hiddenTokens(row, random);
      return (index) => hidden.has(index);
    });
    const padded = this.#padder.pad(masked.map(({ tokens }) => tokens));
    const lists = masked.map(({ labels }) => labels);
    return { ...padded.batch, labels: padLists(lists, IGNORED, padded) };
  }

  /** The tokens of the words of a row that are hidden. */
  #hiddenTokens(row: TokenizedFeature, random: RowRandom): Set<number> {
    const words = this.#words(row);
    for (let i = words.length - 1; i > 0; i--) { // Fisher–Yates shuffle
      const j = Math.floor(random(i, 0) * (i + 1));
      [words[i], words[j]] = [words[j] ?? [], words[i] ?? []];
    }
    const share = roundHalfToEven(
      row.inputIds.length * this.#masker.probability,
    );
    const most = Math.min(this.#maxPredictions, Math.max(1, share));
    const hidden = new Set<number>();
    for (const word of words) {
      if (hidden.size >= most) break;
      if (hidden.size + word.length > most) continue;
      for (const index of word) hidden.add(index);
    }
    return hidden;
  }

  /** The indices of the tokens of each word, without special tokens. */
  #words({ inputIds }: TokenizedFeature): number[][] {
    const { mark, begins } = this.#mark;
    const words: number[][] = [];
    let isInside = false; // Whether the token before this one is of a word.
    for (let i = 0; i < inputIds.length; i++) {
      const id = inputIds[i] ?? 0;
      if (!this.#masker.mayHide(id)) {
        isInside = false;
        continue;
      }
      const isMarked = this.#tokenizer.idToToken(id)?.startsWith(mark) ?? false;
      const isNew = begins === isMarked;
      if (isInside && !isNew) words.at(-1)?.push(i);
      else words.push([i]);
      isInside = true;
    }
    return words;
  }
}

/**
 * How a tokenizer marks words: by the mark that most of its tokens have.
 *
 * @throws {TypeError} If no token has a mark.
 */
function wordMark(tokenizer: Tokenizer): WordMark {
  const counts = MARKS.map(() => 0);
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const token = tokenizer.idToToken(id) ?? "";
    for (const [i, { mark }] of MARKS.entries()) {
      if (token.length > mark.length && token.startsWith(mark)) {
        counts[i] = (counts[i] ?? 0) + 1;
      }
    }
  }
  const most = Math.max(...counts);
  const found = MARKS[counts.indexOf(most)];
  if (found && most > 0) return found;
  throw new TypeError(
    "Cannot hide whole words: no token of the vocabulary begins with " +
      `${MARKS.map(({ mark }) => mark).join(", ")}`,
  );
}

/** Rounds to the nearest whole number, and halves to the even one. */
function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
