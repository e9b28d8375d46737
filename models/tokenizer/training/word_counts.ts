// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Counts the words of texts. A text is cut twice: quickly into pieces, whose
// occurrences are counted, and then each distinct piece into the words that the
// tokenizer sees. Most pieces occur many times, so that little time goes into the
// second cut, which follows the tokenizer's own rules.

import { AlignedText } from "../aligned_text.ts";
import { byteCharacters } from "../byte_level.ts";
import { readNormalizer } from "../normalizers.ts";
import { byteLevelWords, readPreTokenizer } from "../pre_tokenizers.ts";
import type { Pauses } from "./pauses.ts";

/** How often each word occurs. */
export type WordCounts = ReadonlyMap<string, number>;

/** Cuts texts into words. */
export interface WordCutter {
  /** Cuts a text at places where every tokenizer of the kind cuts. */
  pieces(text: string): Iterable<string>;
  /** Cuts a piece into words as the tokenizer spells them. */
  words(piece: string): Iterable<string>;
}

/** A tokenizer's fields that say how texts become words. */
interface CuttingRules {
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
}

/** These spaces end a word whatever BERT's options are. */
const CERTAIN_SPACES = /[ \t\n\r]+/;

/** Cuts texts by the rules of a tokenizer with `BertPreTokenizer`. */
export function bertCutter(json: CuttingRules): WordCutter {
  const normalize = readNormalizer(json.normalizer);
  const preTokenize = readPreTokenizer(json.pre_tokenizer);
  return {
    pieces: (text) => text.split(CERTAIN_SPACES).filter((part) => part !== ""),
    words: (piece) =>
      preTokenize(normalize(AlignedText.of(piece))).map(({ text }) => text),
  };
}

/** Cuts texts by the rules of a tokenizer with a `ByteLevel` pre-tokenizer. */
export function byteLevelCutter(
  json: CuttingRules,
  { addPrefixSpace }: { addPrefixSpace: boolean },
): WordCutter {
  const normalize = readNormalizer(json.normalizer);
  const changes = (json.normalizer ?? null) !== null;
  return {
    pieces(source) {
      const text = changes ? normalize(AlignedText.of(source)).text : source;
      const begins = addPrefixSpace && text !== "" && !text.startsWith(" ");
      return byteLevelWords(begins ? ` ${text}` : text);
    },
    words: (piece) => [byteCharacters(piece)],
  };
}

/** What counting needs besides the texts. */
interface CountOptions {
  readonly pauses: Pauses;
  /** Called from time to time with the number of texts that were read. */
  readonly onProgress?: ((texts: number) => void) | undefined;
}

/**
 * Counts the words of texts.
 *
 * @throws {TypeError} If one of the texts is not a string.
 */
export async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  cutter: WordCutter,
  { pauses, onProgress }: CountOptions,
): Promise<WordCounts> {
  const pieces = new Map<string, number>();
  let read = 0;
  for await (const text of texts) {
    if (typeof text !== "string") {
      throw new TypeError(
        `Cannot train a tokenizer: text ${read} is of type ${typeof text}, ` +
          "expected a string",
      );
    }
    // Half of a surrogate pair becomes U+FFFD, as when the tokenizer reads it.
    for (const piece of cutter.pieces(text.toWellFormed())) {
      const known = pieces.get(piece);
      if (known === undefined) pieces.set(copyOf(piece), 1);
      else pieces.set(piece, known + 1);
    }
    read++;
    if (!pauses.isDue) continue;
    onProgress?.(read);
    await pauses.take();
  }
  onProgress?.(read);
  const words = new Map<string, number>();
  for (const [piece, count] of pieces) {
    for (const word of cutter.words(piece)) {
      words.set(word, (words.get(word) ?? 0) + count);
    }
    if (pauses.isDue) await pauses.take();
  }
  return words;
}

/**
 * A copy of a part of a string. The part itself may share the memory of the whole,
 * and a few rare words would keep all texts in memory.
 */
function copyOf(part: string): string {
  return ` ${part}`.slice(1);
}
