// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Batches without their padding: the real tokens of all texts one after the
 * other, so that no layer computes what nothing reads.
 *
 * @module
 */

import { allocate, formatShape, record } from "../../engine/kernel_kit.ts";
import {
  type AnyTensor,
  arange,
  cast,
  div,
  type DType,
  embedding,
  equal,
  greaterEqual,
  indexSelect,
  type IntegerTensor,
  matmul,
  maximum,
  reshape,
  sum,
  type Tensor,
  tensor,
  where,
} from "../../engine/mod.ts";
import {
  layoutOf,
  type PackingArrays,
  packingArrays,
  type PackingOptions,
} from "./packing_arrays.ts";
import { chooseRows } from "./packing_kernel.ts";

export {
  layoutOf,
  type PackingArrays,
  packingArrays,
  type PackingOptions,
  paysToPack,
} from "./packing_arrays.ts";

/** The order of a packing's tensors, where they are a list. */
const NAMES = [
  "indices",
  "texts",
  "positions",
  "segments",
  "bounds",
  "starts",
  "inverse",
  "mask",
] as const satisfies readonly (keyof PackingArrays)[];

/** {@linkcode PackingArrays} on the GPU, integers of any shape. */
export type PackingTensors = Readonly<
  Record<keyof PackingArrays, IntegerTensor>
>;

/** What the host knows of a packing. */
export interface PackingLayout {
  /** The padded batch's, `[B, L]`. */
  shape: readonly [batch: number, length: number];
  /** Whether the real tokens of each text are neighbours. @default {true} */
  isContiguous?: boolean;
  /** Whether they start at the first place, too. @default {isContiguous} */
  isLeading?: boolean;
}

/**
 * Where the real tokens of a batch are, and the way there and back.
 *
 * `T` is the number of real tokens, and of fillers if a multiple was asked for.
 * {@linkcode packingOf} makes one from a padding mask; its tensors belong to
 * the scope that it is made in.
 *
 * @example Usage
 * ```ts
 * import { initialize, scope, tensor } from "@swagpu/swagpu/engine";
 * import { packingOf } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using _ = scope();
 * const packing = packingOf([1, 1, 0, 1, 0, 0], [2, 3]);
 * const x = tensor([[[1], [2], [9]], [[3], [9], [9]]]);
 * const packed = packing.pack(x);
 * assertEquals([...await packed.data()], [1, 2, 3]);
 * assertEquals([...await packing.unpack(packed).data()], [1, 2, 0, 3, 0, 0]);
 * ```
 */
export class Packing {
  /** Texts of the batch. */
  readonly batch: number;
  /** Places of a text, padding included. */
  readonly length: number;
  /** Tokens: the real ones and the fillers. */
  readonly tokens: number;
  /** Whether the real tokens of each text are neighbours. */
  readonly isContiguous: boolean;
  /** Whether the real tokens of each text are its first. */
  readonly isLeading: boolean;
  /** Each token's place in the flattened batch, `[T]`; -1 for fillers. */
  readonly indices: IntegerTensor;
  /** Each token's text, `[T]`; `batch` for fillers. */
  readonly texts: IntegerTensor;
  /** The first and one-past-last token of each one's text, `[T, 2]`. */
  readonly segments: IntegerTensor;
  /** Each token's place in its row, `[1, T]`. */
  readonly positions: IntegerTensor;
  /** For each place the token there, `[batch · length]`; -1 at padding. */
  readonly inverse: IntegerTensor;
  /** 1 for real tokens, `[batch, length]`. */
  readonly mask: IntegerTensor;
  readonly #tensors: PackingTensors;

  /** Use {@linkcode packingOf} or {@linkcode packingFrom}. */
  constructor(tensors: PackingTensors, layout: PackingLayout) {
    const { shape: [batch, length], isContiguous = true } = layout;
    const { indices, texts, inverse, mask } = tensors;
    const tokens = indices.size;
    if (
      tensors.bounds.size !== 2 * (batch + 1) || inverse.size !== batch * length
    ) {
      throw new TypeError(
        `Cannot pack ${formatShape([batch, length])} by a packing of ` +
          `${tensors.bounds.size / 2 - 1} texts and ${inverse.size} places`,
      );
    }
    this.batch = batch;
    this.length = length;
    this.tokens = tokens;
    this.isContiguous = isContiguous;
    this.isLeading = layout.isLeading ?? isContiguous;
    this.indices = reshape(indices, [tokens]);
    this.texts = reshape(texts, [tokens]);
    this.segments = reshape(tensors.segments, [tokens, 2]);
    this.positions = reshape(tensors.positions, [1, tokens]);
    this.inverse = reshape(inverse, [batch * length]);
    this.mask = reshape(mask, [batch, length]);
    this.#tensors = {
      indices: this.indices,
      texts: this.texts,
      positions: this.positions,
      segments: this.segments,
      bounds: reshape(tensors.bounds, [batch + 1, 2]),
      starts: reshape(tensors.starts, [batch]),
      inverse: this.inverse,
      mask: this.mask,
    };
  }

  /** What of it is no tensor: captured steps tell packings apart by it. */
  get bundleKey(): string {
    const { batch, length, isContiguous, isLeading } = this;
    return `packing ${[batch, length, isContiguous, isLeading]}`;
  }

  /** All tensors: a packing is an input of a captured step like a tensor. */
  get bundleTensors(): readonly IntegerTensor[] {
    return NAMES.map((name) => this.#tensors[name]);
  }

  /** A packing like this one, of other tensors of the same shapes. */
  withTensors(tensors: readonly AnyTensor[]): Packing {
    const { batch, length, isContiguous, isLeading } = this;
    const named = Object.fromEntries(
      NAMES.map((name, i) => [name, tensors[i]]),
    );
    return new Packing(named as Record<keyof PackingArrays, IntegerTensor>, {
      shape: [batch, length],
      isContiguous,
      isLeading,
    });
  }

  /**
   * Takes the real tokens: `[batch, length, …]` to `[1, T, …]`. Fillers get
   * `fill`, which tensors of floats know as 0 only.
   *
   * @throws {TypeError} If the tensor does not belong to such a batch.
   */
  pack<D extends DType>(x: Tensor<D>, fill = 0): Tensor<D> {
    const [batch, length, ...rest] = x.shape;
    if (batch !== this.batch || length !== this.length) {
      throw new TypeError(
        `Cannot pack ${
          formatShape(x.shape)
        }: expected [${this.batch}, ${this.length}, …]`,
      );
    }
    const y = allocate(x.device, [1, this.tokens, ...rest], x.dtype);
    chooseRows(y, x, this.indices, x.dtype === "f32" ? 0 : fill);
    return record(y, [x], (dy) => {
      const dx = allocate(x.device, x.shape);
      chooseRows(dx, dy, this.inverse);
      return [dx];
    });
  }

  /**
   * Puts the real tokens back: `[1, T, …]` of floats to `[batch, length, …]`,
   * with zeros at padding.
   *
   * @throws {TypeError} If there is another number of tokens.
   */
  unpack(x: Tensor): Tensor {
    const [one, tokens, ...rest] = x.shape;
    if (one !== 1 || tokens !== this.tokens || x.dtype !== "f32") {
      throw new TypeError(
        `Cannot unpack ${x.dtype} ${
          formatShape(x.shape)
        }: expected f32 [1, ${this.tokens}, …]`,
      );
    }
    const y = allocate(x.device, [this.batch, this.length, ...rest]);
    chooseRows(y, x, this.inverse);
    return record(y, [x], (dy) => {
      const dx = allocate(x.device, x.shape);
      chooseRows(dx, dy, this.indices);
      return [dx];
    });
  }

  /**
   * The first real token of each text: `[1, T, width]` of floats to
   * `[batch, width]`, zeros where a text has none.
   */
  first(x: Tensor): Tensor {
    const hasToken = reshape(greaterEqual(this.#tensors.starts, 0), [
      this.batch,
      1,
    ]);
    const starts = maximum(this.#tensors.starts, 0); // -1 where a text has none
    const rows = embedding(starts, reshape(x, [this.tokens, -1]));
    return where(hasToken, rows, 0);
  }

  /**
   * The mean of the real tokens of each text: `[1, T, width]` of floats to
   * `[batch, width]`, zeros where a text has none.
   */
  mean(x: Tensor): Tensor {
    const { batch, tokens } = this;
    const texts = reshape(arange(batch, { device: x.device }), [batch, 1]);
    const belongs = cast(
      equal(texts, reshape(this.texts, [1, tokens])),
      "f32",
    ); // [batch, T]
    const counts = maximum(sum(belongs, { axis: 1, keepDims: true }), 1);
    return div(matmul(belongs, reshape(x, [tokens, -1])), counts);
  }

  /**
   * For each token of this packing the first and one-past-last token that
   * another one has of the same text, `[T, 2]`: what a target may see of its
   * source.
   *
   * @throws {TypeError} If the other has not as many texts.
   */
  segmentsOf(other: Packing): IntegerTensor {
    if (other.batch !== this.batch) {
      throw new TypeError(
        `Cannot relate a packing of ${this.batch} texts to one of ` +
          `${other.batch}: expected equally many`,
      );
    }
    return indexSelect(other.#tensors.bounds, this.texts);
  }

  /** Frees the tensors before their scope ends. */
  dispose(): void {
    for (const x of this.bundleTensors) x.dispose();
  }
}

/**
 * Finds the real tokens of a batch.
 *
 * The mask must be on the host, as tokenizers give it: how many tokens there
 * are decides the shapes of all tensors. A choice of places that are not
 * neighbours, such as those that a loss asks for, is a packing too, but texts
 * with holes cannot be encoded by it.
 *
 * @param mask 1 for real tokens, 0 for padding, row by row.
 * @param shape The batch's, `[batch, length]`.
 * @param options A multiple to fill the tokens up to.
 * @throws {TypeError} If the mask has not as many places.
 * @throws {RangeError} If no token is real, or the multiple is out of range.
 *
 * @example In a loop of one's own
 * ```ts
 * import { initialize, scope, tensor } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertForMaskedLM, packingOf } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using _ = scope();
 * const model = new BertForMaskedLM(
 *   new BertConfig({
 *     vocabSize: 50,
 *     hiddenSize: 16,
 *     numHiddenLayers: 1,
 *     numAttentionHeads: 2,
 *     intermediateSize: 32,
 *   }),
 * );
 * const inputIds = tensor([[2, 7, 9, 3], [2, 3, 0, 0]], { dtype: "i32" });
 * const packing = packingOf([1, 1, 1, 1, 1, 1, 0, 0], [2, 4]);
 * const { logits } = model.forward({ inputIds, packing });
 * assertEquals(logits.shape, [2, 4, 50]);
 * ```
 */
export function packingOf(
  mask: ArrayLike<number>,
  shape: readonly [batch: number, length: number],
  options: PackingOptions = {},
): Packing {
  const arrays = packingArrays(mask, shape, options);
  const tensors = Object.fromEntries(
    Object.entries(arrays).map(([name, values]) => [name, tensor(values)]),
  ) as Record<keyof PackingArrays, IntegerTensor>;
  const packing = new Packing(tensors, { shape, ...layoutOf(arrays, shape) });
  for (const x of Object.values(tensors)) x.dispose();
  return packing;
}

/**
 * A packing of tensors that hold {@linkcode packingArrays}. It does no work that
 * depends on their values, so a recorded step may do it.
 *
 * @throws {TypeError} If the tensors are of another batch.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { packingArrays, packingFrom } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const arrays = packingArrays([1, 1, 0, 1], [2, 2], { multipleOf: 4 });
 * const { indices, texts, positions, segments } = arrays;
 * const { bounds, starts, inverse, mask } = arrays;
 * const packing = packingFrom({
 *   indices: tensor(indices),
 *   texts: tensor(texts),
 *   positions: tensor(positions),
 *   segments: tensor(segments),
 *   bounds: tensor(bounds),
 *   starts: tensor(starts),
 *   inverse: tensor(inverse),
 *   mask: tensor(mask),
 * }, { shape: [2, 2] });
 * assertEquals(packing.tokens, 4);
 * ```
 */
export function packingFrom(
  tensors: PackingTensors,
  layout: PackingLayout,
): Packing {
  return new Packing(tensors, layout);
}
