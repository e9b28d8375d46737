// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The search for unusable weights, through a whole segment.

import { part, windows } from "../engine/kernel_kit.ts";
import type { Tensor } from "../engine/mod.ts";
import { type Segment, SEGMENT_ALIGNMENT } from "./segment.ts";
import type { WeightCheck } from "./weight_check.ts";

/** How a segment is searched; see `WeightBlocks`. */
interface SegmentSearch {
  readonly owners: Tensor<"u32">;
  readonly base?: number;
  readonly limit: number;
}

/** Searches a segment, in parts where a binding cannot hold the whole of it. */
export function searchSegment(
  check: WeightCheck,
  { device, values, length }: Segment,
  { owners, base = 0, limit }: SegmentSearch,
): void {
  for (const window of windows(device, length, [1])) {
    const block = window.start / SEGMENT_ALIGNMENT;
    check.look({
      values: part(values, window, 1),
      vectors: window.count / 4,
      owners,
      at: block,
      base: base + block,
      limit,
    });
  }
}
