// Copyright 2026 the swagpu authors. MIT license.

/**
 * What `deno.json` says about the package: its doors, its version, its dependencies.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };

/** The folder of the project, with a slash at its end. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** The folder of what is built. */
export const DIST: string = `${ROOT}dist`;

/** The name, version and license of the package. */
export const PROJECT: { name: string; version: string; license: string } = {
  name: project.name,
  version: project.version,
  license: project.license,
};

/** An entry point of the package. */
export interface Door {
  /** Its name in `exports`, such as `./nn/formats`. */
  readonly name: string;
  /** Its file below the root, such as `nn/formats/mod.ts`. */
  readonly file: string;
}

/** The entry points of the package. */
export const DOORS: readonly Door[] = Object.entries(project.exports)
  .map(([name, file]) => ({ name, file: file.replace("./", "") }));

/** The file of the command line, which is a door too. */
export const COMMAND: Door = doorOf("./cli");

/** The door of a name in `exports`. */
export function doorOf(name: string): Door {
  const door = DOORS.find((door) => door.name === name);
  if (door) return door;
  throw new RangeError(`Cannot find the door ${name}: deno.json has none`);
}

/**
 * The range of versions that `deno.json` gives a package of npm.
 *
 * @throws {RangeError} If it names no such package.
 */
export function versionOf(name: string): string {
  const imports: Record<string, string> = project.imports;
  const prefix = `npm:${name}@`;
  const range = imports[name];
  if (range?.startsWith(prefix)) return range.slice(prefix.length);
  throw new RangeError(
    `Cannot find the version of ${name}: deno.json imports no npm:${name}`,
  );
}
