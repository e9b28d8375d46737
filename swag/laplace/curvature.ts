// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The curvature of a loss in the weights of a linear layer: the Hessian of the
 * negative log-likelihood, which for a linear layer equals its generalized
 * Gauss-Newton matrix. Sums over the data are made on the GPU, and what follows from
 * them on the host, in float64.
 *
 * Weights are counted by output: for each the weights of its features, and then its
 * bias.
 *
 * @module
 */

import { addInto, persist } from "../../engine/kernel_kit.ts";
import {
  concat,
  greater,
  matmul,
  mul,
  neg,
  ones,
  reshape,
  scope,
  sigmoid,
  softmax,
  sub,
  sum,
  type Tensor,
  unsqueeze,
  where,
} from "../../engine/mod.ts";
import {
  cholesky,
  invertLower,
  shiftedDeterminant,
  solveTransposed,
  type Tridiagonal,
  tridiagonalize,
} from "./dense_symmetric.ts";
import type { LayerRun } from "./last_layer.ts";
import type { PredictionProblem } from "../predict.ts";

/** Which elements of the Hessian are used. */
export type HessianStructure = "full" | "diag";

/** The size of the layer, and what is summed. */
export interface CurvatureShape {
  readonly problemType: PredictionProblem;
  readonly structure: HessianStructure;
  /** The number of outputs. */
  readonly outputs: number;
  /** The number of features, of which the last is 1 if there is a bias. */
  readonly columns: number;
}

/** The sums over the data from which the Hessian is made. */
export class CurvatureSums implements Disposable {
  readonly #shape: CurvatureShape;
  readonly #hasBias: boolean;
  #sums: Tensor | undefined;

  constructor(shape: CurvatureShape, hasBias: boolean) {
    this.#shape = shape;
    this.#hasBias = hasBias;
  }

  /** Adds a batch. */
  add({ features, logits }: LayerRun): void {
    using _ = scope();
    const [rows = 0] = features.shape;
    if (rows === 0) return;
    const one = ones([rows, 1], { device: features.device });
    const x = this.#hasBias ? concat([features, one], 1) : features;
    const sums = this.#shape.structure === "full"
      ? this.#products(x, logits)
      : this.#squares(x, logits);
    if (this.#sums) addInto(this.#sums, sums);
    else this.#sums = persist(sums);
  }

  /** Reads the sums, and makes the Hessian of them. */
  async curvature(): Promise<Curvature> {
    const sums = await this.#sums?.data() ?? new Float32Array();
    const { problemType, structure, outputs, columns } = this.#shape;
    const isShared = problemType === "regression";
    if (structure === "diag") {
      return new DiagonalCurvature(
        Float64Array.from(sums),
        isShared ? outputs : 1,
      );
    }
    if (problemType === "single_label_classification") {
      return new FullCurvature([laplacian(sums, outputs, columns)]);
    }
    const area = columns * columns;
    const blocks = Array.from(
      { length: isShared ? 1 : outputs },
      (_, c) => Float64Array.from(sums.subarray(c * area, (c + 1) * area)),
    );
    return new FullCurvature(blocks, isShared ? outputs : 1);
  }

  /** Frees the sums. */
  [Symbol.dispose](): void {
    this.#sums?.dispose();
  }

  /**
   * Sums of products of features: for numbers xᵀx, for labels xᵀ diag(s) x of each,
   * and for classes of each pair, (p x)ᵀ (p x).
   */
  #products(x: Tensor, logits: Tensor): Tensor {
    const { problemType } = this.#shape;
    if (problemType === "regression") {
      return matmul(x, x, { transposeA: true });
    }
    const isOne = problemType === "single_label_classification";
    const weights = isOne ? softmax(logits) : spread(problemType, logits);
    const product = mul(unsqueeze(weights, 2), unsqueeze(x, 1));
    const flat = reshape(product, [x.shape[0] ?? 0, -1]);
    return matmul(flat, isOne ? flat : x, { transposeA: true });
  }

  /** Sums of squares of features: for numbers, or weighted for each output. */
  #squares(x: Tensor, logits: Tensor): Tensor {
    const { problemType } = this.#shape;
    const squares = mul(x, x);
    if (problemType === "regression") return sum(squares, { axis: 0 });
    return matmul(spread(problemType, logits), squares, { transposeA: true });
  }
}

/**
 * The second derivative of the loss in each logit, p (1 - p). Where p is near 1,
 * 1 - p has few digits left, and comes from the others.
 */
function spread(problemType: PredictionProblem, logits: Tensor): Tensor {
  if (problemType === "multi_label_classification") {
    return mul(sigmoid(logits), sigmoid(neg(logits)));
  }
  const p = softmax(logits);
  const isLarge = greater(p, 0.5);
  const others = sum(where(isLarge, 0, p), { axis: -1, keepDims: true });
  return mul(p, where(isLarge, others, sub(1, p)));
}

/**
 * The Hessian of a softmax from the products K of each pair of classes: -K beside
 * the diagonal blocks, which are the sums of the K beside them. So nothing is
 * subtracted, and confident predictions keep their digits.
 */
function laplacian(
  products: Float32Array,
  outputs: number,
  columns: number,
): Float64Array {
  const size = outputs * columns;
  const matrix = new Float64Array(size * size);
  for (let a = 0; a < size; a++) {
    const own = Math.floor(a / columns);
    for (let b = 0; b < size; b++) {
      const other = Math.floor(b / columns);
      if (other === own) continue;
      const value = products[a * size + b] as number;
      matrix[a * size + b] = -value;
      const at = a * size + own * columns + b % columns;
      matrix[at] = (matrix[at] as number) + value;
    }
  }
  return matrix;
}

/** A Hessian H, and the Gaussians of precision H + d I. */
export interface Curvature {
  /** The number of weights. */
  readonly size: number;
  /** log det (H + d I) and the trace of (H + d I)⁻¹; NaN if it has no inverse. */
  shifted(shift: number): { logDeterminant: number; traceOfInverse: number };
  /**
   * Factors H + d I.
   *
   * @returns `undefined` if it is not positive definite.
   */
  factor(shift: number): Factor | undefined;
  /** H, [size, size], or its diagonal, [size]. */
  values(): Float64Array;
}

/** A factor of a precision. */
export interface Factor {
  /** Turns numbers of variance 1 into numbers of that precision, in place. */
  apply(z: Float64Array): void;
  /**
   * The covariances of the weights of each output, `[outputs, columns, columns]`,
   * or their variances, `[outputs, columns]`; of one output if all have the same.
   *
   * @param columns The number of weights of an output.
   */
  covariances(columns: number): Float64Array;
}

/** A Hessian of which only the diagonal is used. */
class DiagonalCurvature implements Curvature {
  readonly size: number;
  readonly #diagonal: Float64Array;
  readonly #copies: number;

  /** @param copies How often the diagonal is repeated. */
  constructor(diagonal: Float64Array, copies: number) {
    this.#diagonal = diagonal;
    this.#copies = copies;
    this.size = diagonal.length * copies;
  }

  shifted(shift: number) {
    let logDeterminant = 0;
    let traceOfInverse = 0;
    for (const h of this.#diagonal) {
      logDeterminant += Math.log(h + shift);
      traceOfInverse += 1 / (h + shift);
    }
    return {
      logDeterminant: logDeterminant * this.#copies,
      traceOfInverse: traceOfInverse * this.#copies,
    };
  }

  factor(shift: number): Factor | undefined {
    const diagonal = this.#diagonal;
    if (diagonal.some((h) => !(h + shift > 0 && h < Infinity))) {
      return undefined;
    }
    const scales = diagonal.map((h) => 1 / Math.sqrt(h + shift));
    return {
      covariances: () => scales.map((x) => x * x),
      apply(z) {
        for (let i = 0; i < z.length; i++) {
          z[i] = (z[i] as number) * (scales[i % scales.length] as number);
        }
      },
    };
  }

  values(): Float64Array {
    const all = new Float64Array(this.size);
    for (let c = 0; c < this.#copies; c++) {
      all.set(this.#diagonal, c * this.#diagonal.length);
    }
    return all;
  }
}

/** A Hessian of full blocks on the diagonal. */
class FullCurvature implements Curvature {
  readonly size: number;
  readonly #blocks: readonly Float64Array[];
  readonly #copies: number;
  #tridiagonal: readonly Tridiagonal[] | undefined;

  /** @param copies How often the blocks are repeated. */
  constructor(blocks: readonly Float64Array[], copies = 1) {
    this.#blocks = blocks;
    this.#copies = copies;
    this.size = blocks.reduce((n, { length }) => n + Math.sqrt(length), 0) *
      copies;
  }

  shifted(shift: number) {
    this.#tridiagonal ??= this.#blocks.map((block) =>
      tridiagonalize(block, Math.sqrt(block.length))
    );
    let logDeterminant = 0;
    let traceOfInverse = 0;
    for (const matrix of this.#tridiagonal) {
      const own = shiftedDeterminant(matrix, shift);
      logDeterminant += own.logDeterminant * this.#copies;
      traceOfInverse += own.traceOfInverse * this.#copies;
    }
    return { logDeterminant, traceOfInverse };
  }

  factor(shift: number): Factor | undefined {
    const lowers: Float64Array[] = [];
    for (const block of this.#blocks) {
      const lower = cholesky(block, Math.sqrt(block.length), shift);
      if (!lower) return undefined;
      lowers.push(lower);
    }
    return {
      covariances: (columns) => outputCovariances(lowers, columns),
      apply(z) {
        for (let at = 0, k = 0; at < z.length; k++) {
          const lower = lowers[k % lowers.length] as Float64Array;
          const size = Math.sqrt(lower.length);
          solveTransposed(lower, z.subarray(at, at += size));
        }
      },
    };
  }

  values(): Float64Array {
    const all = new Float64Array(this.size * this.size);
    let at = 0;
    for (let c = 0; c < this.#copies; c++) {
      for (const block of this.#blocks) {
        const size = Math.sqrt(block.length);
        for (let i = 0; i < size; i++) {
          const row = block.subarray(i * size, (i + 1) * size);
          all.set(row, (at + i) * this.size + at);
        }
        at += size;
      }
    }
    return all;
  }
}

/** The blocks on the diagonal of the inverses of L Lᵀ, [outputs, columns, columns]. */
function outputCovariances(
  lowers: readonly Float64Array[],
  columns: number,
): Float64Array {
  const area = columns * columns;
  const sizes = lowers.map(({ length }) => Math.sqrt(length));
  const total = sizes.reduce((n, size) => n + size / columns, 0);
  const result = new Float64Array(total * area);
  let at = 0;
  for (const [i, lower] of lowers.entries()) {
    const size = sizes[i] ?? 0;
    const inverse = invertLower(lower, size);
    for (let first = 0; first < size; first += columns, at += area) {
      const block = result.subarray(at, at + area);
      // (L Lᵀ)⁻¹ = L⁻ᵀ L⁻¹, whose rows are zero behind the diagonal.
      for (let k = first; k < size; k++) {
        const start = k * size + first;
        const row = inverse.subarray(start, start + columns);
        for (let j = 0; j < columns; j++) {
          const factor = row[j] as number;
          if (factor === 0) continue;
          for (let l = 0; l < columns; l++) {
            const to = j * columns + l;
            block[to] = (block[to] as number) + factor * (row[l] as number);
          }
        }
      }
    }
  }
  return result;
}
