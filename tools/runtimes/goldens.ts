// Copyright 2026 the swagpu authors. MIT license.

/**
 * Comparisons of small models with what Hugging Face's code computes.
 *
 * @module
 */

import { disk } from "../../host/mod.ts";
import { checkCase } from "../golden/check.ts";

/** The folders that are compared, by their names. */
const CHOSEN = /^(?:bert|modernbert|bart)_/;

/** How many values were compared. */
export interface Goldens {
  /** Tensors, losses and gradients that agree. */
  passed: number;
  /** The names of the others. */
  failed: string[];
}

/**
 * Compares BERT, ModernBERT and BART: outputs, losses, gradients, steps of AdamW, and
 * texts that they generate.
 *
 * @param models The folder that holds a folder for each model.
 */
export async function compareGoldens(models: string): Promise<Goldens> {
  const goldens: Goldens = { passed: 0, failed: [] };
  for (const { name } of await disk(models).readDir(models)) {
    if (!CHOSEN.test(name)) continue;
    for (const comparison of await checkCase(`${models}/${name}`)) {
      if (comparison.ok) goldens.passed++;
      else goldens.failed.push(`${name}/${comparison.name}`);
    }
  }
  return goldens;
}
