// Copyright 2026 the swagpu authors. MIT license.

/**
 * The folder that a training run will write to.
 *
 * @module
 */

import { disk } from "../host/mod.ts";
import { diskError } from "../nn/formats/mod.ts";
import { exists } from "./classifier.ts";

/** The folder is made before the training, and removed if nothing was written. */
export class OutputFolder implements AsyncDisposable {
  readonly #path: string;
  readonly #isNew: boolean;

  private constructor(path: string, isNew: boolean) {
    this.#path = path;
    this.#isNew = isNew;
  }

  /**
   * Makes the folder, and checks that files can be written there.
   *
   * @param path The folder.
   * @param prepare Makes the folder, or throws an error.
   * @throws {Error} If the folder cannot be written; the message says why.
   */
  static async make(
    path: string,
    prepare: () => Promise<void>,
  ): Promise<OutputFolder> {
    let isNew = false;
    try {
      isNew = !await exists(path);
    } catch (error) { // For example, a part of the path is a file.
      throw diskError(`Cannot write to ${path}`, error);
    }
    await prepare();
    return new OutputFolder(path, isNew);
  }

  /** Removes the folder if it is new and still empty. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isNew) return;
    try {
      await disk(this.#path).remove(this.#path);
    } catch {
      // The folder is not empty, so it stays.
    }
  }
}
