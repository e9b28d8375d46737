// Copyright 2026 the swagpu authors. MIT license.

/**
 * Builds the npm package.
 *
 * @module
 */

import { writeDeclarations } from "./declarations.ts";
import { makeManifest } from "./manifest.ts";
import { findReached, writeModules } from "./modules.ts";
import { ROOT } from "./project.ts";

/** The files that the package has besides its modules. */
const PAPERS = ["README.md", "LICENSE", "CHANGELOG.md"];

/**
 * Builds the npm package in a folder, which must be empty.
 *
 * @param folder The folder, as an absolute path.
 * @returns How many modules it has.
 * @throws {Error} If something cannot be compiled.
 */
export async function buildPackage(folder: string): Promise<number> {
  const reached = await findReached();
  const manifest = makeManifest(reached.packages);
  await Deno.mkdir(folder, { recursive: true });
  await writeModules(reached, folder);
  await writeDeclarations(folder);
  for (const name of PAPERS) {
    await Deno.copyFile(`${ROOT}${name}`, `${folder}/${name}`);
  }
  await Deno.writeTextFile(
    `${folder}/package.json`,
    `${JSON.stringify(manifest, null, 2)}\n`,
  );
  return reached.files.length;
}
