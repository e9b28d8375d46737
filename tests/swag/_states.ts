// Copyright 2026 the swagpu authors. MIT license.

// What tests of the states of posteriors share.

import type { SwagModel, SwagState } from "../../swag/mod.ts";
import { randomValues } from "../_check.ts";
import type { Tree } from "./_tree.ts";

/** The parameters of the models. */
export const SHAPES = { "a.weight": [7, 13], "b.bias": [3], "c.weight": [65] };
/** The number of their weights. */
export const SIZE = 91 + 3 + 65;
/** Options with few deviations, so that they are soon full. */
export const COVARIANCES = { noCovMat: false, maxNumModels: 4 };

/** Collects the weights of the steps from `from` to `to` of a run. */
export function collect(
  model: Tree,
  swag: SwagModel,
  from: number,
  to: number,
): void {
  const size = model.parameters().reduce((sum, { size }) => sum + size, 0);
  for (let step = from; step < to; step++) {
    model.setAll(randomValues(size, 100 + step, 0.9, 1.1));
    swag.collectModel();
  }
}

/** The bits of 32-bit numbers. */
export function bits(values: Float32Array = new Float32Array()): number[] {
  const { buffer, byteOffset, length } = values;
  return [...new Uint32Array(buffer, byteOffset, length)];
}

/** The bytes of numbers. */
function bytes({ buffer, byteOffset, byteLength }: ArrayBufferView): number[] {
  return [...new Uint8Array(buffer, byteOffset, byteLength)];
}

/** All bits of a state. */
export function bitsOfState(
  { parameters, ...rest }: SwagState,
): Omit<SwagState, "parameters"> & { each: unknown[][] } {
  const each = Object.entries(parameters).map(([name, own]) => [
    name,
    own.shape,
    bits(own.mean),
    own.squaredDeviations && bits(own.squaredDeviations),
    own.deviations && bytes(own.deviations),
    own.deviationScales && bits(own.deviationScales),
  ]);
  return { ...rest, each };
}
