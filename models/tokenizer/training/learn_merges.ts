// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Learns byte-pair encoding: words begin as their characters, and the most
// frequent pair of neighboring tokens becomes a new token, again and again
// (Sennrich, Haddow and Birch 2016, https://aclanthology.org/P16-1162).
//
// Counting all pairs again after each step would take hours. As in Hugging Face's
// trainers, only the words that hold the joined pair change their counts, and a
// queue gives the next pair. A count in the queue is corrected only when it
// reaches the front; a pair whose count rises is added once more.

import { Heap } from "../heap.ts";
import type { Pauses } from "./pauses.ts";
import type { WordCounts } from "./word_counts.ts";

/** What {@linkcode learnMerges} needs besides the words and first tokens. */
export interface MergeOptions {
  /** The number of tokens at which learning stops. */
  readonly vocabSize: number;
  /** How often a pair must occur to be joined. */
  readonly minFrequency: number;
  /** What tokens begin with that are not the first of a word, or `null`. */
  readonly prefix: string | null;
  /** The length in characters that a token of more than two must stay below. */
  readonly maxTokenLength: number;
  readonly pauses: Pauses;
  /** Called from time to time with the number of tokens. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
}

/** The result of learning. */
export interface LearnedMerges {
  /** All tokens in the order of their ids. */
  readonly tokens: readonly string[];
  /** The pairs of tokens that are joined, in order. */
  readonly merges: readonly (readonly [string, string])[];
}

/**
 * Learns which tokens to join.
 *
 * @param words How often each word occurs.
 * @param initial The tokens to begin with, from
 * {@linkcode initialTokens}. Characters that are not among them are left out.
 */
export async function learnMerges(
  words: WordCounts,
  initial: readonly string[],
  options: MergeOptions,
): Promise<LearnedMerges> {
  const { vocabSize, minFrequency, prefix, pauses, onProgress } = options;
  const tokens = [...initial];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  // Every token has an id below this, so that a pair of ids makes one number.
  const base = Math.max(vocabSize, tokens.length) + 1;
  const corpus = new Corpus(words, { ...options, ids, base });
  const queue = new Heap(goesFirst);
  const enqueue = (found: ReadonlyMap<number, readonly number[]>): void => {
    for (const [key, places] of found) {
      const count = corpus.countOf(key);
      if (count > 0) queue.add({ key, count, words: places });
    }
  };
  enqueue(corpus.pairs());
  // Joined twice, a pair has its later place. It happens when two pairs make the
  // same token, and one of them makes a pair again that was joined before.
  const merges = new Map<number, readonly [string, string]>();
  while (tokens.length < vocabSize) {
    const { first } = queue;
    if (first === undefined) break;
    const { key, count } = first;
    const current = corpus.countOf(key);
    if (count !== current) {
      first.count = current;
      queue.replaceFirst(first);
      continue;
    }
    if (count < 1 || count < minFrequency) break;
    queue.take();
    const [left, right] = [Math.floor(key / base), key % base];
    const [head, tail] = [tokens[left] ?? "", tokens[right] ?? ""];
    const token = head +
      (prefix !== null && tail.startsWith(prefix)
        ? tail.slice(prefix.length)
        : tail);
    let id = ids.get(token);
    if (id === undefined) {
      id = tokens.length;
      tokens.push(token);
      ids.set(token, id);
    }
    merges.delete(key);
    merges.set(key, [head, tail]);
    enqueue(corpus.join({ left, right, id }, first.words));
    if (!pauses.isDue) continue;
    onProgress?.(tokens.length);
    await pauses.take();
  }
  onProgress?.(tokens.length);
  return { tokens, merges: [...merges.values()] };
}

/** A pair of tokens that may be joined. */
interface QueuedPair {
  /** The number of the pair. Of equally frequent pairs, the least is first. */
  readonly key: number;
  /** How often the pair occurred when it was last looked at. */
  count: number;
  /** The numbers of the words that it was found in. */
  readonly words: readonly number[];
}

/** Whether a pair is joined before another. */
function goesFirst(a: QueuedPair, b: QueuedPair): boolean {
  return a.count > b.count || (a.count === b.count && a.key < b.key);
}

/** Two tokens and the one that they become. */
interface Join {
  readonly left: number;
  readonly right: number;
  readonly id: number;
}

/** How a {@linkcode Corpus} spells words and numbers pairs. */
interface CorpusOptions {
  readonly ids: ReadonlyMap<string, number>;
  readonly prefix: string | null;
  readonly base: number;
  readonly maxTokenLength: number;
}

/**
 * The words as tokens, and how often each pair of neighbors occurs in them. A pair
 * is the number `left · base + right`.
 */
class Corpus {
  /** The tokens of all words, one word after the other. */
  readonly #ids: Int32Array<ArrayBuffer>;
  /** The place of each word's first token, and at the end that of no word. */
  readonly #starts: Int32Array<ArrayBuffer>;
  /** The number of tokens of each word; it falls as tokens are joined. */
  readonly #lengths: Int32Array<ArrayBuffer>;
  /** How often each word occurs. */
  readonly #weights: Float64Array<ArrayBuffer>;
  readonly #counts = new Map<number, number>();
  /** The length in characters of each token that joining made. */
  readonly #joinedLengths = new Map<number, number>();
  readonly #base: number;
  readonly #maxTokenLength: number;

  constructor(
    words: WordCounts,
    { ids, prefix, base, maxTokenLength }: CorpusOptions,
  ) {
    this.#base = base;
    this.#maxTokenLength = maxTokenLength;
    this.#weights = Float64Array.from(words.values());
    this.#lengths = new Int32Array(words.size);
    this.#starts = new Int32Array(words.size + 1);
    let most = 0;
    for (const word of words.keys()) most += word.length;
    const all = new Int32Array(most);
    let at = 0;
    let number = 0;
    for (const word of words.keys()) {
      this.#starts[number] = at;
      let isFirst = true;
      for (const char of word) {
        const id = ids.has(char)
          ? ids.get(isFirst || prefix === null ? char : prefix + char)
          : undefined;
        isFirst = false;
        if (id !== undefined) all[at++] = id;
      }
      this.#lengths[number] = at - (this.#starts[number] ?? 0);
      number++;
    }
    this.#starts[number] = at;
    this.#ids = all;
  }

  /** How often a pair occurs. */
  countOf(key: number): number {
    return this.#counts.get(key) ?? 0;
  }

  /** Counts all pairs, and lists the words that each is in. */
  pairs(): Map<number, number[]> {
    const places = new Map<number, number[]>();
    for (let word = 0; word < this.#lengths.length; word++) {
      const start = this.#starts[word] ?? 0;
      const length = this.#lengths[word] ?? 0;
      for (let i = start; i + 1 < start + length; i++) {
        const key = (this.#ids[i] ?? 0) * this.#base + (this.#ids[i + 1] ?? 0);
        this.#count(key, this.#weights[word] ?? 0);
        note(places, key, word);
      }
    }
    return places;
  }

  /**
   * Joins two tokens in words, from left to right.
   *
   * @returns The pairs that this made, and the words that each is in.
   */
  join(
    { left, right, id }: Join,
    words: readonly number[],
  ): Map<number, number[]> {
    const [ids, base] = [this.#ids, this.#base];
    const made = new Map<number, number[]>();
    const length = this.#lengthOf(left) + this.#lengthOf(right);
    this.#joinedLengths.set(id, length);
    const fits = (other: number): boolean =>
      this.#lengthOf(other) + length < this.#maxTokenLength;
    for (const word of words) {
      const start = this.#starts[word] ?? 0;
      const end = start + (this.#lengths[word] ?? 0);
      const weight = this.#weights[word] ?? 0;
      let to = start; // What is left of this place is done.
      for (let from = start; from < end; from++) {
        const token = ids[from] ?? 0;
        if (token !== left || from + 1 >= end || ids[from + 1] !== right) {
          ids[to++] = token;
          continue;
        }
        if (to > start) {
          const before = ids[to - 1] ?? 0;
          this.#count(before * base + left, -weight);
          if (fits(before)) {
            this.#count(before * base + id, weight);
            note(made, before * base + id, word);
          }
        }
        ids[to++] = id;
        from++;
        if (from + 1 >= end) continue;
        const after = ids[from + 1] ?? 0;
        this.#count(right * base + after, -weight);
        if (fits(after)) {
          this.#count(id * base + after, weight);
          note(made, id * base + after, word);
        }
      }
      this.#lengths[word] = to - start;
    }
    return made;
  }

  #lengthOf(id: number): number {
    return this.#joinedLengths.get(id) ?? 1;
  }

  #count(key: number, more: number): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + more);
  }
}

/** Notes that a pair is in a word. Words are noted in order. */
function note(places: Map<number, number[]>, key: number, word: number): void {
  const list = places.get(key);
  if (list === undefined) places.set(key, [word]);
  else if (list.at(-1) !== word) list.push(word);
}
