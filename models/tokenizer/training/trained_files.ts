// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The files of a trained tokenizer: what `tokenizer.json` says besides the
// vocabulary, and the two files in which transformers looks for special tokens.

import { formatJson } from "../../files/json.ts";
import type { AddedToken } from "../added_tokens.ts";
import { ROBERTA } from "../byte_level.ts";
import type { SpecialTokenName } from "../codec.ts";
import { FILES } from "../file_names.ts";
import type { LearnedMerges } from "./learn_merges.ts";

type Fields = Record<string, unknown>;

/** The special tokens that have a role, by the role. */
export type Roles = Partial<Record<SpecialTokenName, string>>;

const BERT: Roles = {
  unk: "[UNK]",
  sep: "[SEP]",
  pad: "[PAD]",
  cls: "[CLS]",
  mask: "[MASK]",
};

const END_OF_TEXT = "<|endoftext|>";
const GPT2: Roles = {
  bos: END_OF_TEXT,
  eos: END_OF_TEXT,
  unk: "<unk>",
  pad: "<pad>",
  mask: "<mask>",
};

/** How BERT's normalizer changes texts, and how word pieces are spelled. */
export interface WordPieceRules {
  readonly cleanText: boolean;
  readonly handleChineseChars: boolean;
  readonly stripAccents: boolean | null;
  readonly lowercase: boolean;
  readonly continuingSubwordPrefix: string;
  readonly specialTokens: readonly string[];
}

/** The fields of the `tokenizer.json` of a WordPiece tokenizer, without a model. */
export function wordPieceRules(rules: WordPieceRules): Fields {
  const { specialTokens, continuingSubwordPrefix: prefix } = rules;
  const [cls, sep] = [
    specialTokens.indexOf("[CLS]"),
    specialTokens.indexOf("[SEP]"),
  ];
  const special = (id: string, type: number): Fields => ({
    SpecialToken: { id, type_id: type },
  });
  const single = [
    special("[CLS]", 0),
    { Sequence: { id: "A", type_id: 0 } },
    special("[SEP]", 0),
  ];
  return {
    ...startOf(addedTokens(specialTokens)),
    normalizer: {
      type: "BertNormalizer",
      clean_text: rules.cleanText,
      handle_chinese_chars: rules.handleChineseChars,
      strip_accents: rules.stripAccents,
      lowercase: rules.lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single,
      pair: [
        ...single,
        { Sequence: { id: "B", type_id: 1 } },
        special("[SEP]", 1),
      ],
      special_tokens: {
        "[CLS]": { id: "[CLS]", ids: [cls], tokens: ["[CLS]"] },
        "[SEP]": { id: "[SEP]", ids: [sep], tokens: ["[SEP]"] },
      },
    },
    decoder: { type: "WordPiece", prefix, cleanup: true },
  };
}

/** Writes the files of a WordPiece tokenizer. */
export function wordPieceFiles(
  rules: WordPieceRules,
  { tokens }: Pick<LearnedMerges, "tokens">,
): Map<string, string> {
  const json = {
    ...wordPieceRules(rules),
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: rules.continuingSubwordPrefix,
      max_input_chars_per_word: 100,
      vocab: idsOf(tokens),
    },
  };
  return filesOf(json, rolesAmong(rules.specialTokens, BERT), {
    clean_up_tokenization_spaces: true,
    do_lower_case: rules.lowercase,
    strip_accents: rules.stripAccents,
    tokenize_chinese_chars: rules.handleChineseChars,
    tokenizer_class: "BertTokenizer",
  });
}

/** How a byte-level tokenizer reads texts. */
export interface ByteLevelRules {
  readonly lowercase: boolean;
  readonly addPrefixSpace: boolean;
  readonly trimOffsets: boolean;
  readonly specialTokens: readonly string[];
}

/** The fields of the `tokenizer.json` of a byte-level tokenizer, without a model. */
export function byteLevelRules(rules: ByteLevelRules): Fields {
  const { specialTokens, addPrefixSpace, trimOffsets } = rules;
  const [cls, sep] = [
    specialTokens.indexOf("<s>"),
    specialTokens.indexOf("</s>"),
  ];
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: addPrefixSpace,
    trim_offsets: trimOffsets,
    use_regex: true,
  };
  const frames = isLikeRoberta(specialTokens);
  return {
    // RoBERTa's mask includes the space before it.
    ...startOf(addedTokens(specialTokens, frames ? ROBERTA.mask : undefined)),
    normalizer: rules.lowercase ? { type: "Lowercase" } : null,
    pre_tokenizer: byteLevel,
    post_processor: frames
      ? {
        type: "RobertaProcessing",
        sep: ["</s>", sep],
        cls: ["<s>", cls],
        trim_offsets: trimOffsets,
        add_prefix_space: addPrefixSpace,
      }
      : byteLevel,
    decoder: byteLevel,
  };
}

/** Writes the files of a byte-level BPE tokenizer. */
export function byteLevelFiles(
  rules: ByteLevelRules,
  { tokens, merges }: LearnedMerges,
): Map<string, string> {
  const { specialTokens } = rules;
  const likeRoberta = isLikeRoberta(specialTokens);
  const roles = rolesAmong(specialTokens, likeRoberta ? ROBERTA : GPT2);
  const json = {
    ...byteLevelRules(rules),
    model: {
      type: "BPE",
      dropout: null,
      unk_token: roles.unk ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: idsOf(tokens),
      merges,
    },
  };
  return filesOf(json, roles, {
    add_prefix_space: rules.addPrefixSpace,
    clean_up_tokenization_spaces: false,
    tokenizer_class: likeRoberta ? "RobertaTokenizer" : "GPT2Tokenizer",
    trim_offsets: rules.trimOffsets,
  });
}

/** Whether special tokens frame texts as RoBERTa's do. */
function isLikeRoberta(specialTokens: readonly string[]): boolean {
  return specialTokens.includes("<s>") && specialTokens.includes("</s>");
}

/** The roles whose usual token is one of the special tokens. */
function rolesAmong(specialTokens: readonly string[], usual: Roles): Roles {
  return Object.fromEntries(
    Object.entries(usual).filter(([, token]) => specialTokens.includes(token)),
  );
}

/** Special tokens, whose ids are the first ones. */
function addedTokens(
  specialTokens: readonly string[],
  strips?: string,
): AddedToken[] {
  return specialTokens.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: content === strips,
    rstrip: false,
    normalized: false,
    special: true,
  }));
}

/** The first fields of a `tokenizer.json`. */
function startOf(added: readonly AddedToken[]): Fields {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
  };
}

function idsOf(tokens: readonly string[]): Record<string, number> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

/** Writes `tokenizer.json` and the files beside it. */
function filesOf(
  json: Fields,
  roles: Roles,
  config: Fields,
): Map<string, string> {
  const special = Object.fromEntries(
    Object.entries(roles).map(([role, token]) => [`${role}_token`, token]),
  );
  const added = json.added_tokens as readonly AddedToken[];
  const named = new Set(Object.values(roles));
  const others = added.map(({ content }) => content)
    .filter((content) => !named.has(content));
  const more = others.length > 0 ? { additional_special_tokens: others } : {};
  const decoder = Object.fromEntries(
    added.map(({ id, ...token }) => [id, token]),
  );
  return new Map([
    [FILES.tokenizer, `${JSON.stringify(json, null, 2)}\n`],
    [
      FILES.config,
      formatJson({
        added_tokens_decoder: decoder,
        ...config,
        ...special,
        ...more,
      }),
    ],
    [FILES.special, formatJson({ ...special, ...more })],
  ]);
}
