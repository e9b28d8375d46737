// Copyright 2026 the swagpu authors. MIT license.
// What `tokenizer.json` and the files beside it say: how to split, which tokens
// are special, and how they frame one or two texts.

import { Tokenizer as Splitter } from "@huggingface/tokenizers";
import { tokenText } from "./added_tokens.ts";
import { parseIds } from "./byte_level.ts";
import type { SpecialTokenName } from "./codec.ts";
import type { TemplateItem } from "./encoding.ts";
import { isObject } from "../files/json.ts";
import type { TokenizerOptions } from "./types.ts";

const MODEL_TYPES = ["WordPiece", "BPE", "Unigram"] as const;

/** How roles are usually spelled, for folders whose files do not say. */
const USUAL_TOKENS: Record<SpecialTokenName, readonly string[]> = {
  bos: ["<s>", "<|endoftext|>"],
  eos: ["</s>", "<|endoftext|>"],
  unk: ["[UNK]", "<unk>", "<|endoftext|>"],
  sep: ["[SEP]", "</s>"],
  pad: ["[PAD]", "<pad>"],
  cls: ["[CLS]", "<s>"],
  mask: ["[MASK]", "<mask>"],
};
/** What `tokenizer_config.json` and the caller say goes before the rest. */
export function overridden(
  json: Record<string, unknown>,
  config: Record<string, unknown>,
  options: TokenizerOptions,
): Record<string, unknown> {
  const { normalizer, pre_tokenizer: splitter, post_processor: framer } = json;
  const result = { ...json };
  if (isObject(normalizer) && normalizer.type === "BertNormalizer") {
    const lower = options.lowerCase ?? config.do_lower_case;
    result.normalizer = {
      ...normalizer,
      ...(typeof lower === "boolean" && { lowercase: lower }),
    };
  }
  const prefix = options.addPrefixSpace ?? config.add_prefix_space;
  if (
    isObject(splitter) && splitter.type === "ByteLevel" &&
    typeof prefix === "boolean"
  ) {
    result.pre_tokenizer = { ...splitter, add_prefix_space: prefix };
    if (isObject(framer) && "add_prefix_space" in framer) {
      result.post_processor = { ...framer, add_prefix_space: prefix };
    }
  }
  return result;
}

/** Builds what splits texts. */
export function newSplitter(
  json: Record<string, unknown>,
  config: Record<string, unknown>,
  source: string,
): Splitter {
  const model = json.model;
  const path = `${source}/tokenizer.json`;
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
  checkModel(model, path);
  try {
    return new Splitter({
      added_tokens: [],
      post_processor: null,
      decoder: null,
      ...json,
      // What goes before the model is done here, see JsonCodec.
      normalizer: null,
      pre_tokenizer: null,
    }, config);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(`Cannot read ${path}: ${reason}`, { cause: error });
  }
}

/** @throws {SyntaxError} If ids are no ids, or a merge is no pair. */
function checkModel(model: Record<string, unknown>, path: string): void {
  const { vocab, merges } = model;
  if (isObject(vocab)) parseIds(vocab, path);
  if (!Array.isArray(merges)) return;
  for (const [i, merge] of merges.entries()) {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    if (Array.isArray(pair) && pair.length === 2 && pair.every(isToken)) {
      continue;
    }
    throw new SyntaxError(
      `Cannot read ${path}: merge ${i} is ${JSON.stringify(merge)}, ` +
        "expected two tokens",
    );
  }
}

function isToken(value: unknown): boolean {
  return typeof value === "string" && value !== "";
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
