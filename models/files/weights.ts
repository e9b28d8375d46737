// Copyright 2026 the swagpu authors. MIT license.

// The names of weight files, and the index of weights that are in parts.

import { disk, NotFound } from "../../host/mod.ts";
import { isObject, readJson } from "./json.ts";

/** A kind of weight files in a folder. */
export interface WeightKind {
  /**
   * The file by which weights are found: the weights, or the index of their
   * parts.
   */
  readonly name: string;
  /** Matches the names of parts, if the kind has parts. */
  readonly part?: RegExp;
}

/**
 * The weights, or the index of their parts. A saved folder has one of the two.
 */
export const WEIGHT_FILES: readonly [string, string] = [
  "model.safetensors",
  "model.safetensors.index.json",
];

/** Matches the names of saved parts, with or without the mark of a save. */
export const WEIGHT_PART =
  /^model-(?:[0-9a-f]{8}-)?\d{5}-of-\d{5}\.safetensors$/;

/** The kinds that can be read, in the order of transformers' preference. */
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

/** Finds the kind that a folder holds; `undefined` without weights. */
export async function findWeights(
  folder: string,
): Promise<WeightKind | undefined> {
  for (const kind of WEIGHT_KINDS) {
    try {
      await disk(`${folder}/${kind.name}`).stat(`${folder}/${kind.name}`);
      return kind;
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
  return undefined;
}

/** Reads an index: the part that holds each tensor. */
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

/** The parts that a folder's index names; none without an index. */
export async function partsOf(folder: string): Promise<string[]> {
  const kind = await findWeights(folder);
  if (!kind?.part) return [];
  const map = await readWeightMap(`${folder}/${kind.name}`);
  return [...new Set(map.values())].sort();
}

/** Whether a name can only be that of a file directly in the folder. */
function isPlainName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." &&
    !/[\\/:\0]/.test(name);
}
