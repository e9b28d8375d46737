// Copyright 2026 the swagpu authors. MIT license.

/**
 * Makes random `tokenizer.json` files, and texts from all of Unicode for them. The file
 * is longer than most because it has one function for each part of a tokenizer.
 *
 * @module
 */

import { Tokenizer as Oracle } from "tokenizers";
import type { Random } from "./fuzzer.ts";

/** The fields of a JSON object. */
export type Fields = Record<string, unknown>;

/** Characters that are easy to handle wrongly. */
const ODD = [
  ..."\u0000\u0001\t\n\v\f\r\u001c\u001f\u007f\u0080\u0085\u00a0\u00ad",
  ..."\u0130\u0131\u017f\u00df\u1e9e\u03a3\u03c2\u03c3\u0345\u0300\u0301\u0316\u0327\u0308",
  ..."\u0378\u0600\u061c\u070f\u0903\u093e\u09be\u09c7\u0bd7\u0cd5\u0dcf\u0dd9\u0ddd",
  ..."\u1100\u1161\u11a8\uac00\uac01\ud7a3\u1680\u180e\u2000\u200b\u200c\u200d\u200e",
  ..."\u2028\u2029\u202e\u202f\u205f\u2060\u2126\u212a\u212b\u2160\u2460\u24b6",
  ..."\u2581\u3000\u302e\u3099\u4e00\u9fff\uf900\ufb01\ufdfa\ufe0f\ufeff\uff21\uff9e\ufffc\ufffd\uffff",
  ..."\u{10400}\u{1d15e}\u{1d165}\u{1d400}\u{1f1e6}\u{1f468}\u{1f469}\u{1f3fd}\u{20000}\u{2b820}\u{2b920}\u{2f800}\u{e0001}\u{e0041}\u{f0000}\u{10ffff}",
  ..."_'’.,!?-$+<>^`|~()[]{}#@&*/\\\"",
];

/** Characters for which the compiled tokenizers have newer tables. */
const NEWER =
  /[\ua7ce\ua7d2\ua7d4\u{16ea0}-\u{16eb8}\u{11de0}-\u{11de9}\u{16ff4}-\u{16ff6}]/u;

function randomChar(random: Random): string {
  const kind = random.next();
  if (kind < 0.35) return random.pick([..."abcABCxyz"]);
  if (kind < 0.5) return random.pick([" ", " ", "  ", "\n", "\t", "1", "23"]);
  if (kind < 0.7) return random.pick(ODD);
  const limit = kind < 0.85 ? 0x3400 : kind < 0.95 ? 0x20000 : 0x110000;
  const code = random.integer(0, limit);
  const char = String.fromCodePoint(code);
  return (code >= 0xd800 && code < 0xe000) || NEWER.test(char) ? "é" : char;
}

/** Makes a text of characters from all of Unicode, with some special tokens. */
export function randomText(
  random: Random,
  special: readonly string[],
): string {
  let text = "";
  const length = random.integer(0, 24);
  for (let i = 0; i < length; i++) {
    text += random.next() < 0.06 && special.length > 0
      ? random.pick(special)
      : randomChar(random);
    if (random.next() < 0.01) text += "a".repeat(random.integer(95, 130));
  }
  return text;
}

/** A random selection of items. */
function some<T>(random: Random, items: readonly T[], chance = 0.5): T[] {
  return items.filter(() => random.next() < chance);
}

/** A random boolean. */
export const flip = (random: Random): boolean => random.next() < 0.5;

function randomPattern(random: Random, more: readonly string[] = []): Fields {
  return random.pick<Fields>([
    { String: random.pick([" ", "a", "ab", ".", "▁", "  "]) },
    {
      Regex: random.pick([
        "\\s+",
        "\\w+|[^\\w\\s]+",
        "\\d",
        " ?[^\\s\\p{L}\\p{N}]+",
        "(?i:'s|'t|'re|a)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "[[:punct:]]",
        "[a-c&&[^b]]+",
        "\\p{Han}",
        "(?<=a)b",
        "\\bx",
        "^.",
        ".$",
        "\\p{Lu}++",
        "(?>a+)",
        "\\h{2}",
        "[\\p{M}\\u200d]+",
        ...more,
      ]),
    },
  ]);
}

function randomNormalizer(random: Random, depth = 0): Fields | null {
  const kind = random.integer(0, depth < 2 ? 14 : 12);
  switch (kind) {
    case 0:
    case 1:
      return {
        type: "BertNormalizer",
        clean_text: flip(random),
        handle_chinese_chars: flip(random),
        strip_accents: random.pick([null, true, false]),
        lowercase: flip(random),
      };
    case 2:
      return { type: "Lowercase" };
    case 3:
      return { type: "StripAccents" };
    case 4:
    case 5:
      return { type: random.pick(["NFC", "NFD", "NFKC", "NFKD"]) };
    case 6:
      return {
        type: "Strip",
        strip_left: flip(random),
        strip_right: flip(random),
      };
    case 7:
      return { type: "Prepend", prepend: random.pick(["▁", "ab", " ", "😀"]) };
    case 8:
    case 9:
      return {
        type: "Replace",
        pattern: randomPattern(random),
        content: random.pick(["", "▁", "ab", "é", "$&"]),
      };
    case 10:
      return { type: "Nmt" };
    case 11:
      return null;
    default:
      return {
        type: "Sequence",
        normalizers: Array.from(
          { length: random.integer(0, 4) },
          () => randomNormalizer(random, depth + 1),
        ).filter((part) => part !== null),
      };
  }
}

const BEHAVIORS = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
];

function randomPreTokenizer(random: Random, depth = 0): Fields | null {
  const kind = random.integer(0, depth < 2 ? 13 : 11);
  switch (kind) {
    case 0:
      return { type: "BertPreTokenizer" };
    case 1:
      return { type: "Whitespace" };
    case 2:
      return { type: "WhitespaceSplit" };
    case 3:
      return { type: "Punctuation", behavior: random.pick(BEHAVIORS) };
    case 4:
      return { type: "Digits", individual_digits: flip(random) };
    case 5:
    case 6:
      return {
        type: "Split",
        // Replacing empty matches may crash the compiled tokenizers.
        pattern: randomPattern(random, ["a*", "\\S{,3}"]),
        behavior: random.pick(BEHAVIORS),
        invert: flip(random),
      };
    case 7:
    case 8:
      return {
        type: "Metaspace",
        replacement: "▁",
        prepend_scheme: random.pick(["always", "first", "never"]),
        split: flip(random),
      };
    case 9:
      return {
        type: "ByteLevel",
        add_prefix_space: flip(random),
        trim_offsets: true,
        use_regex: flip(random),
      };
    case 10:
      return null;
    default:
      return {
        type: "Sequence",
        pretokenizers: Array.from(
          { length: random.integer(1, 4) },
          () => randomPreTokenizer(random, depth + 1),
        ).filter((part) => part !== null),
      };
  }
}

function randomDecoder(random: Random, depth = 0): Fields | null {
  const kind = random.integer(0, depth < 1 ? 11 : 10);
  switch (kind) {
    case 0:
    case 1:
      return { type: "WordPiece", prefix: "##", cleanup: flip(random) };
    case 2:
      return {
        type: "ByteLevel",
        add_prefix_space: true,
        trim_offsets: true,
        use_regex: true,
      };
    case 3:
      return {
        type: "Metaspace",
        replacement: "▁",
        prepend_scheme: random.pick(["always", "first", "never"]),
        split: true,
      };
    case 4:
      return { type: "BPEDecoder", suffix: random.pick(["</w>", "a"]) };
    case 5:
      return { type: "ByteFallback" };
    case 6:
      return { type: "Fuse" };
    case 7:
      return {
        type: "Replace",
        pattern: { String: random.pick(["▁", "a", "##"]) },
        content: random.pick([" ", "", "$&"]),
      };
    case 8:
      return {
        type: "CTC",
        pad_token: "[PAD]",
        word_delimiter_token: "|",
        cleanup: flip(random),
      };
    case 9:
      return null;
    default:
      return {
        type: "Sequence",
        decoders: Array.from(
          { length: random.integer(1, 4) },
          () => randomDecoder(random, depth + 1),
        ).filter((part) => part !== null),
      };
  }
}

const SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"];

function randomFraming(random: Random, ids: Fields): Fields | null {
  const bytes = {
    type: "ByteLevel",
    add_prefix_space: flip(random),
    trim_offsets: flip(random),
    use_regex: true,
  };
  const one = (id: string, type_id: number) => ({
    SpecialToken: { id, type_id },
  });
  const text = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  const type = random.integer(0, 3);
  const template = {
    type: "TemplateProcessing",
    single: [
      ...(flip(random) ? [one("[CLS]", 0)] : []),
      text("A", type),
      one("[SEP]", 0),
    ],
    pair: [
      one("[CLS]", 0),
      ...(flip(random) ? [text("A", 0), one("[SEP]", 0), text("B", 1)] : [
        text("B", 1),
        one("[SEP]", 2),
        text("A", type),
      ]),
      one("[SEP]", 1),
    ],
    special_tokens: {
      "[CLS]": {
        id: "[CLS]",
        ids: [ids["[CLS]"], ids["[PAD]"]],
        tokens: ["[CLS]", "[PAD]"],
      },
      "[SEP]": { id: "[SEP]", ids: [ids["[SEP]"]], tokens: ["[SEP]"] },
    },
  };
  const frame = { sep: ["[SEP]", ids["[SEP]"]], cls: ["[CLS]", ids["[CLS]"]] };
  return random.pick<Fields | null>([
    null,
    bytes,
    template,
    template,
    { type: "BertProcessing", ...frame },
    {
      type: "RobertaProcessing",
      ...frame,
      trim_offsets: flip(random),
      add_prefix_space: flip(random),
    },
    { type: "Sequence", processors: [bytes, template] },
  ]);
}

/** A tokenizer without a vocabulary. */
function withoutModel(json: Fields): Oracle {
  const model = {
    type: "WordLevel",
    vocab: { "[UNK]": 0 },
    unk_token: "[UNK]",
  };
  return Oracle.fromString(
    JSON.stringify({ ...json, post_processor: null, decoder: null, model }),
  );
}

function normalizerOf(json: Fields): (text: string) => string {
  const normalizer = withoutModel(json).getNormalizer();
  return (text) => normalizer?.normalizeString(text) ?? text;
}

/** The words into which the normalizer and pre-tokenizer split texts. */
function wordsOf(json: Fields, texts: readonly string[]): string[] {
  const empty = withoutModel(json);
  const normalizer = empty.getNormalizer();
  const pre = empty.getPreTokenizer();
  return texts.flatMap((text) => {
    const normalized = normalizer?.normalizeString(text) ?? text;
    return pre?.preTokenizeString(normalized).map(([word]) => word) ??
      [normalized];
  }).filter((word) => word !== "");
}

/** Cuts parts out of words, for a vocabulary that the words can use. */
function randomPieces(random: Random, words: readonly string[]): string[] {
  const pieces = new Set<string>();
  for (const word of words) {
    const chars = [...word];
    for (let i = 0; i < 4; i++) {
      const from = random.integer(0, chars.length);
      const length = random.integer(1, 4);
      pieces.add(chars.slice(from, from + length).join(""));
    }
    for (const char of some(random, chars, 0.7)) pieces.add(char);
    if (random.next() < 0.1) pieces.add(word);
  }
  return [...pieces];
}

const BYTES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
);

function numbered(tokens: Iterable<string>): Record<string, number> {
  return Object.fromEntries(Array.from(new Set(tokens), (one, i) => [one, i]));
}

const MODELS = ["WordLevel", "Unigram", "WordPiece", "BPE"] as const;

/** The kinds of models. */
export type ModelType = typeof MODELS[number];

function randomModel(
  random: Random,
  words: readonly string[],
  type: ModelType,
): Fields {
  const pieces = randomPieces(random, words);
  const bytes = random.next() < 0.4 ? BYTES : some(random, BYTES, 0.01);
  switch (type) {
    case "WordLevel":
      return {
        type: "WordLevel",
        unk_token: "[UNK]",
        vocab: numbered([...SPECIAL, ...some(random, words), ...pieces]),
      };
    case "Unigram": {
      const vocab = [...SPECIAL, ...bytes, ...pieces].map((piece) => [
        piece,
        // Few digits, because the compiled tokenizers round long numbers twice.
        random.pick([-1, -2, -3, -random.integer(0, 999) / 100, -1.1, -2.2]),
      ]);
      return {
        type: "Unigram",
        unk_id: 0,
        byte_fallback: flip(random),
        vocab: random.next() < 0.9
          ? vocab
          : [...vocab, [random.pick(SPECIAL), -1]],
      };
    }
    case "WordPiece": {
      const prefix = random.pick(["##", "##", "", "▁"]);
      return {
        type: "WordPiece",
        unk_token: "[UNK]",
        continuing_subword_prefix: prefix,
        max_input_chars_per_word: random.pick([100, 100, 3]),
        vocab: numbered([
          ...SPECIAL,
          ...pieces,
          ...some(random, pieces, 0.7).map((piece) => prefix + piece),
        ]),
      };
    }
    case "BPE": {
      const prefix = random.next() < 0.8 ? null : "##";
      const suffix = random.next() < 0.8 ? null : "</w>";
      const tokens = new Set([...SPECIAL, ...bytes]);
      const chars = new Set(words.flatMap((word) => [...word]));
      for (const char of some(random, [...chars], 0.9)) {
        tokens.add(char);
        if (prefix !== null) tokens.add(prefix + char);
        if (suffix !== null) tokens.add(char + suffix);
      }
      const merges: [string, string][] = [];
      for (let i = 0; i < 60; i++) {
        const parts = [...random.pick(words)];
        const at = random.integer(0, parts.length);
        const [first, second, third] = parts.slice(at);
        if (first === undefined || second === undefined) continue;
        const pair: [string, string] = third !== undefined && flip(random)
          ? [first + second, third]
          : [first, second];
        if (prefix !== null) pair[1] = prefix + pair[1];
        if (!tokens.has(pair[0]) || !tokens.has(pair[1])) continue;
        merges.push(pair);
        tokens.add(pair[0] + pair[1].slice(prefix?.length ?? 0));
      }
      return {
        type: "BPE",
        dropout: null,
        unk_token: random.pick([null, "[UNK]", "[UNK]"]),
        continuing_subword_prefix: prefix,
        end_of_word_suffix: suffix,
        fuse_unk: flip(random),
        byte_fallback: flip(random),
        ignore_merges: random.next() < 0.2,
        vocab: numbered(tokens),
        merges: flip(random) || merges.flat().some((part) => /\s/.test(part))
          ? merges
          : merges.map((pair) => pair.join(" ")),
      };
    }
  }
}

function randomAdded(
  random: Random,
  vocabulary: Fields,
  normalize: (content: string) => string,
): Fields[] {
  const contents = new Set(some(random, [
    ...SPECIAL,
    "<L>",
    "<R>",
    "ab",
    "AB",
    "é",
    " x",
    "a b",
    "a",
    "<L><R>",
    "ﬁ",
    "İ",
  ], 0.35));
  // A token that is empty after normalization crashes the compiled tokenizers, and of
  // two tokens with the same spelling they may find either.
  const spellings = new Set([""]);
  for (const content of contents) {
    const spelling = normalize(content);
    if (spellings.has(spelling)) contents.delete(content);
    spellings.add(spelling);
  }
  const size = Object.keys(vocabulary).length;
  let next = size;
  return Array.from(contents, (content) => {
    const special = random.next() < 0.4;
    return {
      id: vocabulary[content] ?? next++,
      content,
      single_word: random.next() < 0.3,
      lstrip: random.next() < 0.3,
      rstrip: random.next() < 0.3,
      normalized: flip(random),
      special,
    };
  });
}

/** A tokenizer, and texts that use its vocabulary. */
export interface RandomTokenizer {
  /** The fields of its `tokenizer.json`. */
  readonly json: Fields;
  readonly texts: readonly string[];
}

/** Makes a tokenizer with a model of the given or a random kind, and texts for it. */
export function randomTokenizer(
  random: Random,
  type: ModelType = random.pick(MODELS),
): RandomTokenizer {
  const bare = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: random.next() < 0.2 ? null : randomNormalizer(random),
    pre_tokenizer: random.next() < 0.1 ? null : randomPreTokenizer(random),
  };
  const contents = [...SPECIAL, "<L>", "<R>", "ab", "AB", " x", "a b", "ﬁ"];
  const texts = Array.from({ length: 6 }, () => randomText(random, contents));
  const words = wordsOf(bare, texts);
  const model = randomModel(random, words.length > 0 ? words : ["ab"], type);
  const vocabulary = Array.isArray(model.vocab)
    ? Object.fromEntries(
      model.vocab.map(([piece]: [string], i: number) => [piece, i]),
    )
    : model.vocab as Fields;
  const json = {
    ...bare,
    added_tokens: random.next() < 0.3
      ? []
      : randomAdded(random, vocabulary, normalizerOf(bare)),
    post_processor: randomFraming(random, vocabulary),
    decoder: randomDecoder(random),
    model,
  };
  return { json, texts };
}
