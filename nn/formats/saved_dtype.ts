// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The types in which weights and posteriors can be saved, and tensors of files that
// are stored with factors.

import type { SafetensorsSource } from "./safetensors.ts";
import {
  SCALE_SUFFIX,
  type ScaledDtype,
  type ScaledRows,
  scaleRows,
  widenRows,
} from "./row_scales.ts";

/** The type in which weights are saved, by its name in PyTorch. */
export type SavedDtype = "float32" | "float16" | "int8";

const DTYPES: readonly SavedDtype[] = ["float32", "float16", "int8"];

/**
 * Refuses a type in which weights cannot be saved.
 *
 * @param dtype The name of the type.
 * @throws {RangeError} If it is none of those that are known.
 *
 * @example Usage
 * ```ts
 * import { checkSavedDtype } from "@swagpu/swagpu/nn/formats";
 * import { assertThrows } from "@std/assert";
 *
 * checkSavedDtype("float16");
 * assertThrows(() => checkSavedDtype("int4"), RangeError);
 * ```
 */
export function checkSavedDtype(dtype: string): void {
  if (DTYPES.some((known) => known === dtype)) return;
  throw new RangeError(
    `Cannot save weights as ${JSON.stringify(dtype)}: expected one of ` +
      DTYPES.join(", "),
  );
}

/**
 * Whether a tensor of a shape is stored in fewer bits with a factor for each row:
 * matrices are. Biases and the like are too few to matter, and stay 32-bit floats.
 *
 * @param shape The shape.
 * @returns Whether it is.
 *
 * @example Usage
 * ```ts
 * import { hasRowScales } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([[8], [1, 8], [2, 8]].map(hasRowScales), [false, false, true]);
 * ```
 */
export function hasRowScales(shape: readonly number[]): boolean {
  return shape.length > 1 && (shape[0] ?? 0) > 1;
}

/**
 * The two tensors of a file that hold one with a factor for each row.
 *
 * @param name The name of the tensor.
 * @param source Its shape, the type in the file, and a function that makes its
 * elements, which is called once each time that the file is written.
 * @returns The tensors by their names.
 *
 * @example Usage
 * ```ts
 * import {
 *   openSafetensors,
 *   ROW_SCALES_METADATA,
 *   rowScaledSources,
 *   writeSafetensors,
 * } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * const data = () => new Float32Array([127, 0, -1, 0.5]);
 * await writeSafetensors(
 *   path,
 *   rowScaledSources("weight", { shape: [2, 2], dtype: "I8", data }),
 *   { metadata: ROW_SCALES_METADATA },
 * );
 * {
 *   using file = await openSafetensors(path);
 *   assertEquals(file.names, ["weight"]);
 *   assertEquals((await file.tensor("weight")).data[2], -1);
 * }
 * await Deno.remove(path);
 * ```
 */
export function rowScaledSources(
  name: string,
  source: {
    readonly shape: readonly number[];
    readonly dtype: ScaledDtype;
    readonly data: () => ArrayLike<number> | Promise<ArrayLike<number>>;
  },
): [string, SafetensorsSource][] {
  const { shape, dtype, data } = source;
  const [rows = 0] = shape;
  // The factors come first in the file. Meanwhile the elements wait in fewer bits.
  const stored = forTwo(async () => scaleRows(await data(), rows, dtype));
  const part = <K extends keyof ScaledRows>(key: K) => async () =>
    (await stored())[key];
  return [
    [name, { shape, dtype, data: part("values") }],
    [name + SCALE_SUFFIX, {
      shape: [rows],
      dtype: "F32",
      data: part("scales"),
    }],
  ];
}

/** A function that makes its result once for each two callers. */
function forTwo<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    const result = made ?? make();
    made = made ? undefined : result;
    return result;
  };
}

/**
 * The weights that are loaded where some were saved in a type.
 *
 * @param values The weights, row by row.
 * @param shape Their shape.
 * @param dtype The type.
 * @returns The weights as they will be; the same array for `"float32"`.
 *
 * @example Usage
 * ```ts
 * import { asSaved } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...asSaved(new Float32Array([2049]), [1], "float16")], [2048]);
 * ```
 */
export function asSaved(
  values: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  dtype: SavedDtype,
): Float32Array<ArrayBuffer> {
  if (dtype === "float16") return new Float32Array(new Float16Array(values));
  if (dtype === "float32" || !hasRowScales(shape)) return values;
  const stored = scaleRows(values, shape[0] ?? 0, "I8");
  return widenRows(stored.values, stored.scales);
}
