// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The parts of a model in the order in which gradual unfreezing trains them.

import { checkOptions, type Module } from "../../nn/mod.ts";
import { anatomyOf } from "./anatomy.ts";

/** Options of {@linkcode unfreezingStages}. */
export interface UnfreezingStagesOptions {
  /** How many blocks are unfrozen at a time. @default {1} */
  blocksPerStage?: number;
}

/**
 * Gives the stages of `GradualUnfreezingCallback` for a model: the head, then
 * the blocks from the top to the bottom, then the embeddings.
 *
 * @param model The model, of any architecture.
 * @param options How many blocks a stage has.
 * @returns For each stage the names of its parameters.
 * @throws {RangeError} If the model has no blocks, or the number is not a whole
 * number of at least 1.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 *   unfreezingStages,
 * } from "@swagpu/swagpu/models";
 * import { GradualUnfreezingCallback } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new BertForSequenceClassification(
 *   new BertConfig({ vocabSize: 50, hiddenSize: 12, numHiddenLayers: 4 }),
 * );
 * const stages = unfreezingStages(model, { blocksPerStage: 2 });
 * assertEquals(stages.map((names) => names.length), [4, 32, 32, 5]);
 * const callback = new GradualUnfreezingCallback(stages);
 * assertEquals(typeof callback.onEpochBegin, "function");
 * ```
 */
export function unfreezingStages(
  model: Module,
  options: UnfreezingStagesOptions = {},
): string[][] {
  checkOptions(options, {
    action: "unfreeze a model",
    known: ["blocksPerStage"],
  });
  const { blocksPerStage: size = 1 } = options;
  if (!(Number.isSafeInteger(size) && size >= 1)) {
    throw new RangeError(
      `Cannot unfreeze ${size} blocks at a time: it must be a whole number of ` +
        "at least 1",
    );
  }
  const { head, blocks, embeddings } = anatomyOf(model);
  const downwards = blocks.toReversed();
  const count = Math.ceil(downwards.length / size);
  const stages = [
    [...head],
    ...Array.from(
      { length: count },
      (_, i) =>
        downwards.slice(i * size, (i + 1) * size).flatMap(({ names }) => names),
    ),
    [...embeddings],
  ];
  return stages.filter((names) => names.length > 0);
}
