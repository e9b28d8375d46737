// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { bundle } from "../../tools/browser/bundle.ts";

const ENTRIES = [
  "mod.ts",
  "engine/mod.ts",
  "engine/kernel_kit.ts",
  "nn/mod.ts",
  "swag/mod.ts",
  "models/mod.ts",
];

Deno.test("every entry point bundles for browsers without Node's modules", async () => {
  for (const entry of ENTRIES) {
    const path = new URL(`../../${entry}`, import.meta.url);
    const { text, staticImports } = await bundle(fileURLToPath(path));
    assertEquals(staticImports, [], `${entry} imports as it loads`);
    assertStringIncludes(text, "@compute"); // the kernels are in it
  }
});
