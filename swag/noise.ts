// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { Generator, type RandomStream } from "../engine/mod.ts";
import { philoxNormal } from "../engine/kernel_kit.ts";

// Which random number goes where. Weight e of the model's logical vector (every
// parameter at a multiple of 64, in attribute order) takes element e of one
// stream, deviation k element k of another. So a draw depends on seed and index
// alone: not on how storage is split, nor on which parameters are random. No
// generator is advanced. The high words keep these streams apart from those that
// generators hand out, which count up from 0.
const DIAGONAL = 0x53574100;
const LOW_RANK = 0x53574101;

/** Numbers of the low-rank stream that a parameter has for itself. */
const PARAMETER_STRIDE = 65536;

/** Identifies a draw. */
export interface DrawKey {
  readonly key: readonly [number, number];
  readonly index: number;
}

/**
 * The key of a draw.
 *
 * @throws {RangeError} If seed or index are not whole, or the index is not in
 * [0, 2³²).
 */
export function drawKey(seed: number | bigint, index: number): DrawKey {
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** 32) {
    throw new RangeError(
      `Cannot draw sample ${index}: the index must be a whole number from 0 ` +
        "to 2³² - 1",
    );
  }
  return { key: new Generator(seed).next().key, index };
}

/** The stream of the numbers that multiply standard deviations. */
export function diagonalStream({ key, index }: DrawKey): RandomStream {
  return { key, stream: [index, DIAGONAL] };
}

/**
 * The numbers that multiply the deviations, oldest first.
 *
 * @param draw Which draw.
 * @param rank How many.
 * @param parameter The parameter's number for a draw by blocks; `undefined` for
 * the numbers that all parameters share.
 */
export function lowRankNoise(
  { key, index }: DrawKey,
  rank: number,
  parameter?: number,
): Float32Array<ArrayBuffer> {
  const stream: RandomStream = { key, stream: [index, LOW_RANK] };
  const start = parameter === undefined
    ? 0
    : (parameter + 1) * PARAMETER_STRIDE;
  return Float32Array.from(
    { length: rank },
    (_, k) => philoxNormal(stream, start + k),
  );
}
