// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Binding } from "../gpu/block.ts";
import type { AnyTensor } from "../tensor.ts";

/** Elements of a tensor as a kernel sees them: a binding, and where to start. */
export interface View {
  binding: AnyTensor | Binding;
  /** Elements to skip in the binding. */
  offset: number;
}

/** Elements to leave free for a {@linkcode View}'s offset when sizing one. */
export const VIEW_SLACK = 128;

/**
 * Any stretch of a tensor: the whole tensor where one binding holds it, else a
 * window that starts at the legal offset before.
 */
export function view(x: AnyTensor, start: number, count: number): View {
  if (x.fitsBinding) return { binding: x, offset: start };
  const offset = start % 64;
  return { binding: x.window(start - offset, offset + count), offset };
}
