// Copyright 2026 the swagpu authors. MIT license.

// Replaces several files of a folder, all of them or none, while the folder's
// other files stay and the process may be killed at any moment.
//
// No file system renames several files at once, so a save has two parts:
//
// 1. All new files are written to `.swagpu-partial/new` and flushed to the
//    disk. Until that is complete, the folder's own files are unchanged. The
//    next save first removes what a killed save has left there.
// 2. `.swagpu-partial/journal.json`, which lists the files to move and to
//    remove, gets its name by one rename. That moment decides: before it the
//    old files are valid, after it the save takes effect whatever happens. The
//    moves follow. If the process is killed before they are complete, the next
//    load or save of the folder (`finishSave`) makes the remaining ones. Moves
//    can be repeated safely.
//
// Files whose content does not change are not moved, and the file that names or
// holds the weights is moved last. Most saves change only the weights; then
// even a reader that ignores the journal (Python) sees all of the old files or
// all of the new files.
//
// A lock on `.swagpu-partial/lock`, which the operating system releases when a
// process ends, keeps two saves of one folder apart.

import {
  type Disk,
  disk,
  diskError,
  type DiskLock,
  exists,
  isNotFound,
  readText,
  writeTextAtomically,
} from "../../host/mod.ts";
import { isSame, listFiles, lstat, makeParent } from "./folder_files.ts";

/**
 * The folder for files that are not in place yet, inside the folder to save to.
 */
export const STAGING = ".swagpu-partial";
const NEW = "new";
const JOURNAL = "journal.json";
const LOCK = "lock";

/** What is left to do when the new files are complete on the disk. */
interface Journal {
  /** The files to move into the folder, in this order. */
  readonly move: readonly string[];
  /** The files to remove from it after that. */
  readonly remove: readonly string[];
}

/** Options of {@linkcode FolderSave.commit}. */
export interface CommitOptions {
  /**
   * Files that replace the old ones after all others, such as the weights.
   *
   * @default {[]}
   */
  last?: readonly string[];
  /**
   * Files of an earlier save to remove. Files that this save writes are not
   * removed, and files that do not exist are ignored.
   *
   * @default {[]}
   */
  remove?: readonly string[];
}

/**
 * A save in progress, which replaces several files of a folder, all of them or
 * none. Close it with `await using`.
 *
 * @example Usage
 * ```ts
 * import { FolderSave, writeTextAtomically } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using save = await FolderSave.begin(folder);
 *   await writeTextAtomically(`${save.staging}/config.json`, "{}");
 *   await save.commit();
 * }
 * assertEquals(await Deno.readTextFile(`${folder}/config.json`), "{}");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class FolderSave implements AsyncDisposable {
  /** The folder to save to. */
  readonly folder: string;
  /** The folder to write the new files to, before {@linkcode commit}. */
  readonly staging: string;
  readonly #lock: DiskLock;
  #keepsStaging = false;

  private constructor(folder: string, lock: DiskLock) {
    this.folder = folder;
    this.staging = `${folder}/${STAGING}/${NEW}`;
    this.#lock = lock;
  }

  /**
   * Creates the folder if it does not exist, waits for a save of another
   * process, and finishes a save that was interrupted.
   *
   * @param folder The folder to save to.
   * @returns The save.
   * @throws {TypeError} If the path is that of a file.
   */
  static async begin(folder: string): Promise<FolderSave> {
    const host = disk(folder);
    try {
      const there = await lstat(host, folder, "stat");
      if (there && !there.isDirectory) {
        throw new TypeError(
          `Cannot write to ${folder}: it is a file, expected a folder`,
        );
      }
      await host.mkdir(folder, { recursive: true });
      const save = new FolderSave(folder, await lockFolder(host, folder));
      try {
        await finish(host, folder);
        await empty(host, folder);
        await host.mkdir(save.staging);
      } catch (error) {
        await save[Symbol.asyncDispose]();
        throw error;
      }
      return save;
    } catch (error) {
      throw diskError(`Cannot write to ${folder}`, error);
    }
  }

  /**
   * Moves all files of {@linkcode staging} into the folder.
   *
   * @param options The order of the files, and files to remove.
   * @throws {Error} If a file cannot be moved. If it is the first one, the
   * folder is unchanged; otherwise the next load or save tries again.
   */
  async commit(options: CommitOptions = {}): Promise<void> {
    const { last = [], remove = [] } = options;
    const { folder, staging } = this;
    const host = disk(folder);
    const written = await listFiles(host, staging);
    const move: string[] = [];
    for (const name of written) {
      const to = `${folder}/${name}`;
      // Checked before the first file is moved.
      if ((await lstat(host, to))?.isDirectory) throw isFolder(to);
      if (!await isSame(host, `${staging}/${name}`, to)) move.push(name);
    }
    const rank = (name: string) => last.indexOf(name);
    move.sort((a, b) => rank(a) - rank(b));
    const stale = remove.filter((name) => !written.includes(name));
    const journal: Journal = { move, remove: stale };
    const path = `${folder}/${STAGING}/${JOURNAL}`;
    await writeTextAtomically(path, JSON.stringify(journal));
    const done = { moves: 0 };
    try {
      await apply(host, folder, journal, done);
    } catch (error) {
      if (done.moves === 0) await host.remove(path).catch(() => {});
      else this.#keepsStaging = true;
      throw error;
    }
  }

  /** Removes files that were not moved, and releases the lock. */
  async [Symbol.asyncDispose](): Promise<void> {
    const host = disk(this.folder);
    if (!this.#keepsStaging) await empty(host, this.folder).catch(() => {});
    await unlock(host, this.folder, this.#lock);
  }
}

/**
 * Finishes a save of a folder whose process was killed while it was moving
 * files. Does nothing if there is no such save.
 *
 * @param folder The folder to load from.
 * @returns When the folder is complete.
 * @throws {SyntaxError} If the journal of the save is malformed.
 * @throws {Error} If the folder cannot be written to.
 *
 * @example A folder without an interrupted save
 * ```ts
 * import { finishSave } from "@swagpu/swagpu/nn/formats";
 *
 * const folder = await Deno.makeTempDir();
 * await finishSave(folder);
 * await Deno.remove(folder);
 * ```
 */
export async function finishSave(folder: string): Promise<void> {
  const host = disk(folder);
  if (host.listsFolders === false) return; // Nobody saves there.
  if (!await exists(`${folder}/${STAGING}/${JOURNAL}`)) return;
  try {
    const lock = await lockFolder(host, folder);
    try {
      await finish(host, folder);
      await empty(host, folder);
    } finally {
      await unlock(host, folder, lock);
    }
  } catch (error) {
    throw diskError(
      `Cannot load from ${folder}: a save was interrupted while it was moving ` +
        "its files, and cannot be finished now",
      error,
    );
  }
}

/** Makes the moves and removals of a journal, if there is one. */
async function finish(host: Disk, folder: string): Promise<void> {
  const path = `${folder}/${STAGING}/${JOURNAL}`;
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  const journal = parseJournal(text, path);
  const decided = await lstat(host, path);
  for (const name of journal.move) {
    if (!await lstat(host, `${folder}/${STAGING}/${NEW}/${name}`)) continue;
    const there = await lstat(host, `${folder}/${name}`);
    if ((there?.mtime ?? 0) <= (decided?.mtime ?? 0)) continue;
    throw new Error(
      `Cannot finish the save that ${path} describes: ${folder}/${name} was ` +
        `written after it; remove ${folder}/${STAGING} to keep what is there`,
    );
  }
  const remove: string[] = [];
  for (const name of journal.remove) {
    const there = await lstat(host, `${folder}/${name}`);
    // A file that was written after the journal belongs to somebody else.
    if ((there?.mtime ?? 0) <= (decided?.mtime ?? 0)) remove.push(name);
  }
  await apply(host, folder, { move: journal.move, remove }, { moves: 0 });
}

/** Makes the moves and removals that have not been made yet. */
async function apply(
  host: Disk,
  folder: string,
  { move, remove }: Journal,
  done: { moves: number },
): Promise<void> {
  for (const name of move) {
    const from = `${folder}/${STAGING}/${NEW}/${name}`;
    const to = `${folder}/${name}`;
    try {
      if (!await lstat(host, from)) continue; // It has been moved already.
      if ((await lstat(host, to))?.isDirectory) throw isFolder(to);
      await makeParent(host, folder, name);
      await host.rename(from, to);
      done.moves++;
    } catch (error) {
      throw diskError(`Cannot write ${to}`, error);
    }
  }
  for (const name of remove) {
    try {
      await host.remove(`${folder}/${name}`);
    } catch (error) {
      if (!isNotFound(error)) {
        throw diskError(`Cannot remove ${folder}/${name}`, error);
      }
    }
  }
  await host.remove(`${folder}/${STAGING}/${JOURNAL}`);
}

function isFolder(path: string): TypeError {
  return new TypeError(`Cannot write ${path}: it is a folder`);
}

/** Parses a journal, which is trusted no more than any other file. */
function parseJournal(text: string, path: string): Journal {
  const isName = (name: unknown): name is string =>
    typeof name === "string" && !/[\\:\0]/.test(name) &&
    name.split("/").every((part) => !["", ".", "..", STAGING].includes(part));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The error below covers it.
  }
  const { move, remove } = (value ?? {}) as Record<string, unknown>;
  if (
    Array.isArray(move) && move.every(isName) &&
    Array.isArray(remove) && remove.every(isName)
  ) {
    return { move, remove };
  }
  throw new SyntaxError(
    `Cannot read ${path}: it does not list the files of a save; remove the ` +
      "folder it is in to give up that save",
  );
}

/** Removes everything in the staging folder except the lock. */
async function empty(host: Disk, folder: string): Promise<void> {
  const staging = `${folder}/${STAGING}`;
  for (const { name } of await host.readDir(staging)) {
    if (name !== LOCK) {
      await host.remove(`${staging}/${name}`, { recursive: true });
    }
  }
}

/** Creates the staging folder and waits until no other save uses it. */
async function lockFolder(host: Disk, folder: string): Promise<DiskLock> {
  const staging = `${folder}/${STAGING}`;
  for (;;) {
    const there = await lstat(host, staging);
    // A link would put the new files into another folder.
    if (there && !there.isDirectory) await host.remove(staging);
    await host.mkdir(staging, { recursive: true });
    try {
      const lock = await host.lock(`${staging}/${LOCK}`, { wait: true });
      if (lock) return lock;
    } catch (error) {
      if (!isNotFound(error)) throw error; // Another save has just ended.
    }
  }
}

async function unlock(
  host: Disk,
  folder: string,
  lock: DiskLock,
): Promise<void> {
  const staging = `${folder}/${STAGING}`;
  await lock.release();
  try {
    if (!await lstat(host, `${staging}/${JOURNAL}`)) await host.remove(staging);
  } catch {
    // A folder that cannot be removed, or that a new save uses, does no harm.
  }
}
