// Copyright 2026 the swagpu authors. MIT license.

// Products with every way to store the operands, in each variant that
// tests/engine/ops/matmul_test.ts compares in a few ways alone.

import { variantsOf } from "../../engine/tuning/choice.ts";
import { gpuTest } from "../_check.ts";
import { checkProducts, ONE_OF_EACH_KIND } from "../engine/ops/_matmul.ts";

for (const variant of variantsOf("matmul")) {
  if (ONE_OF_EACH_KIND.includes(variant)) continue;
  gpuTest(
    `matmul() matches the reference in all ways with ${variant}`,
    () => checkProducts(variant, true),
  );
}
