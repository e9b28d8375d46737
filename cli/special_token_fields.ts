// Copyright 2026 the swagpu authors. MIT license.

/**
 * The ids of special tokens in the configuration of a new model. The defaults of
 * architectures are the ids of their first tokenizers, so a model that starts with
 * another tokenizer needs the ids of that one.
 *
 * @module
 */

import type { Tokenizer } from "../models/mod.ts";

/** The special tokens of a tokenizer. */
type SpecialTokens = Pick<
  Tokenizer,
  | "padTokenId"
  | "bosTokenId"
  | "eosTokenId"
  | "clsTokenId"
  | "sepTokenId"
>;

/**
 * The fields of a new model's `config.json` that name special tokens. Those that the
 * file gives take precedence over them.
 *
 * A BART begins to write with the token that ends a text, as in its first checkpoint,
 * and a Marian with the padding token.
 *
 * @param tokenizer The tokenizer.
 * @param given The fields of the file, `model_type` among them.
 * @param source The file, for messages.
 * @throws {TypeError} If a model that writes texts has no token to begin or end with.
 */
export function specialTokenFields(
  tokenizer: SpecialTokens,
  given: Readonly<Record<string, unknown>>,
  source: string,
): Record<string, unknown> {
  const own = (name: string, found: number | null) => {
    const value = given[name];
    return typeof value === "number" ? value : found;
  };
  const pad = own("pad_token_id", tokenizer.padTokenId);
  const first = tokenizer.bosTokenId ?? tokenizer.clsTokenId;
  const begin = own("bos_token_id", first);
  const end = own("eos_token_id", tokenizer.eosTokenId ?? tokenizer.sepTokenId);
  const type = given.model_type;
  const frame = { bos_token_id: begin, eos_token_id: end };
  switch (type) {
    case "roberta":
      return known({ pad_token_id: pad, ...frame });
    case "modernbert":
      return known({
        pad_token_id: pad,
        ...frame,
        cls_token_id: tokenizer.clsTokenId,
        sep_token_id: tokenizer.sepTokenId,
      });
    case "bart":
    case "marian": {
      const lacking = pad === null ? "pads" : end === null ? "ends" : undefined;
      if (lacking !== undefined) {
        throw new TypeError(
          `Cannot start from ${source} with this tokenizer: it has no token that ` +
            `${lacking} a text, which a model of type "${type}" needs; name a ` +
            "tokenizer that train-tokenizer wrote, or give the token's id in the file",
        );
      }
      return known({
        pad_token_id: pad,
        eos_token_id: end,
        ...type === "bart" ? { bos_token_id: begin } : {},
        decoder_start_token_id: type === "bart" ? end : pad,
        forced_eos_token_id: end,
      });
    }
    default:
      return known({ pad_token_id: pad });
  }
}

/** The fields that have a value. */
function known(
  fields: Readonly<Record<string, number | null>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null),
  );
}
