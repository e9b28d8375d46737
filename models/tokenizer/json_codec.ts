// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Splits and decodes texts as a `tokenizer.json` describes.

import type { AddedToken, TokenFiles, TokenFinder } from "./added_tokens.ts";
import { AddedVocabulary } from "./added_vocabulary.ts";
import { AlignedText } from "./aligned_text.ts";
import type { Codec, CodecDecodeOptions, SpecialTokenName } from "./codec.ts";
import { cleanUp, type Decoder, readDecoder } from "./decoders.ts";
import { noPieces, type Pieces, type TemplateItem } from "./encoding.ts";
import { booleanOf, idOf, partOf, textOf } from "./fields.ts";
import { readFraming } from "./framing.ts";
import { isObject } from "../files/json.ts";
import { addSpecialTokens, cleansUp } from "./companion_files.ts";
import { type Normalizer, readNormalizer } from "./normalizers.ts";
import { type PreTokenizer, readPreTokenizer } from "./pre_tokenizers.ts";
import { isSpace } from "./unicode.ts";
import { readModel } from "./word_models.ts";
import type { WordModel, WordTokens } from "./word_tokens.ts";

const CACHED_WORDS = 1 << 16;

/** The codec of a `tokenizer.json`. */
export class JsonCodec implements Codec {
  readonly size: number;
  readonly special: ReadonlyMap<SpecialTokenName, string>;
  readonly specialIds: ReadonlySet<number>;
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
  readonly trims: readonly boolean[];
  readonly refusesWords: string | null;
  #vocabulary: AddedVocabulary;
  #normalize: Normalizer;
  #preTokenize: PreTokenizer;
  #model: WordModel;
  #verbatim: number;
  #decode: Decoder;
  #decodeKeepingSpaces: Decoder;
  #cleansUp: boolean;
  #raw: TokenFinder;
  #normalized: TokenFinder;
  #cache = new Map<string, WordTokens>();

  /**
   * Builds the parts that the fields of a `tokenizer.json` and of the files
   * beside it describe.
   *
   * @throws {SyntaxError} If a field is malformed or asks for unknown rules.
   */
  constructor(json: Record<string, unknown>, files: TokenFiles) {
    const { config } = files;
    const { vocabulary, model, verbatim = -1 } = readModel(json.model);
    this.#model = model;
    this.#verbatim = verbatim;
    this.#normalize = readNormalizer(json.normalizer);
    this.#preTokenize = readPreTokenizer(json.pre_tokenizer);
    this.#decode = readDecoder(json.decoder, { keepSpaces: false });
    this.#decodeKeepingSpaces = readDecoder(json.decoder, { keepSpaces: true });
    this.#cleansUp = cleansUp(json, config);
    const framing = readFraming(json.post_processor);
    this.single = framing.single;
    this.pair = framing.pair;
    this.trims = framing.trims;
    const added = new AddedVocabulary(vocabulary, vocabulary.size);
    for (const token of readAddedTokens(json.added_tokens)) {
      added.add(token, token.id);
    }
    this.special = addSpecialTokens(added, files);
    this.#vocabulary = added;
    this.size = added.size;
    const specialIds = new Set<number>();
    for (const token of [...added.special, ...this.special.values()]) {
      const id = added.idOf(token);
      if (id !== undefined) specialIds.add(id);
    }
    this.specialIds = specialIds;
    const spell = (content: string): string =>
      this.#normalize(AlignedText.of(content)).text;
    const skips = (token: AddedToken): boolean =>
      config.split_special_tokens === true && added.special.has(token.content);
    this.#raw = added.finder(false, spell, skips);
    this.#normalized = added.finder(true, spell, skips);
    this.refusesWords = refusesWords(json)
      ? "its tokens mark words by the space before them, pass addPrefixSpace " +
        "when loading the tokenizer"
      : null;
  }

  tokenToId(token: string): number | undefined {
    return this.#vocabulary.idOf(token);
  }

  idToToken(id: number): string | undefined {
    return this.#vocabulary.tokenOf(id);
  }

  split(source: string): Pieces {
    // Half of a surrogate pair becomes U+FFFD.
    const text = source.toWellFormed();
    const pieces = noPieces(this.trims.length > 0);
    let word = 0;
    for (const { from, to, token } of this.#raw.split(text)) {
      if (token !== undefined) {
        push(pieces, token.id, from, to, word++, text.slice(from, to), text);
        continue;
      }
      const section = this.#normalize(
        AlignedText.of(text.slice(from, to), from),
      );
      for (const part of this.#normalized.split(section.text)) {
        const slice = section.slice(part.from, part.to);
        if (slice.text === "") continue;
        if (part.token !== undefined) {
          const start = slice.starts[0] ?? 0;
          const end = slice.ends.at(-1) ?? start;
          push(pieces, part.token.id, start, end, word++, slice.text, text);
          continue;
        }
        for (const one of this.#preTokenize(slice)) {
          this.#word(one, word++, pieces, text);
        }
      }
    }
    return pieces;
  }

  decode(ids: readonly number[], options: CodecDecodeOptions): string {
    const { skipSpecialTokens, cleanUpSpaces } = options;
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.#vocabulary.tokenOf(id);
      if (token === undefined) continue;
      if (skipSpecialTokens && this.#vocabulary.special.has(token)) continue;
      tokens.push(token);
    }
    if (tokens.length === 0) return "";
    const decode = cleanUpSpaces === false
      ? this.#decodeKeepingSpaces
      : this.#decode;
    const text = decode(tokens).join("");
    return cleanUpSpaces ?? this.#cleansUp ? cleanUp(text) : text;
  }

  #word(
    word: AlignedText,
    index: number,
    pieces: Pieces,
    source: string,
  ): void {
    const { text, starts, ends } = word;
    const tokens = this.#tokens(text);
    for (const [i, id] of tokens.ids.entries()) {
      const from = tokens.from[i] ?? 0;
      const to = tokens.to[i] ?? 0;
      const start = starts[from] ?? 0;
      const end = ends[to - 1] ?? start;
      const spelled = id === this.#verbatim
        ? text.slice(from, to)
        : this.#vocabulary.tokenOf(id) ?? "";
      push(pieces, id, start, end, index, spelled, source);
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

/** Adds a token; `spelled` is its text, whose spaces at the ends are counted. */
function push(
  pieces: Pieces,
  id: number,
  start: number,
  end: number,
  word: number,
  spelled: string,
  text: string,
): void {
  pieces.ids.push(id);
  pieces.starts.push(start);
  pieces.ends.push(end);
  pieces.words.push(word);
  if (pieces.spaces === undefined) return;
  let before = 0;
  while (before < spelled.length && spaceAt(spelled, before)) before++;
  let after = 0;
  while (
    after < spelled.length && spaceAt(spelled, spelled.length - 1 - after)
  ) {
    after++;
  }
  pieces.spaces.push({ before, after, text });
}

function spaceAt(text: string, index: number): boolean {
  const char = text[index] ?? "";
  return char === "Ġ" || isSpace(char);
}

function readAddedTokens(value: unknown): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    throw new SyntaxError("added_tokens is not a list");
  }
  return value.map((item, i): AddedToken => {
    const key = `added_tokens[${i}]`;
    const fields = partOf(item, key);
    const special = booleanOf(fields, "special", key, false);
    return {
      id: idOf(fields.id, `${key}.id`),
      content: textOf(fields, "content", key),
      single_word: booleanOf(fields, "single_word", key, false),
      lstrip: booleanOf(fields, "lstrip", key, false),
      rstrip: booleanOf(fields, "rstrip", key, false),
      normalized: booleanOf(fields, "normalized", key, !special),
      special,
    };
  });
}

/** Whether words need a space before them, which single words do not have. */
function refusesWords(json: Record<string, unknown>): boolean {
  const { post_processor: processor, pre_tokenizer: first } = json;
  return isObject(processor) && processor.type === "RobertaProcessing" &&
    isObject(first) && first.type === "ByteLevel" &&
    first.add_prefix_space !== true;
}
