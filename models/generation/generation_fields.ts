// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The fields of `generation_config.json`: the fields that are not supported,
// those that have no effect here, and functions that read those with special
// rules.

import type { ConfigReader } from "../files/config_reader.ts";
import type { EarlyStopping } from "./generation_options.ts";

/** Fields that are not supported, each with the values that have no effect. */
export const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  assistant_early_exit: [],
  constraints: [],
  diversity_penalty: [0],
  dola_layers: [],
  encoder_no_repeat_ngram_size: [0],
  encoder_repetition_penalty: [1],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  exponential_decay_length_penalty: [],
  force_words_ids: [],
  forced_decoder_ids: [],
  guidance_scale: [1],
  max_time: [],
  num_beam_groups: [1],
  penalty_alpha: [0],
  prompt_lookup_num_tokens: [],
  stop_strings: [],
  token_healing: [false],
  typical_p: [1],
  watermarking_config: [],
};

/** Unsupported fields that have an effect only where tokens are sampled. */
const OF_SAMPLING: readonly string[] = [
  "epsilon_cutoff",
  "eta_cutoff",
  "typical_p",
];

/** Fields of transformers that change its output or speed, but not the tokens. */
export const IGNORED: readonly string[] = [
  "_from_model_config",
  "cache_implementation",
  "disable_compile",
  "low_memory",
  "output_attentions",
  "output_hidden_states",
  "output_logits",
  "output_scores",
  "return_dict_in_generate",
  "transformers_version",
  "use_cache",
];

/**
 * Refuses fields that are not supported.
 *
 * @throws {TypeError} If such a field has an effect.
 */
export function refuseUnsupported(reader: ConfigReader, doSample = true): void {
  for (const [name, neutral] of Object.entries(UNSUPPORTED)) {
    if (!doSample && OF_SAMPLING.includes(name)) continue;
    if (reader.has(name) && !neutral.includes(reader.fields[name])) {
      throw reader.error(name, `${neutral[0] ?? "null"}: it is not supported`);
    }
  }
}

/** Reads a number above 0; the default is 1. */
export function readPositive(reader: ConfigReader, name: string): number {
  const value = reader.number(name, 1);
  if (value > 0) return value;
  throw reader.error(name, "a number above 0", RangeError);
}

/**
 * Reads a boolean, which a file may spell 0 or 1 because Python accepts these.
 */
export function readFlag(
  reader: ConfigReader,
  name: string,
  fallback: boolean,
): boolean {
  const value = reader.fields[name];
  if (!reader.areOptions && (value === 0 || value === 1)) return value === 1;
  return reader.boolean(name, fallback);
}

/** Reads when beam search stops. */
export function readEarlyStopping(reader: ConfigReader): EarlyStopping {
  const name = "early_stopping";
  if (typeof reader.fields[name] !== "string") {
    return readFlag(reader, name, false);
  }
  reader.string(name, "never", { oneOf: ["never"] });
  return "never";
}

/** Reads a token, or a list of tokens. */
export function readTokens(
  reader: ConfigReader,
  name: string,
): number | readonly number[] | null {
  return Array.isArray(reader.fields[name])
    ? reader.integers(name, null)
    : reader.integer(name, null, { min: reader.areOptions ? 0 : -Infinity });
}

/** Reads a token, or the first one of a list. */
export function firstToken(reader: ConfigReader, name: string): number | null {
  const tokens = readTokens(reader, name);
  return typeof tokens === "number" ? tokens : tokens?.[0] ?? null;
}

function isWord(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 &&
    value.every((token) => Number.isSafeInteger(token) && token >= 0);
}

/** Reads words, as lists of tokens. */
export function readWords(
  reader: ConfigReader,
): readonly (readonly number[])[] | null {
  const words = reader.has("bad_words_ids")
    ? reader.fields.bad_words_ids
    : null;
  if (words === null) return null;
  if (Array.isArray(words) && words.every(isWord)) return words;
  throw reader.error("bad_words_ids", "a list of lists of tokens");
}

/** Reads lists of tokens, each with a bias for its last token. */
export function readBiases(
  reader: ConfigReader,
): readonly (readonly [readonly number[], number])[] | null {
  const biases = reader.has("sequence_bias")
    ? reader.fields.sequence_bias
    : null;
  if (biases === null) return null;
  const isPair = (pair: unknown): pair is [readonly number[], number] =>
    Array.isArray(pair) && isWord(pair[0]) && typeof pair[1] === "number" &&
    !Number.isNaN(pair[1]);
  if (Array.isArray(biases) && biases.every(isPair)) return biases;
  throw reader.error("sequence_bias", "a list of pairs of tokens and a number");
}
