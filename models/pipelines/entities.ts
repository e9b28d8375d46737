// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From the probabilities of tokens to labelled tokens, words and entities.

import type { Encoding, Tokenizer } from "../tokenizer/tokenizer.ts";
import { argmax } from "./scores.ts";
import type { AggregationStrategy, EntityGroup, TokenLabel } from "./types.ts";

const SUBWORD_MARK = "##";

/** A token of a text with the probabilities of its labels. */
export interface Piece {
  readonly id: number;
  /** The token, or the text itself where the vocabulary lacks it. */
  readonly word: string;
  /** Whether the vocabulary lacks it. */
  readonly isUnknown: boolean;
  /** Whether it goes on with the word of the token before. */
  readonly isSubword: boolean;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly scores: Float64Array;
}

/** What a text is found to hold. */
export type Found = TokenLabel | EntityGroup;

/** A label of one or several pieces. */
interface Labelled {
  readonly entity: string;
  readonly score: number;
  readonly pieces: readonly Piece[];
}

/** How {@linkcode entitiesOf} makes entities. */
export interface EntityRules {
  readonly tokenizer: Tokenizer;
  readonly strategy: AggregationStrategy;
  readonly labels: Readonly<Record<number, string>>;
}

/** A text, and how it is tokenised. */
export interface Tokenized {
  readonly text: string;
  readonly encoding: Encoding;
  /** The id of tokens that the vocabulary lacks. */
  readonly unknown: number | null;
  /** What {@linkcode marksSubwords} says. */
  readonly marked: boolean;
}

/** Some tokens of a text with their scores, without special tokens. */
export function piecesOf(
  { text, encoding, unknown, marked }: Tokenized,
  scores: readonly Float64Array[],
): Piece[] {
  const { inputIds, tokens, offsets, sequenceIds } = encoding;
  return inputIds.flatMap((id, index) => {
    if (sequenceIds[index] === null) return [];
    const token = tokens[index] ?? "";
    const [start, end] = offsets[index] ?? [0, 0];
    const isUnknown = id === unknown;
    return [{
      id,
      word: isUnknown ? text.slice(start, end) : token,
      isUnknown,
      isSubword: !isUnknown && goesOn(marked, token, text, start),
      index,
      start,
      end,
      scores: scores[index] ?? new Float64Array(),
    }];
  });
}

/**
 * Whether a token goes on with a word: WordPiece marks it so, with others it
 * does where no space is before or at its beginning.
 */
function goesOn(
  marksSubwords: boolean,
  token: string,
  text: string,
  start: number,
): boolean {
  if (marksSubwords) return token.startsWith(SUBWORD_MARK);
  return start > 0 && !text.slice(start - 1, start + 1).includes(" ");
}

/** Whether tokens that go on with a word are marked, as WordPiece does. */
export function marksSubwords(tokenizer: Tokenizer): boolean {
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const token = tokenizer.idToToken(id);
    if (!token?.startsWith(SUBWORD_MARK)) continue;
    // Elsewhere it is a token like others, and a text keeps it.
    const twice = tokenizer.decode([id, id], { cleanUpSpaces: false });
    return twice.length < 2 * token.length;
  }
  return false;
}

/** Labels pieces, and joins them as the strategy says. */
export function entitiesOf(
  pieces: readonly Piece[],
  rules: EntityRules,
): Found[] {
  const { strategy, labels, tokenizer } = rules;
  if (strategy === "none") {
    return pieces.map((piece) => {
      const id = argmax(piece.scores);
      const { index, word, start, end } = piece;
      return {
        entity: nameOf(labels, id),
        score: piece.scores[id] ?? NaN,
        index,
        word,
        start,
        end,
      };
    });
  }
  const words = strategy === "simple"
    ? pieces.map((piece) => [piece])
    : wordsOf(pieces);
  return grouped(words.map((word) => labelled(word, rules)))
    .map((group) => entityOf(tokenizer, group));
}

/** Pieces word by word. */
function wordsOf(pieces: readonly Piece[]): Piece[][] {
  const words: Piece[][] = [];
  for (const piece of pieces) {
    if (piece.isSubword && words.length > 0) words.at(-1)?.push(piece);
    else words.push([piece]);
  }
  return words;
}

/** The label of a word, by the strategy. */
function labelled(
  pieces: readonly Piece[],
  { strategy, labels }: EntityRules,
): Labelled {
  const scores = strategy === "average"
    ? meanScores(pieces)
    : strategy === "max"
    ? pieces[argmax(pieces.map(({ scores }) => Math.max(...scores)))]
      ?.scores ?? []
    : pieces[0]?.scores ?? [];
  const id = argmax(scores);
  return { entity: nameOf(labels, id), score: scores[id] ?? NaN, pieces };
}

function meanScores(pieces: readonly Piece[]): number[] {
  return Array.from(pieces[0]?.scores ?? []).map((_, id) =>
    mean(pieces.map(({ scores }) => scores[id] ?? NaN))
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function nameOf(labels: Readonly<Record<number, string>>, id: number): string {
  return labels[id] ?? `LABEL_${id}`;
}

/** Neighbours with the same tag; `B-` begins a new group. */
function grouped(entities: readonly Labelled[]): Labelled[][] {
  const groups: Labelled[][] = [];
  for (const entity of entities) {
    const last = groups.at(-1);
    const before = last?.at(-1);
    const isSame = before !== undefined && !entity.entity.startsWith("B-") &&
      tagOf(entity.entity) === tagOf(before.entity);
    if (last && isSame) last.push(entity);
    else groups.push([entity]);
  }
  return groups;
}

/** A label after its first hyphen: `B-tax-percent` is a `tax-percent`. */
function withoutMark(entity: string): string {
  return entity.slice(entity.indexOf("-") + 1);
}

function tagOf(entity: string): string {
  return /^[BI]-/.test(entity) ? entity.slice(2) : entity;
}

function entityOf(
  tokenizer: Tokenizer,
  group: readonly Labelled[],
): EntityGroup {
  const pieces = group.flatMap(({ pieces }) => pieces);
  return {
    entityGroup: withoutMark(group[0]?.entity ?? ""),
    score: mean(group.map(({ score }) => score)),
    word: textOf(tokenizer, pieces),
    start: pieces[0]?.start ?? 0,
    end: pieces.at(-1)?.end ?? 0,
  };
}

/** Pieces as text; what the vocabulary lacks stands as it was written. */
function textOf(tokenizer: Tokenizer, pieces: readonly Piece[]): string {
  const runs: Piece[][] = [];
  for (const piece of pieces) {
    const last = runs.at(-1);
    if (last && last[0]?.isUnknown === false && !piece.isUnknown) {
      last.push(piece);
    } else runs.push([piece]);
  }
  return runs.map((run) =>
    run[0]?.isUnknown
      ? run[0].word
      : tokenizer.decode(run.map(({ id }) => id), { cleanUpSpaces: false })
  ).join(" ");
}

/** Of entities that overlap, the longest; of equals the most probable. */
export function withoutOverlaps(entities: readonly Found[]): Found[] {
  const kept: Found[] = [];
  for (const entity of entities.toSorted((a, b) => a.start - b.start)) {
    const before = kept.at(-1);
    if (!before || entity.start >= before.end) {
      kept.push(entity);
      continue;
    }
    const gain = (entity.end - entity.start) - (before.end - before.start);
    if (gain > 0 || (gain === 0 && entity.score > before.score)) {
      kept[kept.length - 1] = entity;
    }
  }
  return kept;
}
