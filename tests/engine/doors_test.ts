// Copyright 2026 the swagpu authors. MIT license.

// The engine has two doors: mod.ts for people who use tensors, and kernel_kit.ts
// for people who write ops and kernels.

import { assertEquals } from "@std/assert";
import * as kit from "../../engine/kernel_kit.ts";
import * as user from "../../engine/mod.ts";

Deno.test("no function of the engine leaves by both doors", () => {
  const both = Object.keys(kit).filter((name) => name in user);
  assertEquals(both, []);
});

Deno.test("the engine's internals leave by neither door", () => {
  const internals = [
    "adopt",
    "alignBytes",
    "Block",
    "BLOCK_ALIGNMENT",
    "collapseAxes",
    "Faults",
    "forget",
    "isOnlyUse",
    "normalizeAxis",
    "observer",
    "PARAMS_BYTES",
    "PipelineCache",
    "Pool",
    "Stream",
    "streamParams",
    "stridesOf",
  ];
  const seen = internals.filter((name) => name in user || name in kit);
  assertEquals(seen, []);
});
