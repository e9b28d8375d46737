// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How a tokenizer is trained.
 *
 * @module
 */

import { checkOptions } from "../../../nn/mod.ts";
import { byteCharacters, bytesAlphabet } from "../byte_level.ts";
import { GREATEST_ID } from "../fields.ts";

/** How far the training of a tokenizer is. */
export interface TokenizerTrainingProgress {
  /** Whether words are counted, or tokens are joined. */
  readonly stage: "words" | "merges";
  /** The number of texts that were read, or of tokens in the vocabulary. */
  readonly done: number;
  /** The number of tokens asked for; `null` while words are counted. */
  readonly total: number | null;
}

/** Options of {@linkcode trainTokenizer} for tokenizers of both types. */
export interface TokenizerTrainingOptions {
  /**
   * The number of tokens, special tokens included. Texts with few different words
   * may give fewer.
   *
   * @default 30000
   */
  vocabSize?: number;
  /**
   * How often two tokens must stand side by side to be joined.
   *
   * @default 2
   */
  minFrequency?: number;
  /**
   * Tokens that do not come from texts. Their ids are 0, 1, 2 and so on.
   * WordPiece needs `[UNK]`, `[CLS]` and `[SEP]`. Byte-level BPE with `<s>` and
   * `</s>` frames texts as RoBERTa does, and without them not at all, as GPT-2.
   *
   * @default `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]` for WordPiece, and
   * `<s>`, `<pad>`, `</s>`, `<unk>`, `<mask>` for byte-level BPE
   */
  specialTokens?: readonly string[];
  /**
   * The most characters that are tokens by themselves. The rarest are left out; a
   * word with one becomes `[UNK]`. Of equally rare ones those with greater code
   * points are left out.
   *
   * @default 1000 for WordPiece, `Infinity` for byte-level BPE
   */
  limitAlphabet?: number;
  /**
   * Characters that are tokens whether or not the texts have them, one in each
   * string. Byte-level BPE spells bytes by characters: a space is `Ġ`.
   *
   * @default none for WordPiece, those of all 256 bytes for byte-level BPE
   */
  initialAlphabet?: readonly string[];
  /**
   * Whether texts are lower-cased.
   *
   * @default true for WordPiece, false for byte-level BPE
   */
  lowercase?: boolean;
  /** Called about 20 times a second, and at the end of each stage. */
  onProgress?: (progress: TokenizerTrainingProgress) => void;
  /** Stops the training, which then throws the signal's reason. */
  signal?: AbortSignal;
}

/** Options of {@linkcode trainTokenizer} for WordPiece, BERT's tokenizer. */
export interface WordPieceTrainingOptions extends TokenizerTrainingOptions {
  /** The type of the tokenizer. */
  type: "wordpiece";
  /**
   * What tokens begin with that are not the first of a word.
   *
   * @default "##"
   */
  continuingSubwordPrefix?: string;
  /**
   * Whether control characters are removed, and all spaces become the usual one.
   *
   * @default true
   */
  cleanText?: boolean;
  /**
   * Whether each Chinese character becomes a word.
   *
   * @default true
   */
  handleChineseChars?: boolean;
  /**
   * Whether accents are removed; `null` for the value of `lowercase`.
   *
   * @default null
   */
  stripAccents?: boolean | null;
}

/** Options of {@linkcode trainTokenizer} for byte-level BPE, RoBERTa's tokenizer. */
export interface ByteLevelBpeTrainingOptions extends TokenizerTrainingOptions {
  /** The type of the tokenizer. */
  type: "bpe";
  /**
   * The length in bytes that a token of more than two bytes stays below.
   *
   * @default Infinity
   */
  maxTokenLength?: number;
  /**
   * Whether a space is put before a text that does not begin with one, so that its
   * first word is like any other.
   *
   * @default false
   */
  addPrefixSpace?: boolean;
  /**
   * Whether the offsets of a token leave out the spaces at its ends.
   *
   * @default true
   */
  trimOffsets?: boolean;
}

/** Options of {@linkcode trainTokenizer}. */
export type TrainTokenizerOptions =
  | WordPieceTrainingOptions
  | ByteLevelBpeTrainingOptions;

const COMMON = [
  "type",
  "vocabSize",
  "minFrequency",
  "specialTokens",
  "limitAlphabet",
  "initialAlphabet",
  "lowercase",
  "onProgress",
  "signal",
];
const OWN = {
  wordpiece: [
    "continuingSubwordPrefix",
    "cleanText",
    "handleChineseChars",
    "stripAccents",
  ],
  bpe: ["maxTokenLength", "addPrefixSpace", "trimOffsets"],
};

/** The usual special tokens of each type. */
const SPECIAL_TOKENS = {
  wordpiece: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
  bpe: ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
};

/** Options of both types with their defaults filled in. */
export interface FilledOptions {
  readonly vocabSize: number;
  readonly minFrequency: number;
  readonly specialTokens: readonly string[];
  readonly limitAlphabet: number;
  readonly initialAlphabet: readonly string[];
}

/**
 * Checks options and fills in defaults.
 *
 * @throws {TypeError} If an option has the wrong type, or is of the other type.
 * @throws {RangeError} If a value is out of range.
 */
export function fillOptions(options: TrainTokenizerOptions): FilledOptions {
  const { type } = options;
  if (type !== "wordpiece" && type !== "bpe") {
    throw new RangeError(
      `Cannot train a tokenizer: type is ${JSON.stringify(type)}, expected ` +
        '"wordpiece" or "bpe"',
    );
  }
  checkOptions(options, {
    action: `train a tokenizer of type ${type}`,
    known: [...COMMON, ...OWN[type]],
  });
  const isWordPiece = type === "wordpiece";
  const {
    vocabSize = 30000,
    minFrequency = 2,
    specialTokens = SPECIAL_TOKENS[type],
    limitAlphabet = isWordPiece ? 1000 : Infinity,
    initialAlphabet = isWordPiece ? [] : bytesAlphabet(),
  } = options;
  whole("vocabSize", vocabSize, { min: 1, max: GREATEST_ID + 1 });
  whole("minFrequency", minFrequency, { min: 0 });
  whole("limitAlphabet", limitAlphabet, { min: 1, endless: true });
  if (!isWordPiece) {
    const { maxTokenLength = Infinity } = options;
    whole("maxTokenLength", maxTokenLength, { min: 2, endless: true });
  }
  checkSpecialTokens(specialTokens, type);
  for (const char of texts("initialAlphabet", initialAlphabet)) {
    if ([...char].length !== 1) {
      throw new RangeError(
        `Cannot train a tokenizer: initialAlphabet has ${
          JSON.stringify(char)
        }, expected one character in each string`,
      );
    }
    if (!isWordPiece && !BYTE_CHARACTERS.has(char)) {
      throw new RangeError(
        `Cannot train a tokenizer: initialAlphabet has ${
          JSON.stringify(char)
        }, which stands for no byte; byte-level BPE spells it ` +
          JSON.stringify(byteCharacters(char)),
      );
    }
  }
  for (const name of SWITCHES) {
    const value = (options as unknown as Record<string, unknown>)[name];
    if (value === undefined || typeof value === "boolean") continue;
    if (name === "stripAccents" && value === null) continue;
    throw new TypeError(
      `Cannot train a tokenizer: ${name} is ${JSON.stringify(value)}, ` +
        "expected true or false",
    );
  }
  if (isWordPiece) {
    const { continuingSubwordPrefix: prefix = "##" } = options;
    texts("continuingSubwordPrefix", [prefix]);
  }
  return {
    vocabSize,
    minFrequency,
    specialTokens,
    limitAlphabet,
    initialAlphabet,
  };
}

const BYTE_CHARACTERS: ReadonlySet<string> = new Set(bytesAlphabet());

const SWITCHES = [
  "lowercase",
  "cleanText",
  "handleChineseChars",
  "stripAccents",
  "addPrefixSpace",
  "trimOffsets",
];

function checkSpecialTokens(
  tokens: readonly string[],
  type: keyof typeof OWN,
): void {
  const needed = type === "wordpiece" ? ["[UNK]", "[CLS]", "[SEP]"] : [];
  const seen = new Set<string>();
  for (const token of texts("specialTokens", tokens)) {
    if (token === "") {
      throw new RangeError(
        "Cannot train a tokenizer: specialTokens has an empty text",
      );
    }
    if (seen.has(token)) {
      throw new RangeError(
        `Cannot train a tokenizer: specialTokens has ${
          JSON.stringify(token)
        } twice`,
      );
    }
    seen.add(token);
  }
  const missing = needed.find((token) => !seen.has(token));
  if (missing === undefined) return;
  throw new RangeError(
    `Cannot train a tokenizer: specialTokens lacks ${missing}, which ` +
      "WordPiece needs",
  );
}

/** @throws {TypeError} If an option is not a list of strings. */
function texts(name: string, values: readonly string[]): readonly string[] {
  if (
    Array.isArray(values) && values.every((value) => typeof value === "string")
  ) return values;
  throw new TypeError(
    `Cannot train a tokenizer: ${name} is ${JSON.stringify(values)}, ` +
      "expected strings",
  );
}

/** @throws {RangeError} If an option is not a whole number in range. */
function whole(
  name: string,
  value: number,
  { min, max = Infinity, endless = false }: {
    min: number;
    max?: number;
    /** Whether `Infinity` is in range. */
    endless?: boolean;
  },
): void {
  const fits = Number.isSafeInteger(value) || (endless && value === Infinity);
  if (fits && value >= min && value <= max) return;
  throw new RangeError(
    `Cannot train a tokenizer: ${name} is ${value}, expected a whole number ` +
      `from ${min}${max < Infinity ? ` to ${max}` : ""}`,
  );
}
