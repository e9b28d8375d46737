// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The folders that the paths of files imply.

import type { DiskEntry } from "./disk.ts";

/** The properties of a folder that only the paths of its files tell of. */
export const FOLDER: DiskEntry = {
  size: 0,
  isFile: false,
  isDirectory: true,
  isSymlink: false,
  ino: null,
  mtime: null,
};

/** What is directly in a folder. */
export interface Listed {
  readonly name: string;
  readonly isDirectory: boolean;
}

/**
 * Refuses the path of a file below a folder that nobody would ask for: all paths are
 * the folder's, a slash, and names with a slash between them.
 *
 * @throws {TypeError} If it is such a path.
 */
export function checkListed(path: string): void {
  const given: unknown = path;
  const names = typeof given === "string" ? given.split("/") : [""];
  if (!names.some((name) => name === "" || name === "." || name === "..")) {
    return;
  }
  throw new TypeError(
    `Cannot name the file ${
      typeof given === "string" ? JSON.stringify(given) : given
    }: expected its path below the folder, such as "config.json" or ` +
      '"base_model/config.json"',
  );
}

/** Folders by their paths, each with what is directly in it. */
export class Listing {
  readonly #folders = new Map<string, Map<string, Listed>>();

  /**
   * Takes the paths of files, which all begin with the same folder.
   *
   * @param root The folder, which exists also without files.
   * @param paths The paths.
   */
  constructor(root: string, paths: Iterable<string>) {
    this.#folders.set(root, new Map());
    for (const path of paths) {
      let folder = root;
      const parts = path.slice(root.length + 1).split("/");
      for (const [i, name] of parts.entries()) {
        const isDirectory = i < parts.length - 1;
        this.#folders.get(folder)?.set(name, { name, isDirectory });
        folder += `/${name}`;
        if (isDirectory && !this.#folders.has(folder)) {
          this.#folders.set(folder, new Map());
        }
      }
    }
  }

  /** What is directly in a folder; `undefined` if there is no such folder. */
  folder(path: string): Listed[] | undefined {
    const entries = this.#folders.get(path.replace(/\/+$/, ""));
    return entries && [...entries.values()];
  }
}
