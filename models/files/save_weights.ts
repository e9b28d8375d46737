// Copyright 2026 the swagpu authors. MIT license.

// Writes weights, in parts if they are large. New parts never have the names of
// parts that the folder's index lists. Thus the old index names complete weights
// until the new index replaces it.

import { disk, NotFound, readText } from "../../host/mod.ts";
import { readAll, type Tensor, type TypedArray } from "../../engine/mod.ts";
import {
  checkFinite,
  hasRowScales,
  parseByteSize,
  ROW_SCALES_METADATA,
  rowScaledSources,
  type SavedDtype,
  writeTextAtomically,
} from "../../nn/formats/mod.ts";
import { type SafetensorsSource, writeSafetensors } from "../../nn/mod.ts";
import { formatJson } from "./json.ts";
import { WEIGHT_FILES, WEIGHT_PART } from "./weights.ts";

const [NAME, INDEX] = WEIGHT_FILES;
/**
 * The bytes that are read from the GPU with one wait; one tensor may be larger.
 */
const READ_BYTES = 2 ** 24;

type Named = readonly [string, Tensor];

/** The largest number that does not round to infinity in 16 bits. */
const LARGEST_HALF = 65520;

/**
 * Reads a size, for example `"500MB"` or `"2GiB"`, in bytes.
 *
 * @throws {RangeError} If it is not a size.
 */
export function parseSize(size: number | string): number {
  const bytes = typeof size === "string"
    ? parseByteSize(size)
    : Math.floor(size);
  if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes > 0) {
    return bytes;
  }
  throw new RangeError(
    `Cannot cut weights at ${JSON.stringify(size)}: expected a number of ` +
      'bytes, or a text such as "5GB" or "500MiB"',
  );
}

/** Options of {@linkcode writeWeights}. */
export interface WriteWeightsOptions {
  /** The folder that the files will be moved to. */
  folder: string;
  /** The most bytes of a file, unless a single tensor is larger. */
  maxBytes: number;
  /** Whether numbers that are not finite may be written; not as int8. */
  allowNonFinite: boolean;
  /** The type of the numbers. */
  dtype: SavedDtype;
}

/**
 * Writes weights to a staging folder: `model.safetensors`, or parts of at most
 * `maxBytes` each and their index. A larger tensor is the only one in its part. As
 * int8, a tensor of several rows is in the same file as the factors of its rows, and
 * other tensors stay 32-bit floats.
 *
 * @returns The names of the files written.
 * @throws {RangeError} If a weight is not finite, unless `allowNonFinite` is set, or
 * too large for its type.
 */
export async function writeWeights(
  staging: string,
  tensors: readonly Named[],
  options: WriteWeightsOptions,
): Promise<string[]> {
  const { folder, maxBytes, dtype } = options;
  const parts = split(tensors, maxBytes, dtype);
  const names = parts.length === 1
    ? [NAME]
    : await partNames(folder, parts.length);
  for (const [i, part] of parts.entries()) {
    const path = `${staging}/${names[i]}`;
    await writeSafetensors(
      path,
      sources(part, options),
      dtype === "int8" ? { metadata: ROW_SCALES_METADATA } : {},
    );
  }
  if (parts.length === 1) return names;
  const index = indexOf(parts, names, dtype);
  await writeTextAtomically(`${staging}/${INDEX}`, index);
  return [...names, INDEX];
}

/**
 * Chooses the names of parts. They are Hugging Face's names, with a mark if the
 * folder's index already lists one of them. transformers reads such parts, and
 * removes them when it saves there.
 */
async function partNames(folder: string, count: number): Promise<string[]> {
  const digits = (n: number) => String(n).padStart(5, "0");
  const named = (mark: string) =>
    Array.from(
      { length: count },
      (_, i) => `model-${mark}${digits(i + 1)}-of-${digits(count)}.safetensors`,
    );
  let used = "";
  try {
    const index = `${folder}/${INDEX}`;
    if ((await disk(index).lstat(index)).isFile) used = await readText(index);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
  const plain = named("");
  if (!plain.some((name) => used.includes(`"${name}"`))) return plain;
  return named(`${crypto.randomUUID().slice(0, 8)}-`);
}

/** The weight files in a folder that earlier saves left. */
export async function staleWeights(
  folder: string,
  written: readonly string[],
): Promise<string[]> {
  const stale: string[] = [];
  for (const { name, isDirectory } of await disk(folder).readDir(folder)) {
    const isWeights = WEIGHT_FILES.includes(name) || WEIGHT_PART.test(name);
    if (!isDirectory && isWeights && !written.includes(name)) stale.push(name);
  }
  // The file by which weights are found is removed last.
  return stale.sort((a, b) =>
    Number(WEIGHT_FILES.includes(a)) - Number(WEIGHT_FILES.includes(b))
  );
}

/**
 * Distributes tensors to parts; a new part begins when one would be too large.
 */
function split(
  tensors: readonly Named[],
  maxBytes: number,
  dtype: SavedDtype,
): Named[][] {
  const parts: Named[][] = [];
  let part: Named[] = [];
  let size = 0;
  for (const named of tensors) {
    const bytes = bytesOf(named[1], dtype);
    if (part.length > 0 && size + bytes > maxBytes) {
      parts.push(part);
      part = [];
      size = 0;
    }
    part.push(named);
    size += bytes;
  }
  return [...parts, part];
}

function bytesOf(tensor: Tensor, dtype: SavedDtype): number {
  if (dtype === "float16") return 2 * tensor.size;
  return isInt8(tensor, dtype)
    ? tensor.size + 4 * (tensor.shape[0] ?? 0)
    : 4 * tensor.size;
}

/** Whether a tensor is stored in 8 bits. */
function isInt8({ shape }: Tensor, dtype: SavedDtype): boolean {
  return dtype === "int8" && hasRowScales(shape);
}

function indexOf(
  parts: readonly (readonly Named[])[],
  names: readonly string[],
  dtype: SavedDtype,
): string {
  const map = parts.flatMap((part, i) =>
    part.map(([name]) => [name, names[i]] as const)
  );
  const size = parts.flat().reduce((sum, [, x]) => sum + bytesOf(x, dtype), 0);
  return formatJson({
    metadata: { total_size: size },
    weight_map: Object.fromEntries(map),
  });
}

/** Makes sources that read tensors from the GPU when the file reaches them. */
function sources(
  part: readonly Named[],
  { folder, allowNonFinite, dtype }: WriteWeightsOptions,
): [string, SafetensorsSource][] {
  const action = `Cannot save the model to ${folder}`;
  const sorted = [...part].sort(([a], [b]) => a < b ? -1 : 1);
  const ahead = new Map<Tensor, TypedArray | undefined>();
  const readFrom = async (start: number): Promise<void> => {
    let bytes = 0;
    const group: Tensor[] = [];
    for (const [, tensor] of sorted.slice(start)) {
      bytes += 4 * tensor.size;
      if (group.length > 0 && bytes > READ_BYTES) break;
      group.push(tensor);
    }
    const values = await readAll(group);
    group.forEach((tensor, i) => ahead.set(tensor, values[i]));
  };
  const read = async (i: number, name: string, tensor: Tensor) => {
    if (!ahead.has(tensor)) await readFrom(i);
    const values = ahead.get(tensor) ?? new Float32Array();
    ahead.delete(tensor);
    if (!allowNonFinite || dtype === "int8") checkFinite(values, name, action);
    return values;
  };
  return sorted.flatMap(([name, tensor], i): [string, SafetensorsSource][] => {
    const { shape } = tensor;
    if (isInt8(tensor, dtype)) {
      const data = () => read(i, name, tensor);
      return rowScaledSources(name, { shape, dtype: "I8", data });
    }
    const data = async () => {
      const values = await read(i, name, tensor);
      if (dtype === "float16") checkHalves(values, name, action);
      return values;
    };
    return [[name, {
      shape,
      dtype: dtype === "float16" ? "F16" : "F32",
      data,
    }]];
  });
}

function checkHalves(
  values: ArrayLike<number>,
  name: string,
  action: string,
): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (Math.abs(value) < LARGEST_HALF || !Number.isFinite(value)) continue;
    throw new RangeError(
      `${action}: element ${i} of "${name}" is ${value}, more than float16 holds; ` +
        "save it as float32 or int8",
    );
  }
}
