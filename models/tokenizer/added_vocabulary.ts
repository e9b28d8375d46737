// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// The vocabulary of a model with the tokens that were added to it, by the rules
// of Hugging Face's tokenizers: a token that the model knows keeps its id, and
// another gets the next free one, whatever the file says.

import type { AddedToken } from "./added_tokens.ts";
import { TokenFinder } from "./added_tokens.ts";

/** An added token whose id is still to be found. */
export type NewToken = Omit<AddedToken, "id">;

/** A vocabulary to which tokens can be added. */
export class AddedVocabulary {
  #ids: Map<string, number>;
  #tokens: Map<number, string>;
  #modelSize: number;
  #added = new Map<number, AddedToken>();
  /** Those to look for, in the order in which they were added. */
  #sought: AddedToken[] = [];
  #special = new Set<string>();
  #greatest = -1;

  /** Begins with the vocabulary of a model. */
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

  /** The contents of the special tokens. */
  get special(): ReadonlySet<string> {
    return this.#special;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#tokens.get(id);
  }

  /** The added token of that content. */
  added(content: string): AddedToken | undefined {
    const id = this.#ids.get(content);
    return id === undefined ? undefined : this.#added.get(id);
  }

  /** All added tokens. */
  all(): Iterable<AddedToken> {
    return this.#added.values();
  }

  /**
   * Adds a token, or changes how one that was added before is looked for. Where
   * the next id is taken, as the ids of the model have gaps, the one that the
   * file says is used.
   */
  add(token: NewToken, said?: number): void {
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
      if (this.#tokens.has(id)) id = said ?? id;
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
   * What finds the tokens in a text: those that are looked for before a text is
   * normalised, or, in their normalised spelling, those after.
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
      // Of two that are spelled alike, the first counts.
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
