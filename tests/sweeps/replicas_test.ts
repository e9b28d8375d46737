// Copyright 2026 the swagpu authors. MIT license.

// Every op of replicas, in every form of its kernel that an adapter may choose.

import { gpuTest } from "../_check.ts";
import { withVariant } from "../_variants.ts";
import { assertSameBits, OPS } from "../engine/_replicas.ts";

for (const item of OPS) {
  const [name] = item;
  gpuTest(
    `replicas of ${name} get the bits of one alone`,
    () => assertSameBits(item),
  );
}

// Each form of a kernel that adapters other than the one at hand would choose.
const FORMS: readonly (readonly [string, string, readonly string[]])[] = [
  ["matmul", "tiled32", ["matmul with bias, activation and residual"]],
  ["matmul", "skinny4", ["matmul of odd sizes"]],
  ["matmul_split", "split2", ["matmul with bias, activation and residual"]],
  ["elementwise", "texels", ["sub", "activations"]],
  ["layer_norm", "workgroup", ["layerNorm"]],
  ["layer_norm", "texels", ["layerNorm"]],
  ["softmax", "workgroup", ["softmax"]],
  ["reduce", "workgroup", ["logSumExp", "max"]],
  ["cumsum", "workgroup", ["cumsum"]],
  ["cross_entropy", "workgroup", ["cross-entropy"]],
  ["attention", "tiled32", ["attention", "attention with dropout"]],
  ["attention", "flash64", ["attention", "attention with dropout"]],
  ["attention_backward", "tiled32", ["attention", "attention with dropout"]],
];

for (const [family, variant, names] of FORMS) {
  gpuTest(
    `replicas get the bits of one alone (${family}: ${variant})`,
    () =>
      withVariant(family, variant, async () => {
        for (const item of OPS) {
          if (names.includes(item[0])) await assertSameBits(item);
        }
      }),
  );
}
