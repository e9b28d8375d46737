// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How much GPU memory a model and its training take, before they take it.

import type { Module } from "./module.ts";
import { SLOT_FIELDS } from "./optim_kernels.ts";
import { planSegments, SEGMENT_ALIGNMENT } from "./segment.ts";

/** The GPU memory of a model and its training, in bytes, without activations. */
export interface TrainingMemory {
  /** The parameters, and the buffers that are not trained. */
  weights: number;
  /** The gradients, which the first `backward` allocates. */
  gradients: number;
  /** What `AdamW` over all parameters keeps: two moments, and small tables. */
  adamW: number;
  /**
   * What `SGD` over all parameters keeps: one moment, and small tables. The moment
   * is there without momentum too, which may be set at any step.
   */
  sgd: number;
}

/**
 * Tells how much GPU memory a model and its training take, without allocating it.
 * With P parameters, weights and gradients take `4 P` bytes each, AdamW `8 P` and
 * SGD `4 P`, and small tables. The figures are those of the pool, which rounds
 * buffers up by at most an eighth. Weights that are stored as f16 take `2` bytes each,
 * and nothing else. What a step computes between its first and its
 * last layer is not counted: that depends on the batch.
 *
 * @param model The model, whose parameters may not have their places yet.
 * @returns The bytes of each part.
 *
 * @example A layer that has not taken any memory
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { estimateTrainingMemory, Linear } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new Linear(64, 64, { bias: false });
 * const { weights, gradients } = estimateTrainingMemory(model);
 * assertEquals([weights, gradients], [64 * 64 * 4, 64 * 64 * 4]);
 * ```
 */
export function estimateTrainingMemory(model: Module): TrainingMemory {
  const parameters = [...model.namedParameters().values()];
  const plans = planSegments(parameters);
  let segments = 0;
  let owners = 0;
  for (const { device: { pool }, length } of plans) {
    segments += pool.sizeOf(length * 4);
    owners += pool.sizeOf(length / SEGMENT_ALIGNMENT * 4);
  }
  let halves = 0;
  for (const { device, halves: own } of parameters) {
    if (own) halves += device.pool.sizeOf(own.bytes);
  }
  let buffers = 0;
  for (const { device, bytes } of model.namedBuffers().values()) {
    buffers += device.pool.sizeOf(bytes);
  }
  const pool = plans[0]?.device.pool;
  // The settings of each parameter, and two numbers that clipping needs.
  const settings = pool
    ? pool.sizeOf(parameters.length * SLOT_FIELDS * 4) + 2 * pool.sizeOf(4)
    : 0;
  const optimizer = (moments: number) => moments * segments + owners + settings;
  return {
    weights: segments + halves + buffers,
    gradients: segments,
    adamW: optimizer(2),
    sgd: optimizer(1),
  };
}
