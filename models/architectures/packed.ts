// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What encoders, decoders and heads do where texts are packed. States and scores
// of all places are put together only when somebody reads them: losses need the
// real tokens alone.

import { type IntegerTensor, reshape, type Tensor } from "../../engine/mod.ts";
import type { KeyValueCache } from "../cache.ts";
import type { EncoderOutput, PackedStates } from "../io.ts";
import type { Packing } from "../packing/packing.ts";

/** What is asked of packed texts. */
interface PackedRequest {
  inputIds: IntegerTensor;
  cache?: KeyValueCache | undefined;
  outputAttentions?: boolean | undefined;
}

/**
 * Throws unless a packing fits the tokens.
 *
 * @throws {TypeError} If it is of another batch, has holes, or is given where
 * probabilities are asked for or a cache goes on.
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
        "must be neighbours",
    );
  }
  if (outputAttentions) {
    throw new TypeError(
      "Cannot give the probabilities of packed texts: leave packing out",
    );
  }
  if (cache) {
    throw new TypeError(
      `Cannot ${action} packed texts with a cache: leave packing out`,
    );
  }
}

/** An object with one more property, which is made when it is first read. */
export function withLazy<T extends object, K extends string>(
  object: T,
  key: K,
  make: () => Tensor,
): T & Record<K, Tensor> {
  let made: Tensor | undefined;
  Object.defineProperty(object, key, {
    enumerable: true,
    get() {
      if (!made || made.isDisposed) made = make();
      return made;
    },
  });
  return object as T & Record<K, Tensor>;
}

/** The properties of two objects; what is made when read stays so. */
export function joined<A extends object, B extends object>(
  a: A,
  b: B,
): A & B {
  return Object.defineProperties({}, {
    ...Object.getOwnPropertyDescriptors(a),
    ...Object.getOwnPropertyDescriptors(b),
  }) as A & B;
}

/** The states of an encoder's last block, given as its output. */
export function statesOutput<T extends object>(
  x: Tensor,
  packing: Packing | undefined,
  rest: T,
): T & Pick<EncoderOutput, "lastHiddenState" | "packed"> {
  if (!packing) return { ...rest, lastHiddenState: x };
  const packed: PackedStates = { states: x, packing };
  return withLazy(
    { ...rest, packed },
    "lastHiddenState",
    () => packing.unpack(x),
  );
}

type States = Pick<EncoderOutput, "lastHiddenState" | "packed">;

/** The states that a head for tokens reads: of real tokens if packed. */
export function tokenStates(output: States): Tensor {
  return output.packed?.states ?? output.lastHiddenState;
}

/** The states that a head for texts reads the first of: `[batch, …, hidden]`. */
export function textStates(output: States): Tensor {
  const { packed } = output;
  if (!packed) return output.lastHiddenState;
  const { states, packing } = packed;
  return reshape(packing.first(states), [packing.batch, 1, -1]);
}
