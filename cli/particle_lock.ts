// Copyright 2026 the swagpu authors. MIT license.

/**
 * Keeps two processes from work on the same particle.
 *
 * @module
 */

import { diskError } from "../nn/formats/mod.ts";
import { TryAgainError } from "./exit_codes.ts";

/**
 * The lock of a file. The operating system releases it when the process ends, however
 * that happens, so that no lock is ever left behind; the file may be.
 */
export class ParticleLock implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Takes the lock.
   *
   * @param path The file, which is made.
   * @param say Receives a warning if the file system has no locks.
   * @throws {TryAgainError} If another process holds it.
   */
  static async take(
    path: string,
    say: (remark: string) => void,
  ): Promise<ParticleLock> {
    for (;;) {
      let file: Deno.FsFile;
      try {
        file = await Deno.open(path, { write: true, create: true });
      } catch (error) {
        throw diskError(`Cannot write ${path}`, error);
      }
      let isTaken = false;
      try {
        isTaken = !await file.tryLock(true);
      } catch { // Some network file systems have no locks.
        say(
          `${path} cannot be locked on this file system: make sure that no ` +
            "particle runs twice at once",
        );
      }
      if (isTaken) {
        file.close();
        throw new TryAgainError(
          `Cannot run the particle: another process holds ${path} and is at ` +
            "work on it; try again when that has ended",
        );
      }
      // The process that held it may have removed the file in between.
      if (await isFile(path, await file.stat())) {
        return new ParticleLock(path, file);
      }
      file.close();
    }
  }

  /** Releases the lock and removes its file. */
  [Symbol.dispose](): void {
    try {
      Deno.removeSync(this.#path);
    } catch {
      // A file that cannot be removed does no harm.
    }
    this.#file.close();
  }
}

/** Whether a path still leads to a file that was opened before. */
async function isFile(path: string, opened: Deno.FileInfo): Promise<boolean> {
  try {
    const { ino, dev } = await Deno.stat(path);
    return ino === opened.ino && dev === opened.dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
