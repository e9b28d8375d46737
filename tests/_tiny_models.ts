// Copyright 2026 the swagpu authors. MIT license.

import { readAll } from "../engine/mod.ts";
import { AutoConfig, type PretrainedConfig } from "../models/mod.ts";
import type { SwagModel } from "../swag/mod.ts";

/** The fields of a tiny model of each architecture. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  bert: encoder(),
  roberta: encoder(),
  modernbert: { ...encoder(), num_hidden_layers: 2 },
  bart: pair(),
  marian: {
    ...pair(),
    pad_token_id: 19,
    eos_token_id: 0,
    decoder_start_token_id: 19,
  },
};

function encoder(): Record<string, unknown> {
  return {
    vocab_size: 20,
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 8,
    max_position_embeddings: 16,
    pad_token_id: 0,
    bos_token_id: 1,
    eos_token_id: 2,
    initializer_range: 0.5,
  };
}

function pair(): Record<string, unknown> {
  return {
    vocab_size: 20,
    d_model: 8,
    encoder_layers: 1,
    decoder_layers: 1,
    encoder_ffn_dim: 8,
    decoder_ffn_dim: 8,
    encoder_attention_heads: 2,
    decoder_attention_heads: 2,
    max_position_embeddings: 16,
    init_std: 0.5,
  };
}

/** The architectures that there are tiny models of: all of the library. */
export const TINY_TYPES: readonly string[] = Object.keys(FIELDS);

/**
 * The configuration of a tiny model.
 *
 * @param modelType Its architecture.
 * @param fields Fields that replace the usual ones.
 */
export function tinyConfigOf(
  modelType: string,
  fields: Readonly<Record<string, unknown>> = {},
): PretrainedConfig {
  return AutoConfig.fromFields({
    model_type: modelType,
    ...FIELDS[modelType],
    ...fields,
  });
}

/** Collects models whose weights differ, from the values that they have. */
export async function collectAround(
  swag: SwagModel,
  { count = 4, size = 0.1 }: {
    count?: number;
    /** The most by which a weight is moved. */
    size?: number;
  } = {},
): Promise<void> {
  const parameters = [...swag.base.namedParameters().values()];
  const values = await readAll(parameters);
  for (let t = 0; t < count; t++) {
    parameters.forEach((x, i) =>
      x.write(
        Float32Array.from(
          values[i] ?? [],
          (value, k) => value + size * Math.sin(k * 7 + i * 3 + t * 5),
        ),
      )
    );
    swag.collectModel();
  }
  parameters.forEach((x, i) => x.write(values[i] ?? []));
}
