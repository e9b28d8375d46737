// Copyright 2026 the swagpu authors. MIT license.

/**
 * Bundles a module for browsers with esbuild. Packages are found as Deno finds
 * them, through deno.json and its own cache.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

// The hub's package is imported when a model is downloaded, and Node's modules
// where there is a disk: what a browser never reaches stays an import.
const LEFT_OUT = /^(?:node:|@huggingface\/hub$)/;

const packages: esbuild.Plugin = {
  name: "packages",
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind === "entry-point") return undefined;
      return LEFT_OUT.test(path)
        ? { path, external: true }
        : { path: fileURLToPath(import.meta.resolve(path)) };
    });
  },
};

/** A bundle. */
export interface Bundle {
  /** JavaScript, a module without exports of its own unless the entry has some. */
  text: string;
  /** What the module imports as it loads. */
  staticImports: string[];
}

/**
 * Bundles a file and all that it imports.
 *
 * @throws {Error} If an import leads nowhere.
 */
export async function bundle(path: string): Promise<Bundle> {
  const { outputFiles, metafile } = await esbuild.build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    supported: { using: false },
    sourcemap: "inline",
    metafile: true,
    logLevel: "silent",
    plugins: [packages],
  });
  const staticImports = Object.values(metafile.outputs)
    .flatMap(({ imports }) => imports)
    .filter(({ kind, external }) => external && kind === "import-statement")
    .map(({ path }) => path);
  return { text: outputFiles[0]?.text ?? "", staticImports };
}

/** Ends the bundler's process, which else would keep this one alive. */
export async function endBundler(): Promise<void> {
  await esbuild.stop();
}
