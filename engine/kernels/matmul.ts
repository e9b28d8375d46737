// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The matrix product C = op(A)·op(B), in three shapes of kernel:
//   direct  an invocation computes one BM×BN block of C in registers, without
//           workgroup memory or barriers, and reads A and B as texels where
//           their rows are aligned: for adapters on the CPU
//   tiled   a workgroup computes one BM×BN tile of C, staged through workgroup
//           memory in slices of depth BK, and an invocation 4×4 or 8×8 of it:
//           for GPUs
//   skinny  up to 16 rows of C; the lanes of a workgroup share the sums over k:
//           for GPUs that decode
// All fetch 4×4 quads by load_a and load_b, so that the four transpose cases
// and ragged sizes differ in those two functions only. In the first two shapes,
// every element is one chain of fused multiply-adds in rising k. So all their
// variants give the same bits, and so do products that are cut along any axis
// (along k at multiples of 4). The kernel is chosen by the rows and columns of
// the whole product, so that parts of it have the same. A product that is split
// along k is a batch of products, whose results matmul_split.ts adds. Rows and
// columns past the edge read whatever lies there, and are not stored.

import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import { direct } from "./matmul_direct.ts";
import {
  byFours,
  declareBindings,
  epilogue,
  PLAIN_EPILOGUE,
} from "./matmul_epilogue.ts";
import {
  type Block,
  BLOCKS,
  type MatmulForm,
  type MatmulVariant,
} from "./matmul_form.ts";
import { loader } from "./matmul_operands.ts";
import { skinny } from "./matmul_skinny.ts";
import { tiled } from "./matmul_tiled.ts";

const PARAMS = /* wgsl */ `
struct Params {
  M: u32,
  N: u32,
  ldc: u32, // elements from one row of C to the next
  offset_c: u32, // where the first element of C lies
  bias_at: u32, // where the first elements of the bias and of the sums lie
  sums_at: u32,
  K: u32,
  total: u32, // K of all items of a split sum together
  lda: u32, // elements from one stored row to the next
  ldb: u32,
  offset_a: u32, // where the first element lies
  offset_b: u32,
  batch_a: u32, // elements from one product of the batch to the next
  batch_b: u32,
  batch_c: u32,
}`;

const TEXTS = { direct, tiled, skinny };

/** The form of a plain product of aligned matrices, to show. */
function plain(variant: MatmulVariant): MatmulForm {
  return {
    variant,
    transposeA: false,
    transposeB: false,
    vectorA: true,
    vectorB: true,
    ragged: false,
    split: false,
    ...PLAIN_EPILOGUE,
    texels: variant.startsWith("direct"),
  };
}

/**
 * The kernel of a form. It binds A and B, and then what
 * {@linkcode declareBindings} says.
 */
export const matmulKernel: (form: MatmulForm) => Kernel = defineKernels({
  name: "matmul",
  make: (form) => {
    const { variant, transposeA, transposeB, ragged } = form;
    const block: Block = BLOCKS[variant];
    const reading = (aligned: boolean) =>
      form.texels ? "texels" : byFours(aligned);
    const [a, b] = [reading(form.vectorA), reading(form.vectorB)];
    return {
      name: `matmul_${variant}`,
      wgsl: [
        PARAMS,
        declareBindings([["A", a], ["B", b]], form),
        loader("a", "A", !transposeA, a, ragged),
        loader("b", "B", transposeB, b, ragged),
        epilogue(form),
        TEXTS[block.kind](form, block),
      ].join("\n"),
    };
  },
  forms: Object.fromEntries(
    (Object.keys(BLOCKS) as MatmulVariant[]).map((variant) =>
      [variant, plain(variant)] as const
    ),
  ),
});
