// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Batches without padding: the real tokens of all texts follow one another in
 * one row, so that no layer computes padding.
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

/** The order of a packing's tensors in a list. */
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

/** {@linkcode PackingArrays} on the GPU: integers, in tensors of any shape. */
export type PackingTensors = Readonly<
  Record<keyof PackingArrays, IntegerTensor>
>;

/** The properties of a packing that the host must know. */
export interface PackingLayout {
  /** The shape of the padded batch. */
  shape: readonly [batch: number, length: number];
  /** Whether the real tokens of each text are neighbors. @default {true} */
  isContiguous?: boolean;
  /**
   * Whether the real tokens of each text also start its row.
   *
   * @default {isContiguous}
   */
  isLeading?: boolean;
}

/**
 * The positions of the real tokens in a batch. {@linkcode Packing.pack} takes
 * them out of it, and {@linkcode Packing.unpack} puts them back.
 *
 * `T` is the number of tokens: the real ones, and fillers if the number had to
 * be a multiple of something. {@linkcode packingOf} makes a packing from a
 * padding mask. The tensors of a packing belong to the scope in which it is
 * made.
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
  /** The number of texts in the batch. */
  readonly batch: number;
  /** The length of a row, padding included. */
  readonly length: number;
  /** The number of tokens `T`: the real ones and the fillers. */
  readonly tokens: number;
  /** Whether the real tokens of each text are neighbors. */
  readonly isContiguous: boolean;
  /** Whether the real tokens of each text start its row. */
  readonly isLeading: boolean;
  /** Each token's index in the flattened batch, `[T]`; -1 for fillers. */
  readonly indices: IntegerTensor;
  /** The index of each token's text, `[T]`; `batch` for fillers. */
  readonly texts: IntegerTensor;
  /**
   * For each token, its text's first token and the one after its last,
   * `[T, 2]`.
   */
  readonly segments: IntegerTensor;
  /** Each token's position in its row, `[1, T]`. */
  readonly positions: IntegerTensor;
  /**
   * For each position of the batch, the token there, `[batch · length]`; -1 at
   * padding.
   */
  readonly inverse: IntegerTensor;
  /** 1 for real tokens, 0 for padding, `[batch, length]`. */
  readonly mask: IntegerTensor;
  readonly #tensors: PackingTensors;

  /**
   * Prefer {@linkcode packingOf} or {@linkcode packingFrom}.
   *
   * @param tensors The numbers of {@linkcode PackingArrays}, on the GPU.
   * @param layout The shape of the batch, and how its texts lie in it.
   * @throws {TypeError} If the tensors belong to a batch of another shape.
   */
  constructor(tensors: PackingTensors, layout: PackingLayout) {
    const { shape: [batch, length], isContiguous = true } = layout;
    const { indices, texts, inverse, mask } = tensors;
    const tokens = indices.size;
    if (
      tensors.bounds.size !== 2 * (batch + 1) || inverse.size !== batch * length
    ) {
      throw new TypeError(
        `Cannot pack ${formatShape([batch, length])} by a packing of ` +
          `${tensors.bounds.size / 2 - 1} texts and ${inverse.size} positions`,
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

  /**
   * Everything but the tensors, as a text: captured steps compare packings by
   * it.
   */
  get bundleKey(): string {
    const { batch, length, isContiguous, isLeading } = this;
    return `packing ${[batch, length, isContiguous, isLeading]}`;
  }

  /** All tensors, by which a packing can be an input of a captured step. */
  get bundleTensors(): readonly IntegerTensor[] {
    return NAMES.map((name) => this.#tensors[name]);
  }

  /**
   * The same packing with other tensors of the same shapes.
   *
   * @param tensors The tensors, in the order of {@linkcode bundleTensors}.
   */
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
   * Takes the real tokens out of a batch: `[batch, length, …]` to `[1, T, …]`.
   *
   * @param x The batch, padding included.
   * @param fill The value of fillers in a tensor of integers; floats get 0.
   * @returns The tokens, in one row.
   * @throws {TypeError} If the tensor has the shape of another batch.
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
   * Puts the real tokens back into a batch: floats `[1, T, …]` to
   * `[batch, length, …]`, with zeros at padding.
   *
   * @param x The tokens, in one row.
   * @returns The batch, padding included.
   * @throws {TypeError} If the number of tokens is not `T`.
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
   * The first real token of each text.
   *
   * @param x Floats `[1, T, width]`.
   * @returns `[batch, width]`, zeros for a text without tokens.
   */
  first(x: Tensor): Tensor {
    const hasToken = reshape(greaterEqual(this.#tensors.starts, 0), [
      this.batch,
      1,
    ]);
    // -1 stands for a text without tokens.
    const starts = maximum(this.#tensors.starts, 0);
    const rows = embedding(starts, reshape(x, [this.tokens, -1]));
    return where(hasToken, rows, 0);
  }

  /**
   * The mean of the real tokens of each text.
   *
   * @param x Floats `[1, T, width]`.
   * @returns `[batch, width]`, zeros for a text without tokens.
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
   * The tokens of a source that each token of this target may see: for each
   * token of this packing, the first token of the same text in the other
   * packing and the one after its last.
   *
   * @param other The packing of the source, or of the target for a source.
   * @returns Integers `[T, 2]`.
   * @throws {TypeError} If the other packing has another number of texts.
   */
  segmentsOf(other: Packing): IntegerTensor {
    if (other.batch !== this.batch) {
      throw new TypeError(
        `Cannot relate a packing of ${this.batch} texts to one of ` +
          `${other.batch}: the numbers must be equal`,
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
 * Makes the packing of a batch from its padding mask.
 *
 * The mask must be on the host, as tokenizers give it, because the number of
 * tokens decides the shapes of all tensors. A packing may also choose positions
 * that are not neighbors, such as those with a label. Models cannot encode
 * texts by such a packing.
 *
 * @param mask 1 for real tokens, 0 for padding, row by row.
 * @param shape The batch's shape, `[batch, length]`.
 * @param options The multiple that the number of tokens is made.
 * @returns The packing. Its tensors belong to the current scope.
 * @throws {TypeError} If the mask does not have `batch · length` elements.
 * @throws {RangeError} If no token is real, or the multiple is out of range.
 *
 * @example A model that computes no padding
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
 * Makes a packing of tensors that hold {@linkcode packingArrays}. A captured
 * step may call it, because nothing that it does depends on the tensors'
 * values.
 *
 * @param tensors The numbers, on the GPU.
 * @param layout The shape of the batch, and how its texts lie in it.
 * @returns The packing.
 * @throws {TypeError} If the tensors belong to a batch of another shape.
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
