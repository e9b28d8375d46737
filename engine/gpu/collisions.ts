// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A check that WebGPU asks for and not every implementation makes.

import { GpuError } from "./errors.ts";
import type { BindLayout } from "./pipeline.ts";
import type { Binding } from "./block.ts";
import type { TexelBinding } from "./texels.ts";

/**
 * Checks that no two bindings of a dispatch collide. WebGPU refuses a buffer that
 * is read and written, and two writable ranges that overlap. Deno's wgpu does not
 * notice the latter, so it is found here, on every adapter. Bind groups are made
 * once and kept, so the check costs a repeated step nothing.
 *
 * @throws {GpuError} If two bindings collide.
 */
export function assertApart(
  { gpu, bind }: BindLayout,
  bindings: readonly (Binding | TexelBinding)[],
): void {
  for (let i = 1; i < bindings.length; i++) {
    const a = bindings[i];
    if (!a || "view" in a) continue;
    for (let k = 0; k < i; k++) {
      const b = bindings[k];
      if (!b || "view" in b || a.block !== b.block) continue;
      const writes = (bind[i] === "write" ? 1 : 0) +
        (bind[k] === "write" ? 1 : 0);
      const overlap = a.offset < b.offset + b.size &&
        b.offset < a.offset + a.size;
      if (writes === 0 || writes === 2 && !overlap) continue;
      throw new GpuError(
        `Cannot bind bytes ${b.offset} to ${b.offset + b.size} of a buffer ` +
          `as ${bind[k]} ${k} and ${a.offset} to ${a.offset + a.size} as ` +
          `${bind[i]} ${i} of [${gpu.label}]: ` +
          (writes === 2
            ? "ranges that one dispatch writes must not overlap"
            : "a range that a dispatch writes must lie in another buffer"),
      );
    }
  }
}
