// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Device, Tensor } from "../engine/mod.ts";
import {
  allocate,
  dependsOn,
  fillInto,
  onReplay,
  persist,
} from "../engine/kernel_kit.ts";

/** Elements that every parameter's place is a multiple of: 256 bytes. */
export const SEGMENT_ALIGNMENT = 64;

/** Where a parameter lies in the flat vector. */
export interface Place {
  /** The buffer. */
  readonly segment: Segment;
  /** Elements from the segment's start, a multiple of {@linkcode SEGMENT_ALIGNMENT}. */
  readonly offset: number;
}

/** What a segment knows of the parameters in it: a `Parameter` is one. */
export interface Placed {
  /** The number of elements. */
  readonly size: number;
  /** The device that holds the elements. */
  readonly device: Device;
  /** Where it lies, once it has a place. */
  readonly location: Place | undefined;
  /** Gives it its place, for life. */
  home(place: Place): void;
  /** Says that it has no gradient any more. */
  endGradient(): void;
}

/** Work on a segment's gradients that can wait until somebody needs them. */
export interface GradientWork {
  /** Does the work. */
  run(): void;
}

let segments = 0;

/**
 * A stretch of a model's flat parameter vector, held in one GPU buffer.
 *
 * Values, gradients and whatever optimizers and posteriors keep are parallel
 * buffers of the same layout, so that an update is one dispatch. Between two
 * parameters there may be up to 63 elements of padding, which stay zero.
 */
export class Segment {
  /** The values of all parameters, one after the other. */
  readonly values: Tensor;
  /** The parameters in order of their place. */
  readonly parameters: readonly Placed[];
  /** Elements, padding included. */
  readonly length: number;
  #gradients: Tensor | undefined;
  #deferred: GradientWork | undefined;
  readonly #name = `gradients of segment ${segments++}`;

  /** Use {@linkcode flatten}. */
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

  /** The gradients, zero until `backward` adds to them. */
  get gradients(): Tensor {
    this.settle();
    return this.unsettledGradients;
  }

  /** The gradients before the work that was deferred. */
  get unsettledGradients(): Tensor {
    this.#gradients ??= this.#zeros(this.device);
    return this.#gradients;
  }

  /** Whether gradients have been asked for yet. */
  get hasGradients(): boolean {
    return this.#gradients !== undefined;
  }

  /** A new buffer of this layout, all zero, for an optimizer or a posterior. */
  parallel(): Tensor {
    return this.#zeros(this.device);
  }

  /**
   * Puts work on the gradients off until they are used. An optimizer that comes
   * next may {@linkcode takeDeferred} it and do it along the way.
   */
  defer(work: GradientWork): void {
    this.settle();
    onReplay(() => void (this.#deferred = work));
  }

  /** Does the work that was put off, if there is any. */
  settle(): void {
    const work = this.#noted();
    if (!work) return;
    onReplay(() => void (this.#deferred = undefined));
    work.run();
  }

  /**
   * Tells whether exactly this work was put off, and forgets it then: the caller
   * does it. Other work is done at once.
   */
  takeDeferred(work: GradientWork): boolean {
    const isDeferred = this.#noted() === work;
    if (isDeferred) onReplay(() => void (this.#deferred = undefined));
    else this.settle();
    return isDeferred;
  }

  /** Sets the gradients of all parameters to zero: none has one afterwards. */
  zeroGradients(): void {
    onReplay(() => {
      this.#deferred = undefined;
      for (const parameter of this.parameters) parameter.endGradient();
    });
    this.clearGradients(0, this.length);
  }

  /** Sets a stretch of the gradients to zero, if there are gradients at all. */
  clearGradients(start: number, count: number): void {
    const gradients = this.#gradients;
    // A step captured before there were any would clear none at its replays.
    dependsOn(() => this.#gradients === gradients, `whether ${this.#name} are`);
    if (!gradients || count === 0) return;
    const { block, byteOffset } = gradients;
    this.device.stream.clear(block, byteOffset + start * 4, count * 4);
  }

  /** Frees values and gradients; the parameters cannot be used after. */
  dispose(): void {
    this.values.dispose();
    this.#gradients?.dispose();
  }

  /** What was put off, which a captured step must find again. */
  #noted(): GradientWork | undefined {
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

/** Elements that a parameter takes up, padding included. */
export function placeSize(size: number): number {
  return Math.ceil(size / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
}

/**
 * Gives every parameter that has no place yet one in a flat vector, cut into
 * as few segments as the device's largest binding allows. A parameter larger
 * than that has a segment of its own.
 */
export function flatten(parameters: readonly Placed[]): void {
  let pending: Placed[] = [];
  let length = 0;
  const close = () => {
    const [first] = pending;
    if (first) new Segment(first.device, pending);
    pending = [];
    length = 0;
  };
  for (const parameter of new Set(parameters)) {
    if (parameter.location) continue;
    const limit = parameter.device.maxBindingSize / 4;
    const size = placeSize(parameter.size);
    if (pending[0] && pending[0].device !== parameter.device) close();
    if (length + size > limit) close();
    pending.push(parameter);
    length += size;
  }
  close();
}

/** The segments that hold the given parameters, each once, in order. */
export function segmentsOf(parameters: readonly Placed[]): Segment[] {
  flatten(parameters);
  const segments = new Set<Segment>();
  for (const { location } of parameters) {
    if (location) segments.add(location.segment);
  }
  return [...segments];
}
