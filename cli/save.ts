// Copyright 2026 the swagpu authors. MIT license.

/**
 * Saving a model so that what was there before is replaced in one go, or not
 * at all.
 *
 * @module
 */

import { statfs } from "node:fs/promises";
import { FolderSave, writeTextAtomically } from "../nn/formats/mod.ts";
import { type Classifier, exists, POSTERIOR_NAME } from "./classifier.ts";

const MODEL_FILES = [
  "config.json",
  "model.safetensors",
  "model.safetensors.index.json",
  POSTERIOR_NAME,
];

/** Options of {@linkcode prepareOutput}. */
export interface PrepareOptions {
  /** Bytes that will be written there, of which the disk must have as many. */
  bytes?: number;
}

/**
 * Makes the output folder and tries to write there, before hours are spent on
 * what goes there.
 *
 * @throws {Deno.errors.AlreadyExists} If it holds a model and `overwrite` is
 * not set.
 * @throws {TypeError} If it is a file.
 * @throws {Error} If nothing can be written there, or not as much.
 */
export async function prepareOutput(
  folder: string,
  overwrite: boolean,
  { bytes = 0 }: PrepareOptions = {},
): Promise<void> {
  for (const name of overwrite ? [] : MODEL_FILES) {
    if (!await exists(`${folder}/${name}`)) continue;
    throw new Deno.errors.AlreadyExists(
      `Cannot write to ${folder}: it holds a ${name}, choose another folder ` +
        "or say --overwrite",
    );
  }
  // What a save does too, short of replacing anything.
  await using save = await FolderSave.begin(folder);
  await writeTextAtomically(`${save.staging}/trial`, "a trial\n");
  const free = await freeBytes(folder);
  if (free < bytes) {
    throw new Error(
      `Cannot write to ${folder}: a save takes about ${formatBytes(bytes)}, ` +
        `but its disk has ${formatBytes(free)} left`,
    );
  }
}

/** About how many bytes a save takes, once a posterior has all its ranks. */
export function savedBytes(
  { model, swag }: Omit<Classifier, "tokenizer">,
): number {
  let bytes = 0;
  for (const tensor of model.namedTensors().values()) bytes += 4 * tensor.size;
  if (swag === undefined) return bytes;
  const { mean, secondMoment, deviations } = swag.memoryEstimate;
  return bytes + mean + secondMoment + deviations;
}

/**
 * Writes model, tokenizer and posterior in place of those that the folder
 * holds; its other files stay.
 */
export async function saveClassifier(
  folder: string,
  { model, tokenizer, swag }: Classifier,
): Promise<void> {
  await model.savePretrained(folder, {
    tokenizer,
    alongside: {
      // A posterior of other weights would be worse than none.
      [POSTERIOR_NAME]: swag !== undefined && swag.nModels > 0
        ? (path) => swag.save(path)
        : null,
    },
  });
}

/**
 * Saves to the folder or, if that fails after hours of training, to a temporary
 * one.
 *
 * @throws {Error} If the folder cannot be written; the message names the other
 * one.
 */
export async function saveOrRescue(
  folder: string,
  classifier: Classifier,
): Promise<void> {
  try {
    await saveClassifier(folder, classifier);
  } catch (error) {
    let other: string | undefined;
    try {
      other = await Deno.makeTempDir({ prefix: "swagpu-" });
      await saveClassifier(other, classifier);
    } catch {
      if (other !== undefined) await Deno.remove(other, { recursive: true });
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}. The model was saved to ${other} instead`, {
      cause: error,
    });
  }
}

/** Bytes that the folder's disk has left, infinitely many if it is not known. */
async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}

/** A number of bytes with three digits: "1.24 GB". */
function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${Number(bytes.toPrecision(3))} ${units[unit]}`;
}
