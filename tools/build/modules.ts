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
import { COMMAND, DOORS, ROOT } from "./project.ts";

/** The oldest Node that has what the library uses, such as `Float16Array`. */
export const NODE = 24;

/** The file that npm installs as the command. */
export const PROGRAM_FILE = "swagpu.js";

/** What the doors lead to. */
export interface Reached {
  /** The TypeScript files of the library, below the root, in order. */
  readonly files: readonly string[];
  /** The files that each of them imports, as it names them. */
  readonly imports: ReadonlyMap<string, readonly string[]>;
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
  const files = Object.keys(metafile.inputs)
    .filter((path) => path.endsWith(".ts")).sort();
  const imports = new Map(files.map((file) => {
    const { imports = [] } = metafile.inputs[file] ?? {};
    const specifiers = imports.flatMap(({ original, external }) =>
      original === undefined || external ? [] : [original]
    );
    return [file, [...new Set(specifiers)]];
  }));
  const packages = Object.values(metafile.inputs)
    .flatMap(({ imports }) => imports)
    .filter(({ path, external }) => external && !path.startsWith("node:"))
    .map(({ path }) => packageOf(path));
  return { files, imports, packages: [...new Set(packages)].sort() };
}

/** The command as npm starts it; as a module of its own, `cli.js` can be imported. */
const PROGRAM = `#!/usr/bin/env node
import { main } from "./${asJavaScript(COMMAND.file)}";
import { runProgram } from "./cli/program.js";
await runProgram(main);
`;

/** The path of the JavaScript of a file. */
function asJavaScript(path: string): string {
  return path.replace(/\.ts$/, ".js");
}

/**
 * The specifier of an import in the package: of JavaScript; and of `package.json`, which
 * has the name and the version that a program needs of the project's settings.
 */
function inPackage(specifier: string): string {
  return asJavaScript(specifier).replace(/\bdeno\.json$/, "package.json");
}

/**
 * Makes the JavaScript of a file. It is not bundled, not even with nothing, because that
 * gives classes other names, which messages and saved files would tell.
 */
async function compile(
  file: string,
  specifiers: readonly string[],
): Promise<esbuild.TransformResult> {
  const isCommand = file === COMMAND.file;
  const { code, ...rest } = await esbuild.transform(
    await Deno.readTextFile(`${ROOT}${file}`),
    {
      loader: "ts",
      format: "esm",
      target: `node${NODE}`,
      sourcefile: file,
      sourcemap: "external",
      // What starts the command in Deno waits for it, and what waits as it loads
      // cannot be loaded by `require()`.
      define: isCommand ? { "import.meta.main": "false" } : {},
      minifySyntax: isCommand,
    },
  );
  return {
    ...rest,
    code: specifiers.reduce(
      (text, specifier) =>
        text.replaceAll(`"${specifier}"`, `"${inPackage(specifier)}"`),
      code,
    ),
  };
}

/** A map whose source stands beside it: where the repository was says nothing. */
function besideItself(text: string): string {
  const map = JSON.parse(text) as { sources: string[] };
  const sources = map.sources.map((path) => path.split("/").at(-1));
  return JSON.stringify({ ...map, sources });
}

/**
 * Writes the JavaScript and the source map of each file into a folder.
 *
 * @param reached The TypeScript files, below the root, and what each imports.
 * @param folder The folder.
 * @throws {Error} If a file cannot be compiled.
 */
export async function writeModules(
  { imports }: Reached,
  folder: string,
): Promise<void> {
  for (const [file, specifiers] of imports) {
    const { code, map } = await compile(file, specifiers);
    const path = `${folder}/${asJavaScript(file)}`;
    const mapName = `${path.split("/").at(-1)}.map`;
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, `${code}//# sourceMappingURL=${mapName}\n`);
    await Deno.writeTextFile(`${path}.map`, besideItself(map));
  }
  await Deno.writeTextFile(`${folder}/${PROGRAM_FILE}`, PROGRAM);
}
