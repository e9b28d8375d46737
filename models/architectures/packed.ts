// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How encoders, decoders and heads of all architectures handle packed texts.

import { type IntegerTensor, reshape, type Tensor } from "../../engine/mod.ts";
import type { KeyValueCache } from "../cache.ts";
import type { EncoderOutput } from "../io.ts";
import type { Packing } from "../packing/mod.ts";

/** The inputs that decide whether a packing can be used. */
interface PackedRequest {
  inputIds: IntegerTensor;
  cache?: KeyValueCache | undefined;
  outputAttentions?: boolean | undefined;
}

/**
 * Throws unless a packing fits the tokens.
 *
 * @throws {TypeError} If the packing is of another shape or has holes, or if
 * attention's probabilities or a cache are wanted too.
 */
export function checkPacking(
  action: "encode" | "decode",
  packing: Packing,
  { inputIds, cache, outputAttentions = false }: PackedRequest,
): void {
  const [batch, length] = inputIds.shape;
  if (packing.batch !== batch || packing.length !== length) {
    throw new TypeError(
      `Cannot ${action} [${batch}, ${length}] by a packing of ` +
        `[${packing.batch}, ${packing.length}]: the shapes must be the same`,
    );
  }
  if (!packing.isContiguous) {
    throw new TypeError(
      `Cannot ${action} a packing with holes: the real tokens of each text ` +
        "must be neighbors",
    );
  }
  if (outputAttentions) {
    throw new TypeError(
      "Cannot give attention's probabilities of packed texts: " +
        "leave packing out",
    );
  }
  if (cache) {
    throw new TypeError(
      `Cannot ${action} packed texts with a cache: leave packing out`,
    );
  }
}

/**
 * Rows of real tokens that are put back to their positions in the batch when
 * somebody first reads them.
 */
export class UnpackedLater {
  readonly #packed: Tensor;
  readonly #packing: Packing;
  #whole: Tensor | undefined;

  constructor(packed: Tensor, packing: Packing) {
    this.#packed = packed;
    this.#packing = packing;
  }

  /** `[batch, length, …]`, zeros at padding. */
  get whole(): Tensor {
    if (!this.#whole || this.#whole.isDisposed) {
      this.#whole = this.#packing.unpack(this.#packed);
    }
    return this.#whole;
  }
}

/**
 * The output of an encoder or decoder: the states of its last block, and what
 * else it gives. Of packed texts the states of all positions are put together
 * only when they are read, because losses need the real tokens alone.
 */
export function statesOutput<T extends object>(
  x: Tensor,
  packing: Packing | undefined,
  rest: T,
): T & Pick<EncoderOutput, "lastHiddenState" | "packed"> {
  if (!packing) return { ...rest, lastHiddenState: x };
  const states = new UnpackedLater(x, packing);
  return {
    ...rest,
    packed: { states: x, packing },
    get lastHiddenState() {
      return states.whole;
    },
  };
}

type States = Pick<EncoderOutput, "lastHiddenState" | "packed">;

/** The states that a head scores tokens by: those of real tokens if packed. */
export function tokenStates(output: States): Tensor {
  return output.packed?.states ?? output.lastHiddenState;
}

/**
 * The states whose first token stands for the text, `[batch, …, hidden]`. Of
 * packed texts it is the first token alone, `[batch, 1, hidden]`.
 */
export function textStates(output: States): Tensor {
  const { packed } = output;
  if (!packed) return output.lastHiddenState;
  const { states, packing } = packed;
  return reshape(packing.first(states), [packing.batch, 1, -1]);
}
