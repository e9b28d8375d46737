// Copyright 2026 the swagpu authors. MIT license.

/**
 * The files of a model that the page is served with.
 *
 * @module
 */

/**
 * Lists the files of a model's folder.
 *
 * @param folder The folder.
 * @returns Their names.
 * @throws {Error} If it is no folder, or holds no model.
 */
export async function modelFiles(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isFile, isSymlink } of Deno.readDir(folder)) {
      // The hub's cache consists of links to files.
      const isLinked = isSymlink &&
        await Deno.stat(`${folder}/${name}`).then((x) => x.isFile, () => false);
      if (isFile || isLinked) names.push(name);
    }
  } catch (error) {
    throw new Error(`Cannot use the model ${folder}: it is no folder`, {
      cause: error,
    });
  }
  if (!names.includes("config.json")) {
    throw new Error(`Cannot use the model ${folder}: it has no config.json`);
  }
  return names.sort();
}
