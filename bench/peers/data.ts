// Copyright 2026 the swagpu authors. MIT license.

// Inputs, which every peer makes itself from a seed. The bits are the same in TypeScript
// and in Python (bench/torch/data.py).

/** Makes pseudo-random numbers in [-0.5, 0.5), by a 32-bit xorshift generator. */
export function random(
  length: number,
  seed: number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length);
  let state = Math.imul(seed, 2654435761 | 0) || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = (state >>> 0) / 4294967296 - 0.5;
  }
  return values;
}

/** Makes pseudo-random integers in [0, bound). */
export function randomIntegers(
  length: number,
  bound: number,
  seed: number,
): Int32Array<ArrayBuffer> {
  return Int32Array.from(
    random(length, seed),
    (x) => Math.min(bound - 1, Math.floor((x + 0.5) * bound)),
  );
}

/** How many elements of an output are compared at most. */
const PROBES = 256;

/** Chooses indices that are spread over an output, from its first to its last. */
export function probes(length: number): number[] {
  if (length <= PROBES) return Array.from({ length }, (_, i) => i);
  return Array.from(
    { length: PROBES },
    (_, i) => Math.floor(i * (length - 1) / (PROBES - 1)),
  );
}

/** The elements at {@linkcode probes}. */
export function probe(values: ArrayLike<number>): number[] {
  return probes(values.length).map((i) => values[i] ?? NaN);
}

/** Transposes a row-major matrix `[rows, columns]`. */
export function transposed(
  values: Float32Array,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      result[c * rows + r] = values[r * columns + c] ?? NaN;
    }
  }
  return result;
}

/** Swaps the middle axes of `[a, b, c, d]`: heads before tokens, and back. */
export function swapMiddle(
  values: Float32Array,
  [a, b, c, d]: readonly [number, number, number, number],
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      for (let k = 0; k < c; k++) {
        const from = ((i * b + j) * c + k) * d;
        result.set(values.subarray(from, from + d), ((i * c + k) * b + j) * d);
      }
    }
  }
  return result;
}

/** A weight at the start of training. */
export interface Weight {
  shape: number[];
  data: Float32Array<ArrayBuffer>;
}

/** Weights by name. */
export type Weights = Record<string, Weight>;

function drawn(shape: number[], seed: number): Weight {
  const data = random(shape.reduce((a, b) => a * b, 1), seed);
  return { shape, data: data.map((x) => x * 0.1) };
}

function constant(length: number, value: number): Weight {
  return { shape: [length], data: new Float32Array(length).fill(value) };
}

/** Sizes of the classifier of two layers. */
export interface MlpSizes {
  batch: number;
  inputs: number;
  hidden: number;
  outputs: number;
}

/** The classifier's first weights. */
export function mlpWeights({ inputs, hidden, outputs }: MlpSizes): Weights {
  return {
    w1: drawn([inputs, hidden], 11),
    b1: constant(hidden, 0),
    w2: drawn([hidden, outputs], 12),
    b2: constant(outputs, 0),
  };
}

/** The batch that it is trained on. */
export function mlpBatch({ batch, inputs, outputs }: MlpSizes): {
  x: Float32Array<ArrayBuffer>;
  labels: Int32Array<ArrayBuffer>;
} {
  return {
    x: random(batch * inputs, 21),
    labels: randomIntegers(batch, outputs, 22),
  };
}

/** Sizes of the small encoder. */
export interface EncoderSizes {
  layers: number;
  hidden: number;
  heads: number;
  length: number;
  batch: number;
  vocabulary: number;
  inner: number;
}

/**
 * The small encoder's first weights: embeddings, blocks that normalize last,
 * and a layer that scores the vocabulary for each token. Matrices are
 * `[inputs, outputs]`.
 */
export function encoderWeights(sizes: EncoderSizes): Weights {
  const { layers, hidden, length, vocabulary, inner } = sizes;
  const weights: Weights = {
    tok: drawn([vocabulary, hidden], 31),
    pos: drawn([length, hidden], 32),
    lng: constant(hidden, 1),
    lnb: constant(hidden, 0),
  };
  for (let layer = 0; layer < layers; layer++) {
    const seed = 40 + layer * 10;
    const name = (suffix: string) => `l${layer}_${suffix}`;
    ["q", "k", "v", "o"].forEach((suffix, i) => {
      weights[name(`w${suffix}`)] = drawn([hidden, hidden], seed + i);
      weights[name(`b${suffix}`)] = constant(hidden, 0);
    });
    weights[name("w1")] = drawn([hidden, inner], seed + 5);
    weights[name("b1")] = constant(inner, 0);
    weights[name("w2")] = drawn([inner, hidden], seed + 6);
    weights[name("b2")] = constant(hidden, 0);
    for (const norm of ["n1", "n2"]) {
      weights[name(`${norm}g`)] = constant(hidden, 1);
      weights[name(`${norm}b`)] = constant(hidden, 0);
    }
  }
  weights.wh = drawn([hidden, vocabulary], 33);
  weights.bh = constant(vocabulary, 0);
  return weights;
}

/** The batch that it is trained on. */
export function encoderBatch({ batch, length, vocabulary }: EncoderSizes): {
  ids: Int32Array<ArrayBuffer>;
  labels: Int32Array<ArrayBuffer>;
} {
  return {
    ids: randomIntegers(batch * length, vocabulary, 34),
    labels: randomIntegers(batch * length, vocabulary, 35),
  };
}

/** The options of AdamW, which are the same everywhere. */
export const ADAMW = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0.01,
} as const;

/** Sizes of attention. */
export interface AttentionSizes {
  batch: number;
  heads: number;
  length: number;
  /** Columns of one head. */
  size: number;
}
