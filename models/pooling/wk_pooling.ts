// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// WK pooling: Wang and Kuo, "SBERT-WK: A Sentence Embedding Method by Dissecting
// BERT-Based Word Models", 2020.
//
// For layer k of a token, the layers around it and layer k itself, in this order,
// are the columns of a matrix, whose R of QR says how the last one lies to the
// others. The columns' lengths do not matter, so R is the Cholesky factor of the
// cosines between layers: one product makes the cosines of all layers of all
// tokens, and what follows works with a few numbers for each token. Layers with
// windows of one size go through it together.

import {
  add,
  cast,
  clamp,
  concat,
  cumsum,
  div,
  greater,
  indexSelect,
  type IntegerTensor,
  maskedFill,
  matmul,
  mul,
  reshape,
  sqrt,
  stack,
  sub,
  sum,
  type Tensor,
  tensor,
  variance,
} from "../../engine/mod.ts";
import { checkOptions, Module } from "../../nn/mod.ts";
import { checkCount, type PoolingHead, type PoolingInputs } from "./head.ts";
import { normalized } from "./pool_tokens.ts";

/** The least square of R's diagonal; below it, rounding decides. */
const LEAST = 1e-10;
const HIGHEST = 3.4028234663852886e38;

/** Options of {@linkcode WKPooling}. */
export interface WKPoolingOptions {
  /**
   * The first layer that counts: 0 for the embeddings, 1 for the first block. At
   * least three layers must count.
   *
   * @default {4}
   */
  layerStart?: number | undefined;
  /** How many layers on either side a layer is compared with. @default {2} */
  windowSize?: number | undefined;
}

/**
 * WK pooling: within a token, layers count by how new they are and how well they
 * agree with the layers around them; within a text, tokens count by how much they
 * change from layer to layer. It has no parameters, and agrees with
 * sentence-transformers' class.
 *
 * The last token of each text, usually a separator, is left out, and so is
 * padding; a text of one token gives 0. The first `windowSize` layers have no
 * layers before them in their windows, as in the authors' code.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor, uniform } from "@swagpu/swagpu/engine";
 * import { WKPooling } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const head = new WKPooling(8, { layerStart: 1 });
 * const y = head.forward({
 *   hiddenStates: [0, 1, 2, 3, 4].map(() => uniform([2, 3, 8])),
 *   attentionMask: tensor([[1, 1, 1], [1, 1, 0]], { dtype: "i32" }),
 * });
 * assertEquals(y.shape, [2, 8]);
 * ```
 */
export class WKPooling extends Module implements PoolingHead {
  /** The length of a vector: `hiddenSize`. */
  readonly outputSize: number;
  /** The first layer that counts. */
  readonly layerStart: number;
  /** How many layers on either side a layer is compared with. */
  readonly windowSize: number;

  /**
   * Builds the head.
   *
   * @param hiddenSize The length of the states.
   * @param options The first layer, and the size of the windows.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(hiddenSize: number, options: WKPoolingOptions = {}) {
    super();
    checkOptions(options, {
      action: "build a WKPooling",
      known: ["layerStart", "windowSize"],
    });
    const { layerStart = 4, windowSize = 2 } = options;
    checkCount("hiddenSize", hiddenSize);
    checkCount("layerStart", layerStart, 0);
    checkCount("windowSize", windowSize);
    this.outputSize = hiddenSize;
    this.layerStart = layerStart;
    this.windowSize = windowSize;
  }

  /**
   * Pools the states.
   *
   * @throws {RangeError} If fewer than three layers count.
   */
  forward({ hiddenStates, attentionMask }: PoolingInputs): Tensor {
    const layers = hiddenStates.slice(this.layerStart);
    const n = layers.length;
    if (n < 3) {
      throw new RangeError(
        `Cannot pool ${n} layers from layer ${this.layerStart} of ` +
          `${hiddenStates.length}: at least three must count`,
      );
    }
    const [batch = 0, length = 0, hidden = 0] = layers[0]?.shape ?? [];
    const tokens = batch * length;
    const counts = reshape(countingTokens(attentionMask), [tokens, 1]);
    const isOut = cast(sub(1, counts), "i32");
    // What is left out must be a matrix that has a factor.
    const all = maskedFill(
      reshape(stack(layers, 2), [tokens, n, hidden]),
      reshape(isOut, [tokens, 1, 1]),
      1,
    );
    const unit = normalized(all);
    const products = reshape(
      matmul(unit, unit, { transposeB: true }),
      [tokens, n * n],
    );
    const cosines = add(
      mul(products, counts),
      mul(harmless(n), cast(isOut, "f32")),
    );
    const alpha = layerWeights(cosines, windowsOf(n, this.windowSize));
    const words = matmul(reshape(alpha, [tokens, 1, n]), all);
    const steps = Array.from({ length: n - 1 }, (_, k) => (k + 1) * n + k);
    const change = variance(pick(cosines, steps), { axis: 1 });
    const weights = reshape(mul(change, reshape(counts, [tokens])), [
      batch,
      1,
      length,
    ]);
    const total = sum(weights, { axis: 2, keepDims: true });
    const shares = div(weights, clamp(total, 1e-30, HIGHEST));
    const texts = matmul(shares, reshape(words, [batch, length, hidden]));
    return reshape(texts, [batch, hidden]);
  }
}

/** 1 for the tokens of a text, except the last one, `[batch, length]`. */
function countingTokens(attentionMask: IntegerTensor): Tensor {
  const mask = cast(attentionMask, "f32");
  const ahead = cumsum(mask, { axis: 1, reverse: true });
  return mul(mask, cast(greater(ahead, 1), "f32"));
}

/** Cosines that no layer has to another: all ½, as one row. */
function harmless(n: number): Tensor {
  const values = Float32Array.from(
    { length: n * n },
    (_, i) => Math.floor(i / n) === i % n ? 1 : 0.5,
  );
  return tensor(values, { shape: [1, n * n] });
}

/** The columns of each layer's matrix: those around it, then the layer itself. */
function windowsOf(n: number, size: number): number[][] {
  return Array.from({ length: n }, (_, k) => {
    // The authors' slice starts below 0 here, which gives nothing.
    const left = k < size
      ? []
      : Array.from({ length: size }, (_, i) => k - size + i);
    const right = Array.from({ length: size }, (_, i) => k + 1 + i)
      .filter((layer) => layer < n);
    return [...left, ...right, k];
  });
}

/** Some columns of a matrix. */
function pick(x: Tensor, columns: readonly number[]): Tensor {
  const index = tensor(Int32Array.from(columns), { device: x.device });
  return indexSelect(x, index, 1);
}

/** The weight of each layer in each token, `[tokens, n]`. */
function layerWeights(
  cosines: Tensor,
  windows: readonly (readonly number[])[],
): Tensor {
  const n = windows.length;
  const sizes = [...new Set(windows.map((window) => window.length))];
  const order: number[] = [];
  const parts = sizes.map((size) => {
    const own = windows.flatMap((window, k) =>
      window.length === size ? [k] : []
    );
    order.push(...own);
    const entry = (i: number, j: number) =>
      pick(
        cosines,
        own.map((k) => (windows[k]?.[i] ?? 0) * n + (windows[k]?.[j] ?? 0)),
      );
    return alignmentAndNovelty(size, entry);
  });
  const back = windows.map((_, k) => order.indexOf(k));
  const shares = (values: Tensor[]) => {
    const joined = pick(concat(values, 1), back);
    return div(joined, sum(joined, { axis: 1, keepDims: true }));
  };
  const alignment = shares(parts.map(({ alignment }) => alignment));
  const novelty = shares(parts.map(({ novelty }) => novelty));
  return mul(add(alignment, novelty), 0.5);
}

/**
 * How well the last column of a matrix agrees with the others, and how new it is,
 * from the cosines between the columns.
 */
function alignmentAndNovelty(
  size: number,
  cosine: (i: number, j: number) => Tensor,
): { alignment: Tensor; novelty: Tensor } {
  const r = cholesky(size, cosine);
  const last = size - 1;
  const column = (j: number) =>
    r.slice(0, j + 1).map((row) => row[j] as Tensor);
  const of = column(last);
  const others = of.slice(0, last);
  // The mean of row i of R's other columns. These have length 1 already.
  const agreement = others.map((value, i) => {
    const row = (r[i] ?? []).slice(i, last) as Tensor[];
    return mul(total(row), value);
  });
  const along = sqrt(total(others.map((value) => mul(value, value))));
  const score = div(total(agreement), mul(along, last));
  const [newest] = of.slice(last);
  const whole = sqrt(total(of.map((value) => mul(value, value))));
  return {
    alignment: div(1 / (2 * size), score),
    novelty: div(newest ?? whole, whole),
  };
}

/** R with RᵀR = A, whose diagonal is positive: `R[i][j]` for j ≥ i. */
function cholesky(
  size: number,
  entry: (i: number, j: number) => Tensor,
): (Tensor | undefined)[][] {
  const r: (Tensor | undefined)[][] = [];
  for (let i = 0; i < size; i++) {
    const row: (Tensor | undefined)[] = new Array(size).fill(undefined);
    r.push(row);
    for (let j = i; j < size; j++) {
      let rest = entry(i, j);
      for (let k = 0; k < i; k++) {
        const [a, b] = [r[k]?.[i], r[k]?.[j]];
        if (a && b) rest = sub(rest, mul(a, b));
      }
      const diagonal = row[i];
      row[j] = diagonal
        ? div(rest, diagonal)
        : sqrt(clamp(rest, LEAST, HIGHEST));
    }
  }
  return r;
}

function total(values: readonly Tensor[]): Tensor {
  return values.reduce((a, b) => add(a, b));
}
