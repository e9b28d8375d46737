// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes the page as static files.
 *
 * @module
 */

import { modelFiles } from "./model_files.ts";

/** What is written. */
export interface WritePageOptions {
  /** The content of each file of the page. */
  readonly files: ReadonlyMap<string, string>;
  /** The folder of a model, which is copied to `model`. @default {none} */
  readonly model?: string | undefined;
}

/**
 * Writes the page to a folder that is new, empty, or holds a page already.
 *
 * @param folder The folder, which is made if it does not exist.
 * @param options The files, and a model.
 * @throws {Error} If the folder holds something else, which is left as it is.
 */
export async function writePage(
  folder: string,
  { files, model }: WritePageOptions,
): Promise<void> {
  const copied = model === undefined ? [] : await modelFiles(model);
  await Deno.mkdir(folder, { recursive: true });
  const known = new Set([...files.keys(), "model"]);
  for await (const { name } of Deno.readDir(folder)) {
    if (known.has(name)) continue;
    throw new Error(
      `Cannot write the page to ${folder}: it holds ${name}, which is not part ` +
        "of the page, name another folder",
    );
  }
  for (const [name, text] of files) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  if (copied.length === 0) return;
  await Deno.mkdir(`${folder}/model`, { recursive: true });
  for (const name of copied) {
    await Deno.copyFile(`${model}/${name}`, `${folder}/model/${name}`);
  }
}
