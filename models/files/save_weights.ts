// Copyright 2026 the swagpu authors. MIT license.

// Writes weights, in parts if they are large. New parts never have the names of
// parts that the folder's index lists. Thus the old index names complete weights
// until the new index replaces it.

import { disk, NotFound, readText } from "../../host/mod.ts";
import { readAll, type Tensor, type TypedArray } from "../../engine/mod.ts";
import {
  checkFinite,
  parseByteSize,
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
  /** Whether numbers that are not finite may be written. */
  allowNonFinite: boolean;
}

/**
 * Writes weights to a staging folder as 32-bit floats: `model.safetensors`, or
 * parts of at most `maxBytes` each and their index. A larger tensor is the only
 * one in its part.
 *
 * @returns The names of the files written.
 * @throws {RangeError} If a weight is not finite, unless `allowNonFinite` is set.
 */
export async function writeWeights(
  staging: string,
  tensors: readonly Named[],
  { folder, maxBytes, allowNonFinite }: WriteWeightsOptions,
): Promise<string[]> {
  const parts = split(tensors, maxBytes);
  const names = parts.length === 1
    ? [NAME]
    : await partNames(folder, parts.length);
  for (const [i, part] of parts.entries()) {
    const path = `${staging}/${names[i]}`;
    await writeSafetensors(path, sources(part, folder, allowNonFinite));
  }
  if (parts.length === 1) return names;
  await writeTextAtomically(`${staging}/${INDEX}`, indexOf(parts, names));
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
function split(tensors: readonly Named[], maxBytes: number): Named[][] {
  const parts: Named[][] = [];
  let part: Named[] = [];
  let size = 0;
  for (const named of tensors) {
    const bytes = bytesOf(named[1]);
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

function bytesOf(tensor: Tensor): number {
  return 4 * tensor.size;
}

function indexOf(
  parts: readonly (readonly Named[])[],
  names: readonly string[],
): string {
  const map = parts.flatMap((part, i) =>
    part.map(([name]) => [name, names[i]] as const)
  );
  const size = parts.flat().reduce((sum, [, x]) => sum + bytesOf(x), 0);
  return formatJson({
    metadata: { total_size: size },
    weight_map: Object.fromEntries(map),
  });
}

/** Makes sources that read tensors from the GPU when the file reaches them. */
function sources(
  part: readonly Named[],
  folder: string,
  allowNonFinite: boolean,
): [string, SafetensorsSource][] {
  const sorted = [...part].sort(([a], [b]) => a < b ? -1 : 1);
  const ahead = new Map<Tensor, TypedArray | undefined>();
  const readFrom = async (start: number): Promise<void> => {
    let bytes = 0;
    const group: Tensor[] = [];
    for (const [, tensor] of sorted.slice(start)) {
      bytes += bytesOf(tensor);
      if (group.length > 0 && bytes > READ_BYTES) break;
      group.push(tensor);
    }
    const values = await readAll(group);
    group.forEach((tensor, i) => ahead.set(tensor, values[i]));
  };
  return sorted.map(([name, tensor], i) => [name, {
    shape: tensor.shape,
    dtype: "F32",
    data: async () => {
      if (!ahead.has(tensor)) await readFrom(i);
      const values = ahead.get(tensor);
      ahead.delete(tensor);
      if (values && !allowNonFinite) {
        checkFinite(values, name, `Cannot save the model to ${folder}`);
      }
      return values ?? new Float32Array();
    },
  }]);
}
