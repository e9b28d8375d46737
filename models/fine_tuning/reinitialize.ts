// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// New initial values for the upper layers of a pre-trained model.

import { checkOptions, type Module } from "../../nn/mod.ts";
import { anatomyOf } from "./anatomy.ts";

/** Options of {@linkcode reinitialize}. */
export interface ReinitializeOptions {
  /**
   * How many of the top blocks get new values: the decoder's, in a model with
   * encoder and decoder. The paper tries up to 6 of 24.
   *
   * @default {0}
   */
  blocks?: number;
  /**
   * Whether the base model's pooler gets new values.
   *
   * @default {if there is one}
   */
  pooler?: boolean;
}

/**
 * Gives the pooler and the top blocks of a pre-trained model new initial
 * values, by the rule of the architecture and its configuration: those that they
 * would have had before pre-training. What the top layers have learned is about
 * the pre-training task, and with few examples a fine-tuning run may not get
 * away from it.
 *
 * Dense layers get normal numbers of `initializerRange` (ModernBERT's: truncated
 * ones, with smaller ones for output projections) and biases of 0, norms ones
 * and zeros. All other parameters keep their bits. The numbers are those of the
 * default generator, so `manualSeed()` determines them. Call this before an
 * optimizer, mixout or a prior keeps anything of the weights. Zhang et al.,
 * "Revisiting Few-sample BERT Fine-tuning", 2021.
 *
 * @param model The model, of any architecture.
 * @param options How many blocks, and whether the pooler.
 * @returns The names of the parameters that have new values.
 * @throws {RangeError} If there are fewer blocks, or `pooler` is set and there
 * is none.
 * @throws {TypeError} If an option is not known.
 *
 * @example The pooler and the top block
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 *   reinitialize,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new BertForSequenceClassification(
 *   new BertConfig({ vocabSize: 50, hiddenSize: 12, numHiddenLayers: 2 }),
 * );
 * const names = reinitialize(model, { blocks: 1 });
 * assertEquals(names.length, 18);
 * assertEquals(names[0], "bert.encoder.layer.1.attention.self.query.weight");
 * assertEquals(names.at(-1), "bert.pooler.dense.bias");
 * ```
 */
export function reinitialize(
  model: Module,
  options: ReinitializeOptions = {},
): string[] {
  checkOptions(options, {
    action: "re-initialize a model",
    known: ["blocks", "pooler"],
  });
  const { blocks: count = 0 } = options;
  const { blocks, pooler } = anatomyOf(model);
  const top = blocks.at(-1)?.stack;
  const stack = blocks.filter((block) => block.stack === top);
  if (!(Number.isSafeInteger(count) && count >= 0 && count <= stack.length)) {
    throw new RangeError(
      `Cannot re-initialize ${count} blocks: it must be a whole number of at ` +
        `most ${stack.length}, the length of ${top}`,
    );
  }
  if (options.pooler && pooler.length === 0) {
    throw new RangeError(
      `Cannot re-initialize the pooler: ${model.constructor.name} has none`,
    );
  }
  const names = [
    ...stack.slice(stack.length - count).flatMap(({ names }) => names),
    ...options.pooler ?? true ? pooler : [],
  ];
  model.placeParameters();
  const named = model.namedParameters();
  for (const name of names) named.get(name)?.initialize();
  return names;
}
