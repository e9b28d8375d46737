// Copyright 2026 the swagpu authors. MIT license.
// What the files of a tokenizer say: how to split, which tokens are special,
// and how they frame one or two texts.

import { Tokenizer as Splitter } from "@huggingface/tokenizers";
import type { TemplateItem } from "./_encoding.ts";
import { formatJson, isObject, parseJson } from "./_json.ts";
import { isUncased, parseVocabulary, wordPieceJson } from "./_wordpiece.ts";

/** The role of a special token. */
export type SpecialTokenName =
  | "bos"
  | "eos"
  | "unk"
  | "sep"
  | "pad"
  | "cls"
  | "mask";

/** The files of a tokenizer, of which a folder holds some. */
export const FILES = {
  tokenizer: "tokenizer.json",
  config: "tokenizer_config.json",
  special: "special_tokens_map.json",
  vocabulary: "vocab.txt",
  ranks: "vocab.json",
  merges: "merges.txt",
  added: "added_tokens.json",
} as const;

const MODEL_TYPES = ["WordPiece", "BPE", "Unigram"] as const;

/** How roles are usually spelled, for folders whose files do not say. */
const USUAL_TOKENS: Record<SpecialTokenName, readonly string[]> = {
  bos: ["<s>"],
  eos: ["</s>"],
  unk: ["[UNK]", "<unk>"],
  sep: ["[SEP]", "</s>"],
  pad: ["[PAD]", "<pad>"],
  cls: ["[CLS]", "<s>"],
  mask: ["[MASK]", "<mask>"],
};

/** Adds the files that transformers writes beside BERT's `vocab.txt`. */
export function buildBertFiles(
  files: Map<string, string>,
  lower: boolean | undefined,
  source: string,
): void {
  const text = files.get(FILES.vocabulary);
  if (text === undefined) {
    throw new Deno.errors.NotFound(
      `Cannot read the tokenizer of ${source}: it holds neither ${FILES.tokenizer} ` +
        `nor ${FILES.vocabulary}`,
    );
  }
  const vocabulary = parseVocabulary(text, `${source}/${FILES.vocabulary}`);
  const { fields: config } = parseJson(
    files.get(FILES.config) ?? "{}",
    `${source}/${FILES.config}`,
  );
  const flag = (name: string): boolean | undefined => {
    const value = config[name];
    return typeof value === "boolean" ? value : undefined;
  };
  const lowerCase = lower ?? flag("do_lower_case") ??
    isUncased(vocabulary);
  const json = wordPieceJson(vocabulary, {
    lowerCase,
    stripAccents: flag("strip_accents") ?? null,
    splitChinese: flag("tokenize_chinese_chars") ?? true,
  });
  files.set(FILES.tokenizer, `${JSON.stringify(json, null, 2)}\n`);
  const tokens = {
    cls_token: "[CLS]",
    mask_token: "[MASK]",
    pad_token: "[PAD]",
    sep_token: "[SEP]",
    unk_token: "[UNK]",
  };
  files.set(
    FILES.config,
    formatJson({
      tokenizer_class: "BertTokenizer",
      ...tokens,
      ...config,
      do_lower_case: lowerCase,
    }),
  );
  if (!files.has(FILES.special)) files.set(FILES.special, formatJson(tokens));
}

/** Builds what splits texts. */
export function newSplitter(
  json: Record<string, unknown>,
  config: Record<string, unknown>,
  source: string,
): Splitter {
  const model = json.model;
  const path = `${source}/${FILES.tokenizer}`;
  if (!isObject(model)) {
    throw new SyntaxError(`Cannot read ${path}: it holds no model`);
  }
  const type = model.type ?? null;
  if (type !== null && !MODEL_TYPES.some((name) => name === type)) {
    throw new SyntaxError(
      `Cannot read ${path}: the model type is ${JSON.stringify(type)}, ` +
        `expected one of ${MODEL_TYPES.join(", ")}`,
    );
  }
  try {
    return new Splitter({
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      ...json,
    }, config);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(`Cannot read ${path}: ${reason}`, { cause: error });
  }
}

function tokenText(value: unknown): string | null {
  if (typeof value === "string") return value;
  return isObject(value) && typeof value.content === "string"
    ? value.content
    : null;
}

/** The special tokens by their role. */
export function specialTokens(
  config: Record<string, unknown>,
  map: Record<string, unknown>,
  splitter: Splitter,
): Map<SpecialTokenName, string> {
  const result = new Map<SpecialTokenName, string>();
  const names = Object.keys(USUAL_TOKENS) as SpecialTokenName[];
  const said = names.some((name) =>
    `${name}_token` in config || `${name}_token` in map
  );
  for (const name of names) {
    const key = `${name}_token`;
    const token = tokenText(config[key]) ?? tokenText(map[key]) ??
      (said
        ? null
        : USUAL_TOKENS[name].find((token) =>
          splitter.token_to_id(token) !== undefined
        ) ?? null);
    if (token !== null) result.set(name, token);
  }
  return result;
}

/** Finds how the tokenizer frames texts, by framing two marks. */
export function readTemplate(
  splitter: Splitter,
  pair: boolean,
): readonly TemplateItem[] {
  const [first, second] = ["\u0000first", "\u0000second"] as const;
  const plain: readonly TemplateItem[] = pair
    ? [{ text: 0, type: 0 }, { text: 1, type: 1 }]
    : [{ text: 0, type: 0 }];
  const framed = splitter.post_processor?.(
    [first],
    pair ? [second] : null,
    true,
  );
  // The byte-level post-processor moves offsets only, and joins nothing.
  if (framed === undefined || framed.tokens_pair) return plain;
  // RoBERTa's has a single type, in which the package differs from the original.
  const untyped = splitter.post_processor?.config.type === "RobertaProcessing";
  return framed.tokens.map((token, i): TemplateItem => {
    const type = untyped ? 0 : framed.token_type_ids?.[i] ?? 0;
    if (token === first) return { text: 0, type };
    if (token === second) return { text: 1, type };
    const id = splitter.token_to_id(token);
    if (id !== undefined) return { id, type };
    throw new SyntaxError(
      `Cannot frame a text with ${token}: the vocabulary lacks it`,
    );
  });
}
