// Copyright 2026 the swagpu authors. MIT license.
// Which files a tokenizer is read from, what kind they make up, and the
// `tokenizer.json` that is derived where there is none.

import { collectAddedTokens } from "./added_tokens.ts";
import {
  byteLevelJson,
  byteLevelRoles,
  parseIds,
  parseMerges,
} from "./byte_level.ts";
import type { Codec } from "./codec.ts";
import { JsonCodec } from "./json_codec.ts";
import { formatJson, isObject } from "../files/json.ts";
import { MarianCodec } from "./marian_codec.ts";
import {
  newSplitter,
  overridden,
  readTemplate,
  specialTokens,
} from "./json.ts";
import type { TokenizerOptions } from "./types.ts";
import { parseValue } from "../files/json.ts";
import { isUncased, parseVocabulary, wordPieceJson } from "./wordpiece.ts";

/** The files of a tokenizer, of which a folder holds some. */
export const FILES = {
  tokenizer: "tokenizer.json",
  config: "tokenizer_config.json",
  special: "special_tokens_map.json",
  vocabulary: "vocab.txt",
  ids: "vocab.json",
  targetIds: "target_vocab.json",
  merges: "merges.txt",
  added: "added_tokens.json",
  sourceModel: "source.spm",
  targetModel: "target.spm",
} as const;

/** The files that are no text. */
export const BINARY_FILES: ReadonlySet<string> = new Set([
  FILES.sourceModel,
  FILES.targetModel,
]);

/** The content of files by their name. */
export type TokenizerFiles = ReadonlyMap<
  string,
  string | Uint8Array<ArrayBuffer>
>;

const BERT_TOKENS = {
  cls: "[CLS]",
  mask: "[MASK]",
  pad: "[PAD]",
  sep: "[SEP]",
  unk: "[UNK]",
};

/** Reads files by their name; those that are missing hold nothing. */
class Reader {
  readonly source: string;
  #files: Map<string, string | Uint8Array<ArrayBuffer>>;
  #fields = new Map<string, Record<string, unknown>>();

  constructor(files: TokenizerFiles, source: string) {
    this.#files = new Map(files);
    this.source = source;
  }

  /** All files, those that were derived from others too. */
  get files(): TokenizerFiles {
    return this.#files;
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  path(name: string): string {
    return `${this.source}/${name}`;
  }

  text(name: string): string {
    const content = this.#files.get(name) ?? "";
    return typeof content === "string"
      ? content
      : new TextDecoder().decode(content);
  }

  bytes(name: string): Uint8Array {
    const content = this.#files.get(name) ?? "";
    return typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
  }

  /** The fields of a JSON file. */
  fields(name: string): Record<string, unknown> {
    let fields = this.#fields.get(name);
    if (fields === undefined) {
      fields = this.has(name)
        ? parseFields(this.text(name), this.path(name))
        : {};
      this.#fields.set(name, fields);
    }
    return fields;
  }

  /** Adds or replaces a JSON file. */
  set(name: string, fields: Record<string, unknown>, text: string): void {
    this.#fields.set(name, fields);
    this.#files.set(name, text);
  }
}

/** Reads a JSON file without asking how it spells numbers: it may be large. */
function parseFields(text: string, path: string): Record<string, unknown> {
  const value = parseValue(text, path);
  if (isObject(value)) return value;
  throw new SyntaxError(`Cannot read ${path}: it does not hold an object`);
}

/** A tokenizer as its files describe it, and what to save it as. */
export interface ReadTokenizer {
  readonly codec: Codec;
  readonly files: TokenizerFiles;
  /** The fields of `tokenizer_config.json`. */
  readonly config: Record<string, unknown>;
  /** The limit where the files say none. */
  readonly maxLength: number;
}

/**
 * Finds out what kind of tokenizer the files hold, and reads it.
 *
 * @throws {Deno.errors.NotFound} If they hold none.
 * @throws {SyntaxError} If one of them cannot be understood.
 */
export function readTokenizer(
  files: TokenizerFiles,
  options: TokenizerOptions & { source: string },
): ReadTokenizer {
  const reader = new Reader(files, options.source);
  const config = reader.fields(FILES.config);
  const marian = reader.has(FILES.sourceModel) ||
    /^Marian/.test(String(config.tokenizer_class ?? ""));
  if (marian && !(reader.has(FILES.tokenizer) && !hasMarianFiles(reader))) {
    const codec = readMarian(reader, config);
    return { codec, files: reader.files, config, maxLength: 512 };
  }
  if (!reader.has(FILES.tokenizer)) {
    if (reader.has(FILES.vocabulary)) buildBertFiles(reader, options.lowerCase);
    else if (reader.has(FILES.ids) && reader.has(FILES.merges)) {
      buildByteLevelFiles(reader, options.addPrefixSpace ?? false);
    } else {
      throw new Deno.errors.NotFound(
        `Cannot read the tokenizer of ${reader.source}: it holds neither ` +
          `${FILES.tokenizer} nor ${FILES.vocabulary}, ${FILES.ids} with ` +
          `${FILES.merges}, or ${FILES.sourceModel}`,
      );
    }
  }
  const json = overridden(
    reader.fields(FILES.tokenizer),
    reader.fields(FILES.config),
    options,
  );
  const built = reader.fields(FILES.config);
  const splitter = newSplitter(json, built, reader.source);
  const codec = new JsonCodec(json, splitter, {
    special: specialTokens(built, reader.fields(FILES.special), splitter),
    single: readTemplate(splitter, false),
    pair: readTemplate(splitter, true),
  });
  return { codec, files: reader.files, config: built, maxLength: Infinity };
}

function hasMarianFiles(reader: Reader): boolean {
  return [FILES.sourceModel, FILES.targetModel, FILES.ids]
    .every((name) => reader.has(name));
}

function readMarian(
  reader: Reader,
  config: Record<string, unknown>,
): MarianCodec {
  for (const name of [FILES.sourceModel, FILES.targetModel, FILES.ids]) {
    if (reader.has(name)) continue;
    throw new Deno.errors.NotFound(
      `Cannot read the tokenizer of ${reader.source}: it lacks ${name}`,
    );
  }
  const separate = config.separate_vocabs ?? reader.has(FILES.targetIds);
  if (separate && !reader.has(FILES.targetIds)) {
    throw new Deno.errors.NotFound(
      `Cannot read the tokenizer of ${reader.source}: it lacks ` +
        FILES.targetIds,
    );
  }
  return new MarianCodec({
    sourceModel: reader.bytes(FILES.sourceModel),
    targetModel: reader.bytes(FILES.targetModel),
    vocabulary: reader.fields(FILES.ids),
    targetVocabulary: separate ? reader.fields(FILES.targetIds) : null,
    config,
    special: reader.fields(FILES.special),
    added: reader.fields(FILES.added),
    source: reader.source,
  });
}

/** Adds the files that transformers writes beside BERT's `vocab.txt`. */
function buildBertFiles(reader: Reader, lower: boolean | undefined): void {
  const vocabulary = parseVocabulary(
    reader.text(FILES.vocabulary),
    reader.path(FILES.vocabulary),
  );
  const config = reader.fields(FILES.config);
  const special = reader.fields(FILES.special);
  const flag = (name: string): boolean | undefined => {
    const value = config[name];
    return typeof value === "boolean" ? value : undefined;
  };
  const lowerCase = lower ?? flag("do_lower_case") ?? isUncased(vocabulary);
  const json = wordPieceJson(vocabulary, {
    lowerCase,
    stripAccents: flag("strip_accents") ?? null,
    splitChinese: flag("tokenize_chinese_chars") ?? true,
    addedTokens: collectAddedTokens(vocabulary, {
      config,
      special,
      added: reader.fields(FILES.added),
      roles: BERT_TOKENS,
    }),
  });
  const tokens = Object.fromEntries(
    Object.entries(BERT_TOKENS).map((
      [role, token],
    ) => [`${role}_token`, token]),
  );
  derive(reader, json, {
    tokenizer_class: "BertTokenizer",
    ...tokens,
    ...special,
    ...config,
    do_lower_case: lowerCase,
  });
  if (!reader.has(FILES.special)) {
    reader.set(FILES.special, tokens, formatJson(tokens));
  }
}

/** Adds `tokenizer.json` beside `vocab.json` and `merges.txt`. */
function buildByteLevelFiles(reader: Reader, addPrefixSpace: boolean): void {
  const vocabulary = parseIds(
    reader.fields(FILES.ids),
    reader.path(FILES.ids),
  );
  const config = reader.fields(FILES.config);
  const special = reader.fields(FILES.special);
  const json = byteLevelJson({
    vocabulary,
    merges: parseMerges(
      reader.text(FILES.merges),
      vocabulary,
      reader.path(FILES.merges),
    ),
    config,
    special,
    added: reader.fields(FILES.added),
    addPrefixSpace: addPrefixSpace || config.add_prefix_space === true,
    source: reader.source,
  });
  const tokens = Object.entries(byteLevelRoles(vocabulary, config))
    .filter(([, token]) => vocabulary.has(token))
    .map(([role, token]) => [`${role}_token`, token]);
  derive(reader, json, {
    ...Object.fromEntries(tokens),
    ...special,
    ...config,
  });
}

function derive(
  reader: Reader,
  json: Record<string, unknown>,
  config: Record<string, unknown>,
): void {
  reader.set(FILES.tokenizer, json, `${JSON.stringify(json, null, 2)}\n`);
  reader.set(FILES.config, config, formatJson(config));
}
