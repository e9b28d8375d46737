// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The variants of the product and their blocks, and the properties of a product
// that select the text of its kernel.

import type { EpilogueForm } from "./matmul_epilogue.ts";

/** The block of C that an invocation (direct) or a workgroup computes. */
export interface Block {
  /** The shape of the kernel; see matmul.ts. */
  kind: "direct" | "tiled" | "skinny";
  /** Rows of C. */
  m: number;
  /** Columns of C. A skinny block has more of them where B is stored [K, N]. */
  n: number;
  /** Rows that an invocation computes. */
  rows: number;
  /** Columns that an invocation computes. */
  columns: number;
  /**
   * The depth of a slice in workgroup memory, or the invocations of a skinny
   * workgroup.
   */
  k: number;
}

/** The variants, by name. Tiles take 16 KiB of workgroup memory, as all GPUs have. */
export const BLOCKS = {
  direct16x32: { kind: "direct", m: 16, n: 32, rows: 16, columns: 32, k: 4 },
  direct16: { kind: "direct", m: 16, n: 16, rows: 16, columns: 16, k: 4 },
  direct8x16: { kind: "direct", m: 8, n: 16, rows: 8, columns: 16, k: 4 },
  direct4x16: { kind: "direct", m: 4, n: 16, rows: 4, columns: 16, k: 4 },
  direct4: { kind: "direct", m: 4, n: 4, rows: 4, columns: 4, k: 4 },
  tiled32: { kind: "tiled", m: 32, n: 32, rows: 4, columns: 4, k: 32 },
  tiled64: { kind: "tiled", m: 64, n: 64, rows: 8, columns: 4, k: 16 },
  tiled128x64: { kind: "tiled", m: 128, n: 64, rows: 8, columns: 8, k: 16 },
  tiled128: { kind: "tiled", m: 128, n: 128, rows: 8, columns: 8, k: 16 },
  skinny4: { kind: "skinny", m: 4, n: 4, rows: 4, columns: 4, k: 128 },
  skinny16: { kind: "skinny", m: 16, n: 4, rows: 16, columns: 4, k: 64 },
} as const satisfies Readonly<Record<string, Block>>;

/** The name of a variant. */
export type MatmulVariant = keyof typeof BLOCKS;

/** The properties of a product that select the text of its kernel. */
export interface MatmulForm extends EpilogueForm {
  /** The variant. */
  variant: MatmulVariant;
  /** Whether A is stored [K, M]. */
  transposeA: boolean;
  /** Whether B is stored [N, K]. */
  transposeB: boolean;
  /** Whether rows of A start at multiples of four elements. */
  vectorA: boolean;
  /** Whether rows of B start at multiples of four elements. */
  vectorB: boolean;
  /** Whether K is not a multiple of four. */
  ragged: boolean;
  /** Whether the items of the batch are parts of one sum along k. */
  split: boolean;
}
