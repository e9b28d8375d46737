// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The values of a model's buffers at some time, such as the running statistics of a
 * batch norm. They are no part of the weights, so posteriors do not sample them, but
 * those of one run do not fit the weights of another.
 *
 * @module
 */

import { allocate, copyInto, persist } from "../../engine/kernel_kit.ts";
import type { Tensor } from "../../engine/mod.ts";
import type { Module } from "../../nn/mod.ts";

/** A copy of all buffers of a model, on its device. */
export class BufferCopy implements Disposable {
  /** The values by the name of the buffer. */
  readonly values: ReadonlyMap<string, Tensor>;

  /**
   * Holds values.
   *
   * @param values The values by the name of the buffer.
   */
  constructor(values: ReadonlyMap<string, Tensor>) {
    this.values = values;
  }

  /** Copies the buffers of a model as they are now. */
  static of(model: Module): BufferCopy {
    const values = new Map<string, Tensor>();
    for (const [name, buffer] of model.namedBuffers()) {
      const copy = persist(allocate(buffer.device, buffer.shape));
      copyInto(copy, buffer);
      values.set(name, copy);
    }
    return new BufferCopy(values);
  }

  /** Overwrites the buffers of a model that has the same. */
  writeTo(model: Module): void {
    for (const [name, buffer] of model.namedBuffers()) {
      const own = this.values.get(name);
      if (own) copyInto(buffer, own);
    }
  }

  /** Frees the values. */
  [Symbol.dispose](): void {
    for (const values of this.values.values()) values.dispose();
  }
}
