// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a checkpoint holds: everything that a run needs to continue as if it had
// never been cut.
//
// | file                    | content                                       |
// | ----------------------- | --------------------------------------------- |
// | `model.safetensors`     | the weights, with what belongs to the model   |
// | `optimizer.safetensors` | moments, step counts and settings             |
// | `scheduler.safetensors` | what the schedule needs to continue           |
// | `callbacks.safetensors` | plain values of callbacks                     |
// | `callback-N.safetensors`| tensors of the N-th callback with a state     |
// | `trainer_state.json`    | Hugging Face's file: steps, best metric, log  |
// | `run.json`              | place in the data, generator, sizes of files  |
//
// run.json comes last. It lists the sizes of the others, so that a folder that
// was copied only in part is noticed.

import { defaultGenerator, type GeneratorState } from "../../engine/mod.ts";
import {
  exists,
  folderNames,
  folderSizes,
  openSafetensors,
  readText,
  type SafetensorsSource,
  writeFolderAtomically,
  writeSafetensors,
  writeTextAtomically,
} from "../formats/mod.ts";
import type { Optimizer } from "../optim.ts";
import type { ReduceLROnPlateau } from "../reduce_on_plateau.ts";
import type { Scheduler } from "../scheduler.ts";
import { nameOf, type TrainerCallback } from "./callbacks.ts";
import { loadModel, type ProcessingClass, saveModel } from "./model_files.ts";
import { readState, writeState } from "./state_file.ts";
import {
  formatTrainerState,
  parseTrainerState,
  type TrainerState,
} from "./trainer_state.ts";
import type { TrainableModel } from "./loss.ts";

/** The names of checkpoint folders. */
export const CHECKPOINT = /^checkpoint-(\d+)$/;

const RUN = "run.json";

/** Where a run is in its data, and what it has not logged yet. */
export interface RunPosition {
  /** The epoch to continue in. */
  epoch: number;
  /** The steps of that epoch that have been made. */
  epochStep: number;
  /** 1 if a callback has ended that epoch with the last step, otherwise 0. */
  endsEpoch: number;
  /** The sum of the losses of the steps since the last log. */
  lossSum: number;
  /** The number of these steps. */
  lossCount: number;
  /** The step of the last log. */
  loggedStep: number;
  /** The sum of the losses of all steps. */
  totalLoss: number;
  /** The norm of the last step's gradients; -1 if it is not known. */
  gradNorm: number;
}

/** Settings that a run cannot change when it resumes. */
export type FixedSettings = Record<string, string | number | boolean | null>;

/** The parts of a run that a checkpoint holds. */
export interface RunParts {
  model: TrainableModel;
  tokenizer: ProcessingClass | undefined;
  optimizer: Optimizer;
  scheduler: Scheduler | ReduceLROnPlateau;
  callbacks: readonly TrainerCallback[];
  state: TrainerState;
  position: RunPosition;
  fixed: FixedSettings;
}

/** The content of {@linkcode RUN}. */
interface RunFile {
  version: 1;
  position: RunPosition;
  generator: GeneratorState;
  fixed: FixedSettings;
  files: Record<string, number>;
}

/**
 * Writes a checkpoint, all of it or nothing.
 *
 * @param path The folder, which is replaced if it exists.
 * @param parts What to save.
 * @param modelOnly Whether to leave out what a run continues from.
 * @throws {RangeError} If a weight is not finite.
 */
export async function writeCheckpoint(
  path: string,
  parts: RunParts,
  modelOnly: boolean,
): Promise<void> {
  const { model, tokenizer, optimizer, scheduler, callbacks, state } = parts;
  await writeFolderAtomically(path, async (folder) => {
    await saveModel(folder, model, { tokenizer, isCheckpoint: true });
    await writeTextAtomically(
      `${folder}/trainer_state.json`,
      formatTrainerState(state),
    );
    if (modelOnly) return;
    // The numbers of the generator are taken before callbacks may draw some.
    const generator = defaultGenerator().stateDict();
    await writeState(
      `${folder}/optimizer.safetensors`,
      await optimizer.stateDict(),
    );
    await writeState(`${folder}/scheduler.safetensors`, scheduler.stateDict());
    await writeCallbacks(folder, callbacks);
    const { position, fixed } = parts;
    const files = Object.fromEntries(await folderSizes(folder));
    const run: RunFile = { version: 1, position, generator, fixed, files };
    await writeTextAtomically(`${folder}/${RUN}`, JSON.stringify(run));
  });
}

/** Saves the states of callbacks that have one. */
async function writeCallbacks(
  folder: string,
  callbacks: readonly TrainerCallback[],
): Promise<void> {
  const saved: [name: string, values: unknown, file: string | null][] = [];
  for (const callback of callbacks) {
    const state = await callback.stateDict?.();
    if (!state) continue;
    const name = nameOf(callback);
    const file = state.tensors ? `callback-${saved.length}.safetensors` : null;
    if (file !== null) await writeTensors(`${folder}/${file}`, state.tensors);
    saved.push([name, state.values, file]);
  }
  await writeState(`${folder}/callbacks.safetensors`, saved);
}

async function writeTensors(
  path: string,
  tensors: Iterable<readonly [string, SafetensorsSource]> = [],
): Promise<void> {
  await writeSafetensors(path, tensors);
}

/** A checkpoint that has been found whole. */
export interface Checkpoint {
  readonly path: string;
  readonly state: TrainerState;
  readonly position: RunPosition;
  readonly fixed: FixedSettings;
  readonly generator: GeneratorState;
}

/**
 * Reads where a checkpoint's run was, and checks that its files are all there.
 *
 * @throws {RangeError} If files are missing or have other sizes.
 * @throws {SyntaxError} If a file is not of a checkpoint.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const incomplete = await whatIsMissing(path);
  if (incomplete !== undefined) {
    throw new RangeError(`Cannot resume from ${path}: ${incomplete}`);
  }
  const run = await readRun(path);
  const statePath = `${path}/trainer_state.json`;
  const state = parseTrainerState(await readText(statePath), statePath);
  const { position, fixed, generator } = run;
  return { path, state, position, fixed, generator };
}

/** Loads what a checkpoint holds into the parts of a run. */
export async function loadCheckpoint(
  { path, generator }: Checkpoint,
  parts: Omit<RunParts, "tokenizer" | "state" | "position" | "fixed">,
): Promise<void> {
  const { model, optimizer, scheduler, callbacks } = parts;
  await loadModel(path, model);
  const moments = await readState(`${path}/optimizer.safetensors`);
  optimizer.loadStateDict(moments as never);
  const steps = await readState(`${path}/scheduler.safetensors`);
  scheduler.loadStateDict(steps as never);
  await loadCallbacks(path, callbacks);
  defaultGenerator().loadStateDict(generator);
}

async function loadCallbacks(
  path: string,
  callbacks: readonly TrainerCallback[],
): Promise<void> {
  const saved = await readState(`${path}/callbacks.safetensors`) as [
    name: string,
    values: unknown,
    file: string | null,
  ][];
  for (const [name, values, file] of saved) {
    const callback = callbacks.find((callback) => nameOf(callback) === name);
    if (!callback?.loadStateDict) {
      throw new RangeError(
        `Cannot resume from ${path}: it has a state of the callback ${name}, ` +
          "which would be lost, because the Trainer has no such callback",
      );
    }
    using tensors = file === null
      ? undefined
      : await openSafetensors(`${path}/${file}`);
    await callback.loadStateDict({ values, tensors });
  }
}

/** What a checkpoint lacks, in words; `undefined` if it is whole. */
async function whatIsMissing(path: string): Promise<string | undefined> {
  if (!await exists(path)) return "there is no such folder";
  if (!await exists(`${path}/${RUN}`)) {
    return `it has no ${RUN}; it is not a checkpoint, or saveOnlyModel was set`;
  }
  const sizes = await folderSizes(path);
  for (const [name, size] of Object.entries((await readRun(path)).files)) {
    const found = sizes.get(name);
    if (found === undefined) return `${name} is missing`;
    if (found !== size) return `${name} has ${found} bytes, not ${size}`;
  }
  return undefined;
}

async function readRun(path: string): Promise<RunFile> {
  const file = `${path}/${RUN}`;
  const text = await readText(file);
  let run: Partial<RunFile> | null = null;
  try {
    run = JSON.parse(text);
  } catch {
    // The error below covers it.
  }
  const position: Partial<RunPosition> | undefined = run?.position;
  // JSON writes an infinite norm as null.
  if (position && position.gradNorm === null) position.gradNorm = Infinity;
  const numbers = Object.values(position ?? {});
  const isRun = run?.version === 1 && numbers.length === 8 &&
    numbers.every((value) => typeof value === "number") &&
    [run.generator, run.fixed, run.files].every((part) =>
      typeof part === "object" && part !== null
    );
  if (!isRun) {
    throw new SyntaxError(`Cannot read ${file}: it is not of a checkpoint`);
  }
  return run as RunFile;
}

/** The checkpoints in a folder, whole or not, by their steps. */
export async function listCheckpoints(
  folder: string,
): Promise<{ step: number; path: string }[]> {
  return (await folderNames(folder))
    .map((name) => CHECKPOINT.exec(name))
    .filter((found) => found !== null)
    .map(([name, step]) => ({ step: Number(step), path: `${folder}/${name}` }))
    .sort((a, b) => a.step - b.step);
}

/**
 * Finds the checkpoint of a run's output folder that has the most steps. One
 * whose files are not all there is passed over.
 *
 * @param folder The output folder of a run.
 * @returns The path of the checkpoint; `undefined` if there is none.
 * @throws {Error} If the folder cannot be read.
 *
 * @example A run that continues where it was, if it was
 * ```ts
 * import { getLastCheckpoint } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await getLastCheckpoint("no/such/run"), undefined);
 * ```
 */
export async function getLastCheckpoint(
  folder: string,
): Promise<string | undefined> {
  for (const { path } of (await listCheckpoints(folder)).reverse()) {
    try {
      if (await whatIsMissing(path) === undefined) return path;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return undefined;
}
