// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Parts of a model that are trained from later epochs on.

import type { Module } from "../module.ts";
import { hasPrefix, topNames } from "../names.ts";
import { checkOptions } from "../options.ts";
import type { Parameter } from "../parameter.ts";
import type { TrainerCallback, TrainerEvent } from "./callbacks.ts";

/** Options of {@linkcode GradualUnfreezingCallback}. */
export interface GradualUnfreezingOptions {
  /** The epochs between one stage and the next, from 1 on. @default {1} */
  epochsPerStage?: number;
}

/**
 * Trains parts of a model one after the other: those of the first stage from
 * the start, and those of each later stage from a later epoch on. Until then
 * they are frozen. Howard and Ruder, "Universal Language Model Fine-tuning for
 * Text Classification", 2018.
 *
 * Parameters of no stage stay as they are, and so do those that were frozen
 * before the run, such as tables of sinusoids. A run that resumes is at the
 * stage of its epoch. Give the optimizer all parameters: it leaves those alone
 * that are frozen.
 *
 * @example The head first, then everything
 * ```ts
 * import { initialize, type Tensor } from "@swagpu/swagpu/engine";
 * import {
 *   GradualUnfreezingCallback,
 *   Linear,
 *   Module,
 *   mseLoss,
 *   Trainer,
 * } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Model extends Module {
 *   body = new Linear(1, 2);
 *   head = new Linear(2, 1);
 *   forward({ x, labels }: { x: Tensor; labels: Tensor }) {
 *     const y = this.head.forward(this.body.forward(x));
 *     return { loss: mseLoss(y, labels) };
 *   }
 * }
 *
 * await initialize();
 * const model = new Model();
 * const trained: boolean[] = [];
 * const trainer = new Trainer({
 *   model,
 *   args: { numTrainEpochs: 2 },
 *   trainDataset: [{ x: [0.5], labels: [2.5] }, { x: [1.5], labels: [4.5] }],
 *   callbacks: [
 *     new GradualUnfreezingCallback([["head"], ["body"]]),
 *     { onEpochEnd: () => void trained.push(model.body.weight.requiresGrad) },
 *   ],
 * });
 * await trainer.train();
 * assertEquals(trained, [false, true]);
 * ```
 */
export class GradualUnfreezingCallback implements TrainerCallback {
  readonly #stages: readonly (readonly string[])[];
  readonly #epochsPerStage: number;
  readonly #found = new WeakMap<Module, readonly (readonly Parameter[])[]>();

  /**
   * Checks the options; the model is looked at when the run begins.
   *
   * @param stages The parts of each stage, as prefixes of whole path segments;
   * `unfreezingStages` gives those of a transformer.
   * @param options How long a stage is.
   * @throws {RangeError} If there is no stage, a stage is empty, or a number is
   * out of range.
   * @throws {TypeError} If an option is not known.
   */
  constructor(
    stages: readonly (readonly string[])[],
    options: GradualUnfreezingOptions = {},
  ) {
    checkOptions(options, {
      action: "unfreeze by epoch",
      known: ["epochsPerStage"],
    });
    const { epochsPerStage = 1 } = options;
    if (!(Number.isSafeInteger(epochsPerStage) && epochsPerStage >= 1)) {
      throw new RangeError(
        `Cannot unfreeze every ${epochsPerStage} epochs: it must be a whole ` +
          "number of at least 1",
      );
    }
    if (stages.length === 0 || stages.some((stage) => stage.length === 0)) {
      throw new RangeError(
        "Cannot unfreeze by epoch: there must be a stage, and each must name " +
          "something",
      );
    }
    this.#stages = stages.map((stage) => [...stage]);
    this.#epochsPerStage = epochsPerStage;
  }

  /**
   * Freezes the stages that come later.
   *
   * @throws {RangeError} If a prefix names no parameter, or two stages name the
   * same one.
   */
  onTrainBegin(event: TrainerEvent): void {
    this.#apply(event, Math.floor(event.state.epoch + ROUNDING));
  }

  /** Unfreezes the stage of the epoch. */
  onEpochBegin(event: TrainerEvent): void {
    // An epoch that a callback has cut is over, too.
    this.#apply(event, Math.ceil(event.state.epoch - ROUNDING));
  }

  #apply({ model }: TrainerEvent, epoch: number): void {
    const stages = this.#found.get(model) ?? findStages(model, this.#stages);
    this.#found.set(model, stages);
    const stage = Math.floor(epoch / this.#epochsPerStage);
    stages.forEach((parameters, i) => {
      for (const parameter of parameters) parameter.requiresGrad = i <= stage;
    });
  }
}

/** By how much the number of epochs so far may be off. */
const ROUNDING = 1e-6;

/** The parameters of each stage that are trained at all. */
function findStages(
  model: Module,
  stages: readonly (readonly string[])[],
): Parameter[][] {
  const named = [...model.namedParameters()];
  const owner = new Map<Parameter, number>();
  stages.forEach((prefixes, stage) => {
    for (const prefix of prefixes) {
      const below = named.filter(([name]) => hasPrefix(name, prefix));
      if (below.length === 0) {
        throw new RangeError(
          `Cannot unfreeze "${prefix}": no parameter has that prefix; there ` +
            `are ${topNames(named.map(([name]) => name))}`,
        );
      }
      for (const [name, parameter] of below) {
        if ((owner.get(parameter) ?? stage) !== stage) {
          throw new RangeError(
            `Cannot unfreeze ${name} at two epochs: stages ` +
              `${owner.get(parameter)} and ${stage} both name it`,
          );
        }
        owner.set(parameter, stage);
      }
    }
  });
  return stages.map((_, stage) =>
    [...owner].filter(([parameter, own]) =>
      own === stage && parameter.requiresGrad
    ).map(([parameter]) => parameter)
  );
}
