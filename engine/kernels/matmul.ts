// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Matrix product C = op(A)·op(B) in three shapes of kernel:
//   direct  one BM×BN block of C an invocation, in registers; no workgroup
//           memory, no barrier, A and B read as texels where their rows are
//           aligned: what an adapter on the CPU wants
//   tiled   one BM×BN tile of C a workgroup, staged through workgroup memory in
//           slices of depth BK; 4×4 or 8×8 outputs an invocation: for GPUs
//   skinny  up to 16 rows of C; the lanes of a workgroup share the sums over k:
//           for GPUs that decode
// All fetch 4×4 quads through load_a and load_b, so that the four transpose
// cases and ragged sizes differ in those two functions alone. In the first two
// every element is one chain of fused multiply-adds in rising k, so that all
// their variants, and products cut along any axis (along k at multiples of 4),
// give the same bits. A product split along k is a batch of products whose
// results matmul_split.ts adds.
// Rows and columns past the edge read whatever lies there and are not stored.

import type { Kernel } from "../gpu/kernel.ts";
import { direct } from "./matmul_direct.ts";
import {
  byFours,
  declareBuffers,
  declareParams,
  epilogue,
  EPILOGUE_PARAMS,
  type EpilogueForm,
} from "./matmul_epilogue.ts";
import { loader } from "./matmul_operands.ts";
import { skinny } from "./matmul_skinny.ts";
import { tiled } from "./matmul_tiled.ts";

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

const PARAMS = {
  ...EPILOGUE_PARAMS,
  K: "u32",
  total: "u32", // of a split sum: K of all items
  lda: "u32", // elements from one stored row to the next
  ldb: "u32",
  offset_a: "u32", // of the first element
  offset_b: "u32",
  batch_a: "u32", // elements from one product of the batch to the next
  batch_b: "u32",
  batch_c: "u32",
} as const;

const TEXTS = { direct, tiled, skinny };

const kernels = new Map<string, Kernel>();

/**
 * The kernel of a form. Binds A, B, the bias, the residual and the argument if
 * the form has them; C, the saved argument of the activation, and the sums.
 */
export function matmulKernel(form: MatmulForm): Kernel {
  const key = Object.values(form).join();
  let kernel = kernels.get(key);
  if (!kernel) {
    const { variant, transposeA, transposeB, ragged } = form;
    const block: Block = BLOCKS[variant];
    const reading = (aligned: boolean) =>
      form.texels ? "texels" : byFours(aligned);
    const [a, b] = [reading(form.vectorA), reading(form.vectorB)];
    const buffers = declareBuffers([["A", a], ["B", b]], form);
    kernel = {
      name: `matmul_${variant}`,
      bind: buffers.bind,
      params: PARAMS,
      wgsl: [
        buffers.wgsl,
        declareParams(PARAMS),
        loader("a", "A", !transposeA, a, ragged),
        loader("b", "B", transposeB, b, ragged),
        epilogue(form),
        TEXTS[block.kind](form, block),
      ].join("\n"),
    };
    kernels.set(key, kernel);
  }
  return kernel;
}
