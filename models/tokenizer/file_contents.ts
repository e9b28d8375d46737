// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The content of a tokenizer's files, and errors that name the file.

import { tokenId } from "./fields.ts";
import { parseFields } from "../files/json.ts";

/** The content of files by the files' names. */
export type TokenizerFiles = ReadonlyMap<
  string,
  string | Uint8Array<ArrayBuffer>
>;

/** Reads files by their names. A missing file reads as an empty one. */
export class FileContents {
  readonly source: string;
  #files: Map<string, string | Uint8Array<ArrayBuffer>>;
  #fields = new Map<string, Record<string, unknown>>();

  constructor(files: TokenizerFiles, source: string) {
    this.#files = new Map(files);
    this.source = source;
  }

  /** All files, including those that were derived from others. */
  get files(): TokenizerFiles {
    return this.#files;
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  path(name: string): string {
    return `${this.source}/${name}`;
  }

  text(name: string): string {
    const content = this.#files.get(name) ?? "";
    return typeof content === "string"
      ? content
      : new TextDecoder().decode(content);
  }

  bytes(name: string): Uint8Array {
    const content = this.#files.get(name) ?? "";
    return typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
  }

  /** Reads the fields of a JSON file. */
  fields(name: string): Record<string, unknown> {
    let fields = this.#fields.get(name);
    if (fields === undefined) {
      fields = this.has(name)
        ? parseFields(this.text(name), this.path(name))
        : {};
      this.#fields.set(name, fields);
    }
    return fields;
  }

  /** Reads a JSON file that maps tokens to ids. */
  ids(name: string): Record<string, unknown> {
    const fields = this.fields(name);
    for (const [token, id] of Object.entries(fields)) {
      this.explain(name, () => tokenId(id, token));
    }
    return fields;
  }

  /** Calls a function, and adds the file's name to the errors it throws. */
  explain<T>(name: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof SyntaxError) {
        throw new SyntaxError(
          `Cannot read ${this.path(name)}: ${error.message}`,
          {
            cause: error,
          },
        );
      }
      // A RangeError is the engine's stack overflow, from parts nested too
      // deeply.
      if (!(error instanceof RangeError)) throw error;
      throw new SyntaxError(
        `Cannot read ${this.path(name)}: its parts are nested too deeply`,
        { cause: error },
      );
    }
  }

  /** Adds or replaces a JSON file. */
  set(name: string, fields: Record<string, unknown>, text: string): void {
    this.#fields.set(name, fields);
    this.#files.set(name, text);
  }
}
