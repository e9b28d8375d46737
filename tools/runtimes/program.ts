// Copyright 2026 the swagpu authors. MIT license.

/**
 * A program that runs in every runtime, and whose results are compared.
 *
 * @module
 */

import { initialize } from "../../engine/mod.ts";
import { compareGoldens, type Goldens } from "./goldens.ts";
import { train, type Training } from "./training.ts";
import { makeWords } from "./words.ts";

/** What the program computes. */
export interface Figures extends Training {
  /** The name of the GPU's adapter. */
  adapter: string;
  /** Random words. */
  words: number[];
  /** Comparisons with reference values; `null` if there were none. */
  goldens: Goldens | null;
  /** How long it took, kernels' compilation included. */
  seconds: number;
}

/**
 * Runs the program.
 *
 * @param models The folder with models and reference values, if they are compared.
 */
export async function runProgram(models?: string): Promise<Figures> {
  const device = await initialize();
  try {
    const started = performance.now();
    const words = await makeWords(device);
    const training = await train();
    const goldens = models === undefined ? null : await compareGoldens(models);
    const seconds = (performance.now() - started) / 1_000;
    return { adapter: device.name, words, ...training, goldens, seconds };
  } finally {
    await device.destroy();
  }
}
