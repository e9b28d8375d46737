// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Weights in a folder: by the model's own `savePretrained`, if it has one.

import { readAll } from "../../engine/mod.ts";
import {
  checkFinite,
  finishSave,
  FolderSave,
  openSafetensors,
  type SafetensorsSource,
  writeSafetensors,
} from "../formats/mod.ts";
import type { Module } from "../module.ts";

/** A tokenizer, or anything else that belongs to the model's files. */
export interface ProcessingClass {
  /** Writes its files to a folder. */
  save(folder: string): Promise<void>;
}

/** A model that writes its own files, such as a configuration. */
interface SavesPretrained {
  /**
   * The one file of weights that it always writes.
   *
   * @default {"model.safetensors", or parts of it}
   */
  readonly weightsFile?: string;
  savePretrained(
    folder: string,
    options: { tokenizer?: ProcessingClass; maxShardSize?: number },
  ): Promise<void>;
}

const WEIGHTS = "model.safetensors";

function savesPretrained(model: object): model is SavesPretrained {
  return "savePretrained" in model &&
    typeof model.savePretrained === "function";
}

/** How to save a model. */
export interface SaveModelOptions {
  tokenizer: ProcessingClass | undefined;
  /** Whether all weights go into one file, from which a run continues. */
  isCheckpoint: boolean;
}

/**
 * Writes a model's files to a folder, all of them or none.
 *
 * @throws {RangeError} If a weight is not finite.
 */
export async function saveModel(
  folder: string,
  model: Module,
  { tokenizer, isCheckpoint }: SaveModelOptions,
): Promise<void> {
  if (savesPretrained(model)) {
    await model.savePretrained(folder, {
      ...(tokenizer ? { tokenizer } : {}),
      ...(isCheckpoint && model.weightsFile === undefined
        ? { maxShardSize: Number.MAX_SAFE_INTEGER }
        : {}),
    });
    return;
  }
  await using save = await FolderSave.begin(folder);
  const action = `Cannot save the model to ${folder}`;
  const tensors = [...model.namedTensors()].map((
    [name, tensor],
  ): [string, SafetensorsSource] => [name, {
    shape: tensor.shape,
    dtype: "F32",
    data: async () => {
      const [values = new Float32Array()] = await readAll([tensor]);
      checkFinite(values, name, action);
      return values;
    },
  }]);
  await writeSafetensors(`${save.staging}/${WEIGHTS}`, tensors);
  await tokenizer?.save(save.staging);
  await save.commit({ last: [WEIGHTS] });
}

/**
 * Loads the weights that {@linkcode saveModel} has written.
 *
 * @throws {TypeError} If the model is not the one that was saved.
 */
export async function loadModel(folder: string, model: Module): Promise<void> {
  await finishSave(folder);
  const saves = savesPretrained(model);
  const path = `${folder}/${saves && model.weightsFile || WEIGHTS}`;
  using file = await openSafetensors(path);
  // Models leave out weights that are computed and not learned.
  const { unexpected, mismatched } = await model.loadStateDict(file, {
    strict: !saves,
  });
  const [wrong] = mismatched;
  if (wrong) {
    throw new TypeError(
      `Cannot load ${path}: ${wrong.name} is ${wrong.found} there ` +
        `and ${wrong.expected} in the model`,
    );
  }
  if (unexpected.length > 0) {
    throw new TypeError(
      `Cannot load ${path}: the model has no ${unexpected[0]}`,
    );
  }
}
