// Copyright 2026 the swagpu authors. MIT license.

/**
 * The folder that a training will write to.
 *
 * @module
 */

import { exists } from "./classifier.ts";
import { prepareOutput } from "./save.ts";

/** Made before hours are spent; if nothing came of it, it is taken away. */
export class OutputFolder implements AsyncDisposable {
  /** Whether something was written. */
  isDone = false;
  readonly #path: string;
  readonly #isNew: boolean;

  private constructor(path: string, isNew: boolean) {
    this.#path = path;
    this.#isNew = isNew;
  }

  /**
   * Makes the folder, and tries whether files can be written there.
   *
   * @throws {Deno.errors.AlreadyExists} If it holds a model and `overwrite` is
   * not set.
   */
  static async make(path: string, overwrite: boolean): Promise<OutputFolder> {
    let isNew = false;
    try {
      isNew = !await exists(path);
      await prepareOutput(path, overwrite);
      const trial = await Deno.makeTempFile({ dir: path, prefix: ".swagpu-" });
      await Deno.remove(trial);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason.startsWith("Cannot write to ")) throw error;
      throw new Error(`Cannot write to ${path}: ${reason}`, { cause: error });
    }
    return new OutputFolder(path, isNew);
  }

  /** Takes an empty folder away that was not there before. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isDone || !this.#isNew) return;
    try {
      await Deno.remove(this.#path);
    } catch {
      // It holds something: then it stays.
    }
  }
}
