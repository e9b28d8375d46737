// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The files beside `tokenizer.json` change what it says, by the rules of
// transformers: they replace options of its parts and name special tokens.

import {
  moreTokens,
  type TokenFiles,
  tokenText,
  valueOf,
} from "./added_tokens.ts";
import type { AddedVocabulary, NewToken } from "./added_vocabulary.ts";
import type { SpecialTokenName } from "./codec.ts";
import { isObject } from "../files/json.ts";
import type { TokenizerOptions } from "./types.ts";

/** The usual tokens of roles, for folders whose files do not name them. */
const USUAL_TOKENS: Record<SpecialTokenName, readonly string[]> = {
  bos: ["<s>", "<|endoftext|>"],
  eos: ["</s>", "<|endoftext|>"],
  unk: ["[UNK]", "<unk>", "<|endoftext|>"],
  sep: ["[SEP]", "</s>"],
  pad: ["[PAD]", "<pad>"],
  cls: ["[CLS]", "<s>"],
  mask: ["[MASK]", "<mask>"],
};
const ROLES = Object.keys(USUAL_TOKENS) as SpecialTokenName[];

/** Tokenizer classes whose options replace those of a BertNormalizer. */
const BERT_LIKE =
  /^(Bert|DistilBert|Electra|MobileBert|ConvBert|Funnel|Lxmert|LayoutLM|LayoutLMv2|MPNet|Retribert|Splinter|SqueezeBert|Dpr|DPR\w+|Realm)Tokenizer(Fast)?$/;
/** Tokenizer classes whose mask includes the space before it. */
const ROBERTA_LIKE =
  /^(Roberta|Bart|Longformer|LED|Mvp|Blenderbot)Tokenizer(Fast)?$/;

type Fields = Record<string, unknown>;

/**
 * Replaces fields of `tokenizer.json` by the options of `tokenizer_config.json`
 * and of the caller.
 */
export function overridden(
  json: Fields,
  config: Fields,
  options: TokenizerOptions,
): Fields {
  const { normalizer, pre_tokenizer: splitter, post_processor: framer } = json;
  const name = String(config.tokenizer_class ?? "");
  const result = { ...json };
  if (isObject(normalizer) && normalizer.type === "BertNormalizer") {
    const applies = name === "" || BERT_LIKE.test(name);
    const changes: Fields = {};
    const change = (key: string, field: string): void => {
      if (applies && config[key] !== undefined) changes[field] = config[key];
    };
    change("do_lower_case", "lowercase");
    change("strip_accents", "strip_accents");
    change("tokenize_chinese_chars", "handle_chinese_chars");
    if (options.lowerCase !== undefined) changes.lowercase = options.lowerCase;
    result.normalizer = { ...normalizer, ...changes };
  }
  const prefix = options.addPrefixSpace ?? config.add_prefix_space;
  const trims = config.trim_offsets;
  if (
    isObject(splitter) && splitter.type === "ByteLevel" &&
    typeof prefix === "boolean"
  ) {
    result.pre_tokenizer = { ...splitter, add_prefix_space: prefix };
  }
  if (isObject(framer)) {
    result.post_processor = {
      ...framer,
      ...("add_prefix_space" in framer && typeof prefix === "boolean" &&
        { add_prefix_space: prefix }),
      ...("trim_offsets" in framer && typeof trims === "boolean" &&
        (name === "" || ROBERTA_LIKE.test(name)) && { trim_offsets: trims }),
    };
  }
  return result;
}

/**
 * Whether decoded texts are cleaned up: as `tokenizer_config.json` says, else for
 * BERT's classes only.
 */
export function cleansUp(json: Fields, config: Fields): boolean {
  const option = config.clean_up_tokenization_spaces;
  if (typeof option === "boolean") return option;
  const name = config.tokenizer_class;
  if (typeof name === "string") return BERT_LIKE.test(name);
  const { normalizer, decoder } = json;
  return isObject(normalizer) && normalizer.type === "BertNormalizer" &&
    isObject(decoder) && decoder.type === "WordPiece" &&
    decoder.cleanup !== false;
}

/** Reads a token from one of the files; `null` if it does not describe one. */
function tokenOf(value: unknown, special: boolean): NewToken | null {
  const content = tokenText(value);
  if (content === null || content === "") return null;
  const fields = isObject(value) ? value : {};
  const flag = (name: keyof NewToken, otherwise: boolean): boolean =>
    typeof fields[name] === "boolean" ? fields[name] : otherwise;
  const isSpecial = flag("special", special);
  return {
    content,
    single_word: flag("single_word", false),
    lstrip: flag("lstrip", false),
    rstrip: flag("rstrip", false),
    normalized: flag("normalized", !isSpecial),
    special: isSpecial,
  };
}

/**
 * Adds the tokens that the files beside `tokenizer.json` name to its own tokens.
 *
 * If `tokenizer_config.json` has `added_tokens_decoder`, the older files are
 * ignored. Otherwise `special_tokens_map.json` takes precedence over
 * `tokenizer_config.json`, and `added_tokens.json` holds more tokens.
 *
 * @returns The tokens that have a role, by their roles.
 */
export function addSpecialTokens(
  vocabulary: AddedVocabulary,
  files: TokenFiles,
): Map<SpecialTokenName, string> {
  const { config, special: map, added } = files;
  const decoder = isObject(config.added_tokens_decoder)
    ? config.added_tokens_decoder
    : null;
  const name = String(config.tokenizer_class ?? "");
  const given = (key: string): unknown => valueOf(files, key);
  // These classes know their roles without a file.
  const anyGiven = BERT_LIKE.test(name) || ROBERTA_LIKE.test(name) ||
    ROLES.some((role) => tokenText(given(`${role}_token`)) !== null);

  const knows = (role: SpecialTokenName, usual: string): boolean =>
    BERT_LIKE.test(name)
      ? usual.startsWith("[") && role !== "bos" && role !== "eos"
      : ROBERTA_LIKE.test(name) && /^<\/?\w+>$/.test(usual);
  const roles = new Map<SpecialTokenName, unknown>();
  for (const role of ROLES) {
    const value = given(`${role}_token`);
    const usual = USUAL_TOKENS[role].find((token) =>
      vocabulary.idOf(token) !== undefined
    );
    if (tokenText(value) !== null) roles.set(role, value);
    else if (
      value === undefined && usual !== undefined &&
      (!anyGiven || knows(role, usual))
    ) {
      roles.set(role, usual);
    }
  }
  const more = [
    ...moreTokens(config.additional_special_tokens),
    ...(decoder === null ? moreTokens(map.additional_special_tokens) : []),
    ...moreTokens(config.extra_special_tokens),
  ];
  // If no file names a role, roles are guessed and tokens stay as they are.
  const named = [...(anyGiven ? roles.values() : []), ...more];
  const special = new Set(named.map(tokenText));

  const known = new Map<string, NewToken>();
  for (const token of vocabulary.all()) known.set(token.content, token);
  const entries = decoder === null
    ? Object.entries(added).map(([content, id]): [number, NewToken | null] => [
      Number(id),
      tokenOf(content, special.has(content)),
    ])
    : Object.entries(decoder).map(([id, token]): [number, NewToken | null] => [
      Number(id),
      tokenOf(token, false),
    ]);
  for (const [id, token] of entries.toSorted(([a], [b]) => a - b)) {
    if (token === null) continue;
    known.set(token.content, token);
    vocabulary.add({
      ...token,
      special: token.special || special.has(token.content),
    }, id);
  }
  for (const value of named) {
    const content = tokenText(value);
    if (content === null) continue;
    const before = known.get(content);
    const token = isObject(value) && before === undefined
      ? tokenOf({ ...value, special: true }, true)
      : before ?? tokenOf(value, true);
    if (token === null) continue;
    const lstrip = before === undefined && ROBERTA_LIKE.test(name) &&
      !isObject(value) && content === tokenText(roles.get("mask"));
    vocabulary.add({ ...token, lstrip: token.lstrip || lstrip, special: true });
  }
  const result = new Map<SpecialTokenName, string>();
  for (const [role, value] of roles) {
    const content = tokenText(value);
    if (content !== null) result.set(role, content);
  }
  return result;
}
