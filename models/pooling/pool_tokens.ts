// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * From the states of a text's tokens to one vector for the text. All of it can be
 * differentiated, so models of sentences can be trained with it.
 *
 * @module
 */

import {
  add,
  arange,
  cast,
  clamp,
  concat,
  cumsum,
  div,
  equal,
  type IntegerTensor,
  maskedFill,
  max,
  mul,
  sqrt,
  sum,
  type Tensor,
  unsqueeze,
} from "../../engine/mod.ts";
import { checkOptions } from "../../nn/mod.ts";

/**
 * How the states of tokens become one vector, under the names of
 * sentence-transformers. Only tokens whose mask is 1 count.
 *
 * | mode | vector |
 * | --- | --- |
 * | `"cls"` | the first token's state |
 * | `"max"` | the largest value of each feature |
 * | `"mean"` | the sum of the states, divided by their number n |
 * | `"mean_sqrt_len_tokens"` | the sum of the states, divided by √n |
 * | `"weightedmean"` | the mean with the weights 1, 2, 3… of the positions |
 * | `"lasttoken"` | the last token's state |
 */
export type PoolingMode =
  | "cls"
  | "max"
  | "mean"
  | "mean_sqrt_len_tokens"
  | "weightedmean"
  | "lasttoken";

/** All modes, in the order in which their vectors are joined. */
export const POOLING_MODES: readonly PoolingMode[] = [
  "cls",
  "max",
  "mean",
  "mean_sqrt_len_tokens",
  "weightedmean",
  "lasttoken",
];

/** Options of {@linkcode poolTokens}. */
export interface PoolTokensOptions {
  /** 1 for the tokens that count, 0 for others, `[batch, length]`. */
  attentionMask: IntegerTensor;
  /** The mode, or several modes whose vectors are joined. @default {"mean"} */
  mode?: PoolingMode | readonly PoolingMode[] | undefined;
}

/** The lowest 32-bit number, which is no token's maximum. */
const LOWEST = -3.4028234663852886e38;
/** The least divisor, as in sentence-transformers: a text of no token gives 0. */
const LEAST_COUNT = 1e-9;
/** The least length that a vector is divided by, as in PyTorch. */
const LEAST_LENGTH = 1e-12;
const HIGHEST = -LOWEST;

/**
 * Makes one vector for each text from the states of its tokens.
 *
 * @param states The states of the tokens, `[batch, length, hidden]`.
 * @param options The mask, and the mode.
 * @returns The vectors, `[batch, hidden]`; with several modes
 * `[batch, modes · hidden]`.
 * @throws {TypeError} If the shapes of states and mask differ, or an option is
 * not known.
 * @throws {RangeError} If there is no such mode.
 *
 * @example The maximum beside the mean
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { poolTokens } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const states = tensor([[[1, 5], [3, -1], [9, 9]]]);
 * const attentionMask = tensor([[1, 1, 0]], { dtype: "i32" });
 * const pooled = poolTokens(states, { attentionMask, mode: ["max", "mean"] });
 * assertEquals([...await pooled.data()], [3, 5, 2, 2]);
 * ```
 */
export function poolTokens(
  states: Tensor,
  options: PoolTokensOptions,
): Tensor {
  checkOptions(options, {
    action: "pool tokens",
    known: ["attentionMask", "mode"],
  });
  const { attentionMask, mode = "mean" } = options;
  const modes = modesOf(mode);
  const [batch, length] = states.shape;
  if (
    states.shape.length !== 3 || attentionMask.shape.length !== 2 ||
    attentionMask.shape[0] !== batch || attentionMask.shape[1] !== length
  ) {
    throw new TypeError(
      `Cannot pool states [${states.shape.join(", ")}] by a mask ` +
        `[${
          attentionMask.shape.join(", ")
        }]: expected [batch, length, hidden] ` +
        "and [batch, length]",
    );
  }
  const vectors = modes.map((own) => {
    if (own === "max") {
      const outside = unsqueeze(equal(cast(attentionMask, "f32"), 0), 2);
      return max(maskedFill(states, outside, LOWEST), { axis: 1 });
    }
    const weights = weightsOf(own, cast(attentionMask, "f32"));
    return sum(mul(states, unsqueeze(weights, 2)), { axis: 1 });
  });
  const [first] = vectors;
  return vectors.length === 1 && first ? first : concat(vectors, 1);
}

/**
 * The mean of the states of each text's tokens, `Σ mask · state / Σ mask`.
 *
 * @param states The states of the tokens, `[batch, length, hidden]`.
 * @param attentionMask 1 for tokens, 0 for padding, `[batch, length]`.
 * @returns The means, `[batch, hidden]`; 0 for a text of no token.
 * @throws {TypeError} If the shapes of states and mask differ.
 *
 * @example Padding does not count
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { meanPooling } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const states = tensor([[[1, 5], [3, -1], [9, 9]]]);
 * const attentionMask = tensor([[1, 1, 0]], { dtype: "i32" });
 * const mean = meanPooling(states, attentionMask);
 * assertEquals([...await mean.data()], [2, 2]);
 * ```
 */
export function meanPooling(
  states: Tensor,
  attentionMask: IntegerTensor,
): Tensor {
  return poolTokens(states, { attentionMask });
}

/**
 * Divides the vectors of the last axis by their Euclidean length. The length
 * counts as 1e-12 at least.
 */
export function normalized(x: Tensor): Tensor {
  const squares = sum(mul(x, x), { axis: -1, keepDims: true });
  return div(x, clamp(sqrt(squares), LEAST_LENGTH, HIGHEST));
}

/**
 * A mode, or several, as a list.
 *
 * @throws {TypeError} If it is neither a text nor a list.
 * @throws {RangeError} If there is no mode, or one that is not known.
 */
export function modesOf(
  mode: PoolingMode | readonly PoolingMode[],
): readonly PoolingMode[] {
  const modes: unknown = typeof mode === "string" ? [mode] : mode;
  const known = POOLING_MODES.map((name) => `"${name}"`).join(", ");
  if (!Array.isArray(modes)) {
    throw new TypeError(
      `Cannot pool tokens by ${modes}: expected one or several of ${known}`,
    );
  }
  const unknown = modes.find((name) => !POOLING_MODES.includes(name));
  if (unknown === undefined && modes.length > 0) return modes;
  throw new RangeError(
    `Cannot pool tokens by ${
      modes.length === 0 ? "no mode" : JSON.stringify(unknown)
    }: expected one or several of ${known}`,
  );
}

/** The weight of each token in the sum that a mode takes, `[batch, length]`. */
function weightsOf(mode: Exclude<PoolingMode, "max">, mask: Tensor): Tensor {
  const total = (x: Tensor) => sum(x, { axis: 1, keepDims: true });
  const least = (x: Tensor) => clamp(x, LEAST_COUNT, HIGHEST);
  switch (mode) {
    case "mean":
      return div(mask, least(total(mask)));
    case "mean_sqrt_len_tokens":
      return div(mask, sqrt(least(total(mask))));
    case "weightedmean": {
      const { device, shape: [, length = 0] } = mask;
      const positions = add(arange(length, { dtype: "f32", device }), 1);
      const weights = mul(mask, positions);
      return div(weights, least(total(weights)));
    }
    case "cls":
      return mul(mask, cast(equal(cumsum(mask, { axis: 1 }), 1), "f32"));
    case "lasttoken": {
      const after = cumsum(mask, { axis: 1, reverse: true });
      return mul(mask, cast(equal(after, 1), "f32"));
    }
  }
}
