// Copyright 2026 the swagpu authors. MIT license.

// Replacing several files of a folder in one go, or none of them, while the
// folder's other files stay and a process may be killed at any moment.
//
// No file system renames several files at once, so that a save has two parts:
//
// 1. Everything new is written to `.swagpu-partial/new` and flushed to the disk.
//    Until it is complete, the folder's own files are as they were. Whatever
//    a killed save left there is thrown away by the next one, before it starts.
// 2. `.swagpu-partial/journal.json`, which lists the files to move and those to
//    remove, gets its name by one rename. That moment decides: before it the
//    old files stand, after it the save is done whatever happens. The moves
//    follow, and whoever loads or saves next (`finishSave`) makes those that
//    a killed process left undone, which is safe to repeat.
//
// Files whose content does not change are not moved, and the one that names or
// holds the weights comes last: where nothing but the weights changes, which is
// the usual save, even a reader that knows nothing of the journal (Python) sees
// all of the old files or all of the new.
//
// A lock on `.swagpu-partial/lock`, which the system releases when a process
// ends, keeps two saves of one folder apart.

import {
  type Disk,
  disk,
  diskError,
  type DiskFile,
  exists,
  isNotFound,
  writeTextAtomically,
} from "./disk.ts";

/** The folder, inside the one that is saved to, for what is not yet in place. */
export const STAGING = ".swagpu-partial";
const NEW = "new";
const JOURNAL = "journal.json";
const LOCK = "lock";
/** The longest file that is compared with the one in its place. */
const COMPARED_BYTES = 2 ** 26;

/** What happens once a save is complete on the disk. */
interface Journal {
  /** Files to move into the folder, in this order. */
  readonly move: readonly string[];
  /** Files to remove from it, after that. */
  readonly remove: readonly string[];
}

/** How a {@linkcode FolderSave} ends. */
export interface CommitOptions {
  /**
   * Files that take their place after all others, such as the weights.
   *
   * @default {[]}
   */
  last?: readonly string[];
  /**
   * Files of an earlier save that do not belong to this one. Those that this
   * save writes stay, and so does what is not there.
   *
   * @default {[]}
   */
  remove?: readonly string[];
}

/** A save in progress. Close it with `await using`. */
export class FolderSave implements AsyncDisposable {
  /** The folder that is saved to. */
  readonly folder: string;
  /** Where the new files are written until {@linkcode commit}. */
  readonly staging: string;
  readonly #lock: DiskFile;
  #keepsStaging = false;

  private constructor(folder: string, lock: DiskFile) {
    this.folder = folder;
    this.staging = `${folder}/${STAGING}/${NEW}`;
    this.#lock = lock;
  }

  /**
   * Makes the folder if it does not exist, finishes what an earlier save
   * began, and waits for one that another process has in progress.
   *
   * @throws {TypeError} If the path is a file's.
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
   * Puts all files of {@linkcode staging} in the place of what the folder had.
   *
   * @throws {Error} If a file cannot take its place. If none has until then,
   * the folder is as it was; otherwise the next load or save tries again.
   */
  async commit({ last = [], remove = [] }: CommitOptions = {}): Promise<void> {
    const { folder, staging } = this;
    const host = disk(folder);
    const written = await listFiles(host, staging);
    const move: string[] = [];
    for (const name of written) {
      const to = `${folder}/${name}`;
      // Found out before the first file takes its place.
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

  /** Removes what was not put in place, and lets others save. */
  async [Symbol.asyncDispose](): Promise<void> {
    const host = disk(this.folder);
    if (!this.#keepsStaging) await empty(host, this.folder).catch(() => {});
    await unlock(host, this.folder, this.#lock);
  }
}

/**
 * Finishes a save that was decided, but killed before all of its files were in
 * place; does nothing in every other folder.
 *
 * @throws {SyntaxError} If what it left is malformed.
 * @throws {Error} If the folder cannot be written to.
 */
export async function finishSave(folder: string): Promise<void> {
  const host = disk(folder);
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
      `Cannot load from ${folder}: a save was interrupted when its files were ` +
        `about to take their place, and cannot be finished now`,
      error,
    );
  }
}

// ------------------------------------------------------------------- the parts

async function finish(host: Disk, folder: string): Promise<void> {
  const path = `${folder}/${STAGING}/${JOURNAL}`;
  let text: string;
  try {
    text = await host.readTextFile(path);
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
    // What was put there since belongs to somebody else.
    if ((there?.mtime ?? 0) <= (decided?.mtime ?? 0)) remove.push(name);
  }
  await apply(host, folder, { move: journal.move, remove }, { moves: 0 });
}

/** Makes the moves and removals that are still to be made. */
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
      if (!await lstat(host, from)) continue; // Moved before.
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

/** Reads what a save left, trusting it no more than any file. */
function parseJournal(text: string, path: string): Journal {
  const isName = (name: unknown): name is string =>
    typeof name === "string" && !/[\\:\0]/.test(name) &&
    name.split("/").every((part) => !["", ".", "..", STAGING].includes(part));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Told below.
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
      "folder it is in to do without that save",
  );
}

/** Makes the folders that a file is to lie in, following no link. */
async function makeParent(
  host: Disk,
  folder: string,
  name: string,
): Promise<void> {
  let path = folder;
  for (const part of name.split("/").slice(0, -1)) {
    path += `/${part}`;
    const there = await lstat(host, path);
    if (!there) await host.mkdir(path);
    else if (!there.isDirectory) {
      throw new TypeError(`Cannot write ${folder}/${name}: ${path} is a file`);
    }
  }
}

/** Throws away what is staged, and leaves the lock. */
async function empty(host: Disk, folder: string): Promise<void> {
  const staging = `${folder}/${STAGING}`;
  for await (const { name } of host.readDir(staging)) {
    if (name !== LOCK) {
      await host.remove(`${staging}/${name}`, { recursive: true });
    }
  }
}

/** Makes the staging folder and waits until no other save uses it. */
async function lockFolder(host: Disk, folder: string): Promise<DiskFile> {
  const staging = `${folder}/${STAGING}`;
  const path = `${staging}/${LOCK}`;
  for (;;) {
    const there = await lstat(host, staging);
    // A link would lead the new files to another place.
    if (there && !there.isDirectory) await host.remove(staging);
    await host.mkdir(staging, { recursive: true });
    let file: DiskFile;
    try {
      file = await host.open(path, { write: true, create: true });
    } catch (error) {
      if (isNotFound(error)) continue; // Another save has just ended.
      throw error;
    }
    // Some network file systems know no locks.
    await file.lock(true).catch(() => {});
    const [own, now] = [await file.stat(), await lstat(host, path)];
    if (now && own.ino === now.ino) return file;
    file.close();
  }
}

async function unlock(
  host: Disk,
  folder: string,
  lock: DiskFile,
): Promise<void> {
  const staging = `${folder}/${STAGING}`;
  try {
    if (!await lstat(host, `${staging}/${JOURNAL}`)) {
      await host.remove(`${staging}/${LOCK}`);
      await host.remove(staging);
    }
  } catch {
    // An empty folder that stays does no harm.
  } finally {
    lock.close();
  }
}

async function lstat(
  host: Disk,
  path: string,
  how: "lstat" | "stat" = "lstat",
): Promise<Awaited<ReturnType<Disk["lstat"]>> | undefined> {
  try {
    return await host[how](path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** All files below a folder, by their paths in it. */
async function listFiles(
  host: Disk,
  folder: string,
  prefix = "",
): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of host.readDir(folder + prefix)) {
    const path = `${prefix}/${name}`;
    if (isDirectory) names.push(...await listFiles(host, folder, path));
    else names.push(path.slice(1));
  }
  return names.sort();
}

/** Whether a file, and not a link to one, has the same content already. */
async function isSame(host: Disk, from: string, to: string): Promise<boolean> {
  const [own, there] = [await host.lstat(from), await lstat(host, to)];
  if (!there?.isFile || own.size !== there.size) return false;
  if (own.size > COMPARED_BYTES) return false;
  const [a, b] = [await host.readFile(from), await host.readFile(to)];
  return a.every((byte, i) => byte === b[i]);
}
