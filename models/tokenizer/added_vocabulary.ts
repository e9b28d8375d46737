// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The vocabulary of a model with the tokens that are added to it, by the rules of
// Hugging Face's tokenizers: a token that the model knows keeps its id, and
// another token gets the next free id, whatever the file says.

import { type AddedToken, TokenFinder } from "./added_tokens.ts";

/** An added token that has no id yet. */
export type NewToken = Omit<AddedToken, "id">;

/** A vocabulary to which tokens can be added. */
export class AddedVocabulary {
  #ids: Map<string, number>;
  #tokens: Map<number, string>;
  #modelSize: number;
  #added = new Map<number, AddedToken>();
  /** The tokens to find in texts, in the order in which they were added. */
  #sought: AddedToken[] = [];
  #special = new Set<string>();
  #greatest = -1;

  /** Starts with the vocabulary of a model. */
  constructor(vocabulary: ReadonlyMap<string, number>, modelSize: number) {
    this.#ids = new Map(vocabulary);
    this.#tokens = new Map(
      Array.from(vocabulary, ([token, id]) => [id, token]),
    );
    this.#modelSize = modelSize;
  }

  /** One more than the greatest id. */
  get size(): number {
    let size = 0;
    for (const id of this.#tokens.keys()) size = Math.max(size, id + 1);
    return size;
  }

  /** The texts of the special tokens. */
  get special(): ReadonlySet<string> {
    return this.#special;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#tokens.get(id);
  }

  /** All added tokens. */
  all(): Iterable<AddedToken> {
    return this.#added.values();
  }

  /**
   * Adds a token, or changes how a token that was added before is found. The next
   * free id can be taken if the ids of the model have gaps; then the id that the
   * file gives is used.
   */
  add(token: NewToken, givenId?: number): void {
    const { content, special } = token;
    if (content === "") return;
    const isNewSpecial = special && !this.#special.has(content);
    if (isNewSpecial) this.#special.add(content);
    const next = this.#greatest >= this.#modelSize
      ? this.#greatest + 1
      : this.#modelSize;
    const known = this.#ids.get(content);
    let id = known ?? next;
    if (known === undefined) {
      if (this.#tokens.has(id)) id = givenId ?? id;
      while (this.#tokens.has(id)) id++;
      this.#ids.set(content, id);
      this.#tokens.set(id, content);
    }
    this.#greatest = Math.max(this.#greatest, known ?? next);
    const before = this.#added.get(id);
    const added = { ...token, id };
    if (isNewSpecial || (!this.#special.has(content) && !same(before, added))) {
      this.#sought.push(added);
    }
    this.#added.set(id, added);
  }

  /**
   * Makes the finder of the tokens that are found before a text is normalized;
   * or, with `normalized`, of those found afterwards, by their normalized
   * spelling.
   */
  finder(
    normalized: boolean,
    spell: (content: string) => string,
    skips: (token: AddedToken) => boolean,
  ): TokenFinder {
    const found = new Map<string, AddedToken>();
    for (const { id, content, normalized: after } of this.#sought) {
      const token = this.#added.get(id);
      if (after !== normalized || token === undefined || skips(token)) continue;
      const spelling = normalized ? spell(content) : content;
      // Of two tokens with the same spelling, the first is found.
      if (!found.has(spelling)) found.set(spelling, token);
    }
    return new TokenFinder(found);
  }
}

function same(a: AddedToken | undefined, b: AddedToken): boolean {
  return a !== undefined && a.content === b.content &&
    a.single_word === b.single_word && a.lstrip === b.lstrip &&
    a.rstrip === b.rstrip && a.normalized === b.normalized &&
    a.special === b.special;
}
