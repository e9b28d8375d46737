// Copyright 2026 the swagpu authors. MIT license.

/**
 * Makes the `package.json` of the npm package from `deno.json`.
 *
 * @module
 */

import { EFFECTS } from "./effects.ts";
import { NODE, PROGRAM_FILE } from "./modules.ts";
import { DOORS, PROJECT, versionOf } from "./project.ts";

/** The package that brings WebGPU to Node: Dawn. Browsers and Deno have their own. */
const WEBGPU = "webgpu";

/** What `package.json` says. */
export interface Manifest {
  [field: string]: unknown;
  /** The entry points, with their types. */
  exports: Record<string, string | { types: string; default: string }>;
  /** The packages that are installed with it. */
  dependencies: Record<string, string>;
}

function written(file: string, ending: ".js" | ".d.ts"): string {
  return `./${file.replace(/\.ts$/, ending)}`;
}

/**
 * Makes what `package.json` says.
 *
 * @param packages The packages that the library imports.
 * @throws {RangeError} If `deno.json` has no version of one of them.
 */
export function makeManifest(packages: readonly string[]): Manifest {
  const needed = packages.filter((name) => name !== WEBGPU);
  return {
    ...PROJECT,
    description:
      "Transformers on WebGPU that know what they do not know: tensors, training and SWAG posteriors",
    keywords: ["webgpu", "transformers", "swag", "uncertainty", "autograd"],
    type: "module",
    engines: { node: `>=${NODE}` },
    exports: {
      ...Object.fromEntries(DOORS.map(({ name, file }) => [name, {
        types: written(file, ".d.ts"),
        default: written(file, ".js"),
      }])),
      "./package.json": "./package.json",
    },
    bin: { swagpu: PROGRAM_FILE },
    sideEffects: EFFECTS.map((file) => written(file, ".js")),
    dependencies: Object.fromEntries(
      needed.map((name) => [name, versionOf(name)]),
    ),
    peerDependencies: { [WEBGPU]: versionOf(WEBGPU) },
    peerDependenciesMeta: { [WEBGPU]: { optional: true } },
  };
}
