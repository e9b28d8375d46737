// Copyright 2026 the swagpu authors. MIT license.

// The cases on which peers are compared: the work of each case, the limit of the adapter
// that bounds it, and its expected outputs.

import type { AttentionSizes, EncoderSizes, MlpSizes } from "./data.ts";
import type { Parameters } from "./protocol.ts";
import {
  addReference,
  attentionReference,
  chainReference,
  layerNormReference,
  matmulReference,
} from "./references.ts";

/** The limits of an adapter, which the worker limits.ts measures. */
export const LIMITS = {
  fma: { title: "multiply-adds from registers", unit: "GFLOP/s" },
  copy: { title: "copy by a vec4 kernel", unit: "GB/s" },
  dispatch: { title: "1,000 dispatches in one pass", unit: "Mdispatch/s" },
  wait: { title: "a wait for nothing", unit: "kwait/s" },
} as const;

/** The name of a limit. */
export type Limit = keyof typeof LIMITS;

/** The limit that bounds a case, and how much of it the case does. */
export interface Work {
  limit: Limit;
  /** The floating-point operations, bytes or dispatches of one run. */
  amount: number;
}

/** The expected outputs. */
export interface Expected {
  /**
   * The values at the probes, in 64-bit arithmetic; if `undefined`, the outputs of
   * the first peer are the expected ones.
   */
  values?: () => number[];
  /** By how much an output may differ, relative to the largest output. */
  tolerance: number;
}

/** The work of every peer. */
export interface Case {
  name: string;
  kind: string;
  parameters: Parameters;
  work: Work;
  expected: Expected;
}

// Sums in another order, and variances as E[x²] - E[x]², must agree.
const SUMS = 1e-4;
// Adam without decoupled decay (tfjs) is 1e-5 from AdamW after five steps.
const LOSSES = 5e-5;

const MEBI = 2 ** 20;

/** `a·b`. Operands may be stored transposed. */
export function matmulCase(
  m: number,
  k: number,
  n: number,
  layout: { transposeA?: boolean; transposeB?: boolean } = {},
): Case {
  const { transposeA = false, transposeB = false } = layout;
  const letters = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  return {
    name: `matmul ${m}x${k}x${n}${letters === "NN" ? "" : ` ${letters}`}`,
    kind: "matmul",
    parameters: { m, k, n, transposeA, transposeB },
    work: { limit: "fma", amount: 2 * m * k * n },
    expected: {
      values: () => matmulReference(m, k, n, { transposeA, transposeB }),
      tolerance: SUMS,
    },
  };
}

/** Attention of every token to every token, forward. */
export function attentionCase(sizes: AttentionSizes, fused = false): Case {
  const { batch, heads, length, size } = sizes;
  const name = `attention B${batch} H${heads} S${length} D${size}`;
  return {
    name: fused ? `${name}, fused` : name,
    kind: fused ? "fusedAttention" : "attention",
    parameters: { ...sizes },
    work: { limit: "fma", amount: 4 * batch * heads * length ** 2 * size },
    expected: { values: () => attentionReference(sizes), tolerance: SUMS },
  };
}

/** Layer norm with weight and bias, forward. */
export function layerNormCase(rows: number, columns: number): Case {
  return {
    name: `layer norm ${rows}x${columns}`,
    kind: "layerNorm",
    parameters: { rows, columns },
    work: { limit: "copy", amount: 8 * rows * columns },
    expected: {
      values: () => layerNormReference(rows, columns),
      tolerance: SUMS,
    },
  };
}

/** The sum of two vectors. */
export function addCase(length: number): Case {
  const name = length % MEBI === 0 ? `${length / MEBI} Mi` : `${length}`;
  return {
    name: `add ${name}`,
    kind: "add",
    parameters: { length },
    work: { limit: "copy", amount: 12 * length },
    expected: { values: () => addReference(length), tolerance: 1e-6 },
  };
}

/** Additions that wait for each other, which measure the cost of an op itself. */
export function chainCase(links: number, length: number): Case {
  return {
    name: `${links} chained adds of ${length}`,
    kind: "chain",
    parameters: { links, length },
    work: { limit: "dispatch", amount: links },
    expected: { values: () => chainReference(links, length), tolerance: SUMS },
  };
}

const MLP: MlpSizes = { batch: 64, inputs: 784, hidden: 256, outputs: 10 };

const ENCODER: EncoderSizes = {
  layers: 2,
  hidden: 128,
  heads: 2,
  length: 64,
  batch: 8,
  vocabulary: 1000,
  inner: 512,
};

/** The operations of the encoder's forward pass. */
export function encoderFlops(sizes: EncoderSizes): number {
  const { layers, hidden, length, batch, vocabulary, inner } = sizes;
  const weights = layers * (4 * hidden ** 2 + 2 * hidden * inner) +
    hidden * vocabulary;
  return 2 * weights * batch * length +
    layers * 4 * batch * hidden * length ** 2;
}

/** All cases. The expected losses were computed by PyTorch. */
export const PEER_CASES: readonly Case[] = [
  matmulCase(256, 256, 256),
  matmulCase(512, 512, 512),
  matmulCase(1024, 1024, 1024),
  matmulCase(512, 768, 3072),
  attentionCase({ batch: 4, heads: 12, length: 128, size: 64 }),
  attentionCase({ batch: 4, heads: 12, length: 128, size: 64 }, true),
  layerNormCase(512, 768),
  addCase(16 * MEBI),
  chainCase(1000, 16),
  {
    name: "MLP 784-256-10, batch 64, step",
    kind: "mlpStep",
    parameters: { ...MLP },
    work: {
      limit: "fma",
      amount: 6 * MLP.batch * MLP.hidden * (MLP.inputs + MLP.outputs),
    },
    expected: {
      values: () => [2.30974, 2.18986, 2.07769, 1.97177, 1.87031],
      tolerance: LOSSES,
    },
  },
  {
    name: "encoder 2x128, 8x64 tokens, forward",
    kind: "encoderForward",
    parameters: { ...ENCODER },
    work: { limit: "fma", amount: encoderFlops(ENCODER) },
    expected: { tolerance: SUMS },
  },
  {
    name: "encoder 2x128, 8x64 tokens, step",
    kind: "encoderStep",
    parameters: { ...ENCODER },
    work: { limit: "fma", amount: 3 * encoderFlops(ENCODER) },
    expected: {
      values: () => [6.9708, 6.73134, 6.4945, 6.26011, 6.02833],
      tolerance: LOSSES,
    },
  },
];
