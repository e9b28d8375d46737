// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes the declarations of the npm package: a `.d.ts` file beside the JavaScript of
 * each file whose types the doors show. TypeScript's compiler makes them; types are not
 * checked here, because `deno task check` does it.
 *
 * @module
 */

import { dirname, join } from "node:path/posix";
import { DOORS, ROOT, versionOf } from "./project.ts";

/**
 * Parts of TypeScript's own library that the declarations need, whatever the settings
 * of the program that imports them: WebGPU is in `dom`. A package such as
 * `@webgpu/types` would declare the same names a second time.
 */
const LIBRARIES = ["dom", "es2025.float16", "esnext.disposable"];

const REFERENCES = LIBRARIES
  .map((name) => `/// <reference lib="${name}" />\n`).join("");

/** A path of an import, with what stands before it. */
const IMPORT = /(\bfrom |\bimport |\bimport\()"(\.{1,2}\/[^"]+)\.ts"/g;

/** Runs TypeScript's compiler on the doors. */
async function emit(folder: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `npm:typescript@${versionOf("typescript")}/tsc`,
      ...DOORS.map(({ file }) => file),
      "--ignoreConfig",
      "--declaration",
      "--emitDeclarationOnly",
      "--noCheck",
      "--allowImportingTsExtensions",
      "--resolveJsonModule",
      "--strict",
      "--exactOptionalPropertyTypes",
      "--noUncheckedIndexedAccess",
      ...["--target", "esnext"],
      ...["--module", "nodenext"],
      ...["--lib", "esnext,dom"],
      ...["--rootDir", ROOT],
      ...["--outDir", folder],
    ],
    cwd: ROOT,
    stdin: "null",
  }).output();
  if (success) return;
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  throw new Error(`Cannot write declarations:\n${text.join("").trim()}`);
}

/** The TypeScript files that a declaration imports. */
export function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(IMPORT)]
    .map(([, , path = ""]) => `${join(dirname(file), path)}.ts`);
}

/**
 * A declaration as it stands beside JavaScript.
 *
 * @param text The declaration as the compiler writes it.
 * @param isDoor Whether it is that of an entry point.
 */
export function forPackage(text: string, isDoor: boolean): string {
  const imported = text.replace(IMPORT, '$1"$2.js"');
  return isDoor ? REFERENCES + imported : imported;
}

/**
 * Writes the declarations of all doors, and of the files that they show types of.
 *
 * @param folder The folder of the package.
 * @throws {Error} If a declaration needs a type that is not written out.
 */
export async function writeDeclarations(folder: string): Promise<void> {
  const emitted = await Deno.makeTempDir({ prefix: "swagpu-declarations-" });
  try {
    await emit(emitted);
    const doors = new Set(DOORS.map(({ file }) => file));
    const files = new Set(doors);
    for (const file of files) { // Sees what is added on the way.
      const path = file.replace(/\.ts$/, ".d.ts");
      const text = await Deno.readTextFile(`${emitted}/${path}`);
      for (const next of importsOf(file, text)) files.add(next);
      await Deno.mkdir(dirname(`${folder}/${path}`), { recursive: true });
      const written = forPackage(text, doors.has(file));
      await Deno.writeTextFile(`${folder}/${path}`, written);
    }
  } finally {
    await Deno.remove(emitted, { recursive: true });
  }
}
