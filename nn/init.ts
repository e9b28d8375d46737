// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How parameters start. Random ones draw from the default generator, so that
// `manualSeed()` before a model is built decides its weights.

import {
  full,
  normal as normalTensor,
  type Shape,
  type Tensor,
  tensor,
  uniform as uniformTensor,
} from "../engine/mod.ts";
import { sizeOf } from "../engine/kernel_kit.ts";

/** Makes a parameter's initial values and hands them to `write`. */
export type Initializer = (
  shape: Shape,
  write: (values: Tensor) => void,
) => void;

/** All elements one number. */
export function constant(value: number): Initializer {
  return (shape, write) => write(full(shape, value));
}

/** All zeros. */
export function zeros(): Initializer {
  return constant(0);
}

/** All ones. */
export function ones(): Initializer {
  return constant(1);
}

/** Options of {@linkcode normal}. */
export interface NormalInitOptions {
  /** The mean. @default {0} */
  mean?: number;
  /** The standard deviation. @default {0.02} */
  std?: number;
  /**
   * A row that is zero, as an embedding's padding row is. Below 0 it counts from
   * the end.
   *
   * @default {none}
   */
  zeroRow?: number | undefined;
}

/** Independent normal elements: BERT's rule, `N(0, 0.02²)`. */
export function normal(options: NormalInitOptions = {}): Initializer {
  const { mean = 0, std = 0.02, zeroRow } = options;
  return (shape, write) => {
    const values = normalTensor(shape, { mean, std });
    if (zeroRow !== undefined) {
      const width = sizeOf(shape.slice(1));
      const zeros = new Float32Array(width);
      const row = zeroRow < 0 ? zeroRow + (shape[0] ?? 0) : zeroRow;
      values.device.stream.upload(values.block, row * width * 4, zeros);
    }
    write(values);
  };
}

/** Independent uniform elements in `[low, high)`. */
export function uniform(low: number, high: number): Initializer {
  return (shape, write) => write(uniformTensor(shape, { low, high }));
}

/**
 * PyTorch's default for linear layers: uniform in `±1/√fanIn`, where `fanIn`
 * is the product of all lengths but the first (or is given, for biases). Zeros
 * where `fanIn` is 0.
 */
export function fanInUniform(fanIn?: number): Initializer {
  return (shape, write) => {
    const inputs = fanIn ?? sizeOf(shape.slice(1));
    const bound = inputs > 0 ? 1 / Math.sqrt(inputs) : 0;
    write(uniformTensor(shape, { low: -bound, high: bound }));
  };
}

/**
 * Glorot and Bengio's rule: uniform in `±√(6 / (fanIn + fanOut))` for a weight
 * of shape `[fanOut, fanIn]`.
 */
export function xavierUniform(): Initializer {
  return (shape, write) => {
    const [fanOut = 1] = shape;
    const bound = Math.sqrt(6 / (fanOut + sizeOf(shape.slice(1))));
    write(uniformTensor(shape, { low: -bound, high: bound }));
  };
}

/** Given values, row by row. */
export function values(list: ArrayLike<number>): Initializer {
  return (shape, write) => write(tensor(Float32Array.from(list), { shape }));
}
