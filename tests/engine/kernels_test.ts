// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { definedKernels } from "../../engine/kernel_kit.ts";
import "../../models/mod.ts";
import "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";

gpuTest(
  "the WGSL of every kernel of the library is valid",
  async ({ gpu }) => {
    const refused: string[] = [];
    for (const [name, variants] of definedKernels()) {
      for (const [variant, make] of Object.entries(variants)) {
        gpu.pushErrorScope("validation");
        gpu.createShaderModule({ code: make().wgsl });
        const error = await gpu.popErrorScope();
        if (error) refused.push(`${name} ${variant}: ${error.message}`);
      }
    }
    assertEquals(refused, []);
  },
);
