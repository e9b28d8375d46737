// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Texts with masked tokens to what could stand there.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import { indexSelect, reshape, type Tensor, tensor } from "../../engine/mod.ts";
import type { Tasks } from "../registry.ts";
import type { Encoding, Tokenizer } from "../tokenizer/tokenizer.ts";
import { callable, encodeAll, scored, textsOf } from "./batches.ts";
import { checkCount, largest, softmax } from "./scores.ts";
import type { Pipeline, PipelineSetup, TruncatedOptions } from "./types.ts";

/** What could stand in the place of a mask. */
export interface MaskFilling {
  /** Its probability among the whole vocabulary. */
  score: number;
  /** The token's id. */
  token: number;
  /** The token as text. */
  tokenStr: string;
  /** The text with the token in its place. */
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
  /** Fillings for each mask, the best first. @default {5} */
  topK?: number | undefined;
  /**
   * The only fillings to consider. One that is not in the vocabulary stands
   * for the first of its tokens, and one without tokens is left out; the
   * console tells.
   *
   * @default {the whole vocabulary}
   */
  targets?: string | readonly string[] | undefined;
}

/**
 * Fills masked tokens. A text with one mask gives a list of fillings; one with
 * several gives such a list for each of them, with the other masks left as they
 * are.
 */
export interface FillMaskPipeline extends Pipeline<Tasks["maskedLM"]> {
  /** Fillings of a text's mask, or of each of its masks. */
  (
    text: string,
    options?: FillMaskOptions,
  ): Promise<MaskFilling[] | MaskFilling[][]>;
  /** Fillings for each text. */
  (
    texts: readonly string[],
    options?: FillMaskOptions,
  ): Promise<(MaskFilling[] | MaskFilling[][])[]>;
}

/** Makes the pipeline of a masked language model. */
export function fillMask(
  setup: PipelineSetup<Tasks["maskedLM"]>,
): FillMaskPipeline {
  const { model, tokenizer } = setup;
  const padding = tokenizer.padTokenId;

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
      maskPlaces(tokenizer, encoding, texts[i] ?? "")
    );
    const fillings: (MaskFilling[] | MaskFilling[][])[] = [];
    const results = scored(
      { ...setup, batchSize },
      encodings,
      (tokens, { rows, length }) => {
        // Only the rows of masks leave the device, not those of all tokens.
        const places = rows.flatMap((row, i) =>
          (masks[row] ?? []).map((place) => i * length + place)
        );
        return [picked(model.forward(tokens).logits, places)];
      },
    );
    for await (const { rows, outputs: [logits] } of results) {
      const count = rows.reduce(
        (sum, row) => sum + (masks[row]?.length ?? 0),
        0,
      );
      const width = (logits?.length ?? 0) / count;
      let at = 0;
      for (const row of rows) {
        const places = masks[row] ?? [];
        const ids = encodings[row]?.inputIds ?? [];
        const lists = places.map((place) => {
          const own = logits?.subarray(at * width, ++at * width) ?? [];
          return best(softmax(own), topK, chosen).map(([token, score]) => ({
            score,
            token,
            tokenStr: tokenizer.decode([token]),
            sequence: tokenizer.decode(
              ids.with(place, token).filter((id) => id !== padding),
              { skipSpecialTokens: places.length === 1 },
            ),
          }));
        });
        fillings[row] = lists.length === 1 ? lists[0] ?? [] : lists;
      }
    }
    return typeof input === "string" ? fillings[0] : fillings;
  }

  return callable(setup, fill);
}

/** Scores `[batch, length, vocabulary]` of some places, counted through. */
function picked(logits: Tensor, places: readonly number[]): Tensor {
  const width = logits.shape[2] ?? 0;
  return indexSelect(
    reshape(logits, [-1, width]),
    tensor(Int32Array.from(places)),
  );
}

/** The most probable tokens, of all or of those chosen. */
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

function maskPlaces(
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
  const places = inputIds.flatMap((id, i) => id === mask ? [i] : []);
  if (places.length > 0) return places;
  throw new RangeError(
    `Cannot fill "${text}": it holds no ${tokenizer.idToToken(mask)}`,
  );
}

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
