// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The files that somebody drops on a page.

/** The part of a `FileSystemEntry` that is used. */
interface Entry {
  readonly name: string;
  readonly isFile: boolean;
  /** Of a file. */
  file?(done: (file: File) => void, fail: (error: unknown) => void): void;
  /** Of a folder. */
  createReader?(): Reader;
}

/** The part of a `FileSystemDirectoryReader` that is used. */
interface Reader {
  readEntries(
    done: (entries: Entry[]) => void,
    fail: (error: unknown) => void,
  ): void;
}

/** What somebody drops, such as a `DataTransferItem`. */
export interface DroppedItem {
  /** What kind of thing it is; only `"file"` counts. */
  readonly kind: string;
  /** The file or folder. */
  webkitGetAsEntry(): unknown;
}

/**
 * The files that somebody has dropped on a page, also those in folders.
 *
 * @param items What was dropped: `event.dataTransfer.items`. It must be given while
 * the event is handled, before anything is awaited.
 * @returns The files by their paths, for {@linkcode filesDisk}. If one folder was
 * dropped, they are the paths below it.
 *
 * @example In a page
 * ```ts ignore
 * import { droppedFiles, filesDisk, mount } from "@swagpu/swagpu/host";
 *
 * area.ondrop = async (event) => {
 *   event.preventDefault();
 *   mount("dropped", filesDisk(await droppedFiles(event.dataTransfer.items)));
 * };
 * ```
 */
export async function droppedFiles(
  items: Iterable<DroppedItem>,
): Promise<Map<string, File>> {
  const entries = Array.from(
    items,
    (item) => item.kind === "file" ? item.webkitGetAsEntry() : null,
  ).filter((entry) => entry !== null) as Entry[];
  const files = new Map<string, File>();
  const [only] = entries;
  if (only && entries.length === 1 && !only.isFile) {
    for (const entry of await entriesOf(only)) await collect(entry, "", files);
  } else {
    for (const entry of entries) await collect(entry, "", files);
  }
  return files;
}

async function collect(
  entry: Entry,
  prefix: string,
  files: Map<string, File>,
): Promise<void> {
  const path = prefix + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      entry.file?.(resolve, reject)
    );
    files.set(path, file);
    return;
  }
  for (const own of await entriesOf(entry)) {
    await collect(own, `${path}/`, files);
  }
}

/** What is in a folder, of which a browser gives a hundred at a time. */
async function entriesOf(folder: Entry): Promise<Entry[]> {
  const reader = folder.createReader?.();
  const all: Entry[] = [];
  for (;;) {
    const some = await new Promise<Entry[]>((resolve, reject) =>
      reader ? reader.readEntries(resolve, reject) : resolve([])
    );
    if (some.length === 0) return all;
    all.push(...some);
  }
}
