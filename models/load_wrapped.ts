// Copyright 2026 the swagpu authors. MIT license.

// Loads a model from a folder that was written around it; see wrapped.ts.

import type { Module } from "../nn/mod.ts";
import type { PretrainedConfig } from "./config.ts";
import { pathInFolder } from "./files/model_folder.ts";
import { GenerationConfig } from "./generation/mod.ts";
import {
  GENERATION_NAME,
  type PretrainedOptions,
  resolveWrapped,
} from "./resolve.ts";
import type { WrappedModel, Wrapper } from "./wrapped.ts";

/** A model, and the posterior around which its folder was written. */
export interface LoadedParts<M> {
  /** The model. */
  readonly model: M;
  /** The posterior; `undefined` if the folder is that of a model alone. */
  readonly posterior: WrappedModel<M> | undefined;
}

/** How to load a wrapped model. */
interface WrappedOptions<M> {
  /** The class that is asked for. */
  modelClass: { readonly name: string };
  /** The configuration of the model. */
  config: PretrainedConfig;
  /** How to find the files. */
  options: PretrainedOptions;
  /** Builds the model, without weights. */
  build: () => M;
}

/**
 * Loads a wrapped model and what is around it. The model is in evaluation mode.
 *
 * @throws {TypeError} If the folder is that of another class, or one of its files is
 * a link that leads out of it.
 */
export async function loadWrapped<
  M extends Module & { generationConfig?: GenerationConfig },
>(
  source: string,
  wrapper: Wrapper,
  { modelClass, config, options, build }: WrappedOptions<M>,
): Promise<LoadedParts<M>> {
  const { modelFolder } = wrapper;
  const { folder, files } = await resolveWrapped(source, wrapper, options);
  for (const name of files) await pathInFolder(folder, name);
  const generation = files.includes(`${modelFolder}/${GENERATION_NAME}`)
    ? await GenerationConfig.fromPretrained(`${folder}/${modelFolder}`)
    : undefined;
  const posterior = await wrapper.load(folder, build).catch((error) => {
    throw ofOtherClass(error, { source, modelClass, config });
  });
  const model = posterior.base.eval();
  if (generation) model.generationConfig = generation;
  // All weights are there, or it would not have been loaded.
  options.onLoad?.({ missing: [], unexpected: [], mismatched: [] });
  return { model, posterior };
}

/** An error that also names both classes, if the folder is that of another. */
function ofOtherClass(
  error: unknown,
  { source, modelClass: { name }, config }: {
    source: string;
    modelClass: { readonly name: string };
    config: PretrainedConfig;
  },
): unknown {
  const [saved] = config.architectures ?? [];
  const isMisfit = error instanceof TypeError || error instanceof RangeError;
  if (!isMisfit || saved === undefined || saved === name) return error;
  return new TypeError(
    `Cannot load ${source} as ${name}: it was saved as ${saved} ` +
      `(${error.message})`,
    { cause: error },
  );
}
