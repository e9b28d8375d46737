// Copyright 2026 the swagpu authors. MIT license.

// Products with one variant of the kernels, compared with the reference.

import { assertEquals } from "@std/assert";
import { tensor } from "../../../engine/ops/creation.ts";
import { matmul, type MatmulOptions } from "../../../engine/ops/matmul.ts";
import { readAll, type Tensor } from "../../../engine/tensor.ts";
import { pin, pinned } from "../../../engine/tuning/choice.ts";
import { assertClose, randomValues, SUMS } from "../../_check.ts";
import { matmulReference, type MatmulSizes } from "../../reference/matmul.ts";

/** Which operands are stored transposed: all four ways. */
export const TRANSPOSES = [[false, false], [false, true], [true, false], [
  true,
  true,
]] as const;

export function operandShapes(
  { m, n, k, transposeA, transposeB }: MatmulSizes,
): [number[], number[]] {
  return [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]];
}

export function operands(sizes: MatmulSizes): [Tensor, Tensor] {
  const [shapeA, shapeB] = operandShapes(sizes);
  const { m, n, k } = sizes;
  return [
    tensor(randomValues(m * k, m + k), { shape: shapeA }),
    tensor(randomValues(k * n, k + n + 1), { shape: shapeB }),
  ];
}

/** Multiplies with one variant; what follows, as backward, chooses freely. */
export function matmulWith(
  variant: string,
  a: Tensor,
  b: Tensor,
  options: MatmulOptions = {},
): Tensor {
  const before = pinned("matmul");
  pin("matmul", variant);
  try {
    return matmul(a, b, options);
  } finally {
    pin("matmul", before);
  }
}

// Aligned, one block and several; edges within blocks; several tiles with ragged
// edges.
const SIZES = [
  [8, 12, 4],
  [68, 36, 20],
  [1, 1, 1],
  [7, 5, 3],
  [65, 33, 17],
] as const;

/**
 * The variants that are compared in all ways at first: one of each kind, as the
 * text of the others differs in sizes alone, and takes seconds to compile.
 */
export const ONE_OF_EACH_KIND = ["direct4", "tiled32", "skinny4"];

/**
 * Compares products of one variant with the reference, with all ways to store the
 * operands or, to compile less, each way to read an operand once.
 */
export async function checkProducts(
  variant: string,
  inAllWays: boolean,
): Promise<void> {
  for (const [transposeA, transposeB] of TRANSPOSES) {
    for (const [m, n, k] of SIZES) {
      // Each way to read an operand once: one aligned, one ragged.
      const once = transposeA !== transposeB && transposeB === (k % 4 === 0);
      if (!inAllWays && !once) continue;
      const sizes = { m, n, k, transposeA, transposeB };
      const [a, b] = operands(sizes);
      const y = matmulWith(variant, a, b, { transposeA, transposeB });
      assertEquals(y.shape, [m, n]);
      const [u, v, w] = await readAll([a, b, y]);
      assertClose(
        w ?? [],
        matmulReference(u ?? [], v ?? [], sizes),
        SUMS,
        JSON.stringify(sizes),
      );
    }
  }
}
