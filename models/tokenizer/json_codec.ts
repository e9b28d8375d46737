// Copyright 2026 the swagpu authors. MIT license.
// The kind of tokenizer that a `tokenizer.json` describes. The package
// `@huggingface/tokenizers` holds the vocabulary, joins byte pairs and decodes;
// what comes before that is done here, because it must keep track of places.

import {
  BPE,
  type Tokenizer as Splitter,
  Unigram as PackageUnigram,
} from "@huggingface/tokenizers";
import { type AddedToken, TokenFinder } from "./added_tokens.ts";
import { AlignedText } from "./aligned_text.ts";
import { byteToken } from "./byte_level.ts";
import type { Codec, CodecDecodeOptions, SpecialTokenName } from "./codec.ts";
import { noPieces, type Pieces, type TemplateItem } from "./encoding.ts";
import { isObject } from "../files/json.ts";
import { type Normalizer, readNormalizer } from "./normalizers.ts";
import { type PreTokenizer, readPreTokenizer } from "./pre_tokenizers.ts";
import { joinUnknown, Unigram } from "./unigram.ts";

/** The tokens of a word, and from which to before which of its units. */
interface WordTokens {
  readonly ids: number[];
  readonly from: number[];
  readonly to: number[];
}

type WordModel = (word: string) => WordTokens;

/** What the files say besides how to split. */
export interface JsonCodecParts {
  readonly special: ReadonlyMap<SpecialTokenName, string>;
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
}

const CACHED_WORDS = 1 << 16;

/** A tokenizer by its `tokenizer.json`. */
export class JsonCodec implements Codec {
  readonly size: number;
  readonly special: ReadonlyMap<SpecialTokenName, string>;
  readonly specialIds: ReadonlySet<number>;
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
  readonly refusesWords: string | null;
  #splitter: Splitter;
  #normalize: Normalizer;
  #preTokenize: PreTokenizer;
  #model: WordModel;
  #raw: TokenFinder;
  #normalized: TokenFinder;
  #trims: boolean;
  #cache = new Map<string, WordTokens>();

  constructor(
    json: Record<string, unknown>,
    splitter: Splitter,
    parts: JsonCodecParts,
  ) {
    this.#splitter = splitter;
    this.special = parts.special;
    this.single = parts.single;
    this.pair = parts.pair;
    const vocabulary = splitter.get_vocab();
    let largest = -1;
    for (const id of vocabulary.values()) largest = Math.max(largest, id);
    this.size = largest + 1;
    this.#normalize = readNormalizer(json.normalizer);
    this.#preTokenize = readPreTokenizer(json.pre_tokenizer);
    this.#model = readModel(splitter);
    const raw = new Map<string, AddedToken>();
    const normalized = new Map<string, AddedToken>();
    const specialIds = new Set<number>();
    for (const token of splitter.get_added_tokens_decoder().values()) {
      if (token.special) specialIds.add(token.id);
      if (token.normalized) {
        const { text } = this.#normalize(AlignedText.of(token.content));
        normalized.set(text, token);
      } else {
        raw.set(token.content, token);
      }
    }
    for (const token of parts.special.values()) {
      const id = splitter.token_to_id(token);
      if (id !== undefined) specialIds.add(id);
    }
    this.specialIds = specialIds;
    this.#raw = new TokenFinder(raw);
    this.#normalized = new TokenFinder(normalized);
    this.#trims = trimsOffsets(json.post_processor);
    this.refusesWords = refusesWords(json)
      ? "its tokens tell words by the space before, pass addPrefixSpace when " +
        "loading the tokenizer"
      : null;
  }

  tokenToId(token: string): number | undefined {
    return this.#splitter.token_to_id(token);
  }

  idToToken(id: number): string | undefined {
    return this.#splitter.id_to_token(id);
  }

  split(text: string): Pieces {
    const pieces = noPieces();
    let word = 0;
    for (const { from, to, token } of this.#raw.split(text)) {
      if (token !== undefined) {
        push(pieces, token.id, from, to, word++);
        continue;
      }
      const section = this.#normalize(
        AlignedText.of(text.slice(from, to), from),
      );
      for (const part of this.#normalized.split(section.text)) {
        const slice = section.slice(part.from, part.to);
        if (part.token !== undefined) {
          const start = slice.starts[0] ?? 0;
          push(pieces, part.token.id, start, slice.ends.at(-1) ?? 0, word++);
          continue;
        }
        if (slice.text === "") continue;
        const first = from === 0 && part.from === 0;
        for (const one of this.#preTokenize(slice, first)) {
          this.#word(one, word++, pieces);
        }
      }
    }
    return pieces;
  }

  decode(ids: readonly number[], options: CodecDecodeOptions): string {
    const { skipSpecialTokens, cleanUpSpaces } = options;
    const kept = skipSpecialTokens
      ? ids.filter((id) => !this.specialIds.has(id))
      : [...ids];
    if (kept.length === 0) return "";
    return this.#splitter.decode(
      kept,
      cleanUpSpaces === undefined
        ? {}
        : { clean_up_tokenization_spaces: cleanUpSpaces },
    );
  }

  #word(word: AlignedText, index: number, pieces: Pieces): void {
    const { text, starts, ends } = word;
    const tokens = this.#tokens(text);
    for (const [i, id] of tokens.ids.entries()) {
      let from = tokens.from[i] ?? 0;
      let to = tokens.to[i] ?? 0;
      if (this.#trims) {
        while (from < to && isSpace(text, from)) from++;
        while (to > from && isSpace(text, to - 1)) to--;
      }
      const end = ends[to - 1] ?? 0;
      push(pieces, id, from < to ? starts[from] ?? end : end, end, index);
    }
  }

  #tokens(word: string): WordTokens {
    const known = this.#cache.get(word);
    if (known !== undefined) return known;
    const tokens = this.#model(word);
    if (this.#cache.size >= CACHED_WORDS) this.#cache.clear();
    this.#cache.set(word, tokens);
    return tokens;
  }
}

function push(
  pieces: Pieces,
  id: number,
  start: number,
  end: number,
  word: number,
): void {
  pieces.ids.push(id);
  pieces.starts.push(start);
  pieces.ends.push(end);
  pieces.words.push(word);
}

function isSpace(text: string, index: number): boolean {
  const char = text[index] ?? "";
  return char === "Ġ" || /\s/.test(char);
}

function readModel(splitter: Splitter): WordModel {
  const { model } = splitter;
  if (model === null) return () => ({ ids: [], from: [], to: [] });
  if (model instanceof BPE) return bytePairs(model);
  if (model instanceof PackageUnigram) return unigram(model);
  const { unk_token: unknown, config, tokens_to_ids: known } = model;
  const { continuing_subword_prefix: prefix = "" } = config as {
    continuing_subword_prefix?: string;
  };
  return (word) => {
    const tokens = model.encode([word])
      .map((token) => known.has(token) ? token : unknown)
      .filter((token) => token !== undefined);
    const result: WordTokens = { ids: [], from: [], to: [] };
    let unit = 0;
    for (const [i, token] of tokens.entries()) {
      const length = tokens.length === 1
        ? word.length
        : token.length - (i > 0 ? prefix.length : 0);
      append(result, known.get(token) ?? 0, unit, unit += length);
    }
    return result;
  };
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

function unigram(model: PackageUnigram): WordModel {
  const unknown = model.unk_token_id;
  const cutter = new Unigram(
    model.vocab.map((text, i) =>
      i === unknown ? null : { text, score: model.scores[i] ?? 0 }
    ),
  );
  return (word) => {
    const result: WordTokens = { ids: [], from: [], to: [] };
    for (const { piece, start, end } of joinUnknown(cutter.cut(word))) {
      const id = piece < 0 ? unknown : piece;
      if (id !== undefined) append(result, id, start, end);
    }
    return result;
  };
}

function bytePairs(model: BPE): WordModel {
  const known = model.tokens_to_ids;
  const unknown = model.unk_token_id;
  const encoder = new TextEncoder();
  const suffix = model.end_of_word_suffix?.length ?? 0;
  return (word) => {
    const result: WordTokens = { ids: [], from: [], to: [] };
    const whole = known.get(word);
    if (model.ignore_merges && whole !== undefined) {
      append(result, whole, 0, word.length);
      return result;
    }
    const parts = model.bpe(word);
    let from = 0;
    for (const [i, part] of parts.entries()) {
      const to = from + part.length - (i === parts.length - 1 ? suffix : 0);
      const last = result.ids.length - 1;
      const bytes = model.byte_fallback
        ? Array.from(encoder.encode(part), (byte) => known.get(byteToken(byte)))
        : [undefined];
      const id = known.get(part);
      if (id !== undefined) {
        append(result, id, from, to);
      } else if (bytes.every((byte) => byte !== undefined)) {
        for (const byte of bytes) append(result, byte, from, to);
      } else if (unknown !== undefined) {
        if (model.fuse_unk && result.ids[last] === unknown) {
          result.to[last] = to;
        } else append(result, unknown, from, to);
      }
      from = to;
    }
    return result;
  };
}

function trimsOffsets(processor: unknown): boolean {
  if (!isObject(processor)) return false;
  const { type, trim_offsets: trims, processors } = processor;
  if (type === "Sequence" && Array.isArray(processors)) {
    return processors.some(trimsOffsets);
  }
  return (type === "RobertaProcessing" || type === "ByteLevel") &&
    trims !== false;
}

function refusesWords(json: Record<string, unknown>): boolean {
  const { post_processor: processor, pre_tokenizer: first } = json;
  return isObject(processor) && processor.type === "RobertaProcessing" &&
    isObject(first) && first.type === "ByteLevel" &&
    first.add_prefix_space !== true;
}
