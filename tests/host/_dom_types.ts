// Copyright 2026 the swagpu authors. MIT license.

// What a browser gives is what these functions take: `deno task check:browser` checks
// it, with the types of a browser, and nothing runs it.

import { droppedFiles, filesDisk, folderDisk, mount } from "../../host/mod.ts";

/** Mounts whatever there is, in the types of TypeScript's `dom`. */
export async function mountAll(
  folder: FileSystemDirectoryHandle,
  input: HTMLInputElement,
  { dataTransfer }: DragEvent,
): Promise<void> {
  mount("picked", folderDisk(folder));
  mount("chosen", filesDisk(input.files ?? []));
  mount("dropped", filesDisk(await droppedFiles(dataTransfer?.items ?? [])));
}
