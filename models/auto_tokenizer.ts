// Copyright 2026 the swagpu authors. MIT license.

/**
 * Loads the tokenizer of a model by the model's name.
 *
 * @module
 */

import { FILES } from "./tokenizer/file_names.ts";
import { resolveFiles, type ResolveOptions } from "./files/hub.ts";
import { Tokenizer, type TokenizerOptions } from "./tokenizer/mod.ts";

/** Options of {@linkcode AutoTokenizer.fromPretrained}. */
export type AutoTokenizerOptions =
  & TokenizerOptions
  & Omit<ResolveOptions, "files" | "optionalFiles">;

/**
 * Loads the tokenizer that belongs to a model.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { AutoTokenizer } from "@swagpu/swagpu/models";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(
 *   `${folder}/vocab.txt`,
 *   "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n",
 * );
 * const tokenizer = await AutoTokenizer.fromPretrained(folder);
 * assertEquals(tokenizer.encode("Hello world").inputIds, [2, 5, 6, 3]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class AutoTokenizer {
  /**
   * Reads the tokenizer of a folder, or of a repository on the hub. Its files
   * decide which kind it is; see {@linkcode Tokenizer.fromPretrained}.
   *
   * @param source A folder, or the id of a repository.
   * @param options How to find the files, and how to read them.
   * @returns The tokenizer.
   * @throws {NotFound} If the folder or repository does not exist,
   * or holds no tokenizer.
   * @throws {SyntaxError} If a file cannot be understood.
   */
  static async fromPretrained(
    source: string,
    options: AutoTokenizerOptions = {},
  ): Promise<Tokenizer> {
    const { folder } = await resolveFiles(source, {
      ...options,
      files: [],
      optionalFiles: Object.values(FILES),
    });
    return await Tokenizer.fromPretrained(folder, options);
  }
}
