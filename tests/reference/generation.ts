// Copyright 2026 the swagpu authors. MIT license.

// The loops of generation: a model that scores next tokens, given as a
// function, is asked again and again until all rows have ended. They know
// neither devices nor caches, nor whether there is an encoder.

import type { Generator } from "../../engine/mod.ts";
import { philoxUniform } from "../../engine/kernel_kit.ts";
import {
  advanceBeams,
  type BeamRules,
  type Beams,
  beamsUnfinished,
  type ChooseBeams,
  draw,
  highest,
  startBeams,
} from "./beam_search.ts";
import { type LogitsProcessor, logSoftmax } from "./logits_processors.ts";
import type { GenerationConfig } from "../../models/generation/mod.ts";

/**
 * Scores the next token of rows.
 *
 * @param rows Rows of tokens, equally long.
 * @param origins For each row which of the rows of the call before it
 * continues; a cache follows it.
 * @returns Logits `[rows, vocabulary]`.
 */
export type NextLogits = (
  rows: readonly (readonly number[])[],
  origins: readonly number[],
) => Promise<Float32Array>;

/** What the searches need to know. */
export interface Search {
  readonly config: GenerationConfig;
  readonly maxLength: number;
  readonly eosTokenIds: readonly number[];
  readonly processors: readonly LogitsProcessor[];
  readonly generator: Generator;
}

/** Changes the scores of rows in place, row by row. */
function process(
  scores: Float32Array,
  rows: readonly (readonly number[])[],
  processors: readonly LogitsProcessor[],
): Float32Array[] {
  const vocabulary = scores.length / rows.length;
  return rows.map((tokens, i) => {
    const row = scores.subarray(i * vocabulary, (i + 1) * vocabulary);
    for (const processor of processors) processor(tokens, row);
    return row;
  });
}

/** Adds the best, or a drawn, token to each row until all have ended. */
export async function extend(
  prompts: readonly (readonly number[])[],
  next: NextLogits,
  { config, maxLength, eosTokenIds, processors, generator }: Search,
): Promise<number[][]> {
  const rows = prompts.map((row) => [...row]);
  const open = rows.map(() => true);
  const padding = config.padTokenId ?? eosTokenIds[0] ?? 0;
  const origins = rows.map((_, i) => i);
  for (let length = rows[0]?.length ?? 0; length < maxLength; length++) {
    const scores = process(await next(rows, origins), rows, processors);
    const stream = config.doSample ? generator.next() : undefined;
    for (const [i, row] of rows.entries()) {
      const values = scores[i] ?? new Float32Array();
      const [token = 0] = stream
        ? draw(values, 1, () => philoxUniform(stream, i))
        : highest(values, 1);
      row.push(open[i] ? token : padding);
      if (eosTokenIds.includes(token)) open[i] = false;
    }
    if (!open.includes(true)) break;
  }
  return rows;
}

/** Follows several rows of each prompt, and gives those of highest score. */
export async function beamSearch(
  prompts: readonly (readonly number[])[],
  next: NextLogits,
  { config, maxLength, eosTokenIds, processors, generator }: Search,
): Promise<{ sequences: number[][]; sequencesScores: number[] }> {
  const { numBeams, numReturnSequences, padTokenId } = config;
  const rules: BeamRules = { ...config, maxLength, eosTokenIds };
  const changes = [logSoftmax, ...processors];
  let batch: Beams[] = prompts.map((prompt) => startBeams(prompt, rules));
  do {
    const open = batch.flatMap((beams) => beams.open);
    const rows = open.map(({ tokens }) => tokens);
    const scores = await next(
      rows,
      open.map(({ origin }, i) => i - i % numBeams + origin),
    );
    process(scores, rows, changes);
    const width = scores.length / batch.length;
    const stream = config.doSample ? generator.next() : undefined;
    batch = batch.map((beams, b) => {
      const own = scores.subarray(b * width, (b + 1) * width);
      const choose: ChooseBeams = (total, count) =>
        stream
          ? draw(total, count, (i) => philoxUniform(stream, b * count + i))
          : highest(total, count);
      return advanceBeams(beams, own, rules, choose);
    });
  } while (beamsUnfinished(batch, rules));
  const returned = batch.flatMap(({ ended }) =>
    ended.slice(0, numReturnSequences)
  );
  const length = Math.max(...returned.map(({ tokens }) => tokens.length));
  // Padding token 0 counts as none here: transformers does so.
  const padding = padTokenId || (eosTokenIds[0] ?? -1);
  return {
    sequences: returned.map(({ tokens }) => [
      ...tokens,
      ...Array.from({ length: length - tokens.length }, () => padding),
    ]),
    sequencesScores: returned.map(({ score }) => score),
  };
}
