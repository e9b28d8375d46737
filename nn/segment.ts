// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { allocate, type Device, persist, type Tensor } from "../engine/mod.ts";
import { fillInto } from "../engine/ops/inplace.ts";
import type { Parameter } from "./parameter.ts";

/** Elements that every parameter's place is a multiple of: 256 bytes. */
export const ALIGNMENT = 64;

/** Where a parameter lies in the flat vector. */
export interface Place {
  /** The buffer. */
  readonly segment: Segment;
  /** Elements from the segment's start, a multiple of {@linkcode ALIGNMENT}. */
  readonly offset: number;
}

/**
 * A stretch of a model's flat parameter vector, held in one GPU buffer.
 *
 * Values, gradients and whatever optimisers and posteriors keep are parallel
 * buffers of the same layout, so that an update is one dispatch. Between two
 * parameters there may be up to 63 elements of padding, which stay zero.
 */
export class Segment {
  /** The values of all parameters, one after the other. */
  readonly values: Tensor;
  /** The parameters in order of their place. */
  readonly parameters: readonly Parameter[];
  /** Elements, padding included. */
  readonly length: number;
  #gradients: Tensor | undefined;

  /** Use {@linkcode flatten}. */
  constructor(device: Device, parameters: readonly Parameter[]) {
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
    this.#gradients ??= this.#zeros(this.device);
    return this.#gradients;
  }

  /** Whether gradients have been asked for yet. */
  get hasGradients(): boolean {
    return this.#gradients !== undefined;
  }

  /** A new buffer of this layout, all zero, for an optimiser or a posterior. */
  parallel(): Tensor {
    return this.#zeros(this.device);
  }

  /** Sets all gradients to zero. */
  zeroGradients(): void {
    const gradients = this.#gradients;
    if (gradients) {
      const { block, byteOffset, bytes } = gradients;
      this.device.stream.clear(block, byteOffset, bytes);
    }
  }

  /** Frees values and gradients; the parameters cannot be used after. */
  dispose(): void {
    this.values.dispose();
    this.#gradients?.dispose();
  }

  #zeros(device: Device): Tensor {
    const zeros = persist(allocate(device, [this.length]));
    fillInto(zeros, 0);
    return zeros;
  }
}

/** Elements that a parameter takes up, padding included. */
export function placeSize(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

/**
 * Gives every parameter that has no place yet one in a flat vector, cut into
 * as few segments as the device's largest binding allows. A parameter larger
 * than that has a segment of its own.
 */
export function flatten(parameters: readonly Parameter[]): void {
  let pending: Parameter[] = [];
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
export function segmentsOf(parameters: readonly Parameter[]): Segment[] {
  flatten(parameters);
  const segments = new Set<Segment>();
  for (const { location } of parameters) {
    if (location) segments.add(location.segment);
  }
  return [...segments];
}
