// Copyright 2026 the swagpu authors. MIT license.

/**
 * Saves a model. It replaces what the folder held before as a whole, or not at all.
 *
 * @module
 */

import { AlreadyExists, disk } from "../host/mod.ts";
import { mkdtemp, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Alongside } from "../models/mod.ts";
import {
  folderOf,
  FolderSave,
  writeTextAtomically,
} from "../nn/formats/mod.ts";
import { exists, POSTERIOR_NAME } from "./classifier.ts";
import { MERGED_NAME } from "./merged_run.ts";
import { bytesText } from "./sizes.ts";
import type { LoadedModel } from "./tasks/task.ts";

/** The files of an adapter, which takes the place of weights. */
const ADAPTER_FILES = ["adapter_config.json", "adapter_model.safetensors"];

/** The files of weights, as far as one model has them. */
const WEIGHT_FILES = ["model.safetensors", "model.safetensors.index.json"];

const MODEL_FILES = [
  "config.json",
  ...WEIGHT_FILES,
  ...ADAPTER_FILES,
  POSTERIOR_NAME,
  MERGED_NAME,
];

/** Options of {@linkcode prepareOutput}. */
export interface PrepareOptions {
  /** How many bytes will be written; the disk must have as many left. */
  bytes?: number;
  /** The files that must not be there yet. @default {those of a model} */
  files?: readonly string[];
}

/**
 * Makes the output folder and writes a file there, so that a folder that cannot be
 * used is noticed before hours of training.
 *
 * @throws {AlreadyExists} If the folder holds one of the files and
 * `overwrite` is not set.
 * @throws {TypeError} If the path is a file.
 * @throws {Error} If nothing can be written there, or not enough.
 */
export async function prepareOutput(
  folder: string,
  overwrite: boolean,
  { bytes = 0, files = MODEL_FILES }: PrepareOptions = {},
): Promise<void> {
  for (const name of overwrite ? [] : files) {
    if (!await exists(`${folder}/${name}`)) continue;
    throw new AlreadyExists(
      `Cannot write to ${folder}: it holds a ${name}, choose another folder ` +
        "or say --overwrite",
    );
  }
  // This does the same as a save, except that it replaces nothing.
  await using save = await FolderSave.begin(folder);
  await writeTextAtomically(`${save.staging}/trial`, "a trial\n");
  const free = await freeBytes(folder);
  if (free < bytes) {
    throw new Error(
      `Cannot write to ${folder}: a save takes about ${bytesText(bytes)}, ` +
        `but its disk has ${bytesText(free)} left`,
    );
  }
}

/** About how many bytes a save takes, when the posterior holds all its deviations. */
export function savedBytes(
  { model, swag, adapter }: Omit<LoadedModel, "tokenizer">,
): number {
  let bytes = 0;
  for (const { size } of (adapter ?? model).namedTensors().values()) {
    bytes += 4 * size;
  }
  if (swag === undefined) return bytes;
  const { mean, secondMoment, deviations } = swag.memoryEstimate;
  return bytes + mean + secondMoment + deviations;
}

/**
 * Writes model, tokenizer and posterior, in place of those that the folder holds. Its
 * other files stay. If the model has an adapter, that is written instead of the
 * weights, with the configuration of the model.
 */
export async function saveLoaded(
  folder: string,
  { model, tokenizer, swag, adapter }: LoadedModel,
): Promise<void> {
  const posterior: Alongside = {
    // Without collections an older posterior is removed: it has other weights.
    [POSTERIOR_NAME]: swag !== undefined && swag.nModels > 0
      ? (path) => swag.save(path)
      : null,
    // A merged run that was there is one no more.
    [MERGED_NAME]: null,
  };
  const removed = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, null]));
  if (!adapter) {
    const alongside = { ...posterior, ...removed(ADAPTER_FILES) };
    await model.savePretrained(folder, { tokenizer, alongside });
    return;
  }
  await adapter.savePretrained(folder, {
    tokenizer,
    alongside: {
      ...posterior,
      ...removed(WEIGHT_FILES),
      "config.json": (path) => model.config.save(folderOf(path)),
    },
  });
}

/**
 * Saves to the folder. If that fails, it saves to a temporary folder, so that hours of
 * training are not lost.
 *
 * @throws {Error} If the folder cannot be written; the message names the temporary
 * one.
 */
export async function saveOrRescue(
  folder: string,
  loaded: LoadedModel,
): Promise<void> {
  try {
    await saveLoaded(folder, loaded);
  } catch (error) {
    let other: string | undefined;
    try {
      other = await mkdtemp(`${tmpdir()}/swagpu-`);
      await saveLoaded(other, loaded);
    } catch {
      if (other !== undefined) {
        await disk(other).remove(other, { recursive: true });
      }
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}. The model was saved to ${other} instead`, {
      cause: error,
    });
  }
}

/** How many bytes the folder's disk has left; infinity if that is unknown. */
async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}
