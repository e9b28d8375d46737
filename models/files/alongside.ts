// Copyright 2026 the swagpu authors. MIT license.

// Files that are saved together with weights, such as a posterior.

import { disk } from "../../host/mod.ts";
import { folderOf } from "../../nn/formats/mod.ts";
import { checkFileName } from "./model_folder.ts";

/**
 * Files that belong to weights, by their names. Each function writes its file to
 * the path that it is given, and the file takes its place together with the
 * weights. `null` removes the file of an earlier save.
 */
export type Alongside = Readonly<
  Record<string, ((path: string) => Promise<void>) | null>
>;

/**
 * Throws if a name would lead out of the folder.
 *
 * @throws {TypeError} If a name is not that of a file in the folder.
 */
export function checkAlongside(files: Alongside): void {
  for (const name of Object.keys(files)) checkFileName(name);
}

/** Writes the files to a folder, which is made as far as it does not exist. */
export async function writeAlongside(
  folder: string,
  files: Alongside,
): Promise<void> {
  for (const [name, write] of Object.entries(files)) {
    if (write === null) continue;
    const path = `${folder}/${name}`;
    await disk(folderOf(path)).mkdir(folderOf(path), { recursive: true });
    await write(path);
  }
}
