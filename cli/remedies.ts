// Copyright 2026 the swagpu authors. MIT license.

/**
 * Applies the remedies for few examples to a model that is about to be trained.
 *
 * @module
 */

import {
  getPeftModel,
  groupedLearningRates,
  layerwiseLearningRates,
  type LearningRateGroups,
  type PeftModel,
  reinitialize,
  unfreezingStages,
} from "../models/mod.ts";
import {
  applyMixout,
  GradualUnfreezingCallback,
  hasPrefix,
  LoraConfig,
  type Optimizer,
  PriorDecay,
  topNames,
  type TrainerCallback,
} from "../nn/mod.ts";
import type { TrainSettings } from "./finetune_settings.ts";
import type { LoraSettings, RemedySettings } from "./remedy_settings.ts";
import type { Task, TaskModel } from "./tasks/task.ts";

/** The ratio of the head's rate to the lowest one, with rates by third. */
const HEAD_FACTOR = 3.6;

/** PEFT's names of tasks. Others are noted as none. */
const PEFT_TASKS: Readonly<Record<string, string>> = {
  "text-classification": "SEQ_CLS",
  "token-classification": "TOKEN_CLS",
  "question-answering": "QUESTION_ANS",
  "translation": "SEQ_2_SEQ_LM",
  "summarization": "SEQ_2_SEQ_LM",
};

/**
 * Gives the upper layers new values, and freezes what options name. This comes
 * before anything keeps a copy of the weights.
 *
 * @returns What was done, in words.
 * @throws {RangeError} If there are fewer blocks, or a prefix names no parameter.
 */
export function prepareWeights(
  model: TaskModel,
  { reinitLayers, freeze }: Pick<RemedySettings, "reinitLayers" | "freeze">,
): string[] {
  const said: string[] = [];
  if (reinitLayers !== undefined) {
    const names = reinitialize(model, { blocks: reinitLayers });
    if (names.length === 0) {
      throw new RangeError(
        `Cannot use --reinit-layers ${reinitLayers}: the model has no pooler, ` +
          "so name at least one block",
      );
    }
    said.push(`${names.length} parameters have new values: ${topNames(names)}`);
  }
  if (freeze.length === 0) return said;
  model.freeze(...freeze);
  if (model.parameters().every(({ requiresGrad }) => !requiresGrad)) {
    throw new RangeError(
      `Cannot train with --freeze ${freeze.join(" --freeze ")}: no parameter ` +
        "would be left to train",
    );
  }
  return said;
}

/** What an adapter depends on beside its own settings. */
export interface AdapterContext {
  /** The task, which says what the head is. */
  readonly task: Pick<Task, "name" | "head">;
  /** The folder or id of the model. */
  readonly source: string;
  /** The parameters that the model's file did not have. */
  readonly newParameters: readonly string[];
}

/**
 * Adds a low-rank adapter to a model. What the file of the model did not have, such
 * as a new head, is trained and saved as a whole: nobody could load it otherwise.
 *
 * @throws {Error} If the options select no layers, or ones that cannot be adapted.
 */
export function addAdapter(
  model: TaskModel,
  lora: LoraSettings,
  { task, source, newParameters }: AdapterContext,
): PeftModel<TaskModel> {
  const modules = [...model.namedModules().keys()];
  const heads = task.head.filter((name) =>
    modules.some((path) => path === name || path.endsWith(`.${name}`))
  );
  const alone = newParameters.filter((name) =>
    !heads.some((head) => hasPrefix(name, head))
  ).map((name) => name.split(".").slice(0, -1).join("."));
  const modulesToSave = [...heads, ...new Set(alone)];
  const taskType = PEFT_TASKS[task.name];
  return getPeftModel(
    model,
    new LoraConfig({
      ...lora,
      ...modulesToSave.length > 0 ? { modulesToSave } : {},
      ...taskType === undefined ? {} : { taskType },
      baseModelNameOrPath: source,
    }),
  );
}

/** Groups of parameters with learning rates of their layers, if options ask for some. */
export function rateGroups(
  model: TaskModel,
  { layerDecay, ratesByThird }: RemedySettings,
  { learningRate, weightDecay }: TrainSettings,
): LearningRateGroups | undefined {
  if (layerDecay !== undefined) {
    return layerwiseLearningRates(model, {
      learningRate,
      gamma: layerDecay,
      weightDecay,
      decayHead: true,
    });
  }
  if (!ratesByThird) return undefined;
  return groupedLearningRates(model, {
    learningRate: learningRate / HEAD_FACTOR,
    weightDecay,
  });
}

/** Callbacks that hold weights on the GPU. */
export interface AppliedRemedies extends Disposable {
  /** The callbacks of the run. */
  readonly callbacks: readonly TrainerCallback[];
}

/**
 * Applies what lasts for the whole run: mixout, decay to the pre-trained weights,
 * and unfreezing by epoch.
 *
 * @throws {Error} If the model has no layers that can be treated so.
 */
export function applyRemedies(
  model: TaskModel,
  { mixout, priorDecay, unfreezeEvery }: RemedySettings,
  { optimizer, task }: {
    optimizer: Optimizer;
    task: Pick<Task, "head">;
  },
): AppliedRemedies {
  const names = [...model.namedParameters().keys()];
  const exclude = task.head.filter((head) =>
    names.some((name) => hasPrefix(name, head))
  );
  const held = [
    ...mixout === undefined ? [] : [applyMixout(model, { p: mixout, exclude })],
    ...priorDecay ? [new PriorDecay(model, optimizer, { exclude })] : [],
  ];
  return {
    callbacks: [
      ...held,
      ...unfreezeEvery === undefined ? [] : [
        new GradualUnfreezingCallback(unfreezingStages(model), {
          epochsPerStage: unfreezeEvery,
        }),
      ],
    ],
    [Symbol.dispose]() {
      for (const each of held) each.dispose();
    },
  };
}
