// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The folder that a run writes to: its checkpoints, its log and its state.

import {
  appendText,
  recoverFolders,
  removeFolderAtomically,
  requireWritable,
  writeTextAtomically,
} from "../formats/mod.ts";
import {
  CHECKPOINT,
  listCheckpoints,
  type RunParts,
  writeCheckpoint,
} from "./checkpoint.ts";
import {
  formatTrainerState,
  type LogEntry,
  type TrainerState,
} from "./trainer_state.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";

const LOG = "log.jsonl";

/** Writes a run's checkpoints and log. Without an output folder it does nothing. */
export class OutputFolder {
  readonly #args: CompleteTrainingArguments;
  /** The checkpoints of this run. */
  readonly #own = new Set<string>();

  constructor(args: CompleteTrainingArguments) {
    this.#args = args;
  }

  /**
   * Tries the folders, cleans up after a run that was killed, and begins the log
   * with what had been logged when the run was cut.
   *
   * @param resumedStep The step to resume from, if any.
   * @throws {RangeError} If there are checkpoints of another run.
   */
  async begin(
    state: TrainerState,
    resumedStep: number | undefined,
  ): Promise<void> {
    const { outputDir, logDir, overwriteOutputDir } = this.#args;
    if (outputDir !== undefined) {
      await requireWritable(outputDir);
      await recoverFolders(outputDir, CHECKPOINT);
      for (const { step, path } of await listCheckpoints(outputDir)) {
        if (resumedStep === undefined && !overwriteOutputDir) {
          throw new RangeError(
            `Cannot train into ${outputDir}: it has ${path} of another run; set ` +
              "resumeFromCheckpoint to continue that run, or overwriteOutputDir " +
              "to replace it",
          );
        }
        if (step <= (resumedStep ?? -1)) this.#own.add(path);
      }
    }
    if (logDir === undefined) return;
    await requireWritable(logDir);
    await writeTextAtomically(
      `${logDir}/${LOG}`,
      state.logHistory.map((entry) => `${JSON.stringify(entry)}\n`).join(""),
    );
  }

  /** Adds a line to the log. */
  async log(entry: LogEntry): Promise<void> {
    const { logDir } = this.#args;
    if (logDir === undefined) return;
    await appendText(`${logDir}/${LOG}`, `${JSON.stringify(entry)}\n`);
  }

  /** The folder of the checkpoint of a step. */
  pathOf(step: number): string {
    return `${this.#args.outputDir}/checkpoint-${step}`;
  }

  /**
   * Saves a checkpoint. After it is whole, those of other runs and those beyond
   * the limit are removed.
   *
   * @returns The folder of the checkpoint.
   * @throws {RangeError} If a weight is not finite, or there is no output folder.
   */
  async save(parts: RunParts): Promise<string> {
    const { outputDir, saveOnlyModel } = this.#args;
    if (outputDir === undefined) {
      throw new RangeError("Cannot save a checkpoint without outputDir");
    }
    const path = this.pathOf(parts.state.globalStep);
    await writeCheckpoint(path, parts, saveOnlyModel);
    this.#own.add(path);
    for (const { path } of await listCheckpoints(outputDir)) {
      if (!this.#own.has(path)) await removeFolderAtomically(path);
    }
    await this.removeOld(parts.state.bestModelCheckpoint);
    return path;
  }

  /** Removes checkpoints beyond the limit: not the best, and not the last. */
  async removeOld(best: string | undefined): Promise<void> {
    const { outputDir, saveTotalLimit } = this.#args;
    if (outputDir === undefined || saveTotalLimit === undefined) return;
    const paths = (await listCheckpoints(outputDir)).map(({ path }) => path);
    const last = paths.at(-1);
    const others = paths.filter((path) => path !== last && path !== best);
    // With a limit of 1 the best and the last are both kept, as there.
    const kept = [last, best].filter((path) =>
      path !== undefined && paths.includes(path)
    );
    const room = Math.max(0, saveTotalLimit - new Set(kept).size);
    const excess = others.length - room;
    for (const path of others.slice(0, Math.max(0, excess))) {
      await removeFolderAtomically(path);
    }
  }

  /**
   * Removes all checkpoints but the best one at the end of a whole run, if the
   * limit is 1, as Hugging Face's `Trainer` does.
   */
  async removeLast(best: string | undefined): Promise<void> {
    const { outputDir, saveTotalLimit } = this.#args;
    if (outputDir === undefined || saveTotalLimit !== 1) return;
    const all = await listCheckpoints(outputDir);
    if (!all.some(({ path }) => path === best)) return;
    for (const { path } of all) {
      if (path !== best) await removeFolderAtomically(path);
    }
  }

  /** Writes `trainer_state.json`. */
  async saveState(state: TrainerState): Promise<void> {
    const { outputDir } = this.#args;
    if (outputDir === undefined) return;
    await writeTextAtomically(
      `${outputDir}/trainer_state.json`,
      formatTrainerState(state),
    );
  }
}
