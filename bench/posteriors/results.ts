// Copyright 2026 the swagpu authors. MIT license.

// What is kept between runs of the command, as JSON.

import { exists, readText, writeTextAtomically } from "../../nn/formats/mod.ts";
import type { Family } from "./methods.ts";
import type { Scores } from "./scores.ts";

/** The scores that a method has. */
export type SomeScores = { readonly [Name in keyof Scores]?: number };

/** The scores of a method for one seed. */
export interface MethodResult {
  readonly method: string;
  readonly title: string;
  readonly family: Family | "truth";
  /** The number of training runs. */
  readonly runs: number;
  readonly seed: number;
  /** How long predictions took. */
  readonly seconds: number;
  readonly scores: SomeScores;
}

/** Reads a file that {@linkcode writeJson} has written. */
export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readText(path));
}

/** Writes a value, whole or not at all. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeTextAtomically(path, JSON.stringify(value, null, 2) + "\n");
}

/**
 * Writes the settings of a folder's results, or compares with those that it has.
 *
 * @throws {RangeError} If it has others.
 */
export async function keepSettings(
  path: string,
  settings: unknown,
): Promise<void> {
  if (!await exists(path)) return await writeJson(path, settings);
  const kept = JSON.stringify(await readJson(path));
  if (kept === JSON.stringify(settings)) return;
  throw new RangeError(
    `Cannot continue: ${path} has other settings than this run: choose another ` +
      "folder, or remove this one",
  );
}
