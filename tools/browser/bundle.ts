// Copyright 2026 the swagpu authors. MIT license.

/**
 * Bundles a module for browsers, or for Node, with esbuild. Packages are resolved as Deno does it,
 * by deno.json and Deno's cache.
 *
 * @module
 */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

// The hub's package is imported when a model is downloaded, and Node's modules when
// there is a disk. A browser never executes these imports, so they are not bundled.
const LEFT_OUT = /^(?:node:|@huggingface\/hub$)/;

/** Finds packages where Deno has them. */
export const packages: esbuild.Plugin = {
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

/** Options of {@linkcode bundle}. */
export interface BundleOptions {
  /** Where the bundle runs. @default {"browser"} */
  platform?: "browser" | "node";
}

/** A bundle. */
export interface Bundle {
  /** The text of a JavaScript module. */
  text: string;
  /** The modules that it imports when it loads. */
  staticImports: string[];
}

/** How many files are being bundled. */
let active = 0;

/**
 * Bundles a file with all its imports. The bundler's process, which would keep this one
 * alive, ends with the last bundle.
 *
 * @param path The file; of several files, which are loaded in order, the module
 *   exports all that they export.
 * @param options The platform that the bundle is for.
 * @throws {Error} If an import cannot be resolved.
 */
export async function bundle(
  path: string | readonly string[],
  { platform = "browser" }: BundleOptions = {},
): Promise<Bundle> {
  active++;
  try {
    const { outputFiles, metafile } = await esbuild.build({
      ...(typeof path === "string" ? { entryPoints: [path] } : {
        stdin: {
          contents: path
            .map((file) => `export * from ${JSON.stringify(file)};\n`).join(""),
          resolveDir: dirname(path[0] ?? "."),
        },
      }),
      bundle: true,
      write: false,
      format: "esm",
      platform,
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
  } finally {
    active--;
    if (active === 0) await esbuild.stop();
  }
}
