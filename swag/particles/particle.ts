// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * A particle of a MultiSWAG.
 *
 * @module
 */

import type { SwagModel } from "../swag_model.ts";
import type { BufferCopy } from "./buffer_copy.ts";

/** A posterior, and the buffers that its training has left in its model. */
export interface Particle {
  readonly swag: SwagModel;
  readonly buffers: BufferCopy;
}

/** Frees the memory of particles. */
export function disposeParticles(particles: Iterable<Particle>): void {
  for (const { swag, buffers } of particles) {
    swag.dispose();
    buffers[Symbol.dispose]();
  }
}
