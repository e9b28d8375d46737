// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the list in a JSON file, element by element, so that the file may be larger
 * than memory.
 *
 * @module
 */

import { type JsonElement, jsonRows } from "./json_rows.ts";
import { listOf } from "./names.ts";
import type { DataRow, FileRowsOptions } from "./rows.ts";
import { LineCounter } from "./text_blocks.ts";

/** Which list to read. */
export interface JsonListOptions {
  /** The file, for messages. */
  path: string;
  /** The name of the list, if the file is an object with lists in it. */
  field?: string | undefined;
  /** How messages call an option. */
  optionName: (option: string) => string;
}

/**
 * Reads a list of objects as rows; lists as rows if the columns are named.
 *
 * @throws {SyntaxError} If the file has no such list, or an element is no row.
 */
export function jsonListRows(
  blocks: AsyncIterable<string>,
  options: JsonListOptions & FileRowsOptions,
): AsyncGenerator<DataRow> {
  return jsonRows(
    jsonElements(blocks, options),
    options,
    (row, line) => `row ${row} (line ${line})`,
  );
}

/**
 * Yields the elements of a list as they are written. The list is the whole file or,
 * with a field, a list in the object that the file is.
 *
 * @throws {SyntaxError} If the file has no such list, or ends too early.
 */
export async function* jsonElements(
  blocks: AsyncIterable<string>,
  options: JsonListOptions,
): AsyncGenerator<JsonElement> {
  const scanner = new ListScanner(options);
  for await (const block of blocks) yield* scanner.add(block);
  scanner.end();
}

/** Finds the list and the ends of its elements. Elements are not parsed. */
class ListScanner {
  readonly #options: JsonListOptions;
  readonly #lines = new LineCounter();
  /** How many brackets are open. */
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  /** The depth inside the list: 1 or, with a field, 2; 0 as long as it is not found. */
  #inside = 0;
  #wasFound = false;
  #isClosed = false;
  /** The names of the object that holds the list. */
  readonly #names: string[] = [];
  /** The last string at depth 1, which is a name if a colon follows. */
  #string = "";
  /** Whether the value of the field is expected next. */
  #isNext = false;
  /** The text of the element so far. */
  #element = "";
  #line = 0;
  #count = 0;

  constructor(options: JsonListOptions) {
    this.#options = options;
  }

  /** Adds a block, and returns the elements that end in it. */
  add(block: string): JsonElement[] {
    const elements: JsonElement[] = [];
    let from = 0; // Where the part of the element in this block begins.
    let counted = 0; // How much of the block the line counter has seen.
    for (let i = 0; i < block.length; i++) {
      const letter = block.charAt(i);
      if (this.#inString) {
        i = this.#passString(block, i);
        continue;
      }
      if (letter <= " ") continue;
      const isInside = this.#inside > 0 && this.#depth === this.#inside;
      if (isInside && this.#line === 0 && letter !== "]" || this.#isClosed) {
        this.#lines.add(block.slice(counted, i));
        counted = i;
        this.#line = this.#lines.line;
      }
      if (this.#isClosed) this.#refuse(`line ${this.#line} follows its end`);
      if (isInside && (letter === "," || letter === "]")) {
        const text = this.#element + block.slice(from, i);
        const isEmpty = text.trim() === "";
        if (!isEmpty || letter === "," || this.#count > 0) {
          if (isEmpty && this.#line === 0) {
            this.#lines.add(block.slice(counted, i));
            counted = i;
            this.#line = this.#lines.line;
          }
          elements.push({ text, line: this.#line });
          this.#count++;
        }
        this.#element = "";
        from = i + 1;
        this.#line = 0;
      }
      if (this.#isStructure(letter)) from = i + 1;
    }
    this.#lines.add(block.slice(counted));
    if (this.#inside > 0) this.#element += block.slice(from);
    return elements;
  }

  /** Passes the rest of a string. Returns where it, or else the block, ends. */
  #passString(block: string, from: number): number {
    let at = from;
    while (at < block.length) {
      if (this.#isEscaped) {
        this.#isEscaped = false;
        at++;
        continue;
      }
      IN_STRING.lastIndex = at;
      const { 0: letter, index = block.length } = IN_STRING.exec(block) ?? {};
      this.#inString = letter !== '"';
      this.#isEscaped = letter === "\\";
      if (!this.#inString) {
        at = index;
        break;
      }
      at = index + 1;
    }
    if (this.#depth === 1 && !this.#inside) {
      this.#string += block.slice(from, at);
    }
    return at;
  }

  /** Follows the brackets. Returns whether the list begins here. */
  #isStructure(letter: string): boolean {
    const { field } = this.#options;
    if (this.#depth === 0 && letter !== "{" && letter !== "[") {
      this.#refuse("it is neither a list nor an object");
    }
    if (letter === '"') {
      this.#inString = true;
      if (!this.#inside) this.#string = "";
    } else if (letter === ":" && this.#depth === 1 && !this.#inside) {
      const name = String(JSON.parse(`"${this.#string}"`));
      this.#names.push(name);
      this.#isNext = name === field;
      return false;
    } else if (letter === "{" || letter === "[") {
      this.#depth++;
      const isList = letter === "[" &&
        (field === undefined ? this.#depth === 1 : this.#isNext);
      this.#isNext = false;
      if (isList && !this.#wasFound) {
        this.#inside = this.#depth;
        this.#wasFound = true;
        return true;
      }
    } else if (letter === "}" || letter === "]") {
      if (this.#depth === this.#inside) {
        if (letter === "}") this.#refuse('its list ends in "}"');
        this.#inside = 0;
      }
      this.#depth--;
      this.#isClosed = this.#depth === 0;
    }
    this.#isNext = false;
    return false;
  }

  /** Refuses a file without the list, and one that ends too early. */
  end(): void {
    const { field, optionName } = this.#options;
    if (this.#isClosed && this.#wasFound) return;
    if (!this.#isClosed && this.#depth > 0) {
      this.#refuse(`it ends in the middle, on line ${this.#lines.line}`);
    }
    if (this.#depth === 0 && !this.#isClosed) return; // An empty file.
    this.#refuse(
      field === undefined
        ? `it is not a list; say with ${optionName("field")} which list in ` +
          `it to read, of ${listOf(this.#names)}`
        : `it has no list "${field}"; there are ${listOf(this.#names)}`,
    );
  }

  #refuse(reason: string): never {
    throw new SyntaxError(`Cannot read ${this.#options.path}: ${reason}`);
  }
}

/** What matters in a string: its end, and what hides the next letter. */
const IN_STRING = /["\\]/g;
