// Copyright 2026 the swagpu authors. MIT license.

import {
  embedding,
  slice,
  type Tensor,
  tensor,
  zeros,
} from "../../../engine/mod.ts";
import { PretrainedConfig } from "../../../models/config.ts";
import type {
  CausalInputs,
  CausalModel,
} from "../../../models/generation/mod.ts";

/** The token that ends a row. */
export const END = 0;
/** The padding token. */
export const PAD = 4;

/** Probabilities of the next token, by the last token. */
export const CHAIN = [
  [0.6, 0.1, 0.1, 0.1, 0.1],
  [0.05, 0.94, 0.006, 0.003, 0.001],
  [0.9, 0.05, 0.025, 0.015, 0.01],
  [0.45, 0.4, 0.1, 0.04, 0.01],
  [0.1, 0.1, 0.5, 0.2, 0.1],
];

/** A model whose next token depends only on the last one. */
export class ChainModel implements CausalModel {
  readonly config: PretrainedConfig;
  /** The masks and positions of each call. */
  readonly masks: (Promise<Iterable<number>> | undefined)[] = [];
  readonly positions: Promise<Iterable<number>>[] = [];
  readonly #logits: Tensor;

  constructor(chain = CHAIN, isEncoderDecoder = false) {
    this.config = new PretrainedConfig({
      eosTokenId: END,
      padTokenId: PAD,
      isEncoderDecoder,
    }, { modelType: "chain" });
    this.#logits = tensor(chain.map((row) => row.map(Math.log)));
  }

  forward(inputs: CausalInputs): { logits: Tensor } {
    this.masks.push(inputs.attentionMask?.data());
    this.positions.push(inputs.positionIds.data());
    const [rows = 0, length = 0] = inputs.inputIds.shape;
    const x = zeros([rows, length, 1]);
    inputs.cache.attend(0, [x, x, x], { heads: 1 });
    const logits = embedding(inputs.inputIds, this.#logits);
    return { logits: slice(logits, { axis: 1, start: -1 }) };
  }
}
