// Copyright 2026 the swagpu authors. MIT license.

// Decoders of two layers with random weights, small enough to be run over whole
// rows again and again: what generation with a cache must agree with.

import {
  add,
  attention,
  embedding,
  type IntegerTensor,
  matmul,
  mul,
  noGrad,
  readAll,
  scope,
  slice,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  PretrainedConfig,
  type PretrainedConfigOptions,
} from "../../models/config.ts";
import type {
  CausalInputs,
  CausalModel,
  Seq2SeqModel,
  SourceInputs,
  TargetInputs,
} from "../../models/generation/mod.ts";
import { randomValues } from "../_check.ts";

const WIDTH = 8;
const HEADS = 2;
const LAYERS = 2;
const PLACES = 80;

/** Rows of whole numbers. */
export type Table = readonly (readonly number[])[];

/** A table as a tensor. */
export function integers(rows: Table): IntegerTensor {
  const shape = [rows.length, rows[0]?.length ?? 0];
  return tensor(Int32Array.from(rows.flat()), { shape });
}

class TinyWeights {
  readonly words: Tensor;
  readonly places: Tensor;
  readonly #matrices: Tensor[];

  constructor(vocabulary: number, seed: number) {
    const random = (rows: number, i: number, size: number) =>
      tensor(randomValues(rows * WIDTH, seed + i, -size, size), {
        shape: [rows, WIDTH],
      });
    this.words = random(vocabulary, 1, 1);
    this.places = random(PLACES, 2, 0.5);
    this.#matrices = Array.from(
      { length: 6 * LAYERS },
      (_, i) => random(WIDTH, 3 + i, 0.9),
    );
  }

  /** One of six matrices of a layer. */
  project(x: Tensor, layer: number, which: number): Tensor {
    const matrix = this.#matrices[layer * 6 + which];
    if (!matrix) throw new RangeError(`no matrix ${which} in layer ${layer}`);
    return matmul(x, matrix);
  }

  embed(ids: IntegerTensor, places: IntegerTensor): Tensor {
    return add(embedding(ids, this.words), embedding(places, this.places));
  }

  /** Scores of the token after the last one. */
  score(x: Tensor): Tensor {
    const last = slice(x, { axis: 1, start: -1 });
    return mul(matmul(last, this.words, { transposeB: true }), 2);
  }
}

function configOf(
  isEncoderDecoder: boolean,
  fields: PretrainedConfigOptions,
): PretrainedConfig {
  return new PretrainedConfig({ isEncoderDecoder, ...fields }, {
    modelType: "tiny",
  });
}

/** Runs over rows on the host, and gives the scores of their next tokens. */
function scoresOf(run: () => Tensor): Promise<Float32Array> {
  using _ = scope();
  const logits = noGrad(run);
  return readAll([logits]).then(([values]) => Float32Array.from(values ?? []));
}

/** A decoder without an encoder. */
export class TinyDecoder implements CausalModel {
  readonly config: PretrainedConfig;
  readonly #weights: TinyWeights;

  constructor(
    vocabulary: number,
    seed: number,
    fields: PretrainedConfigOptions = {},
  ) {
    this.config = configOf(false, fields);
    this.#weights = new TinyWeights(vocabulary, seed);
  }

  forward(inputs: Omit<CausalInputs, "cache"> & Partial<CausalInputs>): {
    logits: Tensor;
  } {
    const { inputIds, positionIds, attentionMask, cache } = inputs;
    const w = this.#weights;
    const mask = attentionMask ? { mask: attentionMask } : {};
    let x = w.embed(inputIds, positionIds);
    for (let layer = 0; layer < LAYERS; layer++) {
      const q = w.project(x, layer, 0);
      const k = w.project(x, layer, 1);
      const v = w.project(x, layer, 2);
      const y = cache
        ? cache.attend(layer, [q, k, v], { heads: HEADS })
        : attention(q, k, v, { heads: HEADS, causal: true, ...mask });
      x = add(x, y);
    }
    return { logits: w.score(x) };
  }

  /** The scores of the next tokens, without a cache. */
  scores(rows: Table, masks: Table): Promise<Float32Array> {
    return scoresOf(() => {
      const whole = rows.map((row, r) => row.map((_, i) => masks[r]?.[i] ?? 1));
      const places = whole.map((mask) => {
        let before = 0;
        return mask.map((kept) => kept ? before++ : 1);
      });
      return this.forward({
        inputIds: integers(rows),
        attentionMask: integers(whole),
        positionIds: integers(places),
      }).logits;
    });
  }
}

/** A decoder beside an encoder, which is an embedding alone. */
export class TinyAnswerer implements Seq2SeqModel {
  readonly config: PretrainedConfig;
  /** How often the encoder was asked. */
  encoded = 0;
  readonly #weights: TinyWeights;

  constructor(
    vocabulary: number,
    seed: number,
    fields: PretrainedConfigOptions = {},
  ) {
    this.config = configOf(true, fields);
    this.#weights = new TinyWeights(vocabulary, seed);
  }

  encode({ inputIds }: SourceInputs): Tensor {
    this.encoded++;
    return embedding(inputIds, this.#weights.words);
  }

  forward(inputs: Omit<TargetInputs, "cache"> & Partial<TargetInputs>): {
    logits: Tensor;
  } {
    const { decoderInputIds, encoderLastHiddenState, attentionMask, cache } =
      inputs;
    const w = this.#weights;
    const [rows = 0, count = 0] = decoderInputIds.shape;
    const first = cache?.length ?? 0;
    const places = Array.from(
      { length: rows },
      () => Array.from({ length: count }, (_, i) => first + i),
    );
    let x = w.embed(decoderInputIds, integers(places));
    for (let layer = 0; layer < LAYERS; layer++) {
      const q = w.project(x, layer, 0);
      const k = w.project(x, layer, 1);
      const v = w.project(x, layer, 2);
      x = add(
        x,
        cache
          ? cache.attend(layer, [q, k, v], { heads: HEADS })
          : attention(q, k, v, { heads: HEADS, causal: true }),
      );
      const memory = (): [Tensor, Tensor] => [
        w.project(encoderLastHiddenState, layer, 4),
        w.project(encoderLastHiddenState, layer, 5),
      ];
      const asked = w.project(x, layer, 3);
      x = add(
        x,
        cache
          ? cache.cross(layer, asked, {
            heads: HEADS,
            mask: attentionMask,
            memory,
          })
          : attention(asked, ...memory(), {
            heads: HEADS,
            ...(attentionMask ? { mask: attentionMask } : {}),
          }),
      );
    }
    return { logits: w.score(x) };
  }

  /** The scores of the next tokens, each row with its source, without a cache. */
  scores(rows: Table, sources: Table, masks: Table): Promise<Float32Array> {
    return scoresOf(() =>
      this.forward({
        encoderLastHiddenState: embedding(
          integers(sources),
          this.#weights.words,
        ),
        attentionMask: integers(masks),
        decoderInputIds: integers(rows),
      }).logits
    );
  }
}
