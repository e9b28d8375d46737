// Copyright 2026 the swagpu authors. MIT license.

/**
 * The folder that a training will write to.
 *
 * @module
 */

import { diskError } from "../nn/formats/mod.ts";
import { exists } from "./classifier.ts";

/** Made before hours are spent; if nothing came of it, it is taken away. */
export class OutputFolder implements AsyncDisposable {
  readonly #path: string;
  readonly #isNew: boolean;

  private constructor(path: string, isNew: boolean) {
    this.#path = path;
    this.#isNew = isNew;
  }

  /**
   * Makes the folder, and tries whether files can be written there.
   *
   * @param path The folder.
   * @param prepare Makes it, or refuses to.
   * @throws {Error} If it cannot be written; the message says why.
   */
  static async make(
    path: string,
    prepare: () => Promise<void>,
  ): Promise<OutputFolder> {
    let isNew = false;
    try {
      isNew = !await exists(path);
    } catch (error) { // Such as a path that leads through a file.
      throw diskError(`Cannot write to ${path}`, error);
    }
    await prepare();
    return new OutputFolder(path, isNew);
  }

  /** Takes an empty folder away that was not there before. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isNew) return;
    try {
      await Deno.remove(this.#path);
    } catch {
      // It holds something, so it stays.
    }
  }
}
