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
} from "./matmul_epilogue.ts";
import { type Block, BLOCKS, type MatmulForm } from "./matmul_form.ts";
import { loader } from "./matmul_operands.ts";
import { skinny } from "./matmul_skinny.ts";
import { tiled } from "./matmul_tiled.ts";

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
