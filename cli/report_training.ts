// Copyright 2026 the swagpu authors. MIT license.

/**
 * How a training went, from the log that it left in the folder of its model.
 *
 * @module
 */

import { exists, readText } from "../nn/formats/mod.ts";
import type { Curve, TrainingResults } from "../report/mod.ts";

/** A line of JSON for each entry. */
const LOG_NAME = "log.jsonl";

/** Hugging Face's file of the same entries. */
const STATE_NAME = "trainer_state.json";

type Entry = Readonly<Record<string, unknown>>;

/**
 * Reads the losses and learning rates of a training, from `log.jsonl` or else from
 * `trainer_state.json`.
 *
 * @param folder The folder of the model.
 * @param snapshots The steps at which SWAG collected.
 * @returns What there is; `undefined` if there is neither a log nor a snapshot.
 * @throws {SyntaxError} If a file is malformed; the message names the line.
 */
export async function readTraining(
  folder: string,
  snapshots: readonly number[] = [],
): Promise<TrainingResults | undefined> {
  const entries = await readEntries(folder);
  const losses = [
    curve("training", entries, "loss"),
    curve("validation", entries, "eval_loss"),
  ].filter((own) => own !== undefined);
  const rate = curve("rate", entries, "learning_rate");
  if (losses.length === 0 && !rate && snapshots.length === 0) return undefined;
  return {
    losses,
    ...rate ? { learningRates: [rate] } : {},
    ...snapshots.length > 0 ? { snapshots } : {},
  };
}

async function readEntries(folder: string): Promise<Entry[]> {
  const log = `${folder}/${LOG_NAME}`;
  if (await exists(log)) return parseLog(await readText(log), log);
  const state = `${folder}/${STATE_NAME}`;
  if (!await exists(state)) return [];
  const file = parse(await readText(state), state);
  const { log_history } = file;
  if (Array.isArray(log_history) && log_history.every(isEntry)) {
    return log_history;
  }
  throw new SyntaxError(
    `Cannot read ${state}: its "log_history" is not a list of objects`,
  );
}

function parseLog(text: string, path: string): Entry[] {
  const lines = text.split("\n");
  // A run that was killed may have written a part of its last line.
  const whole = lines.slice(0, -1);
  return whole.map((line, i) => parse(line, `line ${i + 1} of ${path}`));
}

function parse(text: string, place: string): Entry {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What is no JSON is no object either.
  }
  if (isEntry(value)) return value;
  throw new SyntaxError(`Cannot read ${place}: it is not an object of JSON`);
}

function isEntry(value: unknown): value is Entry {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The values of a field over the steps; `undefined` if no entry has it. */
function curve(
  name: string,
  entries: readonly Entry[],
  field: string,
): Curve | undefined {
  const steps: number[] = [];
  const values: number[] = [];
  for (const entry of entries) {
    const { step, [field]: value } = entry;
    if (typeof step !== "number" || typeof value !== "number") continue;
    steps.push(step);
    values.push(value);
  }
  return steps.length === 0 ? undefined : { name, steps, values };
}
