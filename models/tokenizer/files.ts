// Copyright 2026 the swagpu authors. MIT license.
// Which files a tokenizer is read from, what kind they make up, and the
// `tokenizer.json` that is derived where there is none.

import { collectAddedTokens, saidOf, tokenText } from "./added_tokens.ts";
import {
  byteLevelJson,
  byteLevelRoles,
  parseIds,
  parseMerges,
} from "./byte_level.ts";
import type { Codec } from "./codec.ts";
import { JsonCodec } from "./json_codec.ts";
import { idOf } from "./fields.ts";
import { formatJson, isObject } from "../files/json.ts";
import { MarianCodec } from "./marian_codec.ts";
import { overridden } from "./json.ts";
import { Reader, type TokenizerFiles } from "./reader.ts";
import type { TokenizerOptions } from "./types.ts";
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

const BERT_TOKENS = {
  cls: "[CLS]",
  mask: "[MASK]",
  pad: "[PAD]",
  sep: "[SEP]",
  unk: "[UNK]",
};

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
  const decoder = config.added_tokens_decoder;
  for (const id of Object.keys(isObject(decoder) ? decoder : {})) {
    reader.explain(
      FILES.config,
      () => idOf(Number(id), `added_tokens_decoder[${JSON.stringify(id)}]`),
    );
  }
  const marian = reader.has(FILES.sourceModel) ||
    /^Marian/.test(String(config.tokenizer_class ?? ""));
  if (marian && !(reader.has(FILES.tokenizer) && !hasMarianFiles(reader))) {
    const codec = readMarian(reader, config);
    return { codec, files: reader.files, config, maxLength: 512 };
  }
  const derived = !reader.has(FILES.tokenizer);
  if (derived) {
    checkClass(reader);
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
  const built = { ...settingsOf(json), ...reader.fields(FILES.config) };
  const codec = reader.explain(FILES.tokenizer, () =>
    new JsonCodec(json, {
      config: built,
      special: reader.fields(FILES.special),
      // Where tokenizer.json was derived, it holds them already.
      added: derived ? {} : reader.ids(FILES.added),
    }));
  return { codec, files: reader.files, config: built, maxLength: Infinity };
}

/** Classes that split texts otherwise than BERT and GPT-2, from like files. */
const OTHER_CLASSES =
  /^(BertJapanese|Bertweet|Phobert|PhoBert|RoFormer|CpmAnt|ProphetNet|Herbert|Flaubert|XLM|FSMT|CTRL|OpenAIGPT|CLIP|BlenderbotSmall|BioGpt|Deberta|Qwen2|Speech2Text|TransfoXL)Tokenizer(Fast)?$/;

/** @throws {SyntaxError} If the files alone do not say how texts are split. */
function checkClass(reader: Reader): void {
  const name = reader.fields(FILES.config).tokenizer_class;
  if (typeof name !== "string" || !OTHER_CLASSES.test(name)) return;
  throw new SyntaxError(
    `Cannot read ${reader.path(FILES.config)}: tokenizer_class is ` +
      `${JSON.stringify(name)}, whose rules are not known; a ` +
      `${FILES.tokenizer} can say them`,
  );
}

/** What the settings of `tokenizer.json` say where no other file does. */
function settingsOf(json: Record<string, unknown>): Record<string, unknown> {
  const { padding, truncation } = json;
  const settings: Record<string, unknown> = {};
  if (isObject(padding)) {
    settings.pad_token = padding.pad_token;
    settings.pad_token_type_id = padding.pad_type_id;
    settings.padding_side = sideOf(padding.direction);
  }
  if (isObject(truncation)) {
    settings.truncation_side = sideOf(truncation.direction);
  }
  return settings;
}

function sideOf(direction: unknown): string | undefined {
  return typeof direction === "string" ? direction.toLowerCase() : undefined;
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
    added: reader.ids(FILES.added),
    source: reader.source,
  });
}

/** Adds the files that transformers writes beside BERT's `vocab.txt`. */
function buildBertFiles(reader: Reader, lower: boolean | undefined): void {
  const config = reader.fields(FILES.config);
  const special = reader.fields(FILES.special);
  const role = (name: keyof typeof BERT_TOKENS): string =>
    tokenText(saidOf({ config, special }, `${name}_token`)) ??
      BERT_TOKENS[name];
  const roles = { cls: role("cls"), sep: role("sep"), unk: role("unk") };
  const vocabulary = parseVocabulary(
    reader.text(FILES.vocabulary),
    reader.path(FILES.vocabulary),
    roles,
  );
  const flag = (name: string): boolean | undefined => {
    const value = config[name];
    return typeof value === "boolean" ? value : undefined;
  };
  const lowerCase = lower ?? flag("do_lower_case") ?? isUncased(vocabulary);
  const json = wordPieceJson(vocabulary, {
    lowerCase,
    stripAccents: flag("strip_accents") ?? null,
    splitChinese: flag("tokenize_chinese_chars") ?? true,
    roles,
    addedTokens: collectAddedTokens(vocabulary, {
      config,
      special,
      added: reader.ids(FILES.added),
      roles: BERT_TOKENS,
    }),
  });
  const tokens = Object.fromEntries(
    Object.keys(BERT_TOKENS)
      .filter((name) => saidOf({ config, special }, `${name}_token`) !== null)
      .map((name) => [
        `${name}_token`,
        role(name as keyof typeof BERT_TOKENS),
      ]),
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
    added: reader.ids(FILES.added),
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
  reader.set(
    FILES.config,
    config,
    reader.explain(FILES.config, () => formatJson(config)),
  );
}
