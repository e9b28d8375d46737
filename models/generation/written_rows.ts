// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From the rows that `generate` has written to answers: without prompt and padding, as
// texts, and each only once.

import { listOf } from "./processors.ts";
import type { GenerationConfig } from "./generation_config.ts";

/** Turns rows of tokens into texts: a tokenizer does. */
export interface RowDecoder {
  /** Turns several rows into texts. */
  batchDecode(
    rows: readonly (readonly number[])[],
    options: { skipSpecialTokens: boolean },
  ): string[];
}

/** An answer, and how many rows hold it. */
export interface DistinctAnswer {
  /** Its tokens, with the end token if it has ended. */
  readonly tokens: readonly number[];
  /** How many rows hold it. */
  count: number;
}

/** The new tokens of a row, up to its first end token. */
export function answerOf(
  row: readonly number[],
  promptLength: number,
  { eosTokenId }: GenerationConfig,
): number[] {
  const ends = listOf(eosTokenId);
  const tokens = row.slice(promptLength);
  const last = tokens.findIndex((token) => ends.includes(token));
  return last < 0 ? tokens : tokens.slice(0, last + 1);
}

/** The answers without repetitions, in the order in which they occur first. */
export function distinctAnswers(
  answers: readonly (readonly number[])[],
): DistinctAnswer[] {
  const found = new Map<string, DistinctAnswer>();
  for (const tokens of answers) {
    const known = found.get(tokens.join());
    if (known) known.count++;
    else found.set(tokens.join(), { tokens, count: 1 });
  }
  return [...found.values()];
}

/**
 * The texts of answers. Where the prompt is part of the row, it is decoded together
 * with it, because the first new token may be spelled otherwise after it.
 *
 * @param prefix The tokens of the prompt; none where answers stand alone.
 */
export function textsOfAnswers(
  answers: readonly DistinctAnswer[],
  prefix: readonly number[],
  decoder: RowDecoder,
): string[] {
  const [prompt = "", ...texts] = decoder.batchDecode(
    [prefix, ...answers.map(({ tokens }) => [...prefix, ...tokens])],
    { skipSpecialTokens: true },
  );
  return texts.map((text) => text.slice(prompt.length));
}

/**
 * Numbers texts so that those of equal meaning have the same number. Each text is
 * compared with the first of every meaning that there is so far.
 *
 * @param equivalent Whether two texts mean the same; it may ask a model.
 * @returns The number of the meaning of each text, from 0 on.
 */
export async function meaningsOf(
  texts: readonly string[],
  equivalent: (a: string, b: string) => boolean | PromiseLike<boolean>,
): Promise<number[]> {
  const firsts: string[] = [];
  const meanings: number[] = [];
  for (const text of texts) {
    let meaning = firsts.indexOf(text);
    for (let i = 0; meaning < 0 && i < firsts.length; i++) {
      if (await equivalent(firsts[i] ?? "", text)) meaning = i;
    }
    if (meaning < 0) meaning = firsts.push(text) - 1;
    meanings.push(meaning);
  }
  return meanings;
}
