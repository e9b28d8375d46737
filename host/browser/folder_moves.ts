// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Moves of files and folders in a browser, which moves no folder at once, and in
// some places no file.
//
// A folder is moved file by file, and a file that cannot be moved is copied as a whole
// and then removed. So that a page that is closed meanwhile leaves nothing in two
// halves, the disk's own folder holds a record of the two paths until the move is
// done, and the next page to use the disk completes it. What is still at the old path
// is right; what is at the new path beside it is not complete.

import { occupied, settled } from "./handle_errors.ts";
import { copyContent } from "./handle_files.ts";
import type { FileHandle, FolderHandle } from "./handles.ts";
import { takeLock } from "./web_lock.ts";

/** The names of the records of moves. */
const RECORD = /^\.swagpu-move-[\w-]+\.json$/;

/** Whether a name is that of a record of a move, which is no file of the user. */
export function isRecord(name: string): boolean {
  return RECORD.test(name);
}

/** The names that lead to a file or folder, from the disk's own folder on. */
export type Parts = readonly string[];

/** Follows names from a folder on. */
export async function follow(
  root: FolderHandle,
  parts: Parts,
  options: { create?: boolean } = {},
): Promise<FolderHandle> {
  let folder = root;
  for (const part of parts) {
    folder = await folder.getDirectoryHandle(part, options);
  }
  return folder;
}

/** What has a name in a folder; `undefined` if nothing has. */
export async function childOf(
  folder: FolderHandle,
  name: string,
): Promise<FileHandle | FolderHandle | undefined> {
  for (const get of ["getFileHandle", "getDirectoryHandle"] as const) {
    try {
      return await folder[get](name);
    } catch (error) {
      const { name: kind } = error as Error;
      if (kind === "NotFoundError") return undefined;
      if (kind !== "TypeMismatchError") throw error;
    }
  }
  return undefined;
}

/** The folder of a disk, and what its locks are called. */
export interface Moving {
  readonly root: FolderHandle;
  readonly lockName: string;
}

/** The two paths of what is moved; the new one also as a text, for errors. */
export interface Move {
  readonly from: Parts;
  readonly to: Parts;
  readonly path: string;
}

/** Moves a file, which replaces one that is there. */
export async function moveFile(
  disk: Moving,
  file: FileHandle,
  move: Move,
): Promise<void> {
  const { root } = disk;
  const { from, to, path } = move;
  const parent = await follow(root, to.slice(0, -1));
  const name = to.at(-1) ?? "";
  if (await tryMove(file, parent, name)) return;
  await recorded(disk, move, async (forget) => {
    try {
      await copyInto(await file.getFile(), parent, name, path);
    } catch (error) {
      await forget();
      throw error;
    }
    await (await follow(root, from.slice(0, -1))).removeEntry(file.name);
  });
}

/** Moves a folder to another path, which must be free. */
export async function moveFolder(disk: Moving, move: Move): Promise<void> {
  const { root } = disk;
  const { from, to, path } = move;
  await settled(path, "folder", async () => {
    const parent = await follow(root, to.slice(0, -1));
    if (await childOf(parent, to.at(-1) ?? "")) throw occupied(path);
    const source = await follow(root, from);
    await recorded(disk, move, async (forget) => {
      const moveBack = async () => {
        const target = await follow(root, to);
        await moveContent(target, source, { path: from.join("/"), back: true });
        await removeFolder(root, to);
        await forget();
      };
      try {
        const target = await follow(root, to, { create: true });
        await moveContent(source, target, { path });
      } catch (error) {
        // If what was moved cannot go back either, the move is completed later.
        await moveBack().catch(() => {});
        throw error;
      }
      await removeFolder(root, from);
    });
  });
}

/** Asks the browser to move a file; `false` if it cannot. */
async function tryMove(
  file: FileHandle,
  folder: FolderHandle,
  name: string,
): Promise<boolean> {
  try {
    await file.move?.(folder, name);
    return file.move !== undefined;
  } catch (error) {
    // Not every browser can move a file, or move it over another one.
    if (error instanceof DOMException && error.name !== "NotFoundError") {
      return false;
    }
    throw error;
  }
}

/** Writes a file with some content; if that fails, no new file stays. */
export async function copyInto(
  content: Blob,
  folder: FolderHandle,
  name: string,
  path: string,
): Promise<void> {
  const isNew = !await childOf(folder, name);
  const target = await folder.getFileHandle(name, { create: true });
  try {
    await copyContent(content, target, path);
  } catch (error) {
    if (isNew) await folder.removeEntry(name);
    throw error;
  }
}

/**
 * Moves all files and folders of a folder into another, file by file. On the way back
 * a file that is still there stays, because its copy may not be complete.
 */
async function moveContent(
  from: FolderHandle,
  to: FolderHandle,
  { path, back = false }: { path: string; back?: boolean },
): Promise<void> {
  const entries: (FileHandle | FolderHandle)[] = [];
  for await (const entry of from.values()) entries.push(entry);
  for (const entry of entries) {
    const { name } = entry;
    const own = `${path}/${name}`;
    if (entry.kind === "directory") {
      const target = await to.getDirectoryHandle(name, { create: true });
      await moveContent(entry, target, { path: own, back });
      continue;
    }
    if (back && await childOf(to, name)) continue;
    if (await tryMove(entry, to, name)) continue;
    await copyInto(await entry.getFile(), to, name, own);
    await from.removeEntry(name);
  }
}

/**
 * Makes a move while there is a record of it, which other pages leave alone. The
 * record stays if the move fails, unless the move makes it be forgotten.
 */
async function recorded(
  { root, lockName }: Moving,
  { from, to, path }: Move,
  move: (forget: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const name = `.swagpu-move-${crypto.randomUUID()}.json`;
  const forget = () => root.removeEntry(name);
  const lock = await takeLock(`${lockName}/${name}`, true);
  try {
    await writeRecord(root, name, { from, to, path });
    await move(forget);
    await forget();
  } finally {
    lock?.release();
  }
}

/** Completes the moves of pages that were closed. */
export async function completeMoves(
  { root, lockName }: Moving,
): Promise<void> {
  const records: string[] = [];
  for await (const { name } of root.values()) {
    if (isRecord(name)) records.push(name);
  }
  for (const name of records) {
    const lock = await takeLock(`${lockName}/${name}`, false);
    if (!lock) continue; // Another page is moving it now.
    try {
      await complete(root, name);
    } finally {
      lock.release();
    }
  }
}

async function complete(root: FolderHandle, name: string): Promise<void> {
  const handle = await childOf(root, name);
  if (handle?.kind !== "file") return; // Another page has just completed it.
  const record = parseRecord(await (await handle.getFile()).text());
  const source = record && await entryAt(root, record.from);
  if (source) await completeMove(root, source, record);
  await root.removeEntry(name);
}

async function completeMove(
  root: FolderHandle,
  source: FileHandle | FolderHandle,
  { from, to }: Pick<Move, "from" | "to">,
): Promise<void> {
  const path = to.join("/");
  if (source.kind === "directory") {
    const target = await follow(root, to, { create: true });
    await moveContent(source, target, { path });
    await removeFolder(root, from);
    return;
  }
  const parent = await follow(root, to.slice(0, -1), { create: true });
  const content = await source.getFile();
  await copyInto(content, parent, to.at(-1) ?? "", path);
  await (await follow(root, from.slice(0, -1))).removeEntry(source.name);
}

/** What is at a path; `undefined` if nothing is. */
async function entryAt(
  root: FolderHandle,
  parts: Parts,
): Promise<FileHandle | FolderHandle | undefined> {
  try {
    const parent = await follow(root, parts.slice(0, -1));
    return await childOf(parent, parts.at(-1) ?? "");
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotFoundError") {
      return undefined;
    }
    throw error;
  }
}

async function removeFolder(root: FolderHandle, parts: Parts): Promise<void> {
  const parent = await follow(root, parts.slice(0, -1));
  await parent.removeEntry(parts.at(-1) ?? "", { recursive: true });
}

/** Writes a record. One that is cut off is that of a move that has not begun. */
async function writeRecord(
  root: FolderHandle,
  name: string,
  { from, to, path }: Move,
): Promise<void> {
  const handle = await root.getFileHandle(name, { create: true });
  try {
    const record = JSON.stringify({ from, to });
    await copyContent(new Blob([record]), handle, path);
  } catch (error) {
    await root.removeEntry(name).catch(() => {});
    throw error;
  }
}

/** Reads a record, which is trusted no more than any other file. */
function parseRecord(text: string): Pick<Move, "from" | "to"> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { from, to } = (value ?? {}) as Record<string, unknown>;
  const isParts = (x: unknown): x is Parts =>
    Array.isArray(x) && x.length > 0 &&
    x.every((y) => typeof y === "string" && !/^\.{0,2}$|[\\/]/.test(y));
  return isParts(from) && isParts(to) ? { from, to } : undefined;
}
