// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes the modules of the npm package: one JavaScript file for each file of the
 * library, with a source map that holds the source.
 *
 * They are not bundled. Each file is loaded once, whichever door it is reached by, so
 * that all doors have the same engine; and a bundler leaves out the files that a
 * program does not use, which it could not do with parts of one large file.
 *
 * @module
 */

import * as esbuild from "esbuild";
import { dirname } from "node:path";
import { COMMAND, DOORS, PROJECT, ROOT } from "./project.ts";

/** The oldest Node that has what the library uses, such as `Float16Array`. */
export const NODE = 24;

/** What the doors lead to. */
export interface Reached {
  /** The TypeScript files of the library, below the root, in order. */
  readonly files: readonly string[];
  /** The packages of npm that they import, in order. */
  readonly packages: readonly string[];
}

/** The specifier of a package, without a path inside of it. */
function packageOf(specifier: string): string {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

/**
 * Finds the files and packages that the doors import, directly or by way of others.
 *
 * @throws {Error} If an import cannot be resolved.
 */
export async function findReached(): Promise<Reached> {
  const { metafile } = await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: DOORS.map(({ file }) => file),
    outdir: "unused",
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    packages: "external",
    external: ["node:*"],
    metafile: true,
    logLevel: "silent",
  });
  const files = Object.keys(metafile.inputs).filter((path) =>
    path.endsWith(".ts")
  );
  const packages = Object.values(metafile.inputs)
    .flatMap(({ imports }) => imports)
    .filter(({ path, external }) => external && !path.startsWith("node:"))
    .map(({ path }) => packageOf(path));
  return { files: files.sort(), packages: [...new Set(packages)].sort() };
}

/** Imports stay imports, of the JavaScript that is written for each file. */
const separately: esbuild.Plugin = {
  name: "separately",
  setup(build) {
    build.onResolve(
      { filter: /^\.{1,2}\/.*\.ts$/ },
      ({ path, kind }) =>
        kind === "entry-point"
          ? undefined
          : { path: path.replace(/\.ts$/, ".js"), external: true },
    );
    // Of the project's settings, a program needs its name and version.
    build.onLoad({ filter: /\bdeno\.json$/ }, () => {
      const { name, version } = PROJECT;
      return { contents: JSON.stringify({ name, version }), loader: "json" };
    });
  },
};

/** A map whose source stands beside it: where the repository was says nothing. */
function besideItself(text: string): string {
  const map = JSON.parse(text) as { sources: string[] };
  const sources = map.sources.map((path) => path.split("/").at(-1));
  return JSON.stringify({ ...map, sources });
}

/**
 * Writes the JavaScript and the source map of each file into a folder.
 *
 * @param files The TypeScript files, below the root.
 * @param folder The folder.
 * @throws {Error} If a file cannot be compiled.
 */
export async function writeModules(
  files: readonly string[],
  folder: string,
): Promise<void> {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: [...files],
    outbase: ROOT,
    outdir: folder,
    bundle: true, // Else imports are not resolved, and keep the ending .ts.
    write: false,
    format: "esm",
    platform: "neutral",
    packages: "external",
    external: ["node:*"],
    target: `node${NODE}`,
    sourcemap: true,
    logLevel: "silent",
    plugins: [separately],
  });
  const command = `${folder}/${COMMAND.file.replace(/\.ts$/, ".js")}`;
  for (const { path, text } of outputFiles) {
    const isMap = path.endsWith(".map");
    const first = path === command ? "#!/usr/bin/env node\n" : "";
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, isMap ? besideItself(text) : first + text);
  }
}
