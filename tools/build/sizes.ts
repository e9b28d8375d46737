// Copyright 2026 the swagpu authors. MIT license.

/**
 * Measures what a web page loads, and holds it against a budget.
 *
 * @module
 */

import * as esbuild from "esbuild";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { type Built, FOR_BROWSERS, loadedBy, sparingly } from "./browser.ts";
import { DOORS, PROJECT, ROOT } from "./project.ts";

/** What a web page loads, in bytes. */
export interface Size {
  /** What is loaded, in words. */
  readonly name: string;
  /** Without compression. */
  readonly bytes: number;
  /** As gzip, at its best level. */
  readonly gzip: number;
  /** As Brotli, at its best level. */
  readonly brotli: number;
  /** The most that gzip may have. */
  readonly budget: number;
}

/** Something to measure, and its budget in bytes of gzip. */
interface Item {
  readonly name: string;
  readonly budget: number;
}

/** Programs of pages, as a bundler makes them: only what they use. */
const PROGRAMS: readonly (Item & { readonly file: string })[] = [
  {
    name: "a page that trains a network and its posterior",
    file: "posterior.ts",
    budget: 110_000,
  },
  {
    name: "a page that classifies texts with a posterior",
    file: "classifier.ts",
    budget: 190_000,
  },
];

/** The modules for pages without a bundler, which hold all that a door exports. */
const MODULES: readonly (Item & { readonly paths: readonly string[] })[] = [
  { name: "all of host", paths: ["host.js"], budget: 20_000 },
  { name: "all of engine", paths: ["engine.js"], budget: 112_000 },
  {
    name: "all of engine, nn, swag",
    paths: ["engine.js", "nn.js", "swag.js"],
    budget: 245_000,
  },
  { name: "all of models", paths: ["models.js"], budget: 315_000 },
  {
    name: "all",
    paths: [
      "host.js",
      "engine.js",
      "nn.js",
      "swag.js",
      "models.js",
      "swagpu.js",
    ],
    budget: 355_000,
  },
];

/** The doors stand for what a page finds in the package. */
const byName: esbuild.Plugin = {
  name: "by name",
  setup(build) {
    build.onResolve({ filter: /^@swagpu\/swagpu/ }, ({ path }) => {
      const name = `.${path.slice(PROJECT.name.length)}`;
      const door = DOORS.find((door) => door.name === name);
      return door && { path: `${ROOT}${door.file}`, sideEffects: false };
    });
  },
};

async function bundleProgram(file: string): Promise<Uint8Array> {
  const entry = new URL(`programs/${file}`, import.meta.url);
  const { outputFiles } = await esbuild.build({
    ...FOR_BROWSERS,
    entryPoints: [fileURLToPath(entry)],
    plugins: [byName, sparingly],
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

type FileSize = Pick<Size, "bytes" | "gzip" | "brotli">;

const known = new WeakMap<Uint8Array, FileSize>();

/** The sizes of a file, which take a second to find for a large one. */
function sizeOf(file: Uint8Array): FileSize {
  let size = known.get(file);
  if (!size) {
    size = {
      bytes: file.length,
      gzip: gzipSync(file, { level: 9 }).length,
      brotli: brotliCompressSync(file).length,
    };
    known.set(file, size);
  }
  return size;
}

function measure({ name, budget }: Item, files: readonly Uint8Array[]): Size {
  const sizes = files.map(sizeOf);
  const sum = (key: keyof FileSize) =>
    sizes.reduce((total, size) => total + size[key], 0);
  return {
    name,
    bytes: sum("bytes"),
    gzip: sum("gzip"),
    brotli: sum("brotli"),
    budget,
  };
}

/**
 * Measures the programs, and the modules with the chunks that they load.
 *
 * @param built The modules and chunks, by path.
 */
export async function measureSizes(
  built: ReadonlyMap<string, Built>,
): Promise<Size[]> {
  const programs = PROGRAMS.map(async (program) =>
    measure(program, [await bundleProgram(program.file)])
  );
  const modules = MODULES.map((module) => {
    const loaded = new Set(
      module.paths.flatMap((path) => [...loadedBy(built, path)]),
    );
    const files = [...loaded].flatMap((path) => built.get(path) ?? []);
    return measure(module, files.map(({ contents }) => contents));
  });
  return [...await Promise.all(programs), ...modules];
}

function kilobytes(bytes: number): string {
  return (bytes / 1_000).toFixed(1);
}

/** Sizes as a table, in kilobytes of 1,000 bytes. */
export function tableOf(sizes: readonly Size[]): string {
  const rows = [
    ["kB", "minified", "gzip", "brotli", "budget"],
    ...sizes.map(({ name, bytes, gzip, brotli, budget }) => [
      name,
      ...[bytes, gzip, brotli, budget].map(kilobytes),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((row) => row[i]?.length ?? 0))
  );
  return rows.map((row) =>
    row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)
    ).join("  ")
  ).join("\n");
}

/** What exceeds its budget, one line for each. */
export function overBudget(sizes: readonly Size[]): string[] {
  return sizes.filter(({ gzip, budget }) => gzip > budget)
    .map(({ name, gzip, budget }) =>
      `${name} is ${kilobytes(gzip)} kB as gzip, ${
        kilobytes(gzip - budget)
      } kB over its budget of ${kilobytes(budget)} kB`
    );
}
