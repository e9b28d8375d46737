// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The folder that a browser keeps for a site.

import type { DiskAt } from "../disk.ts";
import { folderDiskOf } from "./folder_disk.ts";
import { settled } from "./handle_errors.ts";
import type { FolderHandle } from "./handles.ts";
import { follow } from "./folder_moves.ts";

/** The part of `navigator` that is used. */
interface WithStorage {
  readonly storage?: { getDirectory?(): Promise<FolderHandle> };
}

/**
 * A folder of the file system that a browser keeps for a site, out of its user's
 * sight: the origin private file system. What is saved there is there on the next
 * visit. A browser that runs out of space may remove it, unless
 * `navigator.storage.persist()` is granted.
 *
 * @param name The path of the folder in there. It is made if it does not exist.
 * @returns What {@linkcode mount} takes.
 * @throws {TypeError} If there is no such file system.
 *
 * @example In a page or a worker
 * ```ts ignore
 * import { AutoModelForSequenceClassification } from "@swagpu/swagpu/models";
 * import { mount, originFolder } from "@swagpu/swagpu/host";
 *
 * mount("kept", await originFolder("models"));
 * await model.savePretrained("kept/mine");
 * // On the next visit:
 * const again = await AutoModelForSequenceClassification.fromPretrained("kept/mine");
 * ```
 */
export async function originFolder(name: string): Promise<DiskAt> {
  const { storage } = globalThis.navigator as WithStorage;
  if (!storage?.getDirectory) {
    throw new TypeError(
      `Cannot open the folder ${name} of the browser: there is none here; it needs ` +
        "a recent browser, and a page from https or localhost",
    );
  }
  const root = await storage.getDirectory();
  const parts = name.split("/").filter((part) => part !== "");
  const folder = await settled(
    name,
    "folder",
    () => follow(root, parts, { create: true }),
  );
  return folderDiskOf(folder, ["origin", ...parts].join("/"));
}
