// Copyright 2026 the swagpu authors. MIT license.

/**
 * Builds the modules for browsers: one for each layer and one with all of them but the
 * first, which share chunks.
 *
 * @module
 */

import * as esbuild from "esbuild";
import { dirname, relative, resolve } from "node:path";
import { EFFECTS } from "./effects.ts";
import { doorOf, ROOT } from "./project.ts";

/** The modules, by name, and their doors. */
const ENTRIES: Readonly<Record<string, string>> = {
  host: doorOf("./host").file,
  engine: doorOf("./engine").file,
  nn: doorOf("./nn").file,
  swag: doorOf("./swag").file,
  models: doorOf("./models").file,
  swagpu: doorOf(".").file,
};

/** Settings of every build for browsers. */
export const FOR_BROWSERS = {
  absWorkingDir: ROOT,
  bundle: true,
  write: false,
  format: "esm",
  platform: "browser",
  target: "es2022",
  supported: { using: false },
  minify: true,
  legalComments: "none",
  inject: [`${ROOT}tools/build/dispose.ts`],
  define: {
    "Symbol.dispose": "DISPOSE",
    "Symbol.asyncDispose": "ASYNC_DISPOSE",
  },
  metafile: true,
  logLevel: "silent",
} as const satisfies esbuild.BuildOptions;

/**
 * Leaves packages and Node's modules out, and each file of which no name is used.
 * The packages are those that download from Hugging Face's hub, and are imported when
 * that is done.
 */
export const sparingly: esbuild.Plugin = {
  name: "sparingly",
  setup(build) {
    build.onResolve(
      { filter: /^[^./]/ },
      ({ path, kind }) =>
        kind === "entry-point" ? undefined : { path, external: true },
    );
    build.onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) => {
      if (kind === "entry-point") return undefined;
      const file = resolve(resolveDir, path);
      const sideEffects = EFFECTS.includes(relative(ROOT, file));
      return { path: file, sideEffects };
    });
  },
};

/** A file for browsers. */
export interface Built {
  /** Its path below the folder, such as `chunks/engine-ABCD1234.js`. */
  readonly path: string;
  /** Its text. */
  readonly contents: Uint8Array;
  /** The files that load with it. */
  readonly imports: readonly string[];
}

/**
 * The files that a file loads, itself included.
 *
 * @param files All files.
 * @param path Its path.
 */
export function loadedBy(
  files: ReadonlyMap<string, Built>,
  path: string,
): Set<string> {
  const loaded = new Set([path]);
  for (const next of loaded) { // Sees what is added on the way.
    for (const more of files.get(next)?.imports ?? []) loaded.add(more);
  }
  return loaded;
}

/** What a file imports from elsewhere as it loads, which a browser cannot find. */
function foreign(outputs: esbuild.Metafile["outputs"]): string[] {
  return Object.entries(outputs).flatMap(([output, { imports }]) =>
    imports
      .filter(({ kind, external }) => external && kind === "import-statement")
      .map(({ path }) => `${output} imports ${path}`)
  );
}

/**
 * Builds the modules for browsers, with source maps, and writes them into a folder.
 *
 * @param folder The folder, as an absolute path.
 * @returns The modules and their chunks, by path.
 * @throws {Error} If a module does not compile, or would import a package or a module of
 *   Node as it loads.
 */
export async function buildForBrowsers(
  folder: string,
): Promise<Map<string, Built>> {
  const { outputFiles, metafile } = await esbuild.build({
    ...FOR_BROWSERS,
    entryPoints: ENTRIES,
    outdir: folder,
    chunkNames: "chunks/[name]-[hash]",
    splitting: true,
    sourcemap: true,
    plugins: [sparingly],
  });
  const faults = foreign(metafile.outputs);
  if (faults.length > 0) {
    throw new Error(`Cannot build for browsers: ${faults.join(", ")}`);
  }
  const below = (path: string) => relative(folder, resolve(ROOT, path));
  const built = new Map<string, Built>();
  for (const { path, contents } of outputFiles) {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeFile(path, contents);
    if (path.endsWith(".map")) continue;
    const output = metafile.outputs[relative(ROOT, path)];
    const imports = (output?.imports ?? [])
      .filter(({ kind, external }) => !external && kind === "import-statement")
      .map(({ path }) => below(path));
    built.set(below(path), { path: below(path), contents, imports });
  }
  return built;
}
