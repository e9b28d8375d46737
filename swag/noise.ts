// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The random numbers of a sample. Element e of the model's logical vector (in which
 * every parameter starts at a multiple of 64, in attribute order) is multiplied by
 * element e of one stream of numbers, and deviation k by element k of another
 * stream. So a sample depends only on seed and index: not on how the storage is cut,
 * nor on which parameters are random. No generator advances.
 *
 * @module
 */

import { philox4x32, philoxNormal } from "../engine/kernel_kit.ts";
import { Generator, type RandomStream } from "../engine/mod.ts";
import { type Layout, NONE, type Piece } from "./layout.ts";

// The high words of the streams. Generators count their streams up from 0, so
// these are never among them.
const DIAGONAL = 0x53574100;
const LOW_RANK = 0x53574101;
const OWN = 0x53574102;

/** How many numbers of the low-rank stream are reserved for each parameter. */
const PARAMETER_STRIDE = 65536;

/** Identifies the random numbers of a sample. */
export interface DrawKey {
  readonly key: readonly [number, number];
  readonly index: number;
}

/** The random numbers of a sample, where they are given instead of drawn. */
export interface GivenNoise {
  /** For each random parameter, by name, one number per weight. */
  readonly diagonal: ReadonlyMap<string, ArrayLike<number>>;
  /** One number per deviation, oldest first: for all parameters, or by name. */
  readonly lowRank: ArrayLike<number> | ReadonlyMap<string, ArrayLike<number>>;
}

/**
 * Makes the key of a sample.
 *
 * @throws {RangeError} If the seed or the index is not a whole number, or the index
 * is not in [0, 2³²).
 */
export function drawKey(seed: number | bigint, index: number): DrawKey {
  checkIndex(index);
  return { key: new Generator(seed).next().key, index };
}

/** Throws unless a sample can have an index. */
export function checkIndex(index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < 2 ** 32) return;
  throw new RangeError(
    `Cannot draw sample ${index}: the index must be a whole number from 0 ` +
      "to 2³² - 1",
  );
}

/** The seed of what a model draws by itself while it holds a sample. */
export function ownSeed({ key, index }: DrawKey): readonly [number, number] {
  const [low, high] = philox4x32([0, 0, index, OWN], key);
  return [low, high];
}

/** The stream of the numbers by which standard deviations are multiplied. */
export function diagonalStream({ key, index }: DrawKey): RandomStream {
  return { key, stream: [index, DIAGONAL] };
}

/** The given numbers for standard deviations, laid out as a piece is. */
export function givenDiagonal(
  { spans, length }: Piece,
  { diagonal }: GivenNoise,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length);
  for (const { entry, from, at, count } of spans) {
    const numbers = diagonal.get(entry.name);
    for (let i = 0; i < count; i++) values[at + i] = numbers?.[from + i] ?? 0;
  }
  return values;
}

/**
 * The numbers by which deviations are multiplied, oldest deviation first.
 *
 * @param draw Which sample.
 * @param rank How many numbers.
 * @param parameter The parameter's number in a blockwise sample; `undefined` for
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

/**
 * The numbers by which deviations are multiplied, as the kernel reads them: one row
 * for all parameters, or if `blockwise` one row for each random parameter. There is
 * at least one number, because a binding cannot be empty.
 */
export function lowRankRows(
  noise: DrawKey | GivenNoise,
  { rank, blockwise, layout: { entries, randoms } }: {
    rank: number;
    blockwise: boolean;
    layout: Layout;
  },
): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(Math.max(1, rank * (blockwise ? randoms : 1)));
  if (rank === 0) return rows;
  const setRow = (row: number, values: ArrayLike<number>) => {
    for (let k = 0; k < rank; k++) rows[row * rank + k] = values[k] ?? 0;
  };
  if (!blockwise) {
    setRow(0, isGiven(noise) ? sharedRow(noise) : lowRankNoise(noise, rank));
    return rows;
  }
  for (const { name, index, row } of entries) {
    if (row === NONE) continue;
    const values = isGiven(noise)
      ? rowOf(noise, name)
      : lowRankNoise(noise, rank, index);
    setRow(row, values);
  }
  return rows;
}

/** Whether the numbers are given. */
export function isGiven(noise: DrawKey | GivenNoise): noise is GivenNoise {
  return "diagonal" in noise;
}

function sharedRow({ lowRank }: GivenNoise): ArrayLike<number> {
  return lowRank instanceof Map ? [] : lowRank as ArrayLike<number>;
}

function rowOf({ lowRank }: GivenNoise, name: string): ArrayLike<number> {
  return lowRank instanceof Map ? lowRank.get(name) ?? [] : [];
}
