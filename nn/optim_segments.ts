// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What an optimizer keeps for each segment that holds some of its parameters,
// and the dispatches over segments except those of the rule itself.

import {
  allocate,
  type AnyTensor,
  type Block,
  grid,
  type Kernel,
  launch,
  type Param,
  part,
  persist,
  specialize,
  windows,
} from "../engine/kernel_kit.ts";
import { type Device, type Tensor, tensor } from "../engine/mod.ts";
import {
  clipScale,
  NO_SLOT,
  scaleGradients,
  squares,
} from "./optim_kernels.ts";
import { Parameter } from "./parameter.ts";
import {
  type GradientWork,
  placeSize,
  type Segment,
  SEGMENT_ALIGNMENT,
} from "./segment.ts";
import { searchSegment } from "./segment_search.ts";
import type { WeightCheck } from "./weight_check.ts";

/** The magnitude from which on the square of a 32-bit float may be infinite. */
const DIVERGED = 2 ** 64;

/** A contiguous part of a segment, in elements. */
interface Run {
  readonly start: number;
  end: number;
}

/** What an optimizer keeps for one segment. */
export interface SegmentState {
  readonly segment: Segment;
  /** The slot of the parameter that each block of 64 elements belongs to. */
  readonly blockSlot: Tensor<"u32">;
  /** Where the optimizer's parameters lie; adjacent parameters share a run. */
  readonly runs: readonly Run[];
  /** The moments: parallel buffers of the segment. */
  readonly moments: readonly Tensor[];
  /** Multiplies the gradients by the factor of the last clip. */
  readonly clipping: GradientWork;
}

/** How many vectors of four elements an invocation handles. */
export function vectorsEach(device: Device): number {
  return device.isSoftware ? 16 : 1;
}

/**
 * Allocates what an optimizer keeps for a segment.
 *
 * @param segment The segment.
 * @param parameters All parameters of the optimizer, in the order of their
 * slots.
 * @param options The number of moments, and where the factor of a clip will be.
 */
export function layOut(
  segment: Segment,
  parameters: readonly Parameter[],
  options: { moments: number; scale: () => Tensor },
): SegmentState {
  const runs: Run[] = [];
  const own = placesOf(segment, parameters).map(({ start, end }) => ({
    start,
    end,
  }));
  for (const run of own.sort((a, b) => a.start - b.start)) {
    const last = runs.at(-1);
    if (last?.end === run.start) last.end = run.end;
    else runs.push(run);
  }
  const { moments, scale } = options;
  const blockSlot = blockSlots(segment, parameters);
  return {
    segment,
    blockSlot,
    runs,
    moments: Array.from({ length: moments }, () => segment.parallel()),
    clipping: { run: () => multiply(segment, blockSlot, scale()) },
  };
}

/** Where parameters lie in a segment, and which slots they have. */
function placesOf(
  segment: Segment,
  parameters: readonly Parameter[],
): (Run & { slot: number })[] {
  return parameters.flatMap(({ location, size }, slot) => {
    if (location?.segment !== segment) return [];
    const { offset } = location;
    return [{ slot, start: offset, end: offset + placeSize(size) }];
  });
}

/**
 * The slot of the parameter that each block of 64 elements of a segment belongs to.
 *
 * @param segment The segment.
 * @param parameters All parameters, in the order of their slots.
 */
export function blockSlots(
  segment: Segment,
  parameters: readonly Parameter[],
): Tensor<"u32"> {
  const table = new Uint32Array(segment.length / SEGMENT_ALIGNMENT).fill(
    NO_SLOT,
  );
  for (const { slot, start, end } of placesOf(segment, parameters)) {
    table.fill(slot, start / SEGMENT_ALIGNMENT, end / SEGMENT_ALIGNMENT);
  }
  return persist(tensor(table, { device: segment.device }));
}

/** What a kernel over a segment is launched with. */
export interface SegmentLaunch {
  /** Parallel buffers of the segment, which come first. */
  readonly buffers: readonly Tensor[];
  /** What is bound after them, and whole. */
  readonly whole: readonly AnyTensor[];
  /**
   * The parameters besides `vectors` and `first`, given the first vec4 of the part.
   *
   * @default {none}
   */
  readonly params?: (first: number) => Readonly<Record<string, Param>>;
}

/** Launches a kernel over a segment, in as many parts as bindings need. */
export function launchOver(
  { device, length }: Segment,
  kernel: Kernel,
  { buffers, whole, params = () => ({}) }: SegmentLaunch,
): void {
  const per = vectorsEach(device);
  for (const window of windows(device, length, [1])) {
    const vectors = window.count / 4;
    const first = window.start / 4;
    launch(device, specialize(kernel, { PER: per }), {
      bind: [...buffers.map((x) => part(x, window, 1)), ...whole],
      params: { vectors, first, ...params(first) },
      groups: grid(Math.ceil(vectors / per), kernel.workgroupSize),
    });
  }
}

/** Multiplies the gradients of the blocks that have a slot by a factor. */
function multiply(
  segment: Segment,
  blockSlot: Tensor<"u32">,
  scale: Tensor,
): void {
  launchOver(segment, scaleGradients, {
    buffers: [segment.unsettledGradients],
    whole: [blockSlot, scale],
  });
}

/** How many vectors of four elements an invocation of `squares` adds up. */
const VECTORS_PER_SUM = 16;

/**
 * Computes the norm of all gradients and the factor that limits it, and defers
 * the multiplication by that factor.
 *
 * @param states The segments of an optimizer.
 * @param scale Receives the factor.
 * @param maxNorm The largest norm.
 * @returns The norm before the multiplication, a scalar.
 */
export function measureClip(
  states: readonly SegmentState[],
  scale: Tensor,
  maxNorm: number,
): Tensor {
  const { device } = scale;
  for (const { segment } of states) segment.settle();
  const jobs = states.flatMap(({ segment, blockSlot }) =>
    windows(device, segment.length, [1]).map((window) => {
      const vectors = window.count / 4;
      const count = Math.ceil(vectors / (VECTORS_PER_SUM * 16));
      return { segment, blockSlot, window, vectors, count };
    })
  );
  const total = jobs.reduce((n, job) => n + job.count, 0);
  const partial = allocate(device, [total]);
  let at = 0;
  for (const { segment, blockSlot, window, vectors, count } of jobs) {
    launch(device, squares, {
      bind: [part(segment.gradients, window, 1), blockSlot, partial],
      params: { vectors, first: window.start / 4, at, run: VECTORS_PER_SUM },
      groups: [Math.ceil(count / squares.workgroupSize)],
    });
    at += count;
  }
  const norm = allocate(device, []);
  launch(device, clipScale, {
    bind: [partial, norm, scale],
    params: { count: total, max: maxNorm },
    groups: [1],
  });
  partial.dispose();
  for (const { segment, clipping } of states) segment.defer(clipping);
  return norm;
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

/** Searches for weights that are not finite, or whose squares are not. */
export function findDiverged(
  states: readonly SegmentState[],
  check: WeightCheck,
): void {
  let base = 0;
  for (const { segment, blockSlot } of states) {
    searchSegment(check, segment, { owners: blockSlot, base, limit: DIVERGED });
    base += segment.length / SEGMENT_ALIGNMENT;
  }
}

/** The parameter that a block belongs to, counted through all segments. */
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
