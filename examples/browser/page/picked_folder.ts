// Copyright 2026 the swagpu authors. MIT license.

// The files of a folder that the user has picked or dropped.

import { droppedFiles } from "@swagpu/swagpu/host";
import type { ModelSource } from "../protocol.ts";

/** A folder of the user. */
export type PickedFolder = Extract<ModelSource, { from: "folder" }>;

/**
 * The folder of a field of files.
 *
 * @param list What the field holds.
 * @returns The folder; `undefined` if the user has picked none.
 */
export function pickedFolder(list: FileList | null): PickedFolder | undefined {
  const files = [...list ?? []];
  const [first] = files;
  if (!first) return undefined;
  const name = first.webkitRelativePath.split("/")[0] || first.name;
  // The paths of files do not reach the worker, which gets them beside the files.
  const pathOf = ({ webkitRelativePath, name: own }: File) =>
    webkitRelativePath.slice(name.length + 1) || own;
  return {
    from: "folder",
    name,
    files: new Map(files.map((file) => [pathOf(file), file])),
  };
}

/**
 * The folder that was dropped, or the files that were.
 *
 * @param transfer What was dropped.
 * @returns The folder; `undefined` if neither a file nor a folder was dropped.
 */
export async function droppedFolder(
  { items }: DataTransfer,
): Promise<PickedFolder | undefined> {
  // The list of items is empty after the first wait.
  const names = [...items].map((item) => item.webkitGetAsEntry()?.name);
  const files = await droppedFiles(items);
  if (files.size === 0) return undefined;
  const [name = "files"] = names.length === 1 ? names : [];
  return { from: "folder", name, files };
}
