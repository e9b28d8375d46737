// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The check of all ops that take floats only.

import type { AnyTensor } from "../tensor.ts";

/**
 * Throws unless the elements of a tensor are floats.
 *
 * @param action What the op does, for the message: `Cannot ${action} a tensor of …`.
 * @param x The tensor.
 * @param role What the tensor holds, if the message should say it.
 * @throws {TypeError} If the elements are integers.
 */
export function requireFloat(
  action: string,
  x: AnyTensor,
  role?: string,
): void {
  if (x.dtype === "f32") return;
  throw new TypeError(
    `Cannot ${action} ${role ?? "a tensor"} of ${x.dtype}: cast() ${
      role === undefined ? "it" : "them"
    } to f32`,
  );
}
