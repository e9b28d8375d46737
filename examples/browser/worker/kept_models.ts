// Copyright 2026 the swagpu authors. MIT license.

// The models that the browser keeps, each in a folder of its own.

import { disk, mount, originFolder } from "@swagpu/swagpu/host";
import type { Classifier } from "./classifier.ts";

/** The path of all of them; errors name it. */
const ROOT = "kept in this browser";

let mounted: Promise<void> | undefined;

/** Opens the browser's own file system, once. */
async function open(): Promise<void> {
  mounted ??= originFolder("models").then((folder) => {
    mount(ROOT, folder);
  });
  await mounted.catch((error) => {
    mounted = undefined;
    throw error;
  });
}

/**
 * The path of a model that is kept, or that will be.
 *
 * @param name What it is called, without slashes.
 */
export async function keptFolder(name: string): Promise<string> {
  await open();
  return `${ROOT}/${name}`;
}

/** The names of the models that are kept. */
export async function keptModels(): Promise<string[]> {
  await open();
  return (await disk(ROOT).readDir(ROOT))
    .filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name).sort();
}

/**
 * Keeps a model with its posterior.
 *
 * @param name What it is called; a number is added where there is one of this name.
 * @param classifier The model.
 * @returns The names of all that are kept, and that of this one.
 */
export async function keepModel(
  name: string,
  { parts: { model, tokenizer, posterior } }: Classifier,
): Promise<{ names: string[]; kept: string }> {
  const plain = name.replaceAll(/[/\\]/g, " ");
  const taken = await keptModels();
  let kept = plain;
  for (let i = 2; taken.includes(kept); i++) kept = `${plain} ${i}`;
  const folder = await keptFolder(kept);
  try {
    await model.savePretrained(folder, {
      tokenizer,
      ...posterior && {
        alongside: { "swag.safetensors": (path) => posterior.save(path) },
      },
    });
  } catch (error) {
    // The list must not offer what is empty.
    await disk(folder).remove(folder, { recursive: true }).catch(() => {});
    throw error;
  }
  return { names: await keptModels(), kept };
}

/**
 * Removes a model.
 *
 * @param name What it is called.
 * @returns The names of those that are left.
 */
export async function forgetModel(name: string): Promise<string[]> {
  const folder = await keptFolder(name);
  await disk(folder).remove(folder, { recursive: true });
  return await keptModels();
}
