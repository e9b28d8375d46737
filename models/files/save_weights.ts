// Copyright 2026 the swagpu authors. MIT license.
// Writing weights, in parts where they are large, so that a folder never holds
// half of them: all parts are complete under other names before the first takes
// its place, and the index comes last.

import { readAll, type Tensor, type TypedArray } from "../../engine/mod.ts";
import { safetensorsChunks } from "../../nn/_safetensors_chunks.ts";
import { stage, type StagedFile } from "../../nn/disk.ts";
import type { SafetensorsSource } from "../../nn/mod.ts";
import { formatJson } from "./json.ts";

const NAME = "model.safetensors";
const INDEX = "model.safetensors.index.json";
/** What this writer calls parts. */
const PART = /^model-\d{5}-of-\d{5}\.safetensors$/;
const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};
/** Bytes that one wait for the GPU brings back, at least one tensor. */
const READ_BYTES = 2 ** 24;

type Named = readonly [string, Tensor];

/**
 * Bytes of a size such as `"500MB"` or `"2GiB"`.
 *
 * @throws {RangeError} If it is no size.
 */
export function parseSize(size: number | string): number {
  const [, number = "", unit = ""] = typeof size === "string"
    ? /^(\d+(?:\.\d+)?) ?([KMGT]?i?B)$/i.exec(size.trim()) ?? []
    : ["", String(size), "B"];
  const bytes = Math.floor(Number(number) * (UNITS[unit.toUpperCase()] ?? 0));
  if (number !== "" && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new RangeError(
    `Cannot cut weights at ${JSON.stringify(size)}: expected a number of ` +
      'bytes, or a text such as "5GB" or "500MiB"',
  );
}

/**
 * Writes 32-bit floats to temporary files, whose `commit` puts them in the
 * place of what the folder had: `model.safetensors`, or parts of at most
 * `maxBytes` each and their index. A tensor larger than that has a part of its
 * own.
 */
export async function stageWeights(
  folder: string,
  tensors: readonly Named[],
  maxBytes: number,
): Promise<StagedFile> {
  const parts = split(tensors, maxBytes);
  const names = parts.length === 1 ? [NAME] : parts.map((_, i) => {
    const [at, of] = [i + 1, parts.length].map((n) =>
      String(n).padStart(5, "0")
    );
    return `model-${at}-of-${of}.safetensors`;
  });
  const staged: StagedFile[] = [];
  const discard = async () => {
    for (const file of staged) await file.discard();
  };
  try {
    for (const [i, part] of parts.entries()) {
      const path = `${folder}/${names[i]}`;
      staged.push(await stage(path, safetensorsChunks(sources(part))));
    }
    if (parts.length > 1) {
      const text = indexOf(parts, names);
      const bytes = new TextEncoder().encode(text);
      staged.push(await stage(`${folder}/${INDEX}`, [bytes]));
    }
  } catch (error) {
    await discard();
    throw error;
  }
  return {
    async commit() {
      for (const file of staged) await file.commit();
      await removeStale(folder, names);
    },
    discard,
  };
}

/** Cuts where the next tensor would make a part too large. */
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

/** Tensors that are read from the GPU when the file reaches them. */
function sources(part: readonly Named[]): [string, SafetensorsSource][] {
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
      return values ?? new Float32Array();
    },
  }]);
}

/** Removes what an earlier save left and a later load would take. */
async function removeStale(
  folder: string,
  names: readonly string[],
): Promise<void> {
  const stale: string[] = names.includes(NAME) ? [INDEX] : [NAME];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory && PART.test(name) && !names.includes(name)) {
      stale.push(name);
    }
  }
  for (const name of stale) {
    try {
      await Deno.remove(`${folder}/${name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
