// Copyright 2026 the swagpu authors. MIT license.

// Folders that exist whole or not at all, such as the checkpoints of a run: they
// are written and removed under another name, and a rename decides.
//
// | name            | what it is                                               |
// | --------------- | -------------------------------------------------------- |
// | `.NAME.partial` | a new folder that is being written                       |
// | `.NAME.old`     | the folder that a new one replaces, until that has moved |
// | `.NAME.removed` | a folder that is being removed                           |
//
// A process that is killed leaves such folders behind; `recoverFolders` puts an
// old folder back whose new one did not arrive, and removes the others.

import {
  type Disk,
  disk,
  diskError,
  folderOf,
  isNotFound,
} from "../../host/mod.ts";
import { listFiles, lstat } from "./folder_files.ts";

type Stage = "partial" | "old" | "removed";

const STAGED = /^\.(.+)\.(partial|old|removed)$/;

/** The name that a folder has while something happens to it. */
function staged(path: string, stage: Stage): string {
  const folder = folderOf(path);
  const name = path.slice(folder === "." ? 0 : folder.length)
    .replace(/^[/\\]/, "");
  return `${folder}/.${name}.${stage}`;
}

/**
 * Writes a folder so that `path` is either what it was or the whole new folder,
 * whatever happens in between.
 *
 * @param path The path of the folder; a folder that is there is replaced.
 * @param write Writes the files to the folder that it is given. If it throws,
 * `path` stays as it was.
 * @returns The sizes of the files in bytes by their paths in the folder, when
 * the folder is in its place.
 * @throws {TypeError} If `path` is a file.
 *
 * @example Usage
 * ```ts
 * import {
 *   writeFolderAtomically,
 *   writeTextAtomically,
 * } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * await writeFolderAtomically(
 *   `${root}/checkpoint-1`,
 *   (folder) => writeTextAtomically(`${folder}/state.json`, "{}"),
 * );
 * const text = await Deno.readTextFile(`${root}/checkpoint-1/state.json`);
 * assertEquals(text, "{}");
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function writeFolderAtomically(
  path: string,
  write: (folder: string) => Promise<void>,
): Promise<Map<string, number>> {
  const host = disk(path);
  const partial = staged(path, "partial");
  try {
    const there = await lstat(host, path, "stat");
    if (there && !there.isDirectory) {
      throw new TypeError(
        `Cannot write to ${path}: it is a file, expected a folder`,
      );
    }
    await removeIfThere(host, partial);
    await host.mkdir(partial, { recursive: true });
    await write(partial);
    const sizes = await folderSizes(partial);
    if (there) {
      const old = staged(path, "old");
      await removeIfThere(host, old);
      await host.rename(path, old);
      await host.rename(partial, path);
      await host.remove(old, { recursive: true });
    } else {
      await host.rename(partial, path);
    }
    return sizes;
  } catch (error) {
    await removeIfThere(host, partial).catch(() => {});
    throw diskError(`Cannot write to ${path}`, error);
  }
}

/**
 * The sizes of all files in a folder.
 *
 * @param folder The folder.
 * @returns Bytes by path, relative to the folder.
 * @throws {Error} If the folder cannot be read.
 *
 * @example Usage
 * ```ts
 * import { folderSizes } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/a.txt`, "abc");
 * assertEquals([...await folderSizes(folder)], [["a.txt", 3]]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function folderSizes(
  folder: string,
): Promise<Map<string, number>> {
  const host = disk(folder);
  try {
    const sizes = new Map<string, number>();
    for (const name of await listFiles(host, folder)) {
      sizes.set(name, (await host.stat(`${folder}/${name}`)).size);
    }
    return sizes;
  } catch (error) {
    throw diskError(`Cannot read ${folder}`, error);
  }
}

/**
 * Removes a folder so that nobody finds half of it under its name.
 *
 * @param path The path of the folder. Nothing happens if there is none.
 * @returns When the folder is gone.
 * @throws {Error} If the folder cannot be removed.
 *
 * @example Usage
 * ```ts
 * import { exists, removeFolderAtomically } from "@swagpu/swagpu/nn/formats";
 * import { assertFalse } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * await Deno.mkdir(`${root}/old`);
 * await removeFolderAtomically(`${root}/old`);
 * assertFalse(await exists(`${root}/old`));
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function removeFolderAtomically(path: string): Promise<void> {
  const host = disk(path);
  const removed = staged(path, "removed");
  try {
    if (!await lstat(host, path)) return;
    await removeIfThere(host, removed);
    await host.rename(path, removed);
    await host.remove(removed, { recursive: true });
  } catch (error) {
    throw diskError(`Cannot remove ${path}`, error);
  }
}

/**
 * Cleans up after a process that was killed while it wrote or removed folders
 * as {@linkcode writeFolderAtomically} and {@linkcode removeFolderAtomically}
 * do: a folder whose replacement did not arrive gets its name back, and
 * what is incomplete is removed.
 *
 * @param parent The folder that they are in. Nothing happens if there is none.
 * @param pattern The names of the folders to look after.
 * @returns When every folder is whole.
 * @throws {Error} If a folder cannot be moved or removed.
 *
 * @example Usage
 * ```ts
 * import { recoverFolders } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * await Deno.mkdir(`${root}/.checkpoint-1.old`);
 * await Deno.mkdir(`${root}/.checkpoint-2.partial`);
 * await recoverFolders(root, /^checkpoint-\d+$/);
 * const names = [...Deno.readDirSync(root)].map(({ name }) => name);
 * assertEquals(names, ["checkpoint-1"]);
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function recoverFolders(
  parent: string,
  pattern: RegExp,
): Promise<void> {
  const host = disk(parent);
  try {
    for (const entry of await folderNames(parent)) {
      const [, name = "", stage] = STAGED.exec(entry) ?? [];
      if (!pattern.test(name)) continue;
      const from = `${parent}/${entry}`;
      const to = `${parent}/${name}`;
      const returns = stage === "old" && !await lstat(host, to);
      if (returns) await host.rename(from, to);
      else await host.remove(from, { recursive: true });
    }
  } catch (error) {
    throw diskError(`Cannot clean up ${parent}`, error);
  }
}

/**
 * The names of the folders in a folder.
 *
 * @param parent The folder to look into.
 * @returns The names, sorted; none if the folder does not exist.
 * @throws {Error} If the folder cannot be read.
 *
 * @example Usage
 * ```ts
 * import { folderNames } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await folderNames("no/such/folder"), []);
 * ```
 */
export async function folderNames(parent: string): Promise<string[]> {
  const host = disk(parent);
  const names: string[] = [];
  try {
    for (const { name, isDirectory } of await host.readDir(parent)) {
      if (isDirectory) names.push(name);
    }
  } catch (error) {
    if (isNotFound(error)) return [];
    throw diskError(`Cannot read ${parent}`, error);
  }
  return names.sort();
}

/**
 * Creates a folder if it does not exist, and tries whether files can be written
 * there: what a long run will save at its end should not fail then.
 *
 * @param folder The folder.
 * @returns When it has been tried.
 * @throws {Error} If it cannot be written to, or is a file.
 *
 * @example A file is no folder
 * ```ts
 * import { requireWritable } from "@swagpu/swagpu/nn/formats";
 * import { assertRejects } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * await assertRejects(() => requireWritable(path), Error, "Cannot write to");
 * await Deno.remove(path);
 * ```
 */
export async function requireWritable(folder: string): Promise<void> {
  const host = disk(folder);
  const probe = `${folder}/.${crypto.randomUUID()}.tmp`;
  try {
    await host.mkdir(folder, { recursive: true });
    const file = await host.open(probe, "create");
    try {
      await file.write(new Uint8Array(1));
    } finally {
      await file.close();
      await host.remove(probe);
    }
  } catch (error) {
    throw diskError(`Cannot write to ${folder}`, error);
  }
}

async function removeIfThere(host: Disk, path: string): Promise<void> {
  if (await lstat(host, path)) await host.remove(path, { recursive: true });
}
