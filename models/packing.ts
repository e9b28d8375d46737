// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Batches without their padding: the real tokens of all texts one after the
 * other, so that no layer computes what nothing reads.
 *
 * @module
 */

import {
  embedding,
  formatShape,
  indexSelect,
  keep,
  noGrad,
  record,
  reshape,
  scope,
  type Shape,
  type Tensor,
  tensor,
  where,
} from "../engine/mod.ts";

/**
 * Where the real tokens of a batch are, and the way there and back.
 *
 * `T` is the number of real tokens. {@linkcode packingOf} makes one from a
 * padding mask; its tensors belong to the scope that it is made in.
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
  /** Real tokens. */
  readonly tokens: number;
  /** Whether the real tokens of each text are neighbours. */
  readonly isContiguous: boolean;
  /** Each real token's place in the flattened batch, `[T]`. */
  readonly indices: Tensor;
  /** The first and one-past-last real token of each one's text, `[T, 2]`. */
  readonly segments: Tensor;
  /** Each real token's place in its row, `[1, T]`. */
  readonly positions: Tensor;
  /** 1 for real tokens, `[batch, length]`. */
  readonly mask: Tensor;
  /** For each place the real token there, `[batch · length]`; 0 at padding. */
  readonly #inverse: Tensor;

  /** Use {@linkcode packingOf}. */
  constructor(mask: ArrayLike<number>, shape: readonly [number, number]) {
    const [batch, length] = shape;
    if (mask.length !== batch * length) {
      throw new TypeError(
        `Cannot pack ${formatShape(shape)} by a mask of ${mask.length} places`,
      );
    }
    const indices: number[] = [];
    const segments: number[] = [];
    const inverse = new Int32Array(mask.length);
    let contiguous = true;
    for (let row = 0; row < batch; row++) {
      const first = indices.length;
      for (let i = row * length; i < (row + 1) * length; i++) {
        if (!mask[i]) continue;
        const before = indices.at(-1);
        contiguous &&= indices.length === first || before === i - 1;
        inverse[i] = indices.length;
        indices.push(i);
      }
      for (let i = first; i < indices.length; i++) {
        segments.push(first, indices.length);
      }
    }
    if (indices.length === 0) {
      throw new RangeError(
        `Cannot pack ${formatShape(shape)}: no token is real`,
      );
    }
    this.batch = batch;
    this.length = length;
    this.tokens = indices.length;
    this.isContiguous = contiguous;
    this.indices = tensor(Int32Array.from(indices));
    this.segments = tensor(Int32Array.from(segments), {
      shape: [indices.length, 2],
    });
    this.positions = tensor(Int32Array.from(indices, (i) => i % length), {
      shape: [1, indices.length],
    });
    this.mask = tensor(Int32Array.from(mask, (m) => m ? 1 : 0), { shape });
    this.#inverse = tensor(inverse);
  }

  /**
   * Takes the real tokens: `[batch, length, …]` to `[1, T, …]`.
   *
   * @throws {TypeError} If the tensor does not belong to such a batch.
   */
  pack(x: Tensor): Tensor {
    const [batch, length, ...rest] = x.shape;
    if (batch !== this.batch || length !== this.length) {
      throw new TypeError(
        `Cannot pack ${
          formatShape(x.shape)
        }: expected [${this.batch}, ${this.length}, …]`,
      );
    }
    const shape = [1, this.tokens, ...rest];
    if (x.dtype === "f32") {
      return record(noGrad(() => this.#take(x, shape)), [x], (dy) => [
        this.#spread(dy, x.shape),
      ]);
    }
    const flat = reshape(x, [batch * length, ...rest]);
    return reshape(indexSelect(flat, this.indices), shape);
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
    const shape = [this.batch, this.length, ...rest];
    return record(noGrad(() => this.#spread(x, shape)), [x], (dy) => [
      this.#take(dy, x.shape),
    ]);
  }

  /** Frees the tensors before their scope ends. */
  dispose(): void {
    const { indices, segments, positions, mask } = this;
    for (const x of [indices, segments, positions, mask, this.#inverse]) {
      x.dispose();
    }
  }

  // Each real token has one place, so both ways are a choice of rows, and each
  // is the other's derivative: no sums.

  #take(x: Tensor, shape: Shape): Tensor {
    using _ = scope();
    const rows = reshape(x, [this.batch * this.length, -1]);
    return keep(reshape(embedding(this.indices, rows), shape));
  }

  #spread(x: Tensor, shape: Shape): Tensor {
    using _ = scope();
    const rows = embedding(this.#inverse, reshape(x, [this.tokens, -1]));
    const isReal = reshape(this.mask, [this.mask.size, 1]);
    return keep(reshape(where(isReal, rows, 0), shape));
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
 * @throws {TypeError} If the mask has not as many places.
 * @throws {RangeError} If no token is real.
 */
export function packingOf(
  mask: ArrayLike<number>,
  shape: readonly [batch: number, length: number],
): Packing {
  return new Packing(mask, shape);
}
