// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { EpilogueForm } from "./matmul_epilogue.ts";

/** The block of C that an invocation (direct) or a workgroup computes. */
export interface Block {
  kind: "direct" | "tiled" | "skinny";
  /** Rows of C. */
  m: number;
  /** Columns of C; a skinny block has more of them where B is stored [K, N]. */
  n: number;
  /** Rows and columns an invocation computes in a tile. */
  each: number;
  /** Depth of a slice in workgroup memory; lanes of a skinny workgroup. */
  k: number;
}

/** The variants, by name. */
export const BLOCKS = {
  direct16x32: { kind: "direct", m: 16, n: 32, each: 16, k: 4 },
  direct16: { kind: "direct", m: 16, n: 16, each: 16, k: 4 },
  direct8x16: { kind: "direct", m: 8, n: 16, each: 8, k: 4 },
  direct4x16: { kind: "direct", m: 4, n: 16, each: 4, k: 4 },
  direct4: { kind: "direct", m: 4, n: 4, each: 4, k: 4 },
  tiled32: { kind: "tiled", m: 32, n: 32, each: 4, k: 16 },
  tiled64: { kind: "tiled", m: 64, n: 64, each: 8, k: 16 },
  tiled64many: { kind: "tiled", m: 64, n: 64, each: 4, k: 16 },
  tiled128x64: { kind: "tiled", m: 128, n: 64, each: 8, k: 8 },
  tiled128: { kind: "tiled", m: 128, n: 128, each: 8, k: 8 },
  tiled128deep: { kind: "tiled", m: 128, n: 128, each: 8, k: 16 },
  skinny4: { kind: "skinny", m: 4, n: 4, each: 4, k: 128 },
  skinny16: { kind: "skinny", m: 16, n: 4, each: 16, k: 64 },
} as const satisfies Readonly<Record<string, Block>>;

/** The name of a variant. */
export type MatmulVariant = keyof typeof BLOCKS;

/** Everything that changes the text of the kernel. */
export interface MatmulForm extends EpilogueForm {
  variant: MatmulVariant;
  /** Whether A is stored [K, M]. */
  transposeA: boolean;
  /** Whether B is stored [N, K]. */
  transposeB: boolean;
  /** Whether rows of A start at multiples of four elements. */
  vectorA: boolean;
  /** Likewise B. */
  vectorB: boolean;
  /** Whether K is no multiple of four. */
  ragged: boolean;
  /** Whether items of the batch are stretches of one sum along k. */
  split: boolean;
}
