// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that predicts masked tokens.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import { indexSelect, reshape, type Tensor, tensor } from "../../engine/mod.ts";
import type { Tasks } from "../registry.ts";
import type { Encoding, Tokenizer } from "../tokenizer/mod.ts";
import {
  makePipeline,
  type Pipeline,
  type PipelineSetup,
  type TruncatedOptions,
} from "./base.ts";
import { encodeAll, scored, textsOf } from "./batches.ts";
import {
  averagedTokens,
  labelStd,
  logitsOf,
  sharedParts,
  type TokenScores,
} from "./averages.ts";
import type { LabelUncertainty } from "./posterior.ts";
import { checkCount, largest } from "./scores.ts";

const NOTHING: TokenScores = { scores: new Float64Array() };

/**
 * A token that could replace a mask. With a posterior it also holds how unsure its
 * probability is.
 */
export interface MaskFilling extends Partial<LabelUncertainty> {
  /**
   * The token's probability among the whole vocabulary; with a posterior the mean
   * over its samples.
   */
  score: number;
  /** The token's id. */
  token: number;
  /** The token as text. */
  tokenStr: string;
  /** The text with the token in place of the mask. */
  sequence: string;
}

/** The names of {@linkcode FillMaskOptions}. */
const OPTIONS = [
  "topK",
  "targets",
  "truncation",
  "maxLength",
  "batchSize",
] satisfies (keyof FillMaskOptions)[];

/** Options of {@linkcode FillMaskPipeline}. */
export interface FillMaskOptions extends TruncatedOptions {
  /** The number of fillings for each mask, the best first. @default {5} */
  topK?: number | undefined;
  /**
   * The only fillings to consider. A word that is not in the vocabulary is
   * replaced by the first of its tokens, and a word without tokens is left out.
   * Both print a warning to the console.
   *
   * @default {the whole vocabulary}
   */
  targets?: string | readonly string[] | undefined;
}

/**
 * Fills masked tokens. A text with one mask gives a list of fillings. A text with
 * several masks gives a list of fillings for each of them, in which the other
 * masks are left as they are.
 */
export interface FillMaskPipeline extends Pipeline<Tasks["maskedLM"]> {
  /** Fills the mask of a text, or each of its masks. */
  (
    text: string,
    options?: FillMaskOptions,
  ): Promise<MaskFilling[] | MaskFilling[][]>;
  /** Fills the masks of each text. */
  (
    texts: readonly string[],
    options?: FillMaskOptions,
  ): Promise<(MaskFilling[] | MaskFilling[][])[]>;
}

/** Makes the pipeline from a masked language model. */
export function fillMask(
  setup: PipelineSetup<Tasks["maskedLM"]>,
): FillMaskPipeline {
  const { model, tokenizer, sampled } = setup;
  const padding = tokenizer.padTokenId;

  type Fillings = MaskFilling[] | MaskFilling[][];
  async function fill(
    input: string | readonly string[],
    options: FillMaskOptions = {},
  ): Promise<unknown> {
    checkOptions(options, { action: "fill masks", known: OPTIONS });
    const { topK = 5, targets, batchSize = setup.batchSize } = options;
    checkCount("topK", topK);
    const chosen = targets === undefined
      ? undefined
      : targetIds(tokenizer, typeof targets === "string" ? [targets] : targets);
    const texts = textsOf(setup.task, input);
    const encodings = encodeAll(setup, texts, options);
    const masks = encodings.map((encoding, i) =>
      maskPositions(tokenizer, encoding, texts[i] ?? "")
    );
    const fillings: Fillings[] = [];
    let width = 0;
    const results = scored(
      { ...setup, batchSize },
      encodings,
      (tokens, { rows, length }) => {
        // Only the scores at masks are read from the device.
        const indices = rows.flatMap((row, i) =>
          (masks[row] ?? []).map((position) => i * length + position)
        );
        const logits = logitsOf(
          () => ({ logits: picked(model.forward(tokens).logits, indices) }),
          sampled,
        );
        width = logits.shape.at(-1) ?? 0;
        return [logits];
      },
    );
    for await (const { rows, outputs: [logits] } of results) {
      const count = rows.reduce(
        (sum, row) => sum + (masks[row]?.length ?? 0),
        0,
      );
      // Each mask has the logits of all samples.
      const size = (logits?.length ?? 0) / count;
      let at = 0;
      for (const row of rows) {
        const positions = masks[row] ?? [];
        const ids = encodings[row]?.inputIds ?? [];
        const lists = positions.map((position) => {
          const own = logits?.subarray(at * size, ++at * size) ??
            new Float32Array();
          const [{ scores, samples } = NOTHING] = averagedTokens(own, {
            ...{ length: 1, width },
            isSampled: sampled !== undefined,
          });
          const shared = samples && sharedParts(samples, width);
          return best(scores, topK, chosen).map(([token, score]) => ({
            score,
            ...samples && { std: labelStd(samples, token), ...shared },
            token,
            tokenStr: tokenizer.decode([token]),
            sequence: tokenizer.decode(
              ids.with(position, token).filter((id) => id !== padding),
              { skipSpecialTokens: positions.length === 1 },
            ),
          }));
        });
        fillings[row] = lists.length === 1 ? lists[0] ?? [] : lists;
      }
    }
    return typeof input === "string" ? fillings[0] : fillings;
  }

  return makePipeline(setup, fill as FillMaskPipeline);
}

/**
 * The scores of some tokens. `logits` is `[batch, length, vocabulary]`, and
 * `indices` count the tokens of all rows.
 */
function picked(logits: Tensor, indices: readonly number[]): Tensor {
  const width = logits.shape[2] ?? 0;
  return indexSelect(
    reshape(logits, [-1, width]),
    tensor(Int32Array.from(indices)),
  );
}

/** The most probable tokens, among all or among `chosen`. */
function best(
  probabilities: ArrayLike<number>,
  count: number,
  chosen: readonly number[] | undefined,
): [token: number, score: number][] {
  if (!chosen) {
    return largest(probabilities, count).map((id) => [
      id,
      probabilities[id] ?? NaN,
    ]);
  }
  const own = chosen.map((id) => probabilities[id] ?? NaN);
  return largest(own, count).map((i) => [chosen[i] ?? 0, own[i] ?? NaN]);
}

/** The positions of the masks in a row. */
function maskPositions(
  tokenizer: Tokenizer,
  { inputIds }: Encoding,
  text: string,
): number[] {
  const mask = tokenizer.maskTokenId;
  if (mask === null) {
    throw new TypeError(
      "Cannot fill masks: the tokenizer has no mask token",
    );
  }
  const positions = inputIds.flatMap((id, i) => id === mask ? [i] : []);
  if (positions.length > 0) return positions;
  throw new RangeError(
    `Cannot fill "${text}": it holds no ${tokenizer.idToToken(mask)}`,
  );
}

/** The ids of the words that may fill a mask. */
function targetIds(
  tokenizer: Tokenizer,
  targets: readonly string[],
): readonly number[] {
  const ids = targets.flatMap((target) => {
    const known = tokenizer.tokenToId(target);
    if (known !== null && known !== undefined) return [known];
    const [first] = tokenizer.encode(target, { addSpecialTokens: false })
      .inputIds;
    const instead = first === undefined
      ? "it is left out"
      : `"${tokenizer.idToToken(first)}" is taken`;
    // deno-lint-ignore no-console -- as transformers does
    console.warn(
      `fill-mask: "${target}" is not in the vocabulary: ${instead}`,
    );
    return first === undefined ? [] : [first];
  });
  if (ids.length > 0) return [...new Set(ids)];
  throw new RangeError(
    `Cannot fill a mask with the targets ${JSON.stringify(targets)}: ` +
      "give at least one that has a token",
  );
}
