// Copyright 2026 the swagpu authors. MIT license.

/**
 * Loads a trained model with its tokenizer and its posterior.
 *
 * @module
 */

import {
  AutoConfig,
  autoPeft,
  AutoTokenizer,
  resolveFiles,
} from "../models/mod.ts";
import { readText } from "../nn/formats/mod.ts";
import { MultiSwag, SwagModel } from "../swag/mod.ts";
// Makes the folders of swag_transformers known to all that load models.
import "../auto_swag.ts";
import { exists, POSTERIOR_NAME } from "./classifier.ts";
import { checkMerged, MERGED_NAME } from "./merged_run.ts";
import type { LoadedModel, Task, TaskModel, TaskRow } from "./tasks/task.ts";

/**
 * Whether {@linkcode loadModel} would find a posterior. Nothing large is read.
 *
 * @param source A folder, or a model of the hub.
 */
export async function hasPosterior(source: string): Promise<boolean> {
  const { folder } = await resolveFiles(source);
  for (const name of [POSTERIOR_NAME, MERGED_NAME]) {
    if (await exists(`${folder}/${name}`)) return true;
  }
  const path = `${folder}/config.json`;
  if (!await exists(path)) return false;
  try {
    return "internal_model_config" in Object(JSON.parse(await readText(path)));
  } catch (error) {
    if (error instanceof SyntaxError) return true; // Whoever loads it says so.
    throw error;
  }
}

/**
 * Loads a model from a folder or from the hub, for a task. If the folder holds an
 * adapter, the model that it was trained on is loaded, too. A posterior is that of
 * the folder, if it was written around one, or else that in the file beside the
 * model; of a merged run, those of all its particles.
 *
 * @param task What it has learned.
 * @param source A folder, or a model of the hub.
 * @param tokenizerFolder The folder of the tokenizer, if it is another.
 * @throws {NotFound} If a file is missing.
 */
export async function loadModel<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  task: Task<Example, Row, Outputs, Model>,
  source: string,
  tokenizerFolder?: string,
): Promise<LoadedModel<Model>> {
  const { folder } = await resolveFiles(source);
  const tokenizer = await AutoTokenizer.fromPretrained(
    tokenizerFolder ?? source,
    task.tokenizerOptions,
  );
  (await AutoConfig.fromPretrained(source)).checkVocabulary(tokenizer);
  const adapter = await exists(`${folder}/adapter_config.json`)
    ? await autoPeft(task.auto).fromPretrained(source)
    : undefined;
  const { model, posterior } = adapter
    ? { model: adapter.getBaseModel(), posterior: undefined }
    : await task.auto.loadParts(source);
  const trained = adapter ?? model;
  if (await exists(`${folder}/${MERGED_NAME}`)) {
    await checkMerged(folder);
    const multi = await MultiSwag.load(folder, trained);
    return { model, tokenizer, swag: multi.particles[0], multi, adapter };
  }
  const path = `${folder}/${POSTERIOR_NAME}`;
  const swag = posterior instanceof SwagModel
    ? posterior
    : await exists(path)
    ? await SwagModel.load(path, trained, { sameWeights: true })
    : undefined;
  return { model, tokenizer, swag, adapter };
}
