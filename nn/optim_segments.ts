// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What an optimizer keeps for each segment that holds parameters of it, and the
// dispatches over it that are not the rule itself.

import { type Device, type Tensor, tensor } from "../engine/mod.ts";
import {
  type Block,
  grid,
  launch,
  part,
  persist,
  specialize,
  windows,
} from "../engine/kernel_kit.ts";
import { findUnusable, HUGE_BITS } from "./finite.ts";
import { NO_SLOT, scaleGradients } from "./optim_kernels.ts";
import { Parameter } from "./parameter.ts";
import {
  type GradientWork,
  placeSize,
  type Segment,
  SEGMENT_ALIGNMENT,
} from "./segment.ts";

/** A stretch of a segment, in elements. */
interface Run {
  readonly start: number;
  end: number;
}

/** What an optimizer keeps for one segment. */
export interface SegmentState {
  readonly segment: Segment;
  /** The slot of every 64 elements. */
  readonly blockSlot: Tensor<"u32">;
  /** Where the optimizer's parameters lie; neighbours are one stretch. */
  readonly runs: readonly Run[];
  /** Moments: parallel buffers of the segment. */
  readonly moments: readonly Tensor[];
  /** Multiplies the gradients by the scale of the last clip. */
  readonly clipping: GradientWork;
}

/** Vectors of four that an invocation handles. */
export function vectorsEach(device: Device): number {
  return device.isSoftware ? 16 : 1;
}

/**
 * Lays out what an optimizer keeps for a segment.
 *
 * @param parameters All parameters of the optimizer, by slot.
 * @param options How many moments, and where the scale of a clip will be.
 */
export function layOut(
  segment: Segment,
  parameters: readonly Parameter[],
  options: { moments: number; scale: () => Tensor },
): SegmentState {
  const table = new Uint32Array(segment.length / SEGMENT_ALIGNMENT).fill(
    NO_SLOT,
  );
  const own: Run[] = [];
  parameters.forEach(({ location, size }, slot) => {
    if (location?.segment !== segment) return;
    const { offset } = location;
    const end = offset + placeSize(size);
    table.fill(slot, offset / SEGMENT_ALIGNMENT, end / SEGMENT_ALIGNMENT);
    own.push({ start: offset, end });
  });
  const runs: Run[] = [];
  for (const run of own.sort((a, b) => a.start - b.start)) {
    const last = runs.at(-1);
    if (last?.end === run.start) last.end = run.end;
    else runs.push(run);
  }
  const { moments, scale } = options;
  const blockSlot = persist(tensor(table, { device: segment.device }));
  return {
    segment,
    blockSlot,
    runs,
    moments: Array.from({ length: moments }, () => segment.parallel()),
    clipping: { run: () => multiply(segment, blockSlot, scale()) },
  };
}

/** Multiplies the gradients of the blocks that have a slot by a scale. */
function multiply(
  segment: Segment,
  blockSlot: Tensor<"u32">,
  scale: Tensor,
): void {
  const { device, unsettledGradients, length } = segment;
  const per = vectorsEach(device);
  for (const window of windows(device, length, [1])) {
    const vectors = window.count / 4;
    launch(device, specialize(scaleGradients, { PER: per }), {
      bind: [part(unsettledGradients, window, 1), blockSlot, scale],
      params: { vectors, first: window.start / 4 },
      groups: grid(Math.ceil(vectors / per), scaleGradients.workgroupSize),
    });
  }
}

/** Where a parameter's part of each moment lies. */
export function momentsOf(
  states: readonly SegmentState[],
  { location }: Parameter,
): { block: Block; offset: number }[] {
  const state = states.find(({ segment }) => segment === location?.segment);
  return (state?.moments ?? []).map(({ block, byteOffset }) => ({
    block,
    offset: byteOffset + (location?.offset ?? 0) * 4,
  }));
}

/** Looks for weights whose squares are beyond 32-bit floats. */
export function findDiverged(
  states: readonly SegmentState[],
  found: Tensor<"u32">,
): void {
  let base = 0;
  for (const { segment, blockSlot } of states) {
    const { device, values, length } = segment;
    for (const window of windows(device, length, [1])) {
      const block = window.start / SEGMENT_ALIGNMENT;
      findUnusable(device, {
        values: part(values, window, 1),
        vectors: window.count / 4,
        owners: blockSlot,
        at: block,
        base: base + block,
        limit: HUGE_BITS,
      }, found);
    }
    base += length / SEGMENT_ALIGNMENT;
  }
}

/** The parameter that a block of all segments belongs to. */
export function parameterOf(
  states: readonly SegmentState[],
  block: number,
): Parameter | undefined {
  let at = block * SEGMENT_ALIGNMENT;
  for (const { segment } of states) {
    if (at < segment.length) {
      const found = segment.parameters.findLast(({ location }) =>
        (location?.offset ?? Infinity) <= at
      );
      return found instanceof Parameter ? found : undefined;
    }
    at -= segment.length;
  }
  return undefined;
}
