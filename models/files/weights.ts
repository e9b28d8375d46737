// Copyright 2026 the swagpu authors. MIT license.

// What weight files are called, and the indices of those that are in parts.

import { isObject, readJson } from "./json.ts";

/** A way to keep weights in a folder. */
export interface WeightKind {
  /** The file to look for: the weights themselves, or the index of their parts. */
  readonly name: string;
  /** How parts are called, where there are any. */
  readonly part?: RegExp;
}

/** Weights as one file, or the list of their parts: a saved folder has one. */
export const WEIGHT_FILES: readonly [string, string] = [
  "model.safetensors",
  "model.safetensors.index.json",
];

/** What parts are called. A mark may tell those of one save from another's. */
export const WEIGHT_PART =
  /^model-(?:[0-9a-f]{8}-)?\d{5}-of-\d{5}\.safetensors$/;

/** The kinds that are read, the preferred first, as in transformers. */
export const WEIGHT_KINDS: readonly WeightKind[] = [
  { name: "model.safetensors" },
  {
    name: "model.safetensors.index.json",
    part: /^model-(?:[0-9a-f]{8}-)?\d+-of-\d+\.safetensors$/,
  },
  { name: "pytorch_model.bin" },
  {
    name: "pytorch_model.bin.index.json",
    part: /^pytorch_model-\d+-of-\d+\.bin$/,
  },
];

/** The kind that a folder holds, or `undefined`. */
export async function findWeights(
  folder: string,
): Promise<WeightKind | undefined> {
  for (const kind of WEIGHT_KINDS) {
    try {
      await Deno.stat(`${folder}/${kind.name}`);
      return kind;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

/** Which part holds each tensor, by an index. */
export async function readWeightMap(
  path: string,
): Promise<Map<string, string>> {
  const { fields: { weight_map: map } } = await readJson(path);
  if (!isObject(map)) {
    throw new SyntaxError(`Cannot read ${path}: it has no weight_map`);
  }
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== "string" || !isPlainName(file)) {
      throw new SyntaxError(
        `Cannot read ${path}: it places ${JSON.stringify(name)} in ${
          JSON.stringify(file)
        }, expected the name of a file beside it`,
      );
    }
    files.set(name, file);
  }
  return files;
}

/** The files that a folder's index names; none where it has no index. */
export async function partsOf(folder: string): Promise<string[]> {
  const kind = await findWeights(folder);
  if (!kind?.part) return [];
  const map = await readWeightMap(`${folder}/${kind.name}`);
  return [...new Set(map.values())].sort();
}

/** Whether a name can only be that of a file in the folder itself. */
function isPlainName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." &&
    !/[\\/:\0]/.test(name);
}
