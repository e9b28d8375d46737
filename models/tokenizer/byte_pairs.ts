// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The BPE model. A word begins as its characters; then the pair of neighbors that
// was learned first is joined, again and again. Of equal pairs, the one further
// left is joined first.

import { byteToken } from "./byte_level.ts";
import { booleanOf, listOf, optionalTextOf, textOf } from "./fields.ts";
import { Heap } from "./heap.ts";
import type { WordModel, WordTokens } from "./word_tokens.ts";

type Fields = Record<string, unknown>;

/** A part of a word, in a linked list of parts that are joined to tokens. */
interface Link {
  id: number;
  start: number;
  end: number;
  before: number;
  after: number;
  gone: boolean;
}

/** The token that two tokens become, and how early that was learned. */
interface Merge {
  readonly rank: number;
  readonly id: number;
}

/** A pair of links that may be joined. */
interface Candidate extends Merge {
  readonly at: number;
}

/**
 * Reads the pairs of tokens that are joined, in the order of their ranks.
 *
 * @throws {SyntaxError} If one is not a pair, or the vocabulary lacks a token.
 */
function readMerges(
  fields: Fields,
  key: string,
  vocabulary: ReadonlyMap<string, number>,
  prefix: string,
): Map<number, Map<number, Merge>> {
  const result = new Map<number, Map<number, Merge>>();
  for (const [rank, merge] of listOf(fields, "merges", key).entries()) {
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    const [left, right] = Array.isArray(pair) ? pair as unknown[] : [];
    if (
      !Array.isArray(pair) || pair.length !== 2 || typeof left !== "string" ||
      typeof right !== "string"
    ) {
      throw new SyntaxError(
        `merge ${rank} is ${JSON.stringify(merge)}, expected two tokens`,
      );
    }
    const idOf = (token: string): number => {
      const id = vocabulary.get(token);
      if (id !== undefined) return id;
      throw new SyntaxError(
        `merge ${rank} joins ${JSON.stringify(left)} and ` +
          `${JSON.stringify(right)}, but the vocabulary lacks ` +
          JSON.stringify(token),
      );
    };
    const [first, second] = [idOf(left), idOf(right)];
    const id = idOf(left + right.slice(prefix.length));
    let row = result.get(first);
    if (row === undefined) result.set(first, row = new Map());
    row.set(second, { rank, id });
  }
  return result;
}

/** The rules of a BPE model, besides its merges. */
interface Rules {
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Begins each token that is not the first of a word. */
  readonly prefix: string;
  /** Ends the last token of a word. */
  readonly suffix: string;
  /** The unknown token; without one, unknown characters are left out. */
  readonly unknown: string | null;
  /** Whether neighboring unknown characters become one token. */
  readonly fuses: boolean;
  /** Whether the tokens of bytes stand for an unknown character. */
  readonly fallsBack: boolean;
}

const encoder = new TextEncoder();

/**
 * Builds the BPE model that a `tokenizer.json` describes.
 *
 * @throws {SyntaxError} If a field has the wrong type, or a merge joins tokens
 * that the vocabulary lacks.
 */
export function bytePairs(
  fields: Fields,
  key: string,
  vocabulary: ReadonlyMap<string, number>,
): WordModel {
  const rules: Rules = {
    vocabulary,
    prefix: textOf(fields, "continuing_subword_prefix", key, ""),
    suffix: textOf(fields, "end_of_word_suffix", key, ""),
    unknown: optionalTextOf(fields, "unk_token", key),
    fuses: booleanOf(fields, "fuse_unk", key, false),
    fallsBack: booleanOf(fields, "byte_fallback", key, false),
  };
  const ignoresMerges = booleanOf(fields, "ignore_merges", key, false);
  const dropout = fields.dropout ?? 0;
  if (dropout !== 0) {
    throw new SyntaxError(
      `${key}.dropout is ${JSON.stringify(dropout)}: tokens would depend on ` +
        "chance, expected null",
    );
  }
  const merges = readMerges(fields, key, vocabulary, rules.prefix);
  return (word) => {
    const whole = ignoresMerges ? vocabulary.get(word) : undefined;
    if (whole !== undefined) {
      return { ids: [whole], from: [0], to: [word.length] };
    }
    const result: WordTokens = { ids: [], from: [], to: [] };
    for (const { id, start, end, gone } of join(linksOf(word, rules), merges)) {
      if (gone) continue;
      result.ids.push(id);
      result.from.push(start);
      result.to.push(end);
    }
    return result;
  };
}

/** The characters of a word as parts that are not joined yet. */
function linksOf(word: string, rules: Rules): Link[] {
  const { vocabulary, prefix, suffix, unknown, fuses, fallsBack } = rules;
  const result: Link[] = [];
  const add = (id: number, start: number, end: number): void => {
    const before = result.length - 1;
    const after = result.length + 1;
    result.push({ id, start, end, before, after, gone: false });
  };
  // The unknown part that is added before the next known one; one at most.
  const waiting: { start: number; end: number }[] = [];
  const flush = (): void => {
    for (const { start, end } of waiting.splice(0)) {
      add(unknownId(word, rules), start, end);
    }
  };
  let at = 0;
  for (const char of word) {
    const start = at;
    const end = at += char.length;
    const text = (start > 0 ? prefix : "") + char +
      (end === word.length ? suffix : "");
    const id = vocabulary.get(text);
    if (id !== undefined) {
      flush();
      add(id, start, end);
      continue;
    }
    const bytes = fallsBack ? bytesOf(text, vocabulary) : null;
    if (bytes !== null) {
      // Unknown characters before them come behind the bytes, as in tokenizers.
      for (const byte of bytes) add(byte, start, end);
    } else if (unknown !== null) {
      const before = fuses ? waiting.pop() : undefined;
      flush();
      waiting.push({ start: before?.start ?? start, end });
    }
  }
  flush();
  return result;
}

function unknownId(word: string, { vocabulary, unknown }: Rules): number {
  const id = vocabulary.get(unknown ?? "");
  if (id !== undefined) return id;
  throw new RangeError(
    `Cannot encode ${JSON.stringify(word)}: the vocabulary lacks the ` +
      `unknown token ${JSON.stringify(unknown)}`,
  );
}

/** The ids of the bytes of a text, if the vocabulary has all of them. */
function bytesOf(
  text: string,
  vocabulary: ReadonlyMap<string, number>,
): number[] | null {
  const ids: number[] = [];
  for (const byte of encoder.encode(text)) {
    const id = vocabulary.get(byteToken(byte));
    if (id === undefined) return null;
    ids.push(id);
  }
  return ids;
}

/** Joins links until no pair of neighbors can be joined. */
function join(
  links: Link[],
  merges: ReadonlyMap<number, ReadonlyMap<number, Merge>>,
): readonly Link[] {
  const queue = new Heap(goesFirst);
  const consider = (at: number): void => {
    const left = links[at];
    const right = left && links[left.after];
    if (left === undefined || right === undefined) return;
    const merge = merges.get(left.id)?.get(right.id);
    if (merge !== undefined) queue.add({ ...merge, at });
  };
  for (let at = 0; at + 1 < links.length; at++) consider(at);
  for (let next = queue.take(); next !== undefined; next = queue.take()) {
    const left = links[next.at];
    const right = left && links[left.after];
    if (left === undefined || right === undefined || left.gone) continue;
    // A neighbor may have been joined to another part since.
    if (merges.get(left.id)?.get(right.id)?.id !== next.id) continue;
    left.id = next.id;
    left.start = Math.min(left.start, right.start);
    left.end = Math.max(left.end, right.end);
    left.after = right.after;
    right.gone = true;
    const following = links[right.after];
    if (following !== undefined) following.before = next.at;
    consider(left.before);
    consider(next.at);
  }
  return links;
}

/** Whether a pair is joined before another. */
function goesFirst(a: Candidate, b: Candidate): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.at < b.at);
}
