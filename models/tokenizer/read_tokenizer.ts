// Copyright 2026 the swagpu authors. MIT license.

// Finds out which kind of tokenizer the files of a folder make up, and reads it.
// Where there is no `tokenizer.json`, it is derived from the older files.

import { NotFound } from "../../host/mod.ts";
import { collectAddedTokens, tokenText, valueOf } from "./added_tokens.ts";
import {
  byteLevelJson,
  byteLevelRoles,
  parseIds,
  parseMerges,
} from "./byte_level.ts";
import type { Codec } from "./codec.ts";
import { JsonCodec } from "./json_codec.ts";
import { FileContents, type TokenizerFiles } from "./file_contents.ts";
import { FILES } from "./file_names.ts";
import { idOf } from "./fields.ts";
import { formatJson, isObject } from "../files/json.ts";
import { MarianCodec } from "./marian_codec.ts";
import { overridden } from "./companion_files.ts";
import type { TokenizerOptions } from "./types.ts";
import { isUncased, parseVocabulary, wordPieceJson } from "./wordpiece.ts";

const BERT_TOKENS = {
  cls: "[CLS]",
  mask: "[MASK]",
  pad: "[PAD]",
  sep: "[SEP]",
  unk: "[UNK]",
};

/** A tokenizer as its files describe it. */
export interface ReadTokenizer {
  readonly codec: Codec;
  /** The files to save, including derived ones. */
  readonly files: TokenizerFiles;
  /** The fields of `tokenizer_config.json`. */
  readonly config: Record<string, unknown>;
  /** The most tokens of a row, if the files do not say. */
  readonly maxLength: number;
}

/**
 * Finds out which kind of tokenizer the files hold, and reads it.
 *
 * @throws {NotFound} If they do not hold a tokenizer.
 * @throws {SyntaxError} If a file is malformed or asks for unknown rules.
 */
export function readTokenizer(
  files: TokenizerFiles,
  options: TokenizerOptions & { source: string },
): ReadTokenizer {
  const contents = new FileContents(files, options.source);
  const config = contents.fields(FILES.config);
  const decoder = config.added_tokens_decoder;
  for (const id of Object.keys(isObject(decoder) ? decoder : {})) {
    contents.explain(
      FILES.config,
      () => idOf(Number(id), `added_tokens_decoder[${JSON.stringify(id)}]`),
    );
  }
  const marian = contents.has(FILES.sourceModel) ||
    /^Marian/.test(String(config.tokenizer_class ?? ""));
  if (marian && !(contents.has(FILES.tokenizer) && !hasMarianFiles(contents))) {
    const codec = readMarian(contents, config);
    return { codec, files: contents.files, config, maxLength: 512 };
  }
  const derived = !contents.has(FILES.tokenizer);
  if (derived) {
    checkClass(contents);
    if (contents.has(FILES.vocabulary)) {
      buildBertFiles(contents, options.lowerCase);
    } else if (contents.has(FILES.ids) && contents.has(FILES.merges)) {
      buildByteLevelFiles(contents, options.addPrefixSpace ?? false);
    } else {
      throw new NotFound(
        `Cannot read the tokenizer of ${contents.source}: it holds neither ` +
          `${FILES.tokenizer} nor ${FILES.vocabulary}, ${FILES.ids} with ` +
          `${FILES.merges}, or ${FILES.sourceModel}`,
      );
    }
  }
  const json = overridden(
    contents.fields(FILES.tokenizer),
    contents.fields(FILES.config),
    options,
  );
  const built = { ...settingsOf(json), ...contents.fields(FILES.config) };
  const codec = contents.explain(FILES.tokenizer, () =>
    new JsonCodec(json, {
      config: built,
      special: contents.fields(FILES.special),
      // A derived tokenizer.json holds the added tokens already.
      added: derived ? {} : contents.ids(FILES.added),
    }));
  return { codec, files: contents.files, config: built, maxLength: Infinity };
}

/** Tokenizer classes with files like BERT's or GPT-2's, but other rules. */
const OTHER_CLASSES =
  /^(BertJapanese|Bertweet|Phobert|PhoBert|RoFormer|CpmAnt|ProphetNet|Herbert|Flaubert|XLM|FSMT|CTRL|OpenAIGPT|CLIP|BlenderbotSmall|BioGpt|Deberta|Qwen2|Speech2Text|TransfoXL)Tokenizer(Fast)?$/;

/** @throws {SyntaxError} If the files do not say how texts are split. */
function checkClass(contents: FileContents): void {
  const name = contents.fields(FILES.config).tokenizer_class;
  if (typeof name !== "string" || !OTHER_CLASSES.test(name)) return;
  throw new SyntaxError(
    `Cannot read ${contents.path(FILES.config)}: tokenizer_class is ` +
      `${JSON.stringify(name)}, whose rules are not known; a ` +
      `${FILES.tokenizer} can say them`,
  );
}

/** Reads the settings of `tokenizer.json`, which other files replace. */
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

function hasMarianFiles(contents: FileContents): boolean {
  return [FILES.sourceModel, FILES.targetModel, FILES.ids]
    .every((name) => contents.has(name));
}

function readMarian(
  contents: FileContents,
  config: Record<string, unknown>,
): MarianCodec {
  for (const name of [FILES.sourceModel, FILES.targetModel, FILES.ids]) {
    if (contents.has(name)) continue;
    throw new NotFound(
      `Cannot read the tokenizer of ${contents.source}: it lacks ${name}`,
    );
  }
  const separate = config.separate_vocabs ?? contents.has(FILES.targetIds);
  if (separate && !contents.has(FILES.targetIds)) {
    throw new NotFound(
      `Cannot read the tokenizer of ${contents.source}: it lacks ` +
        FILES.targetIds,
    );
  }
  return new MarianCodec({
    sourceModel: contents.bytes(FILES.sourceModel),
    targetModel: contents.bytes(FILES.targetModel),
    vocabulary: contents.fields(FILES.ids),
    targetVocabulary: separate ? contents.fields(FILES.targetIds) : null,
    config,
    special: contents.fields(FILES.special),
    added: contents.ids(FILES.added),
    source: contents.source,
  });
}

/** Derives the files that transformers writes beside BERT's `vocab.txt`. */
function buildBertFiles(
  contents: FileContents,
  lower: boolean | undefined,
): void {
  const config = contents.fields(FILES.config);
  const special = contents.fields(FILES.special);
  const role = (name: keyof typeof BERT_TOKENS): string =>
    tokenText(valueOf({ config, special }, `${name}_token`)) ??
      BERT_TOKENS[name];
  const roles = { cls: role("cls"), sep: role("sep"), unk: role("unk") };
  const vocabulary = parseVocabulary(
    contents.text(FILES.vocabulary),
    contents.path(FILES.vocabulary),
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
      added: contents.ids(FILES.added),
      roles: BERT_TOKENS,
    }),
  });
  const tokens = Object.fromEntries(
    Object.keys(BERT_TOKENS)
      .filter((name) => valueOf({ config, special }, `${name}_token`) !== null)
      .map((name) => [
        `${name}_token`,
        role(name as keyof typeof BERT_TOKENS),
      ]),
  );
  derive(contents, json, {
    tokenizer_class: "BertTokenizer",
    ...tokens,
    ...special,
    ...config,
    do_lower_case: lowerCase,
  });
  if (!contents.has(FILES.special)) {
    contents.set(FILES.special, tokens, formatJson(tokens));
  }
}

/** Derives `tokenizer.json` from `vocab.json` and `merges.txt`. */
function buildByteLevelFiles(
  contents: FileContents,
  addPrefixSpace: boolean,
): void {
  const vocabulary = parseIds(
    contents.fields(FILES.ids),
    contents.path(FILES.ids),
  );
  const config = contents.fields(FILES.config);
  const special = contents.fields(FILES.special);
  const json = byteLevelJson({
    vocabulary,
    merges: parseMerges(
      contents.text(FILES.merges),
      vocabulary,
      contents.path(FILES.merges),
    ),
    config,
    special,
    added: contents.ids(FILES.added),
    addPrefixSpace: addPrefixSpace || config.add_prefix_space === true,
    source: contents.source,
  });
  const tokens = Object.entries(byteLevelRoles(vocabulary, config))
    .filter(([, token]) => vocabulary.has(token))
    .map(([role, token]) => [`${role}_token`, token]);
  derive(contents, json, {
    ...Object.fromEntries(tokens),
    ...special,
    ...config,
  });
}

/** Adds a derived `tokenizer.json` and its `tokenizer_config.json`. */
function derive(
  contents: FileContents,
  json: Record<string, unknown>,
  config: Record<string, unknown>,
): void {
  contents.set(FILES.tokenizer, json, `${JSON.stringify(json, null, 2)}\n`);
  contents.set(
    FILES.config,
    config,
    contents.explain(FILES.config, () => formatJson(config)),
  );
}
