// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The flat vector that holds all parameters of a model, cut into GPU buffers.

import {
  allocate,
  asReplicated,
  dependsOn,
  fillInto,
  onReplay,
  persist,
} from "../engine/kernel_kit.ts";
import type { Device, Tensor } from "../engine/mod.ts";

/**
 * Places start at multiples of this number of elements, which are 256 bytes.
 */
export const SEGMENT_ALIGNMENT = 64;

/** The place of a parameter in the flat vector. */
export interface Place {
  /** The segment that the parameter lies in. */
  readonly segment: Segment;
  /**
   * The offset from the start of the segment in elements, a multiple of
   * {@linkcode SEGMENT_ALIGNMENT}.
   */
  readonly offset: number;
}

/** What a segment needs of a parameter. `Parameter` implements it. */
export interface Placed {
  /** The number of elements. */
  readonly size: number;
  /** The device that holds the elements. */
  readonly device: Device;
  /** Its place, if it has one already. */
  readonly location: Place | undefined;
  /** Its values as f16, if they are stored so: then it gets no place. */
  readonly halves: Tensor<"u32"> | undefined;
  /** Receives the place. */
  home(place: Place): void;
  /** Records that its gradient has been set to zero: it has none now. */
  endGradient(): void;
}

/** Work on a segment's gradients that is deferred until they are used. */
export interface GradientWork {
  /** Does the work. */
  run(): void;
}

let segments = 0;

/**
 * A contiguous part of a model's flat parameter vector, held in one GPU buffer.
 *
 * Gradients and the moments of optimizers and posteriors are parallel buffers
 * of the same layout, so that an update is one dispatch. Between two parameters
 * there may be up to 63 elements of padding, which stay zero.
 *
 * @example The segment of a layer
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { Linear, type Segment, segmentsOf } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const layer = new Linear(10, 10);
 * const segments: Segment[] = segmentsOf(layer.parameters());
 * assertEquals(segments.length, 1);
 * assertEquals(segments[0]?.length, 128 + 64); // 100 weights and 10 biases
 * ```
 */
export class Segment {
  /** The values of all parameters in turn. */
  readonly values: Tensor;
  /** The parameters in the order of their places. */
  readonly parameters: readonly Placed[];
  /** The number of elements, including padding. */
  readonly length: number;
  /**
   * What is laid over the segment, such as optimizers and posteriors, and what
   * users know it as. While there is any, the parameters keep their places.
   */
  readonly holders: Map<object, string> = new Map();
  #gradients: Tensor | undefined;
  #deferred: GradientWork | undefined;
  readonly #name = `gradients of segment ${segments++}`;

  /**
   * Allocates the values and places the parameters. {@linkcode flatten} does so
   * for a whole model.
   *
   * @param device The device of all parameters.
   * @param parameters Parameters without a place.
   */
  constructor(device: Device, parameters: readonly Placed[]) {
    this.parameters = parameters;
    this.length = parameters.reduce((n, p) => n + placeSize(p.size), 0);
    this.values = this.#zeros(device);
    let offset = 0;
    for (const parameter of parameters) {
      parameter.home({ segment: this, offset });
      offset += placeSize(parameter.size);
    }
  }

  /** The device that holds the segment. */
  get device(): Device {
    return this.values.device;
  }

  /** The gradients, which are zero until `backward` adds to them. */
  get gradients(): Tensor {
    this.settle();
    return this.unsettledGradients;
  }

  /** The gradients without the deferred work on them. */
  get unsettledGradients(): Tensor {
    this.#gradients ??= this.parallel();
    return this.#gradients;
  }

  /** Whether the gradients have been allocated, which their first use does. */
  get hasGradients(): boolean {
    return this.#gradients !== undefined;
  }

  /** A new parallel buffer of zeros, for an optimizer or a posterior. */
  parallel(): Tensor {
    return asReplicated(this.values.block, () => this.#zeros(this.device));
  }

  /**
   * Defers work on the gradients until they are used. If an optimizer's step is
   * the next use, it can take the work over with {@linkcode takeDeferred} and
   * do it in its own kernel.
   */
  defer(work: GradientWork): void {
    this.settle();
    onReplay(() => void (this.#deferred = work));
  }

  /** Does the deferred work, if there is any. */
  settle(): void {
    const work = this.#currentWork();
    if (!work) return;
    onReplay(() => void (this.#deferred = undefined));
    work.run();
  }

  /**
   * Takes over deferred work, which the caller does instead. If other work is
   * deferred, it is done at once.
   *
   * @param work The work that the caller can do.
   * @returns Whether it was this work that was deferred.
   */
  takeDeferred(work: GradientWork): boolean {
    const isDeferred = this.#currentWork() === work;
    if (isDeferred) onReplay(() => void (this.#deferred = undefined));
    else this.settle();
    return isDeferred;
  }

  /** Sets all gradients to zero, so that no parameter has a gradient. */
  zeroGradients(): void {
    onReplay(() => {
      this.#deferred = undefined;
      for (const parameter of this.parameters) parameter.endGradient();
    });
    this.clearGradients(0, this.length);
  }

  /** Sets `count` elements of the gradients to zero, if there are gradients. */
  clearGradients(start: number, count: number): void {
    const gradients = this.#gradients;
    // Without gradients nothing is cleared, so a step that is captured now is
    // only valid while there are none.
    dependsOn(() => this.#gradients === gradients, `whether ${this.#name} are`);
    if (!gradients || count === 0) return;
    const { block, byteOffset } = gradients;
    this.device.stream.clear(block, byteOffset + start * 4, count * 4);
  }

  /** Frees values and gradients, after which the parameters are unusable. */
  dispose(): void {
    this.values.dispose();
    this.#gradients?.dispose();
  }

  /** The deferred work. A captured step is only valid while it is the same. */
  #currentWork(): GradientWork | undefined {
    const deferred = this.#deferred;
    dependsOn(() => this.#deferred === deferred, this.#name);
    return deferred;
  }

  #zeros(device: Device): Tensor {
    const zeros = persist(allocate(device, [this.length]));
    fillInto(zeros, 0);
    return zeros;
  }
}

/**
 * The number of elements that a parameter takes up in the flat vector.
 *
 * @param size The number of its own elements.
 * @returns That number with padding, a multiple of
 * {@linkcode SEGMENT_ALIGNMENT}.
 *
 * @example Usage
 * ```ts
 * import { placeSize } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(placeSize(100), 128);
 * ```
 */
export function placeSize(size: number): number {
  return Math.ceil(size / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
}

/**
 * Gives every parameter that has no place one in a flat vector, which is cut
 * into as few segments as the device's largest binding allows. A parameter that
 * is larger than a binding gets a segment to itself.
 *
 * @param parameters The parameters in the order of the vector.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { flatten, Parameter } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const parameters = [new Parameter([100]), new Parameter([3])];
 * flatten(parameters);
 * assertEquals(parameters.map((p) => p.location?.offset), [0, 128]);
 * ```
 */
export function flatten(parameters: readonly Placed[]): void {
  placeAnew(withoutPlace(parameters));
}

/**
 * Gives parameters new places, with their values, in segments of their own:
 * those that have one elsewhere, or are stored as f16, too.
 *
 * @param parameters The parameters in the order of the vector.
 */
export function placeAnew(parameters: readonly Placed[]): void {
  for (const group of groupsOf(parameters)) {
    new Segment(group[0].device, group);
  }
}

/** The parameters that {@linkcode flatten} gives a place. */
function withoutPlace(parameters: readonly Placed[]): Placed[] {
  return parameters.filter(({ location, halves }) => !location && !halves);
}

/** The parameters of each segment. */
function groupsOf(parameters: readonly Placed[]): [Placed, ...Placed[]][] {
  const groups: [Placed, ...Placed[]][] = [];
  let pending: Placed[] = [];
  let length = 0;
  const close = () => {
    const [first, ...others] = pending;
    if (first) groups.push([first, ...others]);
    pending = [];
    length = 0;
  };
  for (const parameter of new Set(parameters)) {
    const limit = parameter.device.maxBindingSize / 4;
    const size = placeSize(parameter.size);
    if (pending[0] && pending[0].device !== parameter.device) close();
    if (length + size > limit) close();
    pending.push(parameter);
    length += size;
  }
  close();
  return groups;
}

/** A segment that exists, or that {@linkcode flatten} would make. */
export interface SegmentPlan {
  /** The segment, if it exists. */
  readonly segment: Segment | undefined;
  /** The device that holds it, or would. */
  readonly device: Device;
  /** The number of elements, including padding. */
  readonly length: number;
  /** The offsets in elements of the parameters that were asked about. */
  readonly offsets: ReadonlyMap<Placed, number>;
}

/**
 * Plans the segments that {@linkcode segmentsOf} would give, without allocating
 * anything: the memory of a model can be told before it is taken.
 *
 * @param parameters The parameters, with places or without.
 * @returns Each segment once, in the order of the parameters.
 *
 * @example Two parameters that will lie in one segment
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { Parameter, planSegments } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const parameters = [new Parameter([100]), new Parameter([3])];
 * const [plan] = planSegments(parameters);
 * assertEquals(plan?.length, 128 + 64);
 * assertEquals([...plan?.offsets.values() ?? []], [0, 128]);
 * assertEquals(parameters[0]?.location, undefined);
 * ```
 */
export function planSegments(parameters: readonly Placed[]): SegmentPlan[] {
  const planOf = new Map<Placed, SegmentPlan>();
  for (const group of groupsOf(withoutPlace(parameters))) {
    const offsets = new Map<Placed, number>();
    let length = 0;
    for (const parameter of group) {
      offsets.set(parameter, length);
      length += placeSize(parameter.size);
    }
    const { device } = group[0];
    const plan = { segment: undefined, device, length, offsets };
    for (const parameter of group) planOf.set(parameter, plan);
  }
  const existing = new Map<
    Segment,
    SegmentPlan & { offsets: Map<Placed, number> }
  >();
  for (const parameter of parameters) {
    if (!parameter.location) continue;
    const { segment, offset } = parameter.location;
    const { device, length } = segment;
    const plan = existing.get(segment) ??
      { segment, device, length, offsets: new Map() };
    existing.set(segment, plan);
    plan.offsets.set(parameter, offset);
    planOf.set(parameter, plan);
  }
  const plans = new Set<SegmentPlan>();
  for (const parameter of parameters) {
    const plan = planOf.get(parameter);
    if (plan) plans.add(plan);
  }
  return [...plans];
}

/**
 * The segments that hold the given parameters. Parameters that have no place
 * get one; see {@linkcode flatten}.
 *
 * @param parameters The parameters.
 * @returns Each segment once, in the order of the parameters.
 *
 * @example Two parameters that lie in one segment
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { Parameter, segmentsOf } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const segments = segmentsOf([new Parameter([2]), new Parameter([3])]);
 * assertEquals(segments.length, 1);
 * ```
 */
export function segmentsOf(parameters: readonly Placed[]): Segment[] {
  flatten(parameters);
  const segments = new Set<Segment>();
  for (const { location } of parameters) {
    if (location) segments.add(location.segment);
  }
  return [...segments];
}
