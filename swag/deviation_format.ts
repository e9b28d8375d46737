// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How deviations are stored: as they are, or in fewer bits. A block of 64 weights of a
 * deviation then has a scale of its own, by which its values are multiplied, so that
 * they keep their precision however small the weights' steps are:
 *
 * ```text
 * f16    x / s, where s is a power of two that brings the largest to [2¹⁴, 2¹⁵]
 * int8   round(x / s), where s = max |x| / 127
 * ```
 *
 * A row, which is one deviation of a piece, holds the values of all its blocks, then
 * their scales, then zeros up to a whole vector of four words.
 *
 * @module
 */

import { SEGMENT_ALIGNMENT } from "../nn/mod.ts";

/** How the deviations of a posterior are stored, see {@linkcode SwagOptions}. */
export type DeviationFormat = "f32" | "f16" | "int8";

/** The values of deviations in each format. */
type Values =
  | Float32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>;

/** The deviations of a parameter, as they are stored. */
export interface StoredDeviations {
  /** `[rank, size]`, oldest first. */
  readonly values: Values;
  /** `[rank, blocks]`, the factor on each block; without for f32. */
  readonly scales: Float32Array<ArrayBuffer> | undefined;
}

interface FormatInfo {
  /** The bytes of a value. */
  readonly bytes: number;
  /** Makes room for values. */
  readonly make: (length: number) => Values;
  /** The scale of a block, by its largest magnitude; without for f32. */
  readonly scaleOf: ((top: number) => number) | undefined;
}

const FORMATS: Readonly<Record<DeviationFormat, FormatInfo>> = {
  f32: {
    bytes: 4,
    make: (length) => new Float32Array(length),
    scaleOf: undefined,
  },
  f16: {
    bytes: 2,
    make: (length) => new Float16Array(length),
    scaleOf: (top) => {
      if (top === 0) return 2 ** -126;
      // The exponent that the largest has once it is rounded to 11 bits.
      const exponent = Math.floor(Math.log2(top * (1 + 2 ** -12)));
      return 2 ** (Math.min(Math.max(exponent, -112), 126) - 14);
    },
  },
  int8: {
    bytes: 1,
    make: (length) => new Int8Array(length),
    scaleOf: (top) => Math.fround(top / 127),
  },
};

/** The ways in which a posterior can store its deviations. */
export const DEVIATION_FORMATS: readonly DeviationFormat[] = Object.keys(
  FORMATS,
) as DeviationFormat[];

/** The number of blocks that hold so many weights. */
export function blocksOf(size: number): number {
  return Math.ceil(size / SEGMENT_ALIGNMENT);
}

/** Where the values and the scales of a row of deviations lie. */
export interface RowPlan {
  /** The bytes of a value. */
  readonly bytes: number;
  /** Whether blocks have scales. */
  readonly hasScales: boolean;
  /** The byte at which the scales begin. */
  readonly scales: number;
  /** The bytes of a row, which are whole vectors. */
  readonly rowBytes: number;
}

/** Plans a row of deviations. */
export function planRow(format: DeviationFormat, columns: number): RowPlan {
  const { bytes, scaleOf } = FORMATS[format];
  const scales = columns * bytes;
  const hasScales = scaleOf !== undefined;
  const rowBytes = hasScales
    ? scales + Math.ceil(blocksOf(columns) / 4) * 16
    : scales;
  return { bytes, hasScales, scales, rowBytes };
}

/** Makes room for the deviations of a parameter. */
export function makeStored(
  format: DeviationFormat,
  rank: number,
  size: number,
): StoredDeviations {
  const { make, scaleOf } = FORMATS[format];
  return {
    values: make(rank * size),
    scales: scaleOf && new Float32Array(rank * blocksOf(size)),
  };
}

/** The format in which deviations are. */
export function formatOf({ values }: StoredDeviations): DeviationFormat {
  if (values instanceof Int8Array) return "int8";
  return values instanceof Float32Array ? "f32" : "f16";
}

/**
 * Stores deviations in a format; those that are in it already stay as they are.
 *
 * @param deviations The deviations.
 * @param format The format.
 * @param size The number of weights of the parameter.
 */
export function store(
  deviations: StoredDeviations,
  format: DeviationFormat,
  size: number,
): StoredDeviations {
  if (formatOf(deviations) === format) return deviations;
  const rows = widen(deviations, size);
  const { scaleOf } = FORMATS[format];
  if (!scaleOf) return { values: rows, scales: undefined };
  const stored = makeStored(format, size === 0 ? 0 : rows.length / size, size);
  eachBlock(rows.length, size, (block, from, to) => {
    let top = 0;
    for (let i = from; i < to; i++) top = Math.max(top, Math.abs(rows[i] ?? 0));
    const scale = scaleOf(top);
    if (stored.scales) stored.scales[block] = scale;
    for (let i = from; scale > 0 && i < to; i++) {
      const value = (rows[i] ?? 0) / scale;
      stored.values[i] = format === "int8" ? Math.round(value) : value;
    }
  });
  return stored;
}

/** Gives deviations as 32-bit floats, `[rank, size]`: what the kernels compute with. */
export function widen(
  { values, scales }: StoredDeviations,
  size: number,
): Float32Array<ArrayBuffer> {
  if (!scales) return values as Float32Array<ArrayBuffer>;
  const rows = new Float32Array(values.length);
  eachBlock(values.length, size, (block, from, to) => {
    const scale = scales[block] ?? 0;
    for (let i = from; i < to; i++) rows[i] = (values[i] ?? 0) * scale;
  });
  return rows;
}

/** Calls a function for every block of rows of so many weights. */
function eachBlock(
  length: number,
  size: number,
  run: (block: number, from: number, to: number) => void,
): void {
  let block = 0;
  for (let row = 0; row < length; row += size) {
    for (let at = 0; at < size; at += SEGMENT_ALIGNMENT) {
      run(block++, row + at, row + Math.min(at + SEGMENT_ALIGNMENT, size));
    }
  }
}
