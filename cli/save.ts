// Copyright 2026 the swagpu authors. MIT license.

/**
 * Saving a model so that what was there before is replaced in one go, or not
 * at all.
 *
 * @module
 */

import { type Classifier, exists, POSTERIOR_NAME } from "./classifier.ts";

const STAGING = ".swagpu-partial";
/** Weights as one file, or the list of their parts: a folder has one of them. */
const WEIGHT_FILES = ["model.safetensors", "model.safetensors.index.json"];
const MODEL_FILES = ["config.json", ...WEIGHT_FILES, POSTERIOR_NAME];

/**
 * Makes the output folder, before hours are spent on what goes there.
 *
 * @throws {Deno.errors.AlreadyExists} If it holds a model and `overwrite` is
 * not set.
 */
export async function prepareOutput(
  folder: string,
  overwrite: boolean,
): Promise<void> {
  for (const name of overwrite ? [] : MODEL_FILES) {
    if (!await exists(`${folder}/${name}`)) continue;
    throw new Deno.errors.AlreadyExists(
      `Cannot write to ${folder}: it holds a ${name}, choose another folder ` +
        "or say --overwrite",
    );
  }
  await Deno.mkdir(folder, { recursive: true });
}

/**
 * Writes model, tokenizer and posterior. All files are complete before the
 * first of them takes its place; other files in the folder stay.
 */
export async function saveClassifier(
  folder: string,
  { model, tokenizer, swag }: Classifier,
): Promise<void> {
  const staging = `${folder}/${STAGING}`;
  const collected = swag !== undefined && swag.nModels > 0;
  await Deno.mkdir(staging, { recursive: true });
  try {
    await tokenizer.save(staging);
    await model.savePretrained(staging);
    if (collected) await swag.save(`${staging}/${POSTERIOR_NAME}`);
    // A posterior of other weights would be worse than none.
    if (!collected) await removeIfThere(`${folder}/${POSTERIOR_NAME}`);
    const names = [...Deno.readDirSync(staging)].map(({ name }) => name);
    for (const name of names) {
      await Deno.rename(`${staging}/${name}`, `${folder}/${name}`);
    }
    for (const name of WEIGHT_FILES) {
      if (!names.includes(name)) await removeIfThere(`${folder}/${name}`);
    }
  } finally {
    await Deno.remove(staging, { recursive: true });
  }
}

async function removeIfThere(path: string): Promise<void> {
  if (await exists(path)) await Deno.remove(path);
}
