// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From the probabilities of tokens to labeled tokens, words and entities.

import { argmaxRows } from "../../nn/metrics/mod.ts";
import type { Encoding, Tokenizer } from "../tokenizer/mod.ts";
import { labelUncertainty, meanOf, type TokenScores } from "./averages.ts";
import type { LabelUncertainty } from "./posterior.ts";

/**
 * A token with its label. Where the pipeline has a posterior, it also holds the
 * label's uncertainty.
 */
export interface TokenLabel extends Partial<LabelUncertainty> {
  /** The label, as the model's configuration names it. */
  entity: string;
  /** The label's probability; with a posterior, the mean over the samples. */
  score: number;
  /** The index of the token in its row. */
  index: number;
  /** The token, as the vocabulary spells it. */
  word: string;
  /** The offset in the text where the token begins. */
  start: number;
  /** The offset in the text where the token ends, exclusive. */
  end: number;
}

/**
 * Adjacent tokens with the same label. Where the pipeline has a posterior, it also
 * holds the label's uncertainty: the mean of those of its tokens or, where words
 * have labels, of its words.
 */
export interface EntityGroup extends Partial<LabelUncertainty> {
  /** The label without its `B-` or `I-`. */
  entityGroup: string;
  /** The mean of the tokens' probabilities. */
  score: number;
  /** The tokens as text. */
  word: string;
  /** The offset in the text where the first token begins. */
  start: number;
  /** The offset in the text where the last token ends, exclusive. */
  end: number;
}

/**
 * How tokens become entities:
 *
 * - `"none"`: they do not, each token is a result;
 * - `"simple"`: neighboring tokens of the same label are one entity;
 * - `"first"`, `"max"`, `"average"`: neighboring words of the same label are one
 *   entity, where the label of a word comes from its first token, from the token
 *   with the highest probability, or from the mean of its tokens' probabilities.
 */
export type AggregationStrategy =
  | "none"
  | "simple"
  | "first"
  | "average"
  | "max";

const SUBWORD_MARK = "##";

/** A token of a text with the probabilities of its labels. */
export interface Piece extends TokenScores {
  readonly id: number;
  /** The token; for an unknown token, the text that it stands for. */
  readonly word: string;
  /** Whether it is the unknown token. */
  readonly isUnknown: boolean;
  /** Whether it continues the word of the previous token. */
  readonly isSubword: boolean;
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** A result: a token with its label, or an entity. */
export type Found = TokenLabel | EntityGroup;

/** A label of one or several pieces. */
interface Labeled {
  readonly entity: string;
  readonly score: number;
  readonly pieces: readonly Piece[];
  readonly uncertainty: LabelUncertainty | undefined;
}

/** The rules by which {@linkcode entitiesOf} makes entities. */
export interface EntityRules {
  readonly tokenizer: Tokenizer;
  readonly strategy: AggregationStrategy;
  readonly labels: Readonly<Record<number, string>>;
}

/** A text and its tokens. */
export interface Tokenized {
  readonly text: string;
  readonly encoding: Encoding;
  /** The id of the unknown token. */
  readonly unknown: number | null;
  /** The result of {@linkcode marksSubwords}. */
  readonly marked: boolean;
}

/** The tokens of a text with their scores, without special tokens. */
export function piecesOf(
  { text, encoding, unknown, marked }: Tokenized,
  scores: readonly TokenScores[],
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
      ...scores[index] ?? { scores: new Float64Array() },
    }];
  });
}

/**
 * Whether a token continues a word. WordPiece marks such tokens; with other
 * tokenizers, a token continues a word if there is no space before it or at its
 * beginning.
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

/** Whether the tokenizer marks tokens that continue a word, as WordPiece does. */
export function marksSubwords(tokenizer: Tokenizer): boolean {
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const token = tokenizer.idToToken(id);
    if (!token?.startsWith(SUBWORD_MARK)) continue;
    // Other tokenizers have such a token too, but decoding does not remove it.
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
  const { strategy, tokenizer } = rules;
  if (strategy === "none") {
    return pieces.map((piece) => {
      const { entity, score, uncertainty } = labeled([piece], rules);
      const { index, word, start, end } = piece;
      return { entity, score, index, word, start, end, ...uncertainty };
    });
  }
  const words = strategy === "simple"
    ? pieces.map((piece) => [piece])
    : wordsOf(pieces);
  return grouped(words.map((word) => labeled(word, rules)))
    .map((group) => entityOf(tokenizer, group));
}

/** Groups pieces by word. */
function wordsOf(pieces: readonly Piece[]): Piece[][] {
  const words: Piece[][] = [];
  for (const piece of pieces) {
    if (piece.isSubword && words.length > 0) words.at(-1)?.push(piece);
    else words.push([piece]);
  }
  return words;
}

/** Labels a word, by the strategy. */
function labeled(
  pieces: readonly Piece[],
  { strategy, labels }: EntityRules,
): Labeled {
  const { scores, samples } = strategy === "average"
    ? meanScores(pieces)
    : (strategy === "max" ? surest(pieces) : pieces[0]) ??
      { scores: new Float64Array() };
  const id = argmax(scores);
  return {
    entity: nameOf(labels, id),
    score: scores[id] ?? NaN,
    pieces,
    uncertainty: samples && labelUncertainty(samples, id),
  };
}

/** The piece with the highest probability. */
function surest(pieces: readonly Piece[]): Piece | undefined {
  return pieces[argmax(pieces.map(({ scores }) => Math.max(...scores)))];
}

/** The index of the largest value; the first one of equals. */
function argmax(values: ArrayLike<number>): number {
  return argmaxRows(values, { classes: values.length })[0] ?? 0;
}

/** The mean probabilities of pieces, also for each sample. */
function meanScores(pieces: readonly Piece[]): TokenScores {
  const samples = pieces[0]?.samples?.map((_, i) =>
    meanOf(pieces.map(({ samples }) => samples?.[i] ?? new Float64Array()))
  );
  return { scores: meanOf(pieces.map(({ scores }) => scores)), samples };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function nameOf(labels: Readonly<Record<number, string>>, id: number): string {
  return labels[id] ?? `LABEL_${id}`;
}

/** Groups neighbors with the same tag; `B-` begins a new group. */
function grouped(entities: readonly Labeled[]): Labeled[][] {
  const groups: Labeled[][] = [];
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

/** A label after its first hyphen: `B-tax-percent` becomes `tax-percent`. */
function withoutMark(entity: string): string {
  return entity.slice(entity.indexOf("-") + 1);
}

function tagOf(entity: string): string {
  return /^[BI]-/.test(entity) ? entity.slice(2) : entity;
}

function entityOf(
  tokenizer: Tokenizer,
  group: readonly Labeled[],
): EntityGroup {
  const pieces = group.flatMap(({ pieces }) => pieces);
  return {
    entityGroup: withoutMark(group[0]?.entity ?? ""),
    score: mean(group.map(({ score }) => score)),
    word: textOf(tokenizer, pieces),
    start: pieces[0]?.start ?? 0,
    end: pieces.at(-1)?.end ?? 0,
    ...meanUncertainty(group.flatMap(({ uncertainty }) => uncertainty ?? [])),
  };
}

/** The mean of each measure; nothing without a posterior. */
function meanUncertainty(
  all: readonly LabelUncertainty[],
): Partial<LabelUncertainty> {
  return all.length === 0 ? {} : {
    std: mean(all.map(({ std }) => std)),
    entropy: mean(all.map(({ entropy = NaN }) => entropy)),
    mutualInformation: mean(
      all.map(({ mutualInformation = NaN }) => mutualInformation),
    ),
  };
}

/** Decodes pieces; unknown tokens stand for themselves, as they were written. */
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

/** Keeps, of entities that overlap, the longest; of equals, the most probable. */
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
