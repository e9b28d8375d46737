// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What pooling heads have in common, and how they look at states.

import { type IntegerTensor, stack, type Tensor } from "../../engine/mod.ts";
import type { Module } from "../../nn/mod.ts";
import { poolTokens } from "./pool_tokens.ts";

/** What a {@linkcode PoolingHead} reads. */
export interface PoolingInputs {
  /**
   * The embeddings and each block's output, `[batch, length, hidden]`: an
   * encoder's `hiddenStates`.
   */
  hiddenStates: readonly Tensor[];
  /** 1 for tokens, 0 for padding, `[batch, length]`. */
  attentionMask: IntegerTensor;
}

/** A module that makes one vector for each text from an encoder's states. */
export interface PoolingHead extends Module {
  /** The length of a vector. */
  readonly outputSize: number;
  /** Makes the vectors, `[batch, outputSize]`. */
  forward(inputs: PoolingInputs): Tensor;
}

/**
 * The states of a layer; negative numbers count from the last.
 *
 * @throws {RangeError} If there is no such layer.
 */
export function layerOf(
  { hiddenStates }: Pick<PoolingInputs, "hiddenStates">,
  layer: number,
): Tensor {
  const states = hiddenStates.at(layer);
  const exists = Number.isInteger(layer) && layer >= -hiddenStates.length;
  if (states && exists) return states;
  throw new RangeError(
    `Cannot pool layer ${layer}: there are ${hiddenStates.length} hidden ` +
      "states, of the embeddings and of each block",
  );
}

/**
 * The first tokens' states of all blocks, without the embeddings, as a sequence:
 * `[batch, blocks, hidden]`.
 *
 * @throws {RangeError} If there is no block.
 */
export function firstTokensOfBlocks(
  { hiddenStates, attentionMask }: PoolingInputs,
): Tensor {
  const blocks = hiddenStates.slice(1);
  if (blocks.length === 0) {
    throw new RangeError(
      `Cannot pool the blocks of ${hiddenStates.length} hidden states: ask ` +
        "the encoder for all, by outputHiddenStates",
    );
  }
  const own = { attentionMask, mode: "cls" as const };
  return stack(blocks.map((states) => poolTokens(states, own)), 1);
}

/**
 * Throws unless a number of an option is a whole number of at least 1.
 *
 * @throws {RangeError} If it is not.
 */
export function checkCount(name: string, value: number, least = 1): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new RangeError(
    `Cannot pool with ${name} ${value}: expected a whole number of at least ` +
      `${least}`,
  );
}
