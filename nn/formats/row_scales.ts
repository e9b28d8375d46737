// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Numbers of 8 or 16 bits with a factor for each row, for files that are sent over a
 * network. The tensor `weight`, of type I8 or F16, is accompanied by `weight_scale`,
 * of type F32, with a factor for each index of its first axis:
 *
 * ```text
 * I8    round(x / s), where s = max |x| / 127
 * F16   x / s, where s is a power of two that brings the largest to [2¹⁴, 2¹⁵]
 * ```
 *
 * The file's metadata say `"swagpu_quantization": "row-scales"`. Their `format` is not
 * `"pt"`, so that transformers refuses the file instead of taking the numbers as they
 * are. In Python:
 *
 * ```python
 * tensors = safetensors.numpy.load_file("model.safetensors")
 * x = tensors["weight"].astype("float32")
 * x = (x.T * tensors["weight_scale"]).T
 * ```
 *
 * @module
 */

/** The field of a file's metadata that tells how its numbers are stored. */
export const QUANTIZATION = "swagpu_quantization";
/** Its value for factors by row. */
const ROW_SCALES = "row-scales";
/** The metadata of files that hold factors by row. */
export const ROW_SCALES_METADATA: Readonly<Record<string, string>> = {
  format: "swagpu",
  [QUANTIZATION]: ROW_SCALES,
};
/** What follows a tensor's name in that of its factors. */
export const SCALE_SUFFIX = "_scale";

/** The types of elements that factors go with. */
export type ScaledDtype = "F16" | "I8";

/** A tensor in fewer bits. */
export interface ScaledRows {
  /** The elements, row by row. */
  readonly values: Float16Array<ArrayBuffer> | Int8Array<ArrayBuffer>;
  /** The factor of each row. */
  readonly scales: Float32Array<ArrayBuffer>;
}

/** The largest 32-bit float of which 127 times are one as well. */
const MOST_I8_SCALE = 8_454_659 * 2 ** 98;

function scaleOf(top: number, dtype: ScaledDtype): number {
  if (dtype === "I8") return Math.min(Math.fround(top / 127), MOST_I8_SCALE);
  if (top === 0) return 1;
  // The exponent that the largest has once it is rounded to 11 bits.
  const exponent = Math.floor(Math.log2(top * (1 + 2 ** -12)));
  return 2 ** (Math.min(Math.max(exponent, -112), 127) - 14);
}

/** The largest element that is stored, so that it never becomes infinite. */
function mostOf(scale: number, dtype: ScaledDtype): number {
  if (dtype === "I8") return 127;
  return scale === 2 ** 113 ? 32752 : 32768;
}

/**
 * Stores a tensor in fewer bits, with a factor for each row.
 *
 * @param x The elements, row by row, all of them finite.
 * @param rows The number of rows.
 * @param dtype The type of the elements.
 * @returns The elements and the factors.
 * @throws {RangeError} If the elements do not fill the rows, or are not finite.
 *
 * @example Usage
 * ```ts
 * import { scaleRows, widenRows } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const { values, scales } = scaleRows([254, -127, 1, 0], 2, "I8");
 * assertEquals([...values], [127, -63, 127, 0]);
 * assertEquals([...widenRows(values, scales)], [254, -126, 1, 0]);
 * ```
 */
export function scaleRows(
  x: ArrayLike<number>,
  rows: number,
  dtype: ScaledDtype,
): ScaledRows {
  checkRows(x.length, rows);
  const values = dtype === "I8"
    ? new Int8Array(x.length)
    : new Float16Array(x.length);
  const scales = new Float32Array(rows);
  const columns = rows === 0 ? 0 : x.length / rows;
  for (let row = 0; row < rows; row++) {
    const begin = row * columns;
    const end = begin + columns;
    let top = 0;
    for (let i = begin; i < end; i++) top = Math.max(top, Math.abs(x[i] ?? 0));
    if (!Number.isFinite(top)) {
      throw new RangeError(
        `Cannot store row ${row} with a factor: its largest number is ${top}, it ` +
          "must be finite",
      );
    }
    const scale = scaleOf(top, dtype);
    scales[row] = scale;
    // What is so small that its factor rounds to 0 is stored as 0.
    if (scale === 0) continue;
    const most = mostOf(scale, dtype);
    for (let i = begin; i < end; i++) {
      const value = (x[i] ?? 0) / scale;
      const whole = dtype === "I8" ? Math.round(value) : value;
      // A factor that is very small is rounded by much.
      values[i] = Math.max(-most, Math.min(whole, most));
    }
  }
  return { values, scales };
}

/**
 * The 32-bit floats of a tensor that {@linkcode scaleRows} has stored.
 *
 * @param values The elements, row by row.
 * @param scales The factor of each row.
 * @returns The elements times their factors.
 * @throws {RangeError} If the elements do not fill as many rows as there are factors.
 *
 * @example Usage
 * ```ts
 * import { widenRows } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...widenRows([1, 2, 3, 4], [10, 0.5])], [10, 20, 1.5, 2]);
 * ```
 */
export function widenRows(
  values: ArrayLike<number>,
  scales: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  checkRows(values.length, scales.length);
  const wide = new Float32Array(values.length);
  const columns = scales.length === 0 ? 0 : values.length / scales.length;
  for (let row = 0; row < scales.length; row++) {
    const scale = scales[row] ?? 0;
    const end = (row + 1) * columns;
    for (let i = row * columns; i < end; i++) {
      wide[i] = (values[i] ?? 0) * scale;
    }
  }
  return wide;
}

/** @throws {RangeError} If elements do not fill rows of the same length. */
function checkRows(count: number, rows: number): void {
  const isWhole = rows === 0 ? count === 0 : Number.isInteger(count / rows);
  if (isWhole && Number.isInteger(rows) && rows >= 0) return;
  throw new RangeError(
    `Cannot cut ${count} numbers into ${rows} rows: all must have the same length`,
  );
}

/** The tensors of a file by their names, as far as they are looked at here. */
type Entries = ReadonlyMap<
  string,
  { readonly dtype: string; readonly shape: readonly number[] }
>;

/**
 * Finds the factors of a file's tensors.
 *
 * @param metadata The metadata of the file.
 * @param entries Its tensors.
 * @param source The name of the file, for errors.
 * @returns The name of the factors by the name of the tensor.
 * @throws {SyntaxError} If the file stores numbers in a way that is not known, or
 * factors do not fit.
 */
export function findScales(
  metadata: Readonly<Record<string, string>>,
  entries: Entries,
  source: string,
): Map<string, string> {
  const scales = new Map<string, string>();
  const how = metadata[QUANTIZATION];
  if (how === undefined) return scales;
  const wrong = (what: string) =>
    new SyntaxError(`Cannot read ${source}: ${what}`);
  if (how !== ROW_SCALES) {
    throw wrong(
      `its numbers are stored as ${JSON.stringify(how)}, expected ` +
        `${ROW_SCALES} or 32-bit, 16-bit or 8-bit floats`,
    );
  }
  for (const [name, { dtype, shape }] of entries) {
    const own = entries.get(name + SCALE_SUFFIX);
    if (!own || dtype !== "I8" && dtype !== "F16") continue;
    const fits = own.dtype === "F32" && own.shape.length === 1 &&
      own.shape[0] === shape[0];
    if (!fits) {
      throw wrong(
        `${JSON.stringify(name + SCALE_SUFFIX)} is ${own.dtype} ` +
          `[${own.shape.join(", ")}], which does not fit ` +
          `${JSON.stringify(name)}, ${dtype} [${shape.join(", ")}]`,
      );
    }
    scales.set(name, name + SCALE_SUFFIX);
  }
  return scales;
}
